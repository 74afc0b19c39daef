#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# uv13.sh FOLDER: Debian 13's libc and libuv in FOLDER; of the system's apt only the keyring is read, nothing changed.
# Says the words that start a program with them. Exit 77: not to be had here (no network, no apt, not amd64).
set -eu
dir=${1:?uv13.sh FOLDER}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
no() { echo "uv13.sh: $*" >&2; exit 77; }
if [ ! -e "$dir/versions" ]; then
    [ -r $keys ] && [ "$(dpkg --print-architecture 2>&1)" = amd64 ] || no 'needs Debian on amd64 with debian-archive-keyring'
    t=$(mktemp -d)
    trap 'rm -rf "$t"' EXIT
    mkdir -p "$t/lists/partial" "$t/cache/archives/partial" "$t/none" "$t/root"
    : >"$t/status"
    echo "deb [signed-by=$keys] ${IOSCC_DEBIAN_MIRROR:-http://deb.debian.org/debian} trixie main" >"$t/list"
    cat >"$t/conf" <<EOT
Dir::Etc { Main "/dev/null"; Parts "$t/none"; SourceList "$t/list"; SourceParts "$t/none"; Preferences "/dev/null";
  PreferencesParts "$t/none"; Trusted "/dev/null"; TrustedParts "$t/none"; };
Dir::State "$t"; Dir::State::Lists "$t/lists"; Dir::State::Status "$t/status"; Dir::Cache "$t/cache"; Dir::Log "$t";
APT::Architectures { "amd64"; }; APT::Sandbox::User "root"; APT::Update::Error-Mode "any";
Acquire::Languages "none"; Acquire::Retries "1"; Acquire::http::Timeout "10";
EOT
    export APT_CONFIG="$t/conf"
    (cd "$t" && timeout 120 apt-get -qq update && timeout 120 apt-get -qq download libc6 libuv1t64) >"$t/log" 2>&1 ||
        no "Debian 13 cannot be read: $(grep -m1 '^[EW]:' "$t/log")"
    for p in "$t"/*.deb; do dpkg-deb -x "$p" "$t/root"; done
    (cd "$t" && ls ./*.deb) >"$t/root/versions"
    rm -rf "$dir" && mv "$t/root" "$dir"
fi
lib=$(cd "$dir" && pwd)/usr/lib/x86_64-linux-gnu
echo "$lib/ld-linux-x86-64.so.2 --library-path $lib:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu"
