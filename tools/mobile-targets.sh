#!/usr/bin/env bash
# Rust for Android and iOS without an NDK or Xcode: enough to type-check, generate code and link for checking.
# What it builds is for verification only and is never published: releases are built with the real NDK and Xcode.
#
#   mobile-targets.sh setup           the standard library for each target, once, cached by compiler version
#   mobile-targets.sh env             prints the exports to `eval` before `cargo check --target …`
#   mobile-targets.sh run COMMAND…    runs a command, such as `cargo check --target …`, with them
#
# How: Debian's backports carry the very rust-src of our compiler; std is built once per target and laid over a
# hard-linked copy of the toolchain, so that plain cargo works with --target. C code (ring) is compiled by clang with no libc.
# Needs: rustup's toolchain at $V, clang-19 and llvm-19 from apt.
set -euo pipefail
V=${RUST_VERSION:-1.95.0}
CACHE=${MOBILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mobile-targets}/$V
SUITE=${RUST_SRC_SUITE:-trixie-backports}
TARGETS=${MOBILE_TARGETS:-"aarch64-linux-android x86_64-linux-android aarch64-apple-ios aarch64-apple-ios-sim"}
LLVM=${LLVM_BIN:-/usr/lib/llvm-19/bin}
TC=$CACHE/toolchain

say() { echo "mobile-targets: $*" >&2; }

fetch_source() {
  [ -d "$TC/lib/rustlib/src/rust/library" ] && return
  local mirror a=$CACHE/apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
  mkdir -p "$a"/{etc/apt.conf.d,etc/preferences.d,state/lists/partial,cache/archives/partial}; : > "$a/state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" > "$a/etc/sources.list"
  cat > "$a/apt.conf" <<E
Dir::Etc "$a/etc"; Dir::Etc::sourcelist "$a/etc/sources.list"; Dir::Etc::sourceparts "-";
Dir::State "$a/state"; Dir::State::status "$a/state/status"; Dir::Cache "$a/cache";
APT::Architecture "amd64"; APT::Sandbox::User "root";
E
  (cd "$CACHE" && APT_CONFIG=$a/apt.conf apt-get -q update >/dev/null && \
    APT_CONFIG=$a/apt.conf apt-get -q download "rust-src=$V*") || { say "no rust-src $V in $SUITE: pick a compiler that has one"; exit 1; }
  rm -rf "$CACHE/rs" "$TC"; dpkg -x "$CACHE"/rust-src_*.deb "$CACHE/rs"
  local sysroot; sysroot=$(rustc "+$V" --print sysroot 2>/dev/null || rustc --print sysroot)
  mkdir -p "$TC"; cp -al "$sysroot/bin" "$sysroot/lib" "$TC/" 2>/dev/null || cp -a "$sysroot/bin" "$sysroot/lib" "$TC/"
  mkdir -p "$TC/lib/rustlib/src/rust"; cp -a "$CACHE/rs/usr/src/rustc-$V/library" "$TC/lib/rustlib/src/rust/"
  rm -rf "$CACHE/rs" "$CACHE"/rust-src_*.deb "$a"
}

build_std() {
  local seed=$CACHE/seed t d
  mkdir -p "$seed/src"; echo '#![no_std]' > "$seed/src/lib.rs"
  printf '[package]\nname = "stdseed"\nversion = "0.0.0"\nedition = "2021"\n[profile.release]\nopt-level = 3\ncodegen-units = 1\ndebug = false\n' > "$seed/Cargo.toml"
  for t in $TARGETS; do
    d=$TC/lib/rustlib/$t/lib; [ -e "$d/.ok" ] && continue
    say "std for $t"
    (cd "$seed" && LD_LIBRARY_PATH=$TC/lib PATH=$TC/bin:$PATH RUSTC=$TC/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
      CARGO_TARGET_DIR=$CACHE/build "$TC/bin/cargo" build -q --release --target "$t" -Zbuild-std=std,panic_unwind,test,proc_macro)
    rm -rf "$d"; mkdir -p "$d"
    for f in "$CACHE/build/$t/release/deps/"*.rlib; do case ${f##*/} in *stdseed*) ;; *) cp "$f" "$d/" ;; esac; done
    touch "$d/.ok"
  done
  rm -rf "$CACHE/build"
}

shims() {
  mkdir -p "$CACHE"/{bin,apple,sdk/iPhoneOS.sdk,sdk/iPhoneSimulator.sdk}
  printf '#pragma once\n#define TARGET_OS_MAC 1\n#define TARGET_OS_IPHONE 1\n#define TARGET_OS_IOS 1\n#define TARGET_OS_OSX 0\n' > "$CACHE/apple/TargetConditionals.h"
  cat > "$CACHE/bin/xcrun" <<E
#!/bin/sh
# Answers only where an SDK would be; there is none here.
case "\$*" in *--show-sdk-path*) case "\$*" in *simulator*) echo "$CACHE/sdk/iPhoneSimulator.sdk";; *) echo "$CACHE/sdk/iPhoneOS.sdk";; esac;; *version*) echo 17.0;; *) exit 1;; esac
E
  chmod +x "$CACHE/bin/xcrun"
}

print_env() {
  local base="-nostdlibinc -DRING_CORE_NOSTDLIBINC=1" t k flags
  echo "export PATH=$TC/bin:$CACHE/bin:\$PATH RUSTC=$TC/bin/rustc IPHONEOS_DEPLOYMENT_TARGET=15.0"
  # rustup names its own tool chain here, and rustc finds its standard libraries beside the compiler's library.
  echo "export LD_LIBRARY_PATH=$TC/lib"
  for t in $TARGETS; do
    k=${t//-/_}; flags=$base
    case $t in x86_64-linux-android) flags="$flags -D__MM_MALLOC_H" ;; *-apple-*) flags="$flags -isystem $CACHE/apple" ;; esac
    echo "export CC_$k=$LLVM/clang AR_$k=$LLVM/llvm-ar CFLAGS_$k='$flags'"
  done
}

case ${1:-setup} in
  setup) [ -x "$LLVM/clang" ] || { say "clang-19 and llvm-19 are missing: apt-get install clang-19 llvm-19"; exit 1; }
         mkdir -p "$CACHE"; exec 9>"$CACHE/.lock"; flock 9; fetch_source; shims; build_std; say "ready in $CACHE" ;;
  env) print_env ;;
  run) shift; eval "$(print_env)"; exec "$@" ;;
  *) sed -n '2,13p' "$0"; exit 2 ;;
esac
