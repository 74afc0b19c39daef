#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the guest of the VM tests: Debian's kernel and an initramfs with busybox, iproute2, nft, tcpdump and the
# programs named on the command line. Kept under build/vm; made again when this file or a program changes.
set -eu
cd "$(dirname "$0")/../.."
out=build/vm
mkdir -p "$out"
exec 9> "$out/lock"
flock 9 # two tests may want it at the same time

kernel() {
    [ -e "$out/kernel.stamp" ] && return
    pkg=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    if [ -z "$pkg" ]; then
        for _ in $(seq 60); do apt-get update -qq && break; sleep 5; done # another clone may hold the lock
        pkg=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
    fi
    rm -rf "$out/kernel"
    mkdir -p "$out/kernel"
    # as root apt drops to another user for downloads, who may not write here
    (cd "$out" && apt-get -qq -o APT::Sandbox::User=root download "$pkg" && dpkg -x "$pkg"_*.deb kernel && rm -f "$pkg"_*.deb)
    depmod -b "$out/kernel" "$(ls "$out/kernel/lib/modules")"
    touch "$out/kernel.stamp"
}

# libreswan and OpenIKED as further peers. They cannot be installed beside strongSwan, so their packages, with those that
# they need and the host lacks, are only unpacked. Without them their tests are skipped.
peers() {
    [ -e "$out/peers.stamp" ] && return
    rm -rf "$out/peers"
    mkdir -p "$out/peers/root"
    list=$(for p in libreswan openiked libnss3-tools ppp; do
        apt-get install -s --no-install-recommends "$p" 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p'
    done | sort -u | grep -v -e strongswan -e bind9 -e '-dev$')
    (cd "$out/peers" && apt-get -qq -o APT::Sandbox::User=root download $list && for d in *.deb; do dpkg -x "$d" root; done && rm -f ./*.deb) || return 0
    mkdir "$out/peers/nss" # libreswan's key store, without a password
    LD_LIBRARY_PATH=$out/peers/root/usr/lib/x86_64-linux-gnu "$out/peers/root/usr/bin/certutil" -N -d "sql:$out/peers/nss" --empty-password
    touch "$out/peers.stamp"
}

# a program with the libraries it is linked to
put() {
    path=$(command -v "$1")
    real=$(readlink -f "$path")
    mkdir -p "$root/bin" "$root$(dirname "$real")"
    cp "$real" "$root/bin/$(basename "$1")"
    put_libs "$real"
}
put_libs() {
    ldd "$1" 2>/dev/null | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
        to=$root${lib#"$peers"}
        mkdir -p "$(dirname "$to")"
        cp -Lu "$lib" "$to"
    done
}

# a program of those packages, where it lies there
put_peer() {
    mkdir -p "$root$(dirname "$1")"
    cp "$peers$1" "$root$1"
    LD_LIBRARY_PATH=$peers/usr/lib/x86_64-linux-gnu put_libs "$peers$1"
}

kernel
peers
version=$(ls "$out/kernel/lib/modules")
[ "$out/initrd" -nt tests/vm/image.sh ] && [ "$out/initrd" -nt tests/vm/init ] && [ "$out/initrd" -nt build/release/ioscc ] && exit 0
root=$PWD/$out/root
peers=$PWD/$out/peers/root
rm -rf "$root"
mkdir -p "$root/bin" "$root/sbin" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" "$root/etc" "$root/var/run" "$root/usr/lib"
ln -s ../lib "$root/usr/lib/lib" 2>/dev/null || true
cp /bin/busybox "$root/bin/busybox"
for t in bash ip nft tcpdump kmod iperf3 build/release/ioscc; do put "$t"; done
# strongSwan, as the other end of IKE; its plugins are loaded by name
if [ -e /usr/lib/ipsec/charon ]; then
    put /usr/lib/ipsec/charon
    put swanctl
    mkdir -p "$root/usr/lib/ipsec/plugins" "$root/usr/lib/ssl"
    for so in /usr/lib/ipsec/*.so.0 /usr/lib/ipsec/plugins/*.so; do
        put_libs "$so"
        cp -L "$so" "$root$so"
    done
    cp -L /usr/lib/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
fi
if [ -e "$out/peers.stamp" ]; then
    for t in /usr/libexec/ipsec/pluto /usr/libexec/ipsec/addconn /usr/libexec/ipsec/whack /usr/sbin/iked /usr/sbin/ikectl /usr/sbin/pppd; do
        [ -e "$peers$t" ] && put_peer "$t"
    done
    for so in libsoftokn3.so libfreebl3.so libfreeblpriv3.so libnssckbi.so libnssdbm3.so; do # loaded by name
        for dir in usr/lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu/nss; do
            from=$peers/$dir/$so
            [ -e "$from" ] || from=/$dir/$so
            [ -e "$from" ] || continue
            mkdir -p "$root/usr/lib/x86_64-linux-gnu"
            cp -L "$from" "$root/usr/lib/x86_64-linux-gnu/$so"
            LD_LIBRARY_PATH=$peers/usr/lib/x86_64-linux-gnu put_libs "$from"
        done
    done
    mkdir -p "$root/var/lib/ipsec" "$root/run/pluto" "$root/etc/ipsec.d/policies" "$root/etc/iked"
    cp -r "$out/peers/nss" "$root/var/lib/ipsec/nss"
fi
ln -s ../bin/kmod "$root/sbin/modprobe"
ln -sf bash "$root/bin/sh.real"
# shared objects that are loaded by name
for lib in /lib/x86_64-linux-gnu/libgcc_s.so.1 /usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so; do
    [ -e "$lib" ] && mkdir -p "$root$(dirname "$lib")" && cp "$lib" "$root$lib"
done
mods=$root/lib/modules/$version
mkdir -p "$mods"
src=$out/kernel/lib/modules/$version
net='ipv4 ipv6 netfilter bridge xfrm key packet core sched 8021q 802 llc unix' # not all of it: a slow guest unpacks it
for d in $(printf 'kernel/net/%s ' $net) kernel/crypto kernel/arch/x86/crypto kernel/drivers/net/veth.ko kernel/drivers/net/tun.ko kernel/drivers/net/slip/slhc.ko \
    kernel/drivers/net/ppp kernel/lib; do
    [ -e "$src/$d" ] && mkdir -p "$mods/$(dirname "$d")" && cp -r "$src/$d" "$mods/$d"
done
cp "$src"/modules.* "$mods/"
depmod -b "$root" "$version"
printf '%s\n' "root:x:0:0:root:/tmp:/bin/sh" "_iked:x:900:900::/var/empty:/bin/false" > "$root/etc/passwd"
printf '%s\n' "root:x:0:" "_iked:x:900:" > "$root/etc/group"
printf '127.0.0.1 localhost\n' > "$root/etc/hosts"
: > "$root/etc/resolv.conf"
mkdir -p "$root/var/empty"
cp tests/vm/init "$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$out/initrd.new"
mv "$out/initrd.new" "$out/initrd"
rm -rf "$root"
