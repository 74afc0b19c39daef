# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels by the bundled IKE engine over real ESP and AH in a guest: a host's ping raises the SAs (ACQUIRE), the keys are
the kernel's, and tcpdump sees nothing in the clear. The other end is ourselves or strongSwan, which shows that the keys
are right; it rekeys both kinds of SAs under a running ping, of which no packet may be lost."""
import re, sys

sys.path[:0] = ['tests/netns', 'tests/vm']
import guest, test_ike as ike

A, B = '192.0.2.1', '192.0.2.2'


def router(version, me, encr, hash_, group, esp, pfs=None, mode='tunnel'):
    text = ike.config(version, encr, hash_, group, esp, pfs, mode=mode).replace(ike.A, '@me').replace(ike.B, '@peer')
    mine, theirs = ('10.1.0.0', '10.2.0.0') if me == A else ('10.2.0.0', '10.1.0.0')
    text = text.replace('permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'permit ip %s 0.0.255.255 %s 0.0.255.255' % (mine, theirs))
    if mode == 'transport':
        text = text.replace(' mode tunnel', ' mode transport').replace('permit ip %s 0.0.255.255 %s 0.0.255.255' % (mine, theirs), 'permit icmp host @me host @peer')
    if mode in ('dynamic', 'anybody'):
        text = text.replace('crypto map M 10 ipsec-isakmp\n set peer @peer\n', 'crypto dynamic-map D 10\n')
        text = text.replace('interface GigabitEthernet0/0', 'crypto map M 65000 ipsec-isakmp dynamic D\ninterface GigabitEthernet0/0')
        text = text.replace(' match address L\n', '') if mode == 'anybody' else text
        text = re.sub('(crypto isakmp key \\S+ address) @peer', r'\1 0.0.0.0 0.0.0.0', text)
    return text.replace('@me', me).replace('@peer', B if me == A else A)


def swan(version, encr, hash_, group, esp, pfs=None):
    return ike.swanctl(version, encr, hash_, group, esp, pfs, encap=False).replace(ike.A, A).replace(ike.B, B)


SUITES = [('aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac', '19'), ('aes-cbc-128', 'sha1', '14', 'esp-aes 128 esp-sha-hmac', None),
          ('3des', 'md5', '2', 'esp-3des esp-md5-hmac', '2'), ('aes-cbc-256', 'sha384', '20', 'esp-gcm 256', None), ('aes-cbc-192', 'sha512', '21', 'esp-aes 192 esp-sha512-hmac', None)]
# the other end, version, suite, mode
CASES = [('charon', v, s, 'tunnel') for v in (2, 1) for s in SUITES]
CASES += [('ioscc', v, ('aes-cbc-256', 'sha256', '19', e, p), m) for v in (2, 1) for e, p, m in
          (('esp-aes 256 esp-sha384-hmac', '19', 'tunnel'), ('ah-sha256-hmac', None, 'tunnel'), ('esp-null esp-sha-hmac', None, 'tunnel'), ('esp-aes esp-sha-hmac', None, 'transport'))]
CASES += [('ioscc', 1, ('aes-cbc-256', 'sha256', '19', 'ah-sha-hmac esp-aes 256', None), 'tunnel')]
# the peer is not known before it comes: with an access list, and with whatever it proposes
CASES += [('charon', v, SUITES[0], m) for v in (2, 1) for m in ('dynamic', 'anybody')]

RUN = r'''
. /test/words.sh
fail=0
say() { echo "$@"; fail=1; }
for n in a b ha hb; do ip netns add $n; ip -n $n link set lo up; done
ip link add eth0 netns a type veth peer name eth0 netns b
ip link add eth1 netns a type veth peer name eth0 netns ha
ip link add eth1 netns b type veth peer name eth0 netns hb
for p in "a eth0" "a eth1" "b eth0" "b eth1" "ha eth0" "hb eth0"; do set -- $p; ip -n $1 link set $2 up; done
i=1
for n in a b; do
    o=$((3 - i))
    ip -n $n addr add 192.0.2.$i/24 dev eth0; ip -n $n addr add 10.$i.0.1/16 dev eth1
    ip -n $n route add 10.$o.0.0/16 via 192.0.2.$o
    ip -n h$n addr add 10.$i.0.9/16 dev eth0; ip -n h$n route add default via 10.$i.0.1
    ip netns exec $n sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 4 > /proc/sys/net/core/xfrm_acq_expires'
    i=2
done
mkdir -p /etc/swanctl /usr/lib/ipsec
cat > /tmp/swan.conf <<EOF
charon {
  load = random nonce openssl aes sha1 sha2 hmac gmp gcm kdf pem pkcs1 x509 socket-default kernel-netlink vici
  install_routes = no
  plugins { vici { socket = unix:///tmp/vici } }
  filelog { log { path = /tmp/charon.log
      default = 1
      flush_line = yes } }
}
EOF
export STRONGSWAN_CONF=/tmp/swan.conf
# what goes out of both; what comes in is seen once more when it has been decrypted
capture /tmp/a.pcap a -Q out; dumps=$dump
capture /tmp/b.pcap b -Q out; dumps="$dumps $dump"
sw() { swanctl "$@" --uri unix:///tmp/vici; }
loads() { sw --load-all --noprompt --file /test/b$number.swanctl > /tmp/out 2>&1; ! grep -q 'connecting to .* failed' /tmp/out; }
there() { [ -S $1 ] || ! kill -0 $2 2>/dev/null; } # the socket, or nobody who could make it
policies() { ip -n a xfrm policy | grep -q 'reqid 15'; }
# each packet of each row is answered, however late
row() { ip netns exec ha ping -c 40 -i 0.2 -W $BOUND 10.2.0.9 > /tmp/ping 2>&1; grep -q ' 40 packets received' /tmp/ping || cat /tmp/ping >> /tmp/lost; }
while read -r number other version mode words; do
    what="case $number ($other IKEv$version $mode $words)"
    rm -f /run/?/control.sock
    ip netns exec a ioscc apply --dry-run --allow-partial --state-dir /run/a -m Gi0/0=eth0 /test/a$number.cfg > /tmp/out 2>&1 && grep -q 'Dry run: this kernel takes all of it' /tmp/out || { say "$what: dry run"; cat /tmp/out; }
    ip netns exec a ioscc run --state-dir /run/a -m Gi0/0=eth0 /test/a$number.cfg > /tmp/a.log 2>&1 &
    ours=$!
    if [ $other = charon ]; then
        rm -f /tmp/vici /tmp/charon.log
        ip netns exec b charon > /dev/null 2>&1 &
        theirs=$!
        await "$what: charon" there /tmp/vici $theirs
        await "$what: charon's answer" loads
        grep -q 'loaded connection' /tmp/out || { say "$what: swanctl"; grep -v 'failed to load' /tmp/out; }
    else
        ip netns exec b ioscc run --state-dir /run/b -m Gi0/0=eth0 /test/b$number.cfg > /tmp/b.log 2>&1 &
        theirs=$!
    fi
    await "$what: ioscc in a" there /run/a/control.sock $ours
    [ $other = charon ] || await "$what: ioscc in b" there /run/b/control.sock $theirs
    if [ $mode = transport ]; then from=a to=192.0.2.2; else from=ha to=10.2.0.9; fi
    if [ $mode = dynamic -o $mode = anybody ]; then
        if [ $mode = dynamic ]; then # as long as nobody is there, nothing leaves
            ip netns exec ha ping -c 1 -W 1 10.2.0.9 > /tmp/out 2>&1 && say "$what: an answer without a peer"
        fi
        sw --initiate --child c --timeout $BOUND > /tmp/out 2>&1 || { say "$what: not up"; grep -v 'failed to load' /tmp/out; cat /tmp/a.log; }
        await "$what: policies" policies || { say "$what: no policies"; ip -n a xfrm policy; }
    fi
    answers $from $to || { say "$what: no answer"; cat /tmp/a.log; [ $other = charon ] && tail -20 /tmp/charon.log || cat /tmp/b.log; ip -n a xfrm policy; ip -n a -s xfrm state; ip netns exec a cat /proc/net/xfrm_stat | grep -v '	0$'; ip netns exec b cat /proc/net/xfrm_stat | grep -v '	0$'; }
    if [ $other = charon ] && [ $fail = 0 ]; then
        rm -f /tmp/lost /tmp/enough
        again row &
        p=$!
        rekeys /tmp/a.log sw || { say "$what: not rekeyed"; cat /tmp/a.log; tail -30 /tmp/charon.log; }
        enough
        wait $p
        [ ! -e /tmp/lost ] || { say "$what: packets lost in a rekeying: $(grep received /tmp/lost)"; cat /tmp/a.log; tail -30 /tmp/charon.log; }
    fi
    kill $ours; wait $ours || { say "$what: exit $?"; cat /tmp/a.log; }
    kill $theirs; wait $theirs 2>/dev/null
    [ -z "$(ip -n a xfrm state | grep '^src')" ] || { say "$what: SAs are left"; ip -n a xfrm state; }
    ip -n a xfrm policy | grep -q 'reqid 15[56]' && [ $mode = dynamic -o $mode = anybody ] && { say "$what: policies are left"; ip -n a xfrm policy; }
    for n in a b; do ip netns exec $n ioscc remove --state-dir /run/$n > /dev/null 2>&1; ip -n $n xfrm state flush; done
done < /test/cases
for n in a b; do captured /tmp/$n.pcap $n; done
kill $dumps; wait $dumps
clear=0 esp=0
for n in a b; do
    c=$(tcpdump -Z root -n -r /tmp/$n.pcap icmp 2>/dev/null | grep -v -e ESP -e AH -e unreachable | wc -l)
    [ $c = 0 ] || { say "$c packets in the clear from $n"; tcpdump -Z root -n -r /tmp/$n.pcap icmp 2>/dev/null | grep -v -e ESP -e AH | head -5; }
    clear=$((clear + c)) esp=$((esp + $(tcpdump -Z root -n -r /tmp/$n.pcap 'ip proto 50 or ip proto 51' 2>/dev/null | wc -l)))
done
[ $esp -gt 300 ] || say "only $esp protected packets"
echo "$esp protected packets, $clear in the clear"
exit $fail
'''


def tunnels():
    files, cases = {'run': RUN}, []
    for n, (other, version, suite, mode) in enumerate(CASES):
        files['a%d.cfg' % n] = router(version, A, *suite, mode=mode)
        if other == 'charon':
            files['b%d.swanctl' % n] = swan(version, *suite)
        else:
            files['b%d.cfg' % n] = router(version, B, *suite, mode=mode)
        cases.append('%d %s %d %s %s' % (n, other, version, mode, ' '.join(str(x) for x in suite)))
    return guest.passes(files, cases, seconds=7200)


def tests():
    yield 'vm: IKE', tunnels


if __name__ == '__main__':
    print(tunnels())
