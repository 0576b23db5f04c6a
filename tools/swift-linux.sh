#!/usr/bin/env bash
# Swift on Debian: the distribution's own tool chain of a newer release, in a private root file system that is set up
# once and cached, so that `swift build` and `swift test` run on a machine that has no Swift.
#
#   tools/swift-linux.sh setup                           sets it up (a minute, 2.2 GB); does nothing when it is there
#   tools/swift-linux.sh run [--bind DIR]… DIR COMMAND…  runs COMMAND in it, in DIR
#
# DIR and each --bind folder appear inside at the same path; nothing else of the machine does, but for /proc, /dev and
# the network. SWIFT_ENV="NAME=value …" passes variables on. Needs apt, dpkg, tar and unshare; works as root and as a
# plain user; leaves no mounts behind. To move to another version, change VERSION (and SUITE): it is the cache's key.
set -euo pipefail

SUITE=${SWIFT_SUITE:-trixie}
VERSION=${SWIFT_VERSION:-6.0.3-2}
CXX_HEADERS=${SWIFT_CXX_HEADERS:-libstdc++-14-dev}
CACHE=${SWIFT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/swift-debian}/$SUITE-$VERSION
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
ROOT=$CACHE/rootfs
PACKAGES=(
  "swiftlang=$VERSION" "libswiftlang=$VERSION" "$CXX_HEADERS" libc6-dev git ca-certificates
  base-files base-passwd bash dash coreutils sed grep gawk findutils diffutils tar gzip tzdata
)

say() { echo "swift-linux: $*"; }

setup() {
  if [ -f "$CACHE/.ok" ]; then trust; say "cached in $ROOT"; return; fi
  mkdir -p "$CACHE"
  exec 9>"$CACHE/.lock"
  flock 9
  if [ -f "$CACHE/.ok" ]; then return; fi
  say "setting up Swift $VERSION from Debian $SUITE in $ROOT"
  download
  unpack
  rm -rf "$CACHE/apt"
  trust
  run / swift --version
  touch "$CACHE/.ok"
  say "ready"
}

# An apt of its own, with its own empty list of installed packages: it downloads all that the tool chain depends on and
# does not touch the machine's.
download() {
  local mirror
  # The mirror that this machine's own apt is set up with.
  mirror=${SWIFT_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)}
  rm -rf "$CACHE/apt"
  mkdir -p "$CACHE"/apt/{etc/apt.conf.d,etc/preferences.d,state/lists/partial,cache/archives/partial,dpkg}
  : > "$CACHE/apt/dpkg/status"
  echo "deb [signed-by=$KEYRING] $mirror $SUITE main" > "$CACHE/apt/etc/sources.list"
  cat > "$CACHE/apt/apt.conf" <<CONF
Dir::Etc "$CACHE/apt/etc"; Dir::State "$CACHE/apt/state"; Dir::Cache "$CACHE/apt/cache";
Dir::State::status "$CACHE/apt/dpkg/status";
APT::Architecture "$(dpkg --print-architecture)"; APT::Architectures { "$(dpkg --print-architecture)"; };
APT::Install-Recommends "false"; Acquire::Languages "none"; APT::Sandbox::User "";
Acquire::Check-Valid-Until "false"; Debug::NoLocking "true";
CONF
  APT_CONFIG=$CACHE/apt/apt.conf apt-get -q update
  APT_CONFIG=$CACHE/apt/apt.conf apt-get -q -y --download-only install "${PACKAGES[@]}"
}

# Unpacks the packages' files, without their maintainer scripts, over a merged /usr.
unpack() {
  local folder package
  rm -rf "$ROOT"
  mkdir -p "$ROOT"/usr/{bin,sbin,lib,lib64}
  for folder in bin sbin lib lib64; do ln -sfn "usr/$folder" "$ROOT/$folder"; done
  for package in "$CACHE"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$ROOT" --keep-directory-symlink --no-same-owner \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
      --exclude='./usr/libexec/swift/bin/*lldb*' --exclude='./usr/libexec/swift/lib/liblldb*' \
      --exclude=./usr/libexec/swift/bin/clangd
  done
  ln -sfn ../libexec/swift/bin/swift "$ROOT/usr/bin/swift"
  ln -sfn dash "$ROOT/usr/bin/sh"
  mkdir -p "$ROOT"/{proc,dev,tmp,root}
  chmod 1777 "$ROOT/tmp"
  echo 'root:x:0:0:root:/root:/bin/bash' > "$ROOT/etc/passwd"
  echo 'root:x:0:' > "$ROOT/etc/group"
  echo '127.0.0.1 localhost' > "$ROOT/etc/hosts"
  echo 'hosts: files dns' > "$ROOT/etc/nsswitch.conf"
}

# The certificate authorities, which ca-certificates' maintainer script would have put together.
trust() {
  local bundle=$ROOT/etc/ssl/certs/ca-certificates.crt
  if [ -s "$bundle" ]; then return; fi
  mkdir -p "${bundle%/*}"
  cat "$ROOT"/usr/share/ca-certificates/mozilla/*.crt > "$bundle.new"
  mv "$bundle.new" "$bundle"
}

run() {
  local folders=() directory namespace
  while [ "${1:-}" = --bind ]; do folders+=("$(realpath "$2")"); shift 2; done
  directory=$(realpath "$1"); shift
  folders+=("$directory")
  namespace=(unshare --mount --propagation private)
  [ "$(id -u)" = 0 ] || namespace=(unshare --user --map-root-user --mount)
  # The mounts are the new namespace's own: they end with it. SWIFT_ENV is split into words on purpose.
  ROOT=$ROOT DIRECTORY=$directory FOLDERS=$(printf '%s\n' "${folders[@]}") "${namespace[@]}" bash -c '
    set -euo pipefail
    mount --rbind /proc "$ROOT/proc"
    mount --rbind /dev "$ROOT/dev"
    while read -r folder; do
      if [ "$folder" != / ]; then mkdir -p "$ROOT$folder"; mount --rbind "$folder" "$ROOT$folder"; fi
    done <<< "$FOLDERS"
    exec chroot "$ROOT" env -i HOME=/root PATH=/usr/bin:/usr/libexec/swift/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
      ${SWIFT_ENV:-} /bin/bash -c "cd \"\$0\" && exec \"\$@\"" "$DIRECTORY" "$@"' swift-run "$@"
}

case ${1:-} in
  setup) setup ;;
  run) shift; setup >/dev/null; run "$@" ;;
  *) sed -n '2,11p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
