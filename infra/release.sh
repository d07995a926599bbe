#!/usr/bin/env bash
# Makes a release: `infra/release.sh [--only ARCHITECTURE]… [FOLDER]`. Needs Linux, Rust, gcc, binutils, Python 3.11 or later.
# `--clients` also leaves what the cold start is held against, in target/cross (tests/long.sh).
#
# FOLDER (target/release-VERSION) then holds bootstrap-x86_64.zip and bootstrap-arm64.zip, the CloudFormation template, the
# Terraform module, an SBOM, the changelog and SHA256SUMS. The same commit and tools give the same bytes, wherever it is
# checked out. Nothing is compiled when it is deployed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/release-tools
max_zip=$((8 * 1024 * 1024))
max_glibc=2.34 # what provided.al2023 has
triple_arm64=aarch64-unknown-linux-gnu
flags=(--profile lambda --no-default-features --features lambda --bin bootstrap --locked)

fail() {
  printf 'release: %s\n' "$*" >&2
  exit 1
}
say() { printf '\n== %s\n' "$*"; }
need() { command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is not here: $2"; }

architectures=()
clients=()
folder=
while (($#)); do
  case $1 in
    --only)
      [[ ${2:-} == x86_64 || ${2:-} == arm64 ]] || fail "--only takes x86_64 or arm64"
      architectures+=("$2")
      shift
      ;;
    --clients) clients=(--example clients) ;;
    -*) fail "usage: infra/release.sh [--only x86_64|arm64]… [FOLDER]" ;;
    *) folder=$1 ;;
  esac
  shift
done
if ((${#architectures[@]} == 0)); then architectures=(x86_64 arm64); fi
need cargo "https://rustup.rs"
need readelf "install binutils"
need python3 "install Python 3.11 or later"
version=$(cargo pkgid --quiet | sed 's/.*[#@]//')
folder=${folder:-$target/release-$version}

# No path of this machine gets into the binary, so that another machine makes the same bytes.
home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_INCREMENTAL=0
export RUSTFLAGS='' CFLAGS=''
# The last that fits holds, and the target folder is often inside the root.
for pair in "$root=/denywatch" "$target=/target" "$home=/cargo"; do
  RUSTFLAGS+=" --remap-path-prefix=$pair"
  CFLAGS+=" -ffile-prefix-map=$pair"
done

python_venv() { # FOLDER REQUIREMENTS
  [[ -x $1/bin/python ]] || python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
}

build_x86_64() { cross x86_64-unknown-linux-gnu "${clients[@]}"; }
build_arm64() { cross "$triple_arm64"; }

has_std() { [[ -d $(rustc --print target-libdir --target "$1") ]]; } # TRIPLE

# zig is C compiler and linker, against an old glibc, also for this machine's own architecture: what links against a newer one
# asks for newer symbols (`hypotf` of 2.35). The standard library comes from rustup, or from Debian's packages.
cross() { # TRIPLE [WHAT ELSE]…
  python_venv "$target/venv-zig" tests/e2e/requirements-zig.txt
  local environment=("PATH=$target/venv-zig/bin:$PATH" "CARGO_TARGET_DIR=$target/cross")
  if ! has_std "$1" && ! rustup target add "$1" >/dev/null 2>&1; then
    if [[ $1 != "$triple_arm64" ]] || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
      fail "there is no standard library for $1: neither rustup nor Debian has it here"
    fi
    tests/tools/arm64_rust.sh "$target/arm64-rust"
    # What another compiler builds has a target folder of its own.
    environment=("${environment[0]}" "CARGO_TARGET_DIR=$target/cross-debian" "RUSTC=$target/arm64-rust/rustc")
  fi
  local into=${environment[1]#*=}
  env "${environment[@]}" cargo-zigbuild zigbuild "${flags[@]}" "${@:2}" --target "$1.$max_glibc"
  built=$into/$1/lambda/bootstrap
}

check_glibc() { # BINARY
  local newest
  newest=$(readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9][0-9.]*' | sort -Vu | tail -1)
  [[ -n $newest && $(printf '%s\n' "${newest#GLIBC_}" $max_glibc | sort -V | tail -1) == "$max_glibc" ]] ||
    fail "$1 asks for ${newest:-no glibc}, and Lambda has $max_glibc: build on an older system"
  echo "asks for $newest; $max_glibc is there"
}

# The same bytes for the same binary: no times, no owner.
pack() { # BINARY ZIP
  python3 - "$1" "$2" <<'PYTHON'
import sys, zipfile
binary, archive = sys.argv[1:]
info = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
info.external_attr, info.compress_type = 0o100755 << 16, zipfile.ZIP_DEFLATED
with open(binary, "rb") as source, zipfile.ZipFile(archive, "w") as out:
    out.writestr(info, source.read(), compresslevel=9)
PYTHON
  local size
  size=$(stat -c %s "$2")
  echo "$(basename "$2"): $size bytes, $max_zip at most"
  ((size <= max_zip)) || fail "$2 is too large"
}

# What the function is made of (CycloneDX), for the features it is built with; without times and random numbers.
sbom() { # FILE
  if [[ ! -x $tools/bin/cargo-cyclonedx ]]; then
    env -u RUSTFLAGS -u CFLAGS cargo install cargo-cyclonedx --version 0.5.9 --locked --quiet --root "$tools"
  fi
  local name=denywatch-sbom
  PATH=$tools/bin:$PATH SOURCE_DATE_EPOCH=315532800 cargo cyclonedx --quiet --format json --no-default-features \
    --features lambda --target x86_64-unknown-linux-gnu --no-build-deps --override-filename "$name"
  # It names the crate by the folder that it lies in.
  # Cargo leaves a package's name out where its folder is called like it.
  sed "s|path+file://$root|path+file:///denywatch|g; s|///denywatch#denywatch@|///denywatch#|g" "$name.json" >"$1"
  rm "$name.json"
}

rm -rf "$folder"
mkdir -p "$folder"
for architecture in "${architectures[@]}"; do
  say "bootstrap for $architecture"
  "build_$architecture"
  check_glibc "$built"
  pack "$built" "$folder/bootstrap-$architecture.zip"
done

say "template, module, papers"
cp infra/cloudformation/*.yaml "$folder/"
if [[ -d infra/terraform ]]; then
  mkdir "$folder/terraform"
  git archive HEAD infra/terraform | tar -x --strip-components=2 -C "$folder/terraform"
fi
cp src/render/font/LICENSE "$folder/FONT-LICENSE"
cp CHANGELOG.md LICENSE-APACHE LICENSE-MIT NOTICE infra/README.md "$folder/"
if [[ -f infra/RUNBOOK.md ]]; then cp infra/RUNBOOK.md "$folder/"; fi

say "SBOM"
sbom "$folder/sbom.cdx.json"
python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["components"]), "components")' "$folder/sbom.cdx.json"

say "SHA-256"
sums=$(cd "$folder" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum)
printf '%s\n' "$sums" | tee "$folder/SHA256SUMS"
printf '\nreleased into %s\n' "$folder"
