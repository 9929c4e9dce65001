#!/bin/bash
# bootstrap.sh <suite> <components> <packages> <target>: a Debian root, as a folder or a .tar, from this machine's own mirror.
. "$(dirname "$0")/common.sh"
suite=$1 components=$2 packages=$3 target=$4
# The ending decides between a folder and an archive.
new=$(dirname "$target")/new-$(basename "$target")

# The mirror is the one that this machine's apt uses; one that has never heard of Debian gets mmdebstrap's default.
mirror() { apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(RELEASE) $(SITE)' 'Created-By: Packages' | awk -v kind="$1" '$1 == "Debian" && ((kind == "security") == ($3 ~ /-security$/)) { print $NF; exit }'; }
main=$(mirror main) security=$(mirror security)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
sources=()
if [ -n "$main" ]; then
  sources+=("deb [signed-by=$keyring] $main $suite ${components//,/ }")
  [ -z "$security" ] || sources+=("deb [signed-by=$keyring] $security $suite-security ${components//,/ }")
fi

# INITRD=No: the kernel's package must not make an initrd; root.sh makes ours.
export INITRD=No
mmdebstrap --quiet --mode=root --variant=minbase --components="$components" --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "5"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --setup-hook='mkdir -p "$1/etc/kernel/postinst.d" "$1/etc/initramfs-tools/conf.d"' \
  "$suite" "$new" "${sources[@]}"
rm -rf "$target"
mv "$new" "$target"
