#!/usr/bin/env bash
# Puts a Rust that can build for arm64 into FOLDER from Debian's packages, for machines whose rustup cannot fetch the
# target. Nothing is installed on the machine and no root is needed. FOLDER/rustc is the compiler.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
if [[ -x $folder/rustc ]] && "$folder/rustc" --version; then exit; fi
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/packages"
export APT_CONFIG=$folder/apt.conf
cat >"$APT_CONFIG" <<END
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$folder/lists";
Dir::Cache "$folder/cache";
END
apt-get -qq update
version=$(apt-cache show --no-all-versions libstd-rust-web-dev:arm64 | sed -n 's/^Depends: libstd-rust-web-\([0-9.]*\).*/\1/p')
llvm=$(apt-cache depends "libstd-rust-web-$version" | sed -n 's/^  Depends: \(libllvm[0-9]*\).*/\1/p')
(cd "$folder/packages" && apt-get -qq download rustc-web "libstd-rust-web-$version" "$llvm" libstd-rust-web-dev libstd-rust-web-dev:arm64)
for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder/root"; done
rm -r "$folder/packages" "$folder/cache" "$folder/lists"
cat >"$folder/rustc" <<END
#!/bin/sh
LD_LIBRARY_PATH='$folder/root/usr/lib/x86_64-linux-gnu' exec '$folder/root/usr/bin/rustc' "\$@"
END
chmod +x "$folder/rustc"
"$folder/rustc" --version
