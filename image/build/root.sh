#!/bin/bash
# root.sh <archive> <version> <keyring> <target> [tweak]: BUILD/target/{root,boot}.img from a Debian root, the app, and
# image/root. A tweak is a script that changes <target>/{tree,boot} before images are made of them (tests).
. "$(dirname "$0")/common.sh"
base=$1 version=$2 keyring=$3 target=$4 tweak=${5:-}
tree=$target/tree boot=$target/boot

# An archive for the kernel's initrd, the same for the same files.
archive() { in_tools sh -euc 'cd "$1"; find . -mindepth 1 | sort | cpio --quiet --reproducible --owner=0:0 -o -H newc' sh "$1"; }

# What repairs the processor comes before everything else, uncompressed (kernel: Documentation/arch/x86/microcode.rst).
microcode() {
  local folder=$target/microcode/kernel/x86/microcode
  mkdir -p "$folder"
  cat "$tree"/usr/lib/firmware/intel-ucode/* >"$folder/GenuineIntel.bin" 2>/dev/null || rm -f "$folder/GenuineIntel.bin"
  cat "$tree"/usr/lib/firmware/amd-ucode/*.bin >"$folder/AuthenticAMD.bin" 2>/dev/null || rm -f "$folder/AuthenticAMD.bin"
  find "$target/microcode" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  [ -z "$(ls "$folder")" ] || archive "$target/microcode"
}
rm -rf "$target"
mkdir -p "$tree" "$boot"
tar -xf "$base" -C "$tree"
kernel=$(ls "$tree/usr/lib/modules")
cp "$tree/boot/vmlinuz-$kernel" "$boot/vmlinuz"

cp -r --no-preserve=ownership "$SOURCE/image/root/." "$tree/"
cp -r --no-preserve=ownership "$BUILD/app/." "$tree/usr/lib/wiregui/"
cp "$keyring" "$tree/etc/rauc/keyring.pem"
mkdir -p "$tree/data" "$tree/efi" "$tree/root"
# The name under which everything else knows it.
sed -i -E '/^(PRETTY_NAME|IMAGE_ID|IMAGE_VERSION)=/d' "$tree/usr/lib/os-release"
printf 'PRETTY_NAME="WireGUI %s"\nIMAGE_ID=wiregui\nIMAGE_VERSION=%s\n' "$version" "$version" >>"$tree/usr/lib/os-release"
: >"$tree/etc/machine-id"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
ln -sf ../proc/self/mounts "$tree/etc/mtab"
touch "$tree/usr/lib/clock-epoch"

in_tree() { unshare --mount --propagation private sh -euc 'mount -t proc proc "$1/proc"; exec chroot "$@"' sh "$tree" "$@"; }
in_tree systemd-sysusers
in_tree systemctl -q enable systemd-networkd systemd-resolved systemd-timesyncd wiregui.service box-network.service box-firewall.service box-good.service \
  box-watch.timer box-request.path box-console@tty1.service box-console@ttyS0.service
in_tree systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service serial-getty@ttyS0.service getty-static.service systemd-firstboot.service systemd-hwdb-update.service ldconfig.service \
  systemd-journal-catalog-update.service systemd-update-done.service systemd-pcrlock-make-policy.service systemd-networkd-wait-online.service 2>/dev/null

# Of OpenSSH nothing starts but box-ssh.service; the keys that its installation made are nobody's.
find "$tree"/etc/{systemd,ssh} "$tree"/usr/lib/{systemd,tmpfiles.d} \( -name '*ssh*' -o -name moduli \) ! -path '*/etc/ssh/sshd_config' ! -name 'box-ssh*' \
  ! -path "$tree/etc/ssh" -delete

# The initrd: busybox, the modules that disks and watchdogs need, and image/initrd/init.
initrd=$target/initrd
mkdir -p "$initrd"/{bin,dev,proc,sys,run,new,lib/modules}
cp "$TOOLS/bin/busybox" "$initrd/bin/"
for applet in $("$initrd/bin/busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$initrd/bin/$applet"; done
cp "$SOURCE/image/initrd/init" "$initrd/init"
chmod 755 "$initrd/init"
for module in virtio_pci virtio_blk virtio_scsi nvme ahci ata_piix sd_mod usb_storage uas xhci_pci ehci_pci mmc_block sdhci_pci sdhci_acpi hv_storvsc vmw_pvscsi mptspi xen_blkfront \
  squashfs ext4 i6300esb iTCO_wdt sp5100_tco; do
  # Where it is built in, or this kernel has none, there is nothing to load.
  { in_tree modprobe -S "$kernel" --show-depends "$module" 2>/dev/null || true; } | awk '$1 == "insmod" { print $2 }' | while read -r file; do
    name=$(basename "$file" .xz)
    [ ! -e "$initrd/lib/modules/$name" ] || continue
    in_tools xz -dc "$tree$file" >"$initrd/lib/modules/$name"
    echo "$name" >>"$initrd/modules"
  done
done

# Files of packages that only an installation needs; the SBOM leaves the same ones out (image/packages.mjs).
cp "$tree/var/lib/dpkg/status" "$target/dpkg-status"
for package in $REMOVED; do
  for list in "$tree/var/lib/dpkg/info/$package.list" "$tree/var/lib/dpkg/info/$package:"*.list; do
    [ -e "$list" ] || continue
    while read -r file; do
      if [ -f "$tree$file" ] || [ -L "$tree$file" ]; then
        case $file in *\ * | /usr/share/doc/*) ;; *) rm -f "$tree$file" ;; esac
      fi
    done <"$list"
  done
done
rm -rf "$tree"/{boot,var,tmp,run}/* "$tree"/etc/{apt,kernel,initramfs-tools,alternatives/README,cron.*,logrotate.d,init.d,rc?.d} \
  "$tree"/usr/share/{initramfs-tools,bash-completion,lintian,bug,debconf,perl5,zsh,man,locale,info,gdb,common-licenses/README} "$tree"/usr/lib/systemd/boot "$tree"/usr/lib/x86_64-linux-gnu/perl* \
  "$tree"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$tree"/etc/.pwd.lock "$tree/etc/ld.so.cache~"
microcode >"$target/early"
for path in $UNUSED; do
  case $path in
    /*) rm -rf "$tree$path" ;;
    *) rm -rf "$tree/usr/lib/modules/$kernel/$path" "$tree/usr/lib/firmware/$path" ;;
  esac
done
in_tree depmod "$kernel"
find "$tree/usr/share/doc" -mindepth 1 -maxdepth 1 -type d -empty -delete
find "$tree" -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

find "$initrd" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
{ cat "$target/early"; archive "$initrd" | in_tools zstd -q -19 -T1; } >"$boot/initrd"
echo "$version" >"$boot/version"
find "$boot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

[ -z "$tweak" ] || (cd "$target" && bash -euc "$tweak")

# GRUB 2.12 reads squashfs, but none that is packed with zstd: the boot slot is not packed at all.
rm -f "$target"/{root,boot}.img
in_tools mksquashfs "$boot" "$target/boot.img" -noI -noD -noF -noX -noappend -quiet -no-progress -all-root -no-xattrs
in_tools mksquashfs "$tree" "$target/root.img" -comp zstd -Xcompression-level "${LEVEL:-19}" -b 256K -noappend -quiet -no-progress
sha256sum "$target"/{root,boot}.img
