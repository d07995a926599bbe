#!/usr/bin/env bash
# The long runs: the Lambda as it is shipped, for both architectures, through 20,000 events and 33 kills, and fuzzing. `FUZZ_SECONDS` (60) is for each target.
# A stage whose tool is missing is named as SKIPPED. The last line is `N passed, N failed`.
set -euo pipefail
# shellcheck source=tests/stages.sh
source "$(dirname "${BASH_SOURCE[0]}")/stages.sh"
unset CI # here a missing tool is no failure

max_zip=$((8 * 1024 * 1024))
max_glibc=2.34
lambda=(--profile lambda --no-default-features --features lambda --bin bootstrap)
dist=$target/dist
mkdir -p "$dist"

# pack BINARY ZIP: the same bytes for the same binary.
pack() {
  python3 - "$1" "$2" <<'PYTHON'
import sys, zipfile
binary, archive = sys.argv[1:]
info = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
info.external_attr, info.compress_type = 0o100755 << 16, zipfile.ZIP_DEFLATED
with open(binary, "rb") as source, zipfile.ZipFile(archive, "w") as out:
    out.writestr(info, source.read(), compresslevel=9)
PYTHON
}

# small ZIP: within the limit we promise.
small() {
  local size
  size=$(stat -c %s "$1")
  echo "$1: $size bytes, $max_zip at most"
  ((size <= max_zip))
}

# old_glibc BINARY: asks for no newer glibc than provided.al2023 has.
old_glibc() {
  local newest
  newest=$(readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9][0-9.]*' | sort -Vu | tail -1)
  echo "$1 asks for ${newest:-no glibc}; $max_glibc is there"
  [[ -n $newest && $(printf '%s\n' "${newest#GLIBC_}" $max_glibc | sort -V | tail -1) == "$max_glibc" ]]
}

# glibc ARCHITECTURE BINARY
glibc() {
  if has readelf; then stage "glibc for $1" old_glibc "$2"; else skip "glibc for $1" "readelf is not here (binutils)"; fi
}

stage "Lambda for x86_64" cargo build "${lambda[@]}"
x86=$target/lambda/bootstrap
if [[ -f $x86 ]]; then
  stage "zip for x86_64" pack "$x86" "$dist/bootstrap-x86_64.zip"
  stage "size for x86_64" small "$dist/bootstrap-x86_64.zip"
  glibc x86_64 "$x86"
  stage "Python tools" venv "$target/venv" tests/e2e/requirements.txt
  stage "command line" cargo build --release
  stage "end to end with what is shipped" "$target/venv/bin/python" tests/e2e/run.py --bootstrap "$x86" \
    --denywatch "$target/release/denywatch"
  stage "chaos" "$target/venv/bin/python" tests/chaos/run.py --bootstrap "$x86" --record tests/chaos/FIGURES.md
fi

# arm64: zig as C compiler and linker, against an old glibc. The standard library for it comes from rustup, or from
# Debian's packages. What is built by another compiler has a target folder of its own.
arm=aarch64-unknown-linux-gnu
arm_target=$target/arm64
zig() { venv "$target/venv-zig" tests/e2e/requirements-zig.txt; }
arm64() {
  export PATH=$target/venv-zig/bin:$PATH CARGO_TARGET_DIR=$arm_target
  cargo-zigbuild zigbuild "${lambda[@]}" --target "$arm.$max_glibc"
}
# NEON is run, not timed, by an emulator: the core alone, which needs no C library but libc.
neon() {
  export PATH=$target/venv-zig/bin:$PATH CARGO_TARGET_DIR=$arm_target QEMU_LD_PREFIX=$target/arm64-rust/root
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static PROPTEST_CASES=64
  cargo-zigbuild test --no-default-features --lib --target "$arm" record::sift
}
has_arm64() { rustup target list --installed | grep -qx "$arm" || rustup target add "$arm" >/dev/null 2>&1; }
debian_# NEON is run, not timed, by an emulator: the core alone, which needs no C library but libc.
neon() {
  export PATH=$target/venv-zig/bin:$PATH CARGO_TARGET_DIR=$arm_target QEMU_LD_PREFIX=$target/arm64-rust/root
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static PROPTEST_CASES=64
  cargo-zigbuild test --no-default-features --lib --target "$arm" record::sift
}
has_arm64() { has apt-get && has dpkg-deb && [[ $(dpkg --print-architecture) == amd64 ]]; }

rust_for_arm64=true
if has rustup && has_arm64; then
  echo "Rust for arm64 comes from rustup"
elif debian_has_arm64; then
  stage "Rust for arm64 from Debian" tests/tools/arm64_rust.sh "$target/arm64-rust"
  if [[ ! -x $target/arm64-rust/rustc ]]; then rust_for_arm64=false; fi
  export RUSTC=$target/arm64-rust/rustc
else
  rust_for_arm64=false
  skip "Lambda for arm64" "neither rustup nor Debian has a standard library for $arm here"
fi
if $rust_for_arm64; then
  stage "zig" zig
  if ! has qemu-aarch64-static; then
    skip "NEON" "qemu-aarch64-static is not here (qemu-user-static)"
  elif [[ ! -e $target/arm64-rust/root/lib/ld-linux-aarch64.so.1 ]]; then
    skip "NEON" "no arm64 C library is here to run it with (Debian has one)"
  else
    stage "NEON" neon
  fi
  stage "Lambda for arm64" arm64
  arm_bootstrap=$arm_target/$arm/lambda/bootstrap
  if [[ -f $arm_bootstrap ]]; then
    stage "zip for arm64" pack "$arm_bootstrap" "$dist/bootstrap-arm64.zip"
    stage "size for arm64" small "$dist/bootstrap-arm64.zip"
    glibc arm64 "$arm_bootstrap"
  fi
fi
unset RUSTC

if ! [[ -d fuzz ]]; then
  skip "fuzzing" "there are no fuzz targets yet"
elif ! cargo fuzz --version >/dev/null 2>&1; then
  skip "fuzzing" "cargo-fuzz is not here (cargo install cargo-fuzz)"
elif ! rustup toolchain list | grep -q nightly; then
  skip "fuzzing" "no nightly toolchain is here"
else
  while read -r name; do
    stage "fuzz $name" fuzz/run.sh "$name"
  done < <(cargo +nightly fuzz list)
fi

finish
