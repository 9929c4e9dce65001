#!/bin/bash
# bundle.sh <folder with root.img and boot.img> <version> <certificate> <key> <target>: the signed update.
. "$(dirname "$0")/common.sh"
slot=$1 version=$2 certificate=$3 key=$4 target=$5
work=$(mktemp -d "$BUILD/bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 700 "$work"
mkdir "$work/content"
cp "$slot"/{root,boot}.img "$work/content/"
cp "$certificate" "$work/certificate.pem"
cp "$key" "$work/key.pem"
cat >"$work/content/manifest.raucm" <<X
[update]
compatible=wiregui-x86-64
version=$version

[bundle]
format=verity

[image.rootfs]
filename=root.img

[image.boot]
filename=boot.img
X
rm -f "$target"
# The images are packed already.
in_tools rauc bundle --signing-keyring="$work/certificate.pem" --cert="$work/certificate.pem" --key="$work/key.pem" \
  --mksquashfs-args='-comp zstd -Xcompression-level 1 -quiet -no-progress' "$work/content" "$target" >/dev/null
