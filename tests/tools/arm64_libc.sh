#!/usr/bin/env bash
# Puts the C library of arm64 into FOLDER from Debian's packages, for qemu's `-L FOLDER`. Nothing is installed on the machine.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
if [[ -e $folder/lib/ld-linux-aarch64.so.1 ]]; then exit; fi
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
export APT_CONFIG=$folder/apt/apt.conf
cat >"$APT_CONFIG" <<END
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
END
apt-get -qq update
(cd "$folder/apt" && apt-get -qq download libc6:arm64 libgcc-s1:arm64)
for package in "$folder"/apt/*.deb; do dpkg-deb --extract "$package" "$folder"; done
rm -r "$folder/apt"
ls "$folder"/lib/ld-linux-aarch64.so.1
