#!/bin/sh
# What the container starts: the service as its own user, with the two capabilities it works with.
export WG_DATA_DIR="${WG_DATA_DIR:-/var/lib/wiregui}" WG_PORT="${WG_PORT:-80}" WG_HTTPS_PORT="${WG_HTTPS_PORT:-443}"
[ "$(id -u)" = 0 ] || exec /usr/lib/wiregui/run "$@"
caps=+net_admin,+net_bind_service
exec setpriv --reuid=wiregui --regid=wiregui --clear-groups --bounding-set="-all,$caps" --inh-caps="-all,$caps" --ambient-caps="-all,$caps" /usr/lib/wiregui/run "$@"
