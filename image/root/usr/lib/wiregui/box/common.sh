# What the box's scripts share.
set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin
STATE=/data/box
DATABASE=/var/lib/wiregui
VERSION=$(. /usr/lib/os-release && echo "$IMAGE_VERSION")
SLOT=$(sed -n 's/.*rauc\.slot=\([AB]\).*/\1/p' /proc/cmdline)

# The screens, and the journal.
say() {
  echo "$*"
  local screen
  for screen in /dev/tty1 /dev/ttyS0; do echo "box: $*" 2>/dev/null >"$screen" || true; done
}

# Whether version $1 comes before $2; 1.0.0-rc.1 comes before 1.0.0.
is_older() {
  local one=${1/-/\~} other=${2/-/\~}
  [ "$one" != "$other" ] && [ "$(printf '%s\n%s\n' "$one" "$other" | sort -V | head -n 1)" = "$one" ]
}

# The content of a small file, or nothing.
read_file() { if [ -e "$1" ]; then head -c 256 "$1"; fi; }

# In the place of the old content at once and on disk, or not at all.
write_file() {
  cat >"$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
  sync "$(dirname "$1")"
}

# Whether this version has not proved itself yet and there is one that has. Asks nothing of the ESP: it may be what fails.
is_on_trial() {
  local confirmed
  confirmed=$(read_file "$STATE/confirmed")
  [ -n "$confirmed" ] && [ "$confirmed" != "$VERSION" ]
}

# Ends this boot, by reboot or poweroff, when the answer to whoever asked is out: it ends them too.
end_boot() { systemd-run --quiet --collect --on-active=1s --timer-property=AccuracySec=100ms systemctl --no-block "$1"; }

# The next try of a version on trial; after the third one the boot loader takes the other version.
start_over() {
  say "version $VERSION $*; starting over"
  systemctl --no-block reboot
  exit
}
