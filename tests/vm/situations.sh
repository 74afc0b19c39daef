# SPDX-License-Identifier: GPL-3.0-or-later
# What the situations of test_situations.py are written with. Runs in the guest; /test/cases names them one a line:
# number, world, the files of the nodes. A situation is /test/NUMBER.do; it has failed if it said anything.
. /test/words.sh
said=/tmp/said
say() { echo "$*" >> $said; }

# ---- worlds ----

# A world is written down first and made in one go: `ip` for each line of it would be a third of a slow guest's time.
plan=/tmp/plan # its lines for `ip -batch`, by node; plan.world: nodes and cables; plan.NODE.sh: switches
node() { for n in "$@"; do
    echo "netns add $n" >> $plan.world
    echo 'link set lo up' > $plan.$n.ip
    echo 'cd /proc/sys/net; echo 0 > ipv6/conf/all/accept_dad; echo 0 > ipv6/conf/default/accept_dad; echo 4 > core/xfrm_acq_expires' > $plan.$n.sh
done; }
cable() { # node interface node interface
    echo "link add $2 netns $1 type veth peer name $4 netns $3" >> $plan.world
    echo "link set dev $2 up" >> $plan.$1.ip; echo "link set dev $4 up" >> $plan.$3.ip; }
address() { n=$1 i=$2; shift 2; for a in "$@"; do echo "addr add $a dev $i" >> $plan.$n.ip; done; }
route() { n=$1; shift; echo "route add $*" >> $plan.$n.ip; }
forwards() { for n in "$@"; do echo 'cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding' >> $plan.$n.sh; done; }
host() { # name, router, router's address with length, own address with length
    node $1; cable $1 eth0 $2 eth1; address $2 eth1 $3; address $1 eth0 $4; route $1 default via ${3%/*}; }
masquerade() { echo "nft 'add table ip n; add chain ip n p { type nat hook postrouting priority 100; }; add rule ip n p oifname $2 masquerade'" >> $plan.$1.sh; }
made() {
    ip -batch $plan.world || say "no world"
    for f in $plan.*.ip; do
        n=${f#$plan.} n=${n%.ip}
        ip netns exec $n sh -e $plan.$n.sh || say "no switches in $n"
        ip -n $n -batch $f || say "no addresses in $n"
    done
    rm -f $plan.*; }
has() { n=$1 i=$2; shift 2; for a in "$@"; do ip -n $n addr add $a dev $i; done; }
watch() { for n in "$@"; do
    both=; [ $n = s ] || both='-Q out' # on a switch all that passes
    capture /tmp/$n.pcap $n $both; echo $dump >> /tmp/pids
    watched="$watched $n"
done; }

captured_anew() { captured /tmp/$1.pcap $1; kill $dump; capture /tmp/$1.pcap $1; echo $dump >> /tmp/pids; } # what was seen before is forgotten

# what makes a's link to the switch, and what makes it anew
made_veth() { ip -n s link del porta 2>/dev/null
    ip link add eth0 netns a type veth peer name porta netns s; ip -n s link set dev porta master sw0 up
    made_up eth0; }
made_vlan() { outside=eth0.7
    ip -n a addr flush dev eth0; ip -n s link set dev porta nomaster
    ip -n s link add link porta name porta.7 type vlan id 7; ip -n s link set dev porta.7 master sw0 up
    vlan_anew; }
vlan_anew() { ip -n a link del eth0.7 2>/dev/null; ip -n a link add link eth0 name eth0.7 type vlan id 7; made_up eth0.7; }
renamed() { ip -n a link set dev $1 down; ip -n a link set dev $1 name x0; ip -n a link set dev x0 up; sleep 0.5
    ip -n a link set dev x0 down; ip -n a link set dev x0 name $1; made_up $1; }
made_up() { ip -n a link set dev $1 up; ip -n a addr add 192.0.2.1/24 dev $1 2>/dev/null; ip -n a route replace default via 192.0.2.2; }
# a telephone call between a and b; hung up, ppp0 is gone at both ends
dialled() { modprobe -q ppp_async
    ip netns exec a /usr/sbin/pppd nodetach noauth local ifname ppp0 192.0.2.1:192.0.2.2 \
        pty "/bin/ip netns exec b /usr/sbin/pppd notty nodetach noauth local ifname ppp0 192.0.2.2:192.0.2.1" > /tmp/pppd 2>&1 &
    echo $! > /tmp/pppd.pid; echo $! >> /tmp/pids
    for n in a b; do await "ppp0 in $n: $(tail -3 /tmp/pppd)" has_route $n; ip -n $n route replace default dev ppp0; done; }
has_route() { ip -n $1 route | grep -q '^192.0.2.[12] dev ppp0'; }
hung_up() { ! ip -n $1 link show ppp0 > /dev/null 2>&1; }
redialled() { kill $(cat /tmp/pppd.pid); await "the end of the call" hung_up a; await "the end of the call" hung_up b; sleep 0.5; dialled; }
# what a sends by whatever interface, from now on: protected and clear
sees_all() { ip netns exec a tcpdump -Z root -l -n -i any -Q out icmp > /tmp/sent 2> /tmp/sent.err & echo $! >> /tmp/pids
    await "tcpdump in a" grep -q 'listening on' /tmp/sent.err; up a 192.0.2.2; await "what is clear" grep -q '> 192.0.2.2:' /tmp/sent; }
sent_no() { sleep 1; grep "> $1" /tmp/sent > /tmp/out && say "in the clear: $(head -3 /tmp/out)"; }
# under_ping EVENT...: each is a command; then the tunnel carries again. All the time a host sends what is protected
under_ping() {
    ip netns exec ha ping -i 0.2 10.2.0.9 > /dev/null 2>&1 & echo $! >> /tmp/pids
    for event in "$@"; do
        eval "$event"
        answers ha 10.2.0.9 || say "no answer any more: $event"
    done; }
# what is clear is seen on the switch, and flows: else what is not seen proves nothing
sees_clear() { up a 192.0.2.2; wire_has s 'icmp and host 192.0.2.2'; open='icmp and net 10.2.0.0/16 and net 10.1.0.0/16'; }

world() {
    watched= watching= outside=eth0
    case $1 in
    plain) # ha - a ===== b - hb, IPv4 and IPv6
        node a b; cable a eth0 b eth0; forwards a b
        address a eth0 192.0.2.1/24 2001:db8::1/64; address b eth0 192.0.2.2/24 2001:db8::2/64
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        address a eth1 2001:db8:1::1/64; address ha eth0 2001:db8:1::9/64; route ha default via 2001:db8:1::1
        address b eth1 2001:db8:2::1/64; address hb eth0 2001:db8:2::9/64; route hb default via 2001:db8:2::1
        route a default via 192.0.2.2; route b default via 192.0.2.1
        route a default via 2001:db8::2; route b default via 2001:db8::1
        watching="a b" ;;
    bare) # the same, but nobody has a route to the other's network
        node a b; cable a eth0 b eth0; forwards a b
        address a eth0 192.0.2.1/24; address b eth0 192.0.2.2/24
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        watching="a b" ;;
    same) # both networks are 10.1.0.0/16
        node a b; cable a eth0 b eth0; forwards a b
        address a eth0 192.0.2.1/24; address b eth0 192.0.2.2/24
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.1.0.1/16 10.1.0.9/16
        route a default via 192.0.2.2; route b default via 192.0.2.1
        watching="a b" ;;
    nat) # ha - a - n ===== b - hb, and c beside a; n hides them
        node a c n b; forwards a n b
        node s; echo "link add name sw0 type bridge" >> $plan.s.ip; echo "link set sw0 up" >> $plan.s.ip
        for x in a c n; do cable $x eth0 s port$x; echo "link set dev port$x master sw0" >> $plan.s.ip; done
        cable n eth1 b eth0
        address a eth0 10.50.0.2/24; address c eth0 10.50.0.3/24; address n eth0 10.50.0.1/24; address n eth1 192.0.2.1/24; address b eth0 192.0.2.2/24
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        masquerade n eth1
        for x in a c; do route $x default via 10.50.0.1; done; route b default via 192.0.2.1
        watching="a b" ;;
    switch) # ha - a === s === b - hb; s sees what passes, whatever becomes of a's link
        node a s b; forwards a b
        cable a eth0 s porta; cable b eth0 s eth0
        echo "link add name sw0 type bridge" >> $plan.s.ip; echo "link set sw0 up" >> $plan.s.ip
        for x in porta eth0; do echo "link set dev $x master sw0" >> $plan.s.ip; done
        address a eth0 192.0.2.1/24; address b eth0 192.0.2.2/24
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        route a default via 192.0.2.2; route b default via 192.0.2.1
        watching=s ;;
    ppp) # ha - a === b - hb by a telephone
        node a b; forwards a b
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        outside=ppp0; made; dialled; return ;;
    vlan) # as the switch, and the link of a is a VLAN; that of b is not
        world switch
        made_vlan; return ;;
    double) # ha - a - n ===== m - b - hb; m lets IKE in to b
        node a n m b; forwards a n m b
        cable a eth0 n eth0; cable n eth1 m eth1; cable m eth0 b eth0
        address a eth0 10.50.0.2/24; address n eth0 10.50.0.1/24; address n eth1 192.0.2.1/24
        address m eth1 192.0.2.2/24; address m eth0 10.60.0.1/24; address b eth0 10.60.0.2/24
        host ha a 10.1.0.1/16 10.1.0.9/16; host hb b 10.2.0.1/16 10.2.0.9/16
        masquerade n eth1; masquerade m eth1
        echo "nft 'add table ip d; add chain ip d p { type nat hook prerouting priority -100; }; add rule ip d p iifname eth1 udp dport { 500, 4500 } dnat to 10.60.0.2'" >> $plan.m.sh
        route a default via 10.50.0.1; route b default via 10.60.0.1
        watching="a b" ;;
    esac
    made; watch $watching
}

# ---- daemons ----

until_there() { await "$1: $(tail -3 $2 2>&1)" there $1 $3; [ -S $1 ] || say "$1 does not come: $(tail -3 $2 2>&1)"; }
there() { [ -S $1 ] || ! kill -0 $2 2>/dev/null; } # the socket, or nobody who could make it
ours() { # node, configuration, more options
    n=$1 f=$2; shift 2
    ip netns exec $n ioscc run --state-dir /run/$n --pki-dir /test -m Gi0/0=$outside "$@" $f > /tmp/$n.log 2>&1 &
    echo $! > /tmp/$n.ours
    until_there /run/$n/control.sock /tmp/$n.log $!; }
swan() { # node, swanctl.conf; /test/NUMBER.charon: lines for charon { }
    more=; [ -e /test/$number.charon ] && more=$(cat /test/$number.charon)
    cat > /tmp/swan.$1 <<CONF
charon {
  load = random nonce openssl aes des sha1 sha2 md5 hmac gmp gcm kdf pem pkcs1 pkcs8 x509 pubkey constraints revocation socket-default kernel-netlink vici
  install_routes = no
  retransmit_tries = 7
  retransmit_timeout = 1.5
  plugins { vici { socket = unix:///tmp/vici.$1 } }
  filelog { log { path = /tmp/$1.log
      default = 1
      flush_line = yes } }
$more }
CONF
    d=/tmp/swanctl.$1; mkdir -p $d/x509 $d/x509ca $d/private
    cp /test/r2*.crt $d/x509/; cp /test/ca.crt $d/x509ca/; cp /test/r2*.key $d/private/
    ip netns exec $1 sh -c "mount -t tmpfs none /var/run; STRONGSWAN_CONF=/tmp/swan.$1 exec charon" > /tmp/charon.out 2>&1 &
    echo $! >> /tmp/pids
    until_there /tmp/vici.$1 /tmp/charon.out $!
    cp $2 $d/swanctl.conf # it looks for the others beside it
    await "charon's answer" loads $1
    grep -q 'loaded connection' /tmp/load || say "swanctl: $(grep -v 'plugin' /tmp/load | grep -E "loading (conn|private|cert)|fail" | grep -v "opening dir" | head -3)"; }
loads() { sw $1 --load-all --noprompt --file $d/swanctl.conf > /tmp/load 2>&1; ! grep -q 'connecting to .* failed' /tmp/load; }
sw() { n=$1; shift; STRONGSWAN_CONF=/tmp/swan.$n swanctl "$@" --uri unix:///tmp/vici.$n; }
call() { sw $1 --initiate --child ${2:-c} --timeout $BOUND > /tmp/call 2>&1; }
calls() { call "$@" & echo $! >> /tmp/pids; } # who is refused may not be told
libre() { # node, ipsec.conf; its secrets are FILE.secrets
    mkdir -p /tmp/pluto.$1; cp -r /var/lib/ipsec/nss /tmp/nss.$1
    ip netns exec $1 /usr/libexec/ipsec/pluto --nofork --stderrlog --config $2 --secretsfile $2.secrets --rundir /tmp/pluto.$1 --nssdir /tmp/nss.$1 --ipsecdir /etc/ipsec.d > /tmp/$1.log 2>&1 &
    echo $! >> /tmp/pids
    until_there /tmp/pluto.$1/pluto.ctl /tmp/$1.log $!
    ip netns exec $1 /usr/libexec/ipsec/addconn --config $2 --ctlsocket /tmp/pluto.$1/pluto.ctl c > /tmp/load 2>&1 || say "addconn: $(grep -v "error reading" /tmp/load | tail -3)"
    wh $1 --listen > /tmp/load 2>&1; await "pluto at port 500" bound $1 udp 500; }
wh() { n=$1; shift; timeout $BOUND /bin/ip netns exec $n /usr/libexec/ipsec/whack --rundir /tmp/pluto.$n "$@"; }
iked() { # node, iked.conf
    mkdir -p /var/empty /run/iked /etc/iked/private /etc/iked/pubkeys/ipv4 /etc/iked/ca /etc/iked/certs /etc/iked/crls; chmod 600 $2
    cp /test/r2.key /etc/iked/private/local.key; cp /test/r2.pub /etc/iked/local.pub; chmod 600 /etc/iked/private/local.key
    ip netns exec $1 /usr/sbin/iked -d -v -f $2 > /tmp/$1.log 2>&1 &
    echo $! >> /tmp/pids; await "iked at port 500" bound $1 udp 500; }

# ---- what is looked at ----

up() { answers $1 $2 || { say "no answer: $1 to $2"; return 1; }; }
down() { ip netns exec $1 ping -c 2 -W 1 $2 > /tmp/out 2>&1 && say "an answer that should not come: $1 to $2"; }
logged() { # node, expression, how often
    await "$1 says ${3:-1} times: $2" lines_are ${3:-1} /tmp/$1.log "$2"; }
sas_are() { [ "$(sas $1)" = $2 ]; }
routes() { ip -n $1 route | grep -q "$2"; }
spis() { ip netns exec $1 ioscc show crypto ikev2 sa detailed --state-dir /run/$1 | grep -i spi; }
other_spis() { s=$(spis $1) && [ -n "$s" ] && [ "$s" != "$2" ]; }
unlogged() { grep -qE "$2" /tmp/$1.log && say "$1 says: $(grep -E "$2" /tmp/$1.log | tail -1)"; }
sas() { ip -n $1 xfrm state | grep -c 'spi 0x[0-9]*[1-9a-f]'; } # what waits for an answer has none
state_has() { ip -n $1 -s xfrm state | grep -q -- "$2" || say "no SA of $1 has: $2"; }
wire_has() { await "on the wire of $1: $2" holds /tmp/$1.pcap "$2"; }
stop_ours() { p=$(cat /tmp/$1.ours); rm /tmp/$1.ours; kill $p; wait $p || say "ioscc in $1 ends with $?"; [ "$(sas $1)" = 0 ] || say "SAs are left in $1"; }
kill_ours() { p=$(cat /tmp/$1.ours); rm /tmp/$1.ours; kill -9 $p; wait $p 2>/dev/null; rm -f /run/$1/control.sock; }
json() { ip netns exec $1 ioscc show crypto ${2:-session} --state-dir /run/$1; }

# ---- one after the other ----

clean() {
    for f in /tmp/*.ours; do [ -e $f ] && stop_ours $(basename $f .ours); done
    for n in $watched; do captured /tmp/$n.pcap $n; done
    [ -e /tmp/pids ] && kill $(cat /tmp/pids) 2>/dev/null
    pkill -x iked 2>/dev/null; pkill -x charon 2>/dev/null; pkill -x pluto 2>/dev/null
    for n in $watched; do
        tcpdump -Z root -n -r /tmp/$n.pcap "${open:-icmp or icmp6 and (ip6[40] == 128 or ip6[40] == 129)}" 2>/dev/null | grep -v -e ESP -e AH -e unreachable > /tmp/clear
        [ ! -s /tmp/clear ] || say "$(wc -l < /tmp/clear) packets in the clear from $n, the first: $(head -1 /tmp/clear)"
    done
    for n in $(ip netns list | sed 's/ .*//'); do ip netns del $n; done
    rm -rf /tmp/pids /tmp/*.log /tmp/enough /tmp/lost /tmp/vici.* /tmp/swanctl.* /tmp/*.pcap /run/? /tmp/pluto.* /tmp/nss.*
    wait 2>/dev/null; }
one() { # number, world, then node=kind
    number=$1 world=$2; shift 2
    rm -f $said; touch $said; open=
    world $world
    for x in "$@"; do
        k=${x%%=*} f=/test/$number.${x#*=}
        case $f in *.cfg) ours $k $f ;; *.swan) swan $k $f ;; *.libre) libre $k $f ;; *.iked) iked $k $f ;; esac
    done
    . /test/$number.do
    if [ -s $said ]; then for n in a b c; do [ -e /tmp/$n.log ] && { echo "---- $n"; tail -${LINES_SHOWN:-40} /tmp/$n.log; ip -n $n xfrm state; ip -n $n xfrm policy | grep -v socket; ip netns exec $n grep -v '	0$' /proc/net/xfrm_stat; }; done > /tmp/details; fi
    clean
    if [ -s $said ]; then echo "RESULT $number failed $(tr '\n' ';' < $said)"; cat /tmp/details 2>/dev/null; else echo "RESULT $number passed"; fi; }
# the kernel loads its ciphers with the first SA, which takes seconds here: longer than some peers wait
ip netns add warm
k=0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
ip -n warm xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel auth-trunc 'hmac(sha256)' $k 128 enc 'cbc(aes)' $k
ip -n warm xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 2 mode tunnel auth-trunc 'hmac(sha1)' ${k%??????????????????????} 96 enc 'cbc(aes)' $k
ip -n warm xfrm state add src 192.0.2.1 dst 192.0.2.2 proto ah spi 3 mode transport auth-trunc 'hmac(sha256)' $k 128
ip netns del warm

while read -r line; do one $line < /dev/null; done < /test/cases
exit 0
