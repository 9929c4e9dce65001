#!/bin/sh
exec ip netns exec "$WIREGUI_NAMESPACE" /usr/bin/chromium "$@"
