#!/bin/bash
# disk.sh <folder with root.img and boot.img> <target>: the raw disk for BIOS and UEFI, without loop devices or mounts.
. "$(dirname "$0")/common.sh"
slot=$1 target=$2
work=$(mktemp -d "$BUILD/disk.XXXXXX")
trap 'rm -rf "$work"' EXIT
esp_mb=36 boot_mb=64 root_mb=512 data_mb=64
[ "$(stat -c %s "$slot/boot.img")" -le $((boot_mb << 20)) ] || { echo 'the boot slot is too small' >&2; exit 1; }
[ "$(stat -c %s "$slot/root.img")" -le $((root_mb << 20)) ] || { echo 'the root slot is too small' >&2; exit 1; }

# GRUB, once for each firmware: both begin with the ESP's grub.cfg, on the serial line too.
modules='part_gpt fat squash4 normal linux loadenv test regexp echo configfile reboot sleep minicmd serial terminal true'
cat >"$work/early.cfg" <<'X'
serial --unit=0 --speed=115200
terminal_input --append serial
terminal_output --append serial
X
cat >"$work/efi.cfg" "$work/early.cfg" - <<'X'
set prefix=($root)/grub
configfile ($root)/grub/grub.cfg
X
cat >"$work/bios.cfg" "$work/early.cfg" - <<'X'
regexp --set=1:disk '^(hd[0-9]+)' "$root"
set root=$disk,gpt2
set prefix=($root)/grub
configfile ($root)/grub/grub.cfg
X
in_tools grub-mkimage -O x86_64-efi -p /grub -c "$work/efi.cfg" -o "$work/bootx64.efi" $modules
in_tools grub-mkimage -O i386-pc -p '(,gpt2)/grub' -c "$work/bios.cfg" -o "$work/core.img" $modules biosdisk

# Fixed names throughout: the same sources give the same disk.
id() { printf '57475549-0000-4000-8000-0000000000%02x' "$1"; }
truncate -s $((1 + 1 + esp_mb + 2 * (boot_mb + root_mb) + data_mb + 1))M "$work/disk"
in_tools sfdisk -q "$work/disk" <<X
label: gpt
label-id: $(id 0)
start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios, uuid=$(id 1)
size=${esp_mb}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp, uuid=$(id 2)
size=${boot_mb}MiB, type=BC13C2FF-59E6-4262-A352-B275FD6F7172, name=boot-a, uuid=$(id 3)
size=${root_mb}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root-a, uuid=$(id 4)
size=${boot_mb}MiB, type=BC13C2FF-59E6-4262-A352-B275FD6F7172, name=boot-b, uuid=$(id 5)
size=${root_mb}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root-b, uuid=$(id 6)
size=${data_mb}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=data, uuid=$(id 7)
X

truncate -s ${esp_mb}M "$work/esp"
in_tools mkfs.vfat --invariant -F 32 -n ESP "$work/esp" >/dev/null
printf '# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n' >"$work/grubenv"
head -c 1024 /dev/zero | tr '\0' '#' | dd of="$work/grubenv" bs=1 seek="$(stat -c %s "$work/grubenv")" count=$((1024 - $(stat -c %s "$work/grubenv"))) status=none
cp "$SOURCE/image/grub/grub.cfg" "$work/"
touch -d "@$SOURCE_DATE_EPOCH" "$work"/*
in_tools mmd -i "$work/esp" ::/EFI ::/EFI/BOOT ::/grub
in_tools mcopy -m -i "$work/esp" "$work/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
in_tools mcopy -m -i "$work/esp" "$work/grub.cfg" "$work/grubenv" ::/grub/

truncate -s ${data_mb}M "$work/data"
in_tools mke2fs -q -t ext4 -T default -b 4096 -L data -U "$(id 8)" -E "lazy_itable_init=0,hash_seed=$(id 9)" -m 1 "$work/data"

put() { dd if="$1" of="$work/disk" bs=1M seek="$2" conv=notrunc,sparse status=none; }
put "$work/esp" 2
put "$slot/boot.img" $((2 + esp_mb))
put "$slot/root.img" $((2 + esp_mb + boot_mb))
put "$work/data" $((2 + esp_mb + 2 * (boot_mb + root_mb)))

# What grub-bios-setup does: boot.img into the first sector, core.img into the bios partition, each told where the next is.
in_tools python3 - "$work/disk" /usr/lib/grub/i386-pc/boot.img "$work/core.img" <<'X'
import struct, sys
disk, boot, core = sys.argv[1:]
first = 2048
boot, core = bytearray(open(boot, 'rb').read()), bytearray(open(core, 'rb').read())
assert len(core) <= 1 << 20
boot[0x5c:0x64] = struct.pack('<Q', first)
boot[0x66:0x68] = b'\x90\x90'
core[0x1f4:0x200] = struct.pack('<QHH', first + 1, (len(core) + 511) // 512 - 1, 0x820)
with open(disk, 'r+b') as file:
    boot[440:512] = file.read(512)[440:512]
    file.seek(0)
    file.write(boot[:512])
    file.seek(first * 512)
    file.write(core)
X
mv "$work/disk" "$target"
