#!/usr/bin/env bash
# The long runs: the release as it is shipped, the same bytes made twice, the function of arm64 under qemu, the shipped
# function end to end and through 20,000 events and 33 kills, the way back to the release before, its cold start, memory with
# a hundred thousand findings, and fuzzing. `FUZZ_SECONDS` (60) is for each target.
# A stage whose tool is missing is named as SKIPPED. The last line is `N passed, N failed`.
set -euo pipefail
# shellcheck source=tests/stages.sh
source "$(dirname "${BASH_SOURCE[0]}")/stages.sh"
unset CI # here a missing tool is no failure

release=$target/release-long
python=$target/venv/bin/python

# unzipped ARCHITECTURE: the shipped binary, out of its zip.
unzipped() {
  mkdir -p "$target/shipped/$1"
  python3 -m zipfile --extract "$release/bootstrap-$1.zip" "$target/shipped/$1"
  chmod +x "$target/shipped/$1/bootstrap"
}
end_to_end() { "$python" tests/e2e/run.py --bootstrap "$1" --denywatch "$target/debug/denywatch" "${@:2}"; }

stage "Python tools" venv "$target/venv" tests/e2e/requirements.txt
stage "command line" cargo build --features lambda,lookup,github --bin denywatch
stage "release" infra/release.sh --clients "$release"

# A hundred thousand findings, in a program that is optimized and stripped as the command line is when it is installed.
stage "memory with many findings" cargo test --release --test memory -- --ignored

x86=$target/shipped/x86_64/bootstrap
if [[ -f $release/bootstrap-x86_64.zip ]]; then
  unzipped x86_64
  # Another folder and an empty target: what is not in the commit is not in the release either.
  again() {
    rm -rf "$target/again"
    git clone --quiet --no-hardlinks . "$target/again/denywatch"
    env -u CARGO_TARGET_DIR "$target/again/denywatch/infra/release.sh" --only x86_64 "$target/again/release"
    cmp "$release/bootstrap-x86_64.zip" "$target/again/release/bootstrap-x86_64.zip"
    cmp "$release/sbom.cdx.json" "$target/again/release/sbom.cdx.json"
    rm -rf "$target/again"
  }
  if [[ -z $(git status --porcelain) ]]; then
    stage "the same bytes again" again
  else
    skip "the same bytes again" "there are changes that are not committed"
  fi
  stage "end to end with what is shipped" end_to_end "$x86"
  stage "chaos" "$python" tests/chaos/run.py --bootstrap "$x86" --record tests/chaos/FIGURES.md
fi

# The release before: its function is built from its commit, beside this one.
before=$target/before
commit=$(<tests/fixtures/ledger/BEFORE)
build_before() {
  mkdir -p "$before"
  git archive "$commit" | tar -x -C "$before"
  (cd "$before" && env -u CARGO_TARGET_DIR cargo build --features lambda --bin bootstrap)
}
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  skip "back to the release before" "its commit $commit is not in this clone"
elif [[ -f $x86 ]]; then
  stage "the release before" build_before
  stage "back to the release before" end_to_end "$x86" "--before=$before" -k upgrade
fi

# The instructions of Arm that sift logs: the core's own tests of them, run and not timed. The release left the compiler here.
neon() {
  export PATH=$target/venv-zig/bin:$PATH CARGO_TARGET_DIR=$target/neon PROPTEST_CASES=64
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$qemu -L $libc"
  if [[ -x $target/arm64-rust/rustc ]]; then export RUSTC=$target/arm64-rust/rustc; fi
  cargo-zigbuild test --no-default-features --lib --target aarch64-unknown-linux-gnu record::
}

# What runs on Graviton, run here.
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if ! [[ -f $release/bootstrap-arm64.zip ]]; then
  skip "arm64 under qemu" "it was not built"
elif [[ -z $qemu ]]; then
  skip "arm64 under qemu" "qemu-aarch64 is not here (qemu-user-static)"
elif ! has apt-get; then
  skip "arm64 under qemu" "Debian's arm64 libraries cannot be fetched here"
else
  unzipped arm64
  libc=$target/arm64-libc
  stage "C library for arm64" tests/tools/arm64_libc.sh "$libc"
  printf '#!/bin/sh\nexec "%s" -L "%s" "%s"\n' "$qemu" "$libc" "$target/shipped/arm64/bootstrap" >"$target/shipped/arm64/run"
  chmod +x "$target/shipped/arm64/run"
  stage "arm64 under qemu" end_to_end "$target/shipped/arm64/run" -k upgrade
  stage "NEON" neon
fi

# From exec to the first answer.
cold_start() {
  venv "$target/venv-cold" benches/cold_start/requirements.txt &&
    "$python" benches/cold_start/run.py --bootstrap "$x86" \
      --clients "$target/cross/x86_64-unknown-linux-gnu/lambda/examples/clients" \
      --python "$target/venv-cold/bin/python" --record benches/cold_start/FIGURES.md
}
if [[ -f $x86 ]]; then stage "cold start" cold_start; fi

if ! cargo fuzz --version >/dev/null 2>&1; then
  skip "fuzzing" "cargo-fuzz is not here (cargo install cargo-fuzz)"
elif ! rustup toolchain list | grep -q nightly; then
  skip "fuzzing" "no nightly toolchain is here"
else
  while read -r name; do
    stage "fuzz $name" fuzz/run.sh "$name"
  done < <(cargo +nightly fuzz list)
fi

finish
