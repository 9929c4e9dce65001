# What the steps share. BUILD is the folder everything is made in, SOURCE the clone, SOURCE_DATE_EPOCH the time in the image.
set -euo pipefail
: "${BUILD:?}" "${SOURCE:?}" "${SOURCE_DATE_EPOCH:?}"
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH
umask 022
TOOLS=$BUILD/tools

# Runs a program of the tools' root; BUILD and SOURCE are there under the same names. The mounts end with the program.
in_tools() {
  unshare --mount --propagation private sh -euc '
    tools=$1 build=$2 source=$3; shift 3
    mkdir -p "$tools$build" "$tools$source"
    mount --rbind /dev "$tools/dev"
    mount -t proc proc "$tools/proc"
    mount -t tmpfs tmpfs "$tools/tmp"
    mkdir -p "$tools$build" "$tools$source"
    mount --bind "$source" "$tools$source"
    mkdir -p "$tools$build"
    mount --bind "$build" "$tools$build"
    exec chroot "$tools" "$@"' sh "$TOOLS" "$BUILD" "$SOURCE" "$@"
}
