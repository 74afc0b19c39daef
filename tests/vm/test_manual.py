# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers with manual SAs, real ESP and AH in a guest: hosts behind them ping one another through every transform."""
import itertools, re

import guest

# transform words -> bytes of key
CIPHERS = {'esp-des': 8, 'esp-3des': 24, 'esp-aes': 16, 'esp-aes 192': 24, 'esp-aes 256': 32, 'esp-null': 0}
HASHES = {'md5': 16, 'sha': 20, 'sha256': 32, 'sha384': 48, 'sha512': 64}


def key(n, salt):
    return ''.join('%02x' % (salt * 37 + i * 11 & 0xff) for i in range(n))


def session_keys(cipher, auth, ah, salt):
    """lines for one end; the other end has them with the directions changed round"""
    lines = []
    for way, spi in (('inbound', 1000 + 10 * salt), ('outbound', 1001 + 10 * salt)):
        if cipher:
            line = ' set session-key %s esp %d cipher %s' % (way, spi, key(CIPHERS[cipher] or 8, spi))
            lines.append(line + (' authenticator ' + key(HASHES[auth], spi + 1) if auth else ''))
        if ah:
            lines.append(' set session-key %s ah %d %s' % (way, spi + 4, key(HASHES[ah], spi + 2)))
    return lines


def turned(lines):
    swap = {'inbound': 'outbound', 'outbound': 'inbound'}
    return [re.sub('inbound|outbound', lambda m: swap[m[0]], x) for x in lines]


CASES = []
CASES += [('tunnel', c, 'sha256', None) for c in CIPHERS]
CASES += [('tunnel', 'esp-aes 256', h, None) for h in ('md5', 'sha', 'sha384', 'sha512')]
CASES += [('tunnel', 'esp-aes', None, None)]
CASES += [('tunnel', None, None, h) for h in HASHES]
CASES += [('tunnel', 'esp-aes 256', 'sha', 'sha256'), ('tunnel', 'esp-aes', None, 'sha512')]
CASES += [('transport', 'esp-aes 256', 'sha256', None), ('transport', None, None, 'sha256'), ('transport', 'esp-3des', 'md5', 'sha')]


def config(name, case, n, v6):
    mode, cipher, auth, ah = case
    me, other = (1, 2) if name == 'a' else (2, 1)
    words = ([('ah-%s-hmac' % ah)] if ah else []) + ([cipher] if cipher else []) + (['esp-%s-hmac' % auth] if auth else [])
    keys = session_keys(cipher, auth, ah, n)
    out = ['hostname ' + name, 'crypto ipsec transform-set T ' + ' '.join(words), ' mode ' + mode]
    if v6:
        net = '2001:db8:%d::/64 2001:db8:%d::/64' % (me * 16, other * 16) if mode == 'tunnel' else 'host 2001:db8::%d host 2001:db8::%d' % (me, other)
        net = net.replace(str(me * 16), '%x' % (me * 16)).replace(str(other * 16), '%x' % (other * 16))
        proto = 'ipv6' if mode == 'tunnel' else 'icmp'
        out += ['crypto map ipv6 M %d ipsec-manual' % (n + 1), ' set peer 2001:db8::%d' % other, ' set transform-set T']
        out += (keys if name == 'a' else turned(keys)) + [' match address L']
        out += ['interface GigabitEthernet0/0', ' ipv6 address 2001:db8::%d/64' % me, ' ipv6 crypto map M']
        # neighbour discovery goes in the clear, as on the router
        out += ['ipv6 access-list L', ' deny icmp any any nd-ns', ' deny icmp any any nd-na', ' permit %s %s' % (proto, net)]
    else:
        net = '10.%d.0.0 0.0.255.255 10.%d.0.0 0.0.255.255' % (me, other) if mode == 'tunnel' else 'host 192.0.2.%d host 192.0.2.%d' % (me, other)
        proto = 'ip' if mode == 'tunnel' else 'icmp'
        out += ['crypto map M %d ipsec-manual' % (n + 1), ' set peer 192.0.2.%d' % other, ' set transform-set T']
        out += (keys if name == 'a' else turned(keys)) + [' match address L']
        out += ['interface GigabitEthernet0/0', ' ip address 192.0.2.%d 255.255.255.0' % me, ' crypto map M']
        out += ['ip access-list extended L', ' permit %s %s' % (proto, net)]
    return '\n'.join(out) + '\nend\n'


RUN = r'''
. /test/words.sh
fail=0
say() { echo "$@"; fail=1; }
for n in a b ha hb; do ip netns add $n; ip -n $n link set lo up; done
sys() { ip netns exec $1 sh -c "echo $3 > /proc/sys/net/$2"; }
for n in a b ha hb; do sys $n ipv6/conf/all/accept_dad 0; sys $n ipv6/conf/default/accept_dad 0; done
ip link add eth0 netns a type veth peer name eth0 netns b
ip link add eth1 netns a type veth peer name eth0 netns ha
ip link add eth1 netns b type veth peer name eth0 netns hb
for p in "a eth0" "a eth1" "b eth0" "b eth1" "ha eth0" "hb eth0"; do set -- $p; ip -n $1 link set $2 up; done
i=1
for n in a b; do
    o=$((3 - i))
    ip -n $n addr add 192.0.2.$i/24 dev eth0; ip -n $n addr add 10.$i.0.1/16 dev eth1
    ip -n $n addr add 2001:db8::$i/64 dev eth0; ip -n $n addr add 2001:db8:${i}0::1/64 dev eth1
    ip -n $n route add 10.$o.0.0/16 via 192.0.2.$o; ip -n $n -6 route add 2001:db8:${o}0::/64 via 2001:db8::$o
    ip -n h$n addr add 10.$i.0.9/16 dev eth0; ip -n h$n route add default via 10.$i.0.1
    ip -n h$n addr add 2001:db8:${i}0::9/64 dev eth0; ip -n h$n -6 route add default via 2001:db8:${i}0::1
    sys $n ipv4/ip_forward 1; sys $n ipv6/conf/all/forwarding 1
    i=2
done
capture /tmp/a.pcap a -Q out; dumps=$dump
capture /tmp/b.pcap b -Q out; dumps="$dumps $dump"
seq_errors() { ip netns exec b sed -n 's/^XfrmInStateSeqError[ \t]*//p' /proc/net/xfrm_stat; }
ended() { ! kill -0 $1 2>/dev/null; }
while read -r number family mode words; do
    ip netns exec a ioscc apply --dry-run --allow-less --state-dir /run/a --interface-map Gi0/0=eth0 /test/a$number.cfg > /tmp/out 2>&1 && grep -q 'Dry run: this kernel takes all of it' /tmp/out || { say "case $number ($words $mode $family): dry run"; cat /tmp/out; }
    for n in a b; do
        ip netns exec $n ioscc apply --state-dir /run/$n --interface-map Gi0/0=eth0 /test/$n$number.cfg > /tmp/out 2>&1 || { say "case $number ($words $mode $family): apply in $n"; cat /tmp/out; }
    done
    case "$family$mode" in
    4tunnel) ok="ip netns exec ha ping -c 1 -W %s 10.2.0.9" ;;
    6tunnel) ok="ip netns exec ha ping -6 -c 1 -W %s 2001:db8:20::9" ;;
    4transport) ok="ip netns exec a ping -c 1 -W %s 192.0.2.2" ;;
    6transport) ok="ip netns exec a ping -6 -c 1 -W %s 2001:db8::2" ;;
    esac
    $(printf "$ok" 3) > /tmp/out 2>&1 || $(printf "$ok" $BOUND) > /tmp/out 2>&1 || { say "case $number ($words $mode $family): no answer"; ip netns exec a ip -s xfrm state; ip netns exec a cat /proc/net/xfrm_stat | grep -v ' 0$'; echo b; ip netns exec b cat /proc/net/xfrm_stat | grep -v '	0$'; ip -n b xfrm policy; }
    [ "$(ip -n a -s xfrm state | grep -c ' 0(bytes), 0(packets)')" = 0 ] || say "case $number ($words $mode $family): an SA carried nothing"
    for n in a b; do ip netns exec $n ioscc status --state-dir /run/$n > /tmp/out 2>&1 || { say "case $number: status"; cat /tmp/out; }; done
done < /test/cases
# keys by hand and no window (RFC 4302 5: SHOULD NOT): what is sent again is taken, and a peer that starts again, and counts from 1, is heard
tail=$(seq_errors)
capture /tmp/one.pcap a -c 1 -Q out 'ip proto 50'
for n in a b; do ip netns exec $n ioscc apply --allow-less --state-dir /run/$n -m Gi0/0=eth0 /test/${n}0.cfg > /tmp/out 2>&1 || { say "apply in $n"; cat /tmp/out; }; done
ip netns exec ha ping -c 2 -W $BOUND 10.2.0.9 > /dev/null 2>&1 || say "replay: no tunnel"
await "a packet to send again" ended $dump
ip netns exec a /test/resend /tmp/one.pcap eth0 3 || say "resend: $?"
ip netns exec b ioscc remove --state-dir /run/b > /tmp/out 2>&1 || { say "remove in b"; cat /tmp/out; }
ip netns exec b ioscc apply --state-dir /run/b -m Gi0/0=eth0 /test/b0.cfg > /tmp/out 2>&1 || { say "apply in b again"; cat /tmp/out; }
ip netns exec ha ping -c 3 -W $BOUND 10.2.0.9 > /tmp/out 2>&1 || { say "the peer has started again, and is not heard"; cat /tmp/out; }
now=$(seq_errors)
[ $now = $tail ] || say "sequence errors: $tail then $now"
ip netns exec a ioscc clear crypto sa --state-dir /run/a > /dev/null
ip netns exec ha ping -c 2 -W $BOUND 10.2.0.9 > /dev/null 2>&1 || say "after the replay: no tunnel"
# what the router's commands print and do
S="--state-dir /run/a"
in_a() { ip netns exec a "$@"; }
in_a ioscc show crypto ipsec sa $S > /tmp/out 2>&1
grep -q '#pkts encaps: 2, #pkts encrypt: 2, #pkts digest: 2' /tmp/out || { say "show crypto ipsec sa: counters"; cat /tmp/out; }
grep -q 'local  ident (addr/mask/prot/port): (10.1.0.0/255.255.0.0/0/0)' /tmp/out || say "show crypto ipsec sa: ident"
grep -q 'transform: esp-des esp-sha256-hmac ,' /tmp/out || say "show crypto ipsec sa: transform"
grep -q 'replay detection support: N' /tmp/out || say "show crypto ipsec sa: replay detection"
in_a ioscc clear crypto sa counters $S || say "clear counters"
in_a ioscc show crypto ipsec sa $S | grep -q '#pkts encaps: 0,' || say "counters are not cleared"
ip netns exec ha ping -c 1 -W $BOUND 10.2.0.9 > /dev/null 2>&1 || say "after clear counters: no tunnel"
in_a ioscc show crypto ipsec sa $S | grep -q '#pkts encaps: 1,' || say "counters after clear"
in_a ioscc show crypto ipsec sa peer 192.0.2.2 $S | grep -q 'pkts encaps' || say "peer"
in_a ioscc show crypto ipsec sa peer 192.0.2.3 $S | grep -q 'pkts encaps' && say "another peer"
for n in a b; do ip netns exec $n ioscc clear crypto sa --state-dir /run/$n | grep -q '2 SAs cleared, 2 of them manual and back' || say "clear crypto sa"; done
[ "$(ip -n a -s xfrm state | grep -c ' 0(bytes), 0(packets)')" = 2 ] || say "clear crypto sa: they did not start anew"
ip netns exec ha ping -c 1 -W $BOUND 10.2.0.9 > /dev/null 2>&1 || say "after clear crypto sa: no tunnel"
for n in a b; do ip netns exec $n ioscc clear crypto sa map NONE --state-dir /run/$n | grep -q '^0 SAs' || say "clear map NONE"; done
in_a ioscc clear crypto sa entry 192.0.2.2 esp 1001 $S | grep -q '^2 SAs' || say "clear entry"
in_a ioscc status $S > /dev/null || say "status after clear"
for n in a b; do ip netns exec $n ioscc remove --state-dir /run/$n > /dev/null || say "remove"; done
[ -z "$(ip -n a xfrm state)$(ip -n a xfrm policy | grep -v socket)" ] || say "remove left something"
for n in a b; do captured /tmp/$n.pcap $n; done
kill $dumps; wait $dumps
for f in a b; do
    clear=$(tcpdump -Z root -n -r /tmp/$f.pcap 'icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))' 2>/dev/null | grep -v -e ESP -e AH | wc -l)
    ipsec=$(tcpdump -Z root -n -r /tmp/$f.pcap 'ip proto 50 or ip proto 51 or ip6 proto 50 or ip6 proto 51' 2>/dev/null | wc -l)
    [ $clear = 0 ] || { say "$clear cleartext packets left $f"; tcpdump -Z root -n -r /tmp/$f.pcap 'icmp or icmp6' 2>/dev/null | head -5; }
    [ $ipsec -ge 20 ] || say "only $ipsec IPsec packets left $f"
    [ $ipsec -ge 20 ] || cat /tmp/a.pcap.err; echo "$f: $ipsec IPsec packets, $clear in the clear"
done
exit $fail
'''


def manual():
    files, cases = {'run': RUN, 'resend': '@build/release/tests/vm/resend'}, []
    six = [c for c in CASES if c[:3] in (('tunnel', 'esp-aes 256', 'sha'), ('tunnel', 'esp-aes 256', 'sha384'), ('tunnel', None, None))][:4] + [CASES[-3]]
    for n, (case, v6) in enumerate([(c, False) for c in CASES] + [(c, True) for c in six]):
        for end in 'ab':
            files['%s%d.cfg' % (end, n)] = config(end, case, n, v6)
        cases.append('%d %d %s %s' % (n, 6 if v6 else 4, case[0], ' '.join(str(x) for x in case[1:])))
    return guest.passes(files, cases)


def tests():
    yield 'vm: manual SAs', manual


if __name__ == '__main__':
    print(manual())
