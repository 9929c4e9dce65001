// The Debian packages an image is made of, and what is taken out again.

export const SUITE = 'trixie';

/** What the box runs on. */
const SYSTEM = [
  ...['systemd', 'systemd-sysv', 'systemd-resolved', 'systemd-timesyncd', 'systemd-repart', 'udev', 'dbus', 'kmod'],
  ...['nftables', 'wireguard-tools', 'iproute2', 'conntrack', 'procps', 'iputils-ping', 'netbase'],
  ...['rauc', 'rauc-service', 'e2fsprogs', 'ca-certificates', 'tzdata', 'openssh-server', 'rclone'],
];

export const FLAVOURS = {
  vm: { components: ['main'], packages: [...SYSTEM, 'linux-image-cloud-amd64'] },
  hardware: {
    components: ['main', 'non-free-firmware'],
    packages: [
      ...SYSTEM,
      ...['linux-image-amd64', 'intel-microcode', 'amd64-microcode', 'firmware-linux-free', 'firmware-realtek', 'firmware-bnx2', 'firmware-bnx2x', 'pciutils'],
    ],
  },
};

/** What makes images, in a root of its own so that every builder uses the same versions. */
export const TOOLS = [
  ...['rauc', 'squashfs-tools', 'grub-common', 'grub-pc-bin', 'grub-efi-amd64-bin', 'mtools', 'dosfstools', 'e2fsprogs', 'fdisk', 'python3-minimal'],
  ...['busybox-static', 'cpio', 'zstd', 'xz-utils', 'kmod', 'binutils', 'openssl'],
];

/** Needed to install packages or to make an initrd, which an image that is replaced as a whole never does. */
export const REMOVED = [
  ...['apt', 'libapt-pkg7.0', 'dpkg', 'perl-base', 'debconf', 'debian-archive-keyring', 'sqv', 'gpgv', 'adduser', 'init-system-helpers', 'linux-base'],
  ...[
    'initramfs-tools',
    'initramfs-tools-core',
    'initramfs-tools-bin',
    'klibc-utils',
    'libklibc',
    'dracut-install',
    'cpio',
    'ucf',
    'sensible-utils',
    'iucode-tool',
    // sshd has its own.
    'openssh-sftp-server',
  ],
];

/**
 * Modules and firmware that a gateway without sound, screen effects and radio never loads, below the modules' and firmware's
 * folders; with a / before it, what else is never used, below the root.
 */
export const UNUSED = [
  ...['kernel/sound', 'kernel/drivers/media', 'kernel/drivers/iio', 'kernel/drivers/staging', 'kernel/drivers/comedi', 'kernel/drivers/infiniband'],
  ...[
    'kernel/drivers/bluetooth',
    'kernel/net/bluetooth',
    'kernel/drivers/net/wireless',
    'kernel/drivers/gpu/drm',
    'kernel/drivers/video',
    'kernel/drivers/mtd',
  ],
  ...['kernel/drivers/net/can', 'kernel/net/can', 'kernel/drivers/isdn', 'kernel/drivers/gnss', 'kernel/drivers/leds', 'kernel/drivers/parport'],
  ...['kernel/fs/bcachefs', 'kernel/fs/ceph', 'kernel/fs/gfs2', 'kernel/fs/nfsd', 'kernel/fs/ocfs2', 'kernel/drivers/target'],
  // Protocols that every program could have loaded by asking for a socket.
  ...['ceph', 'dccp', 'openvswitch', 'rds', 'smc', 'tipc'].map((name) => `kernel/net/${name}`),
  ...['rtw88', 'rtw89', 'rtlwifi', 'rtl_bt', 'usbdux_firmware.bin', 'usbduxfast_firmware.bin', 'usbduxsigma_firmware.bin', 'intel-ucode', 'amd-ucode'],
  // Of OpenSSH only the server is needed, and what makes keys: what may become somebody else is not.
  ...['ssh', 'slogin', 'scp', 'sftp', 'ssh-add', 'ssh-agent', 'ssh-argv0', 'ssh-copy-id', 'ssh-keyscan'].map((name) => `/usr/bin/${name}`),
  ...['ssh-keysign', 'ssh-pkcs11-helper', 'ssh-sk-helper', 'ssh-session-cleanup'].map((name) => `/usr/lib/openssh/${name}`),
  // Names and quirks of hardware that sits on desks, and character sets beside UTF-8.
  ...['/usr/lib/udev/hwdb.d', '/usr/lib/udev/hwdb.bin', '/usr/lib/x86_64-linux-gnu/gconv'],
];
