# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed in every moment: while things happen to a live host, protected packets are sent all the time, in and out, and every
frame on the outside link and behind the router is looked at. Not one may pass in the clear, and what must be clear flows. No SA ever stands here (this kernel
has no ESP), so that nothing protected may leave at all; real ESP is in the guest (tests/vm).

Each event is a row: what stands before apply, and what happens then, as lines of a shell in the router's namespace (`lan:`,
`isp:`: in the others'). In the end of each the walls are taken away, and then it must leak: else it would prove nothing."""
import os, re, select, socket, struct, subprocess, sys, threading, time

sys.path[:0] = ['tests/netns']
import lab
from lab import wait_for

IOSCC = os.path.abspath(os.environ.get('IOSCC', 'build/asan/ioscc'))
ESP, AH, UDP = 50, 51, 17
QUIET_S = 0.3 if lab.QUICK else 5.0  # how long it is looked at after the event
CONFIG = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key correct-horse-battery address 192.0.2.2
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
 permit udp 10.1.0.0 0.0.255.255 10.70.0.0 0.0.255.255 range 1000 2000
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.2
 set transform-set T
 match address L
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
interface GigabitEthernet0/1
 ip address 10.1.0.1 255.255.0.0
end
'''
NAT = CONFIG.replace('crypto map M 10', '''ip access-list extended NAT
 deny ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
 deny ip 10.1.0.0 0.0.255.255 10.70.0.0 0.0.255.255
 permit ip 10.1.0.0 0.0.255.255 any
ip nat inside source list NAT interface GigabitEthernet0/0 overload
crypto map M 10''').replace(' crypto map M\n', ' ip nat outside\n crypto map M\n').replace('end\n', ' ip nat inside\nend\n')
# the list is on what NAT makes of the packets
TRANSLATED = NAT.replace(' deny ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n', '').replace('permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'permit ip host 192.0.2.1 10.2.0.0 0.0.255.255', 1)
# port 0, which fragments have to policies, is let go
LOW_PORTS = CONFIG.replace(' permit udp 10.1.0.0 0.0.255.255 10.70.0.0 0.0.255.255 range 1000 2000', ' deny udp 10.1.0.0 0.0.255.255 10.70.0.0 0.0.255.255 lt 1000\n permit ip 10.1.0.0 0.0.255.255 10.70.0.0 0.0.255.255')
# what is translated to 192.0.2.51 is protected, and nothing is as yet
POOL = TRANSLATED.replace('permit ip host 192.0.2.1 10.2', 'permit ip host 192.0.2.51 10.2').replace('ip nat inside source list NAT interface GigabitEthernet0/0 overload', 'ip nat pool P 192.0.2.51 192.0.2.51 prefix-length 24\nip nat inside source list NAT pool P overload')
# ... and a port of IKE of the outside address is an inside host's
FORWARDED = TRANSLATED.replace('ip nat inside source list', 'ip nat inside source static udp 10.1.0.9 4500 192.0.2.1 4500\nip nat inside source list')
MASQUERADE = 'nft add table ip docker; nft add chain ip docker post "{ type nat hook postrouting priority 100; }"; nft add rule ip docker post oifname eth0 masquerade'
ELSEWHERE = 'nft add table ip d; nft add chain ip d pre "{ type nat hook prerouting priority -100; }"; nft add rule ip d pre ip daddr 10.2.0.9 dnat to 10.99.0.9; sleep 0.3'
NOTRACK = 'nft add table ip raw1; nft add chain ip raw1 pre "{ type filter hook prerouting priority -300; }"; nft add rule ip raw1 pre notrack'
DYNAMIC = CONFIG.replace('crypto map M 10 ipsec-isakmp\n set peer 192.0.2.2\n', 'crypto dynamic-map D 10\n').replace('interface GigabitEthernet0/0', 'crypto map M 10 ipsec-isakmp dynamic D\ninterface GigabitEthernet0/0')
TRACKED = 'nft add table ip t; nft add chain ip t f "{ type filter hook forward priority 0; }"; nft add rule ip t f ct state new counter; sleep 0.3'
FLUSH = 'ip xfrm policy flush'
# the same link made anew: as pppd, a VLAN or systemd-networkd does it
ANEW = 'ip link del eth0; ip link add eth0 type veth peer name wan netns $ISP; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0; isp: ip link set wan up; ip addr add 192.0.2.2/24 dev wan; ip route add 10.1.0.0/16 via 192.0.2.1; r: ip route add default via 192.0.2.2'
FOREIGN = 'ip xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 1'

# both links made anew, the outside one with the inside's name
EXCHANGED = 'ip link del eth0; ip link del eth1; ip link add eth1 type veth peer name wan netns $ISP; ip link add eth0 type veth peer name lan0 netns $LAN; ip link set eth0 up; ip link set eth1 up; ip addr add 192.0.2.1/24 dev eth1; ip addr add 10.1.0.1/16 dev eth0; isp: ip link set wan up; ip addr add 192.0.2.2/24 dev wan; ip route add 10.1.0.0/16 via 192.0.2.1; lan: ip link set lan0 up; ip addr add 10.1.0.9/16 dev lan0; ip route add default via 10.1.0.1; r: ip route add default via 192.0.2.2'
RUN = '$IOSCC run $OPTIONS $FILE > $FILE.log 2>&1 & echo $! > $FILE.pid; for i in $(seq 200); do [ -S $STATE/control.sock ] && break; sleep 0.1; done'
# the outside link under another name, as a port of a bridge that has its address, and with its address on a link above it
RENAMED = 'ip link set eth0 down; ip link set eth0 name x0; ip link set x0 up; ip route add default via 192.0.2.2'
LIST_LAST = re.sub(r'ip access-list extended L\n( permit ip [^\n]*\n)( permit udp [^\n]*\n)(.*)end\n', r'\3ip access-list extended L\n\2\1end\n', CONFIG, flags=re.S)
DHCP = CONFIG.replace(' ip address 192.0.2.1 255.255.255.0\n', ' ip address dhcp\n')
ON_WIRE = 'ip link add v0 link eth0 type macvlan mode bridge; ip link set v0 up'
ADDRESS_TO = 'ip addr flush dev eth0; ip addr add 192.0.2.1/24 dev %s; ip route replace default via 192.0.2.2'
BRIDGE = 'ip link add br0 type bridge; ip link set br0 up'
BRIDGED = 'ip link set eth0 master br0; ' + ADDRESS_TO % 'br0'
STATUS = '; $IOSCC status --state-dir $STATE; echo status $?'
KNOWN = '{ nft list chain inet ioscc later_guard; nft list chain inet ioscc later_prerouting; }'
SAYS_PORT = '; for i in $(seq 100); do grep -q "eth0 is a port of br0" $FILE.log && break; sleep 0.1; done; sleep 0.5' + STATUS

PFS = 'sed "s/ set transform-set T$/&\\n set pfs group19/" $FILE > $FILE.2'
GOES_BACK = 'for i in $(seq 600); do grep -q "Back to" $STATE/rollback.log && break; sleep 0.1; done; cat $STATE/rollback.log; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE'


# name, configuration, before apply, the event, what is said then
EVENTS = [
    ('nothing happens', CONFIG, '', 'true'),
    ('nothing happens, with NAT', NAT, '', 'true'),
    ('the link goes down and comes up', CONFIG, '', 'ip link set eth0 down; ip link set eth0 up; ip route add default via 192.0.2.2'),
    ('the link is made anew', CONFIG, '', ANEW),
    ('the link is made anew, with NAT', NAT, '', ANEW),
    ('the link is renamed and gets its name back', CONFIG, '', 'ip link set eth0 down; ip link set eth0 name x0; ip link set x0 name eth0; ip link set eth0 up; ip route add default via 192.0.2.2'),
    ('the link is renamed under a watch', CONFIG, '', 'exec 2>&1; ' + RUN + '; ip link set eth0 down; ip link set eth0 name x0; ip link set x0 up; ip route add default via 192.0.2.2; for i in $(seq 100); do grep -q "has no interface .eth0." $FILE.log && break; sleep 0.1; done; ip link set x0 mtu 1400; sleep 1; cat $FILE.log; $IOSCC status --state-dir $STATE; echo status $?', r"cannot be put right whole: this host has no interface 'eth0'(.|\n)*status 1"),
    ('the link is renamed, and what is missing is allowed', CONFIG, '', 'ip link set eth0 down; ip link set eth0 name x0; ip link set x0 up; ip route add default via 192.0.2.2; $IOSCC apply --allow-partial $OPTIONS $FILE', 'GigabitEthernet0/0 is eth0 there, but x0 has its address 192.0.2.1: nothing is touched'),
    ('the links exchange their names under a watch', CONFIG, '', 'exec 2>&1; ' + RUN + '; ip link set eth0 down; ip link set eth1 down; ip link set eth0 name x0; ip link set eth1 name eth0; ip link set x0 name eth1; ip link set eth0 up; ip link set eth1 up; ip route add default via 192.0.2.2; sleep 2; $IOSCC status --state-dir $STATE; echo status $?', 'GigabitEthernet0/0 is eth0 there, but eth1 has its address(.|\n)*status [12]'),
    ('the links are made anew with exchanged names under a watch, the address is the provider\'s', DHCP, '', 'exec 2>&1; ' + RUN + '; ' + EXCHANGED + '; sleep 6' + STATUS, r'GigabitEthernet0/1 is eth1 there, but eth0 has its address(.|\n)*status [123]'),
    ('the links are made anew with exchanged names', CONFIG, '', EXCHANGED),
    ('the links are made anew with exchanged names, the address is the provider\'s', DHCP, '', EXCHANGED + '; sleep 1' + STATUS, r'GigabitEthernet0/1 is eth1 there, but eth0 has its address(.|\n)*status [123]'),
    ('the stored configuration is changed', CONFIG, '', 'exec 2>&1; ' + RUN + '; sed -i "/crypto map M$/d" $STATE/config-*.cfg; ip xfrm policy flush; sleep 2; $IOSCC status --state-dir $STATE; echo status $?; cat $FILE.log; $IOSCC reload $OPTIONS $FILE; $IOSCC status --state-dir $STATE; echo status $?', r'has been changed, it is not what was applied(.|\n)*status 3(.|\n)*it is not what was applied: nothing is touched(.|\n)*status 0'),
    ('a pipe stands in the place of the stored configuration', CONFIG, '', 'exec 2>&1; ' + RUN + '; f=$(ls $STATE/config-*.cfg); rm $f; mkfifo $f; ip xfrm policy flush; sleep 2; timeout 5 $IOSCC status --state-dir $STATE; echo status $?; cat $FILE.log; $IOSCC reload $OPTIONS $FILE; timeout 5 $IOSCC status --state-dir $STATE; echo status $?', r'has been changed, it is not what was applied(.|\n)*status 3(.|\n)*it is not what was applied: nothing is touched(.|\n)*status 0'),
    ('the inside link is made anew', NAT, '', 'ip link del eth1; ip link add eth1 type veth peer name lan0 netns $LAN; ip link set eth1 up; ip addr add 10.1.0.1/16 dev eth1; lan: ip link set lan0 up; ip addr add 10.1.0.9/16 dev lan0; ip route add default via 10.1.0.1'),
    ('policies are flushed', CONFIG, '', FLUSH),
    ('policies are flushed, with NAT', NAT, '', FLUSH),
    ('the ruleset is flushed', CONFIG, '', 'nft flush ruleset'),
    ('the ruleset is flushed, with NAT', NAT, '', 'nft flush ruleset'),
    ('the ruleset is flushed, a dynamic map', DYNAMIC, '', 'nft flush ruleset'),
    ('somebody else masquerades', CONFIG, '', MASQUERADE),
    ('somebody else masquerades, with NAT', NAT, '', MASQUERADE),
    ('somebody else has masqueraded from the beginning', CONFIG, MASQUERADE, 'true'),
    ('somebody else masquerades, policies are flushed', CONFIG, '', MASQUERADE + '; ' + FLUSH),
    ('somebody else has masqueraded, policies are flushed', CONFIG, MASQUERADE, FLUSH),
    ('somebody else translates to an address', CONFIG, '', MASQUERADE.replace(' masquerade', ' snat to 192.0.2.1')),
    ('somebody else translates destinations', CONFIG, '', 'nft add table ip d; nft add chain ip d pre "{ type nat hook prerouting priority -100; }"; nft add rule ip d pre ip daddr 10.2.0.9 udp dport 9 dnat to 10.2.0.8:10'),
    ('somebody else has sent it elsewhere from the beginning', CONFIG, ELSEWHERE, 'true'),
    ('somebody else has sent it elsewhere from the beginning, with NAT', NAT, ELSEWHERE, 'true'),
    ('a policy of somebody else comes before ours', CONFIG, '', FOREIGN + '; $IOSCC status --state-dir $STATE; echo status $?', r'(?s)In the way of what is applied:\nwarning: a policy of another program has a higher priority than ours:\n  ! out .*status 1'),
    ('a policy of somebody else for other packets', CONFIG, '', FOREIGN.replace('0.0.0.0/0', '10.3.0.0/16') + '; ' + FOREIGN + ' mark 9; ip xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out ptype sub priority 1; $IOSCC status --state-dir $STATE; echo status $?', r'\A(?!.*higher priority)[\s\S]*status 0'),
    ('a policy of the second type that drops', CONFIG, '', 'ip xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out ptype sub action block priority 999999' + STATUS, r'(?s)has a higher priority than ours:\n  ! out .*status 1'),
    ('a policy of ours gets a lifetime', CONFIG, '', 'ip xfrm policy update $(ip xfrm policy list dir fwd src 10.2.0.0/16 | head -4) limit time-hard 900' + STATUS, r'(?s)1 to change.*status 1'),
    ('a policy of somebody else for packets without a mark', CONFIG, '', FOREIGN + ' mark 0 mask 0xff; $IOSCC status --state-dir $STATE; echo status $?', r'(?s)has a higher priority than ours.*status 1'),
    ('a policy of somebody else comes before ours, with NAT', NAT, '', FOREIGN),
    ('connections are not tracked', CONFIG, '', NOTRACK),
    ('connections are not tracked, policies are flushed', CONFIG, '', NOTRACK + '; ' + FLUSH),
    ('connections are not tracked before anything else', CONFIG, '', NOTRACK.replace('-300', '-450')),
    ('connections are not tracked before anything else, policies are flushed', CONFIG, '', NOTRACK.replace('-300', '-450') + '; ' + FLUSH),
    ('the list is on translated addresses, connections are not tracked before anything else', TRANSLATED, '', NOTRACK.replace('-300', '-450')),
    ('the list is on translated addresses', TRANSLATED, '', 'true'),
    ('the list is on translated addresses, policies are flushed', TRANSLATED, '', FLUSH),
    ('the list is on translated addresses, the link is made anew', TRANSLATED, '', ANEW),
    ('the list is on translated addresses, connections from before are tracked', TRANSLATED, TRACKED, 'true'),
    ('connections from before are translated', CONFIG, MASQUERADE + '; sleep 0.3; grep 10.2.0.9 /proc/net/nf_conntrack', 'echo protected: $(grep -c "^[^=]*src=10.1.0.9 dst=10.2.0.9" /proc/net/nf_conntrack)', 'protected: 0'),
    ('a change that translates nothing otherwise', NAT, TRACKED, 'sed "s/^ permit udp/ permit ip 10.1.0.0 0.0.255.255 10.99.0.0 0.0.255.255\\n&/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', r'\A(?![\s\S]*begin anew)[\s\S]*Applied'),
    ('a change, and a connection by another interface', NAT, TRACKED + '; ip link add eth2 type veth peer name x2; ip link set eth2 up; ip link set x2 up; ip addr add 10.5.0.1/24 dev eth2; lan: python3 -c "import socket; socket.socket(2, 2).sendto(b\'x\', (\'10.5.0.2\', 9))"',
     'grep -c dst=10.5.0.2 /proc/net/nf_conntrack; sed "s/^ permit udp/ permit ip 10.1.0.0 0.0.255.255 10.99.0.0 0.0.255.255\\n&/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', r'\A1\n(?![\s\S]*begin anew)[\s\S]*Applied'),
    ('the address that NAT translates to has changed, and is protected', POOL, TRACKED + '; sed "s/192.0.2.51 192.0.2.51/192.0.2.50 192.0.2.50/" $FILE > $FILE.1; $IOSCC apply $OPTIONS $FILE.1; sleep 0.3', 'true'),
    ('the list is on translated addresses, a port of IKE, policies are flushed', TRANSLATED, '', FLUSH + '; lan: python3 -c "import socket; s = socket.socket(2, 2); s.bind((\'\', 4500)); [s.sendto(b\'x\', (\'10.2.0.9\', 9)) for i in range(9)]"'),
    ('the list is on translated addresses, packets that conntrack calls invalid', TRANSLATED, '', 'lan: python3 -c "import socket; s = socket.socket(2, 3, 1); [s.sendto(bytes([0, 0, 0xff, 0xfd, 0, 1, 0, 1]), (\'10.2.0.9\', 0)) for i in range(9)]"'),
    ('the list is on translated addresses, connections are not tracked', TRANSLATED, '', NOTRACK),
    ('the list is on translated addresses, somebody else translates before us', TRANSLATED, '', MASQUERADE.replace('priority 100', 'priority 80').replace(' masquerade', ' snat to 192.0.2.77')),
    ('the list is on translated addresses, somebody else has translated before us', TRANSLATED, MASQUERADE.replace('priority 100', 'priority 80').replace(' masquerade', ' snat to 192.0.2.77') + '; sleep 0.3', 'true'),
    ('the list is on translated addresses, the inside link becomes a port of a bridge', TRANSLATED, '', 'ip link add br0 type bridge; ip addr flush dev eth1; ip link set eth1 master br0; ip addr add 10.1.0.1/16 dev br0; ip link set br0 up; ip neigh flush all'),
    ('the list is on translated addresses, another address comes first', TRANSLATED, '', 'ip addr flush dev eth0; ip addr add 192.0.2.50/24 dev eth0; ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.2'),
    ('the list is on translated addresses, somebody has copies made', TRANSLATED, '', 'nft add table ip c; nft add chain ip c p "{ type filter hook prerouting priority -290; }"; nft add rule ip c p ip daddr 10.2.0.0/16 dup to 192.0.2.2 device eth0'),
    ('the list is on translated addresses, somebody else sends it elsewhere', TRANSLATED, '', ELSEWHERE),
    ('the list is on translated addresses, the file translates no more', TRANSLATED, '', 'grep -v "nat inside source" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'does not translate any more what its crypto list is on .*: nothing is touched'),
    ('the list is on translated addresses, another address under a watch', TRANSLATED, '', RUN + '; ip addr flush dev eth0; ip addr add 192.0.2.50/24 dev eth0; ip route add default via 192.0.2.2; sleep 2'),
    ('the list is on translated addresses, another address', TRANSLATED, '', 'ip addr flush dev eth0; ip addr add 192.0.2.50/24 dev eth0; ip route add default via 192.0.2.2'),
    ('the list is on translated addresses, the inside link is renamed', TRANSLATED, '', 'ip link set eth1 down; ip link set eth1 name lan1; ip link set lan1 up'),
    ('the list is on translated addresses, the inside link is renamed, policies are flushed', TRANSLATED, '', FLUSH + '; ip link set eth1 down; ip link set eth1 name lan1; ip link set lan1 up'),
    ('the link becomes a port of a bridge', CONFIG, '', 'exec 2>&1; ' + BRIDGE + '; ' + BRIDGED + STATUS, r'eth0 is a port of br0: packets leave by that one, and nothing on eth0 protects them(.|\n)*status 1'),
    ('the link becomes a port of a bridge, with NAT', NAT, '', BRIDGE + '; ' + BRIDGED),
    ('the link becomes a port of a bridge under a watch', CONFIG, '', RUN + '; ' + BRIDGE + '; ' + BRIDGED + SAYS_PORT, 'status [123]'),
    ('the link becomes a port of an empty bridge that was there', CONFIG, BRIDGE, BRIDGED + STATUS, 'status 1'),
    ('the link becomes a port of an empty bridge that was there, with NAT', NAT, BRIDGE, BRIDGED),
    ('the link becomes a port of an empty bridge that was there, in one go, under a watch', CONFIG, BRIDGE, RUN + '; ' + BRIDGED + SAYS_PORT, 'status [123]'),
    ('an empty bridge that was there gets an inside network, under a watch', CONFIG, BRIDGE, 'exec 2>&1; ' + RUN + '; ip link add i0 type veth peer name i1; ip link set i0 master br0; ip addr add 10.66.0.1/16 dev br0; for i in $(seq 100); do nft list chain inet ioscc idle_guard | grep -q br0 || break; sleep 0.1; done; nft list chain inet ioscc idle_guard; ip link del i0; sleep 1' + STATUS, r'\A(?![^}]*br0)[\s\S]*status 0'),
    ('the link becomes a port of a bridge that was there, under a watch', CONFIG, BRIDGE, RUN + '; ip link set eth0 master br0' + SAYS_PORT + '; ' + BRIDGED + '; sleep 0.5', 'status 1'),
    ('the address moves to a link above', CONFIG, '', 'ip link add v0 link eth0 type macvlan mode bridge; ip link set v0 up; ' + ADDRESS_TO % 'v0'),
    ('the address moves to a link above under a watch', CONFIG, '', 'exec 2>&1; ' + RUN + '; ip link add v0 link eth0 type macvlan mode bridge; ip link set v0 up; ' + ADDRESS_TO % 'v0' + '; sleep 1' + STATUS, r'but v0 has its address(.|\n)*status 1'),
    ('a macvlan on the outside link under a watch', CONFIG, '', 'exec 2>&1; ' + RUN + '; ip link add v0 link eth0 type macvlan mode bridge; ip link set v0 up; ip addr add 192.0.2.3/24 dev v0; sleep 1; for n in 10.2 10.70; do ip route replace $n.0.0/16 via 192.0.2.2 dev v0; done; sleep 4' + STATUS, 'status 0'),
    ('the lease moves to a macvlan that was there, under a watch', DHCP, ON_WIRE, 'exec 2>&1; ' + RUN + '; ' + ADDRESS_TO % 'v0' + '; sleep 1' + STATUS, r'eth0 has no IPv4 address: what is protected leaves by no link that the configuration does not name(.|\n)*status 1'),
    ('the IPv6 address moves to another link', CONFIG.replace(' ip address 192.0.2.1 255.255.255.0\n', ' ip address 192.0.2.1 255.255.255.0\n ipv6 address 2001:db8::1/64\n'), 'ip addr add 2001:db8::1/64 dev eth0 nodad', 'exec 2>&1; ' + BRIDGE + '; ip addr del 2001:db8::1/64 dev eth0; ip addr add 2001:db8::1/64 dev br0 nodad' + STATUS, r'eth0 there, but br0 has its address(.|\n)*status 1'),
    ('the list is on translated addresses, the outside link is renamed', TRANSLATED, '', RENAMED),
    ('the list is on translated addresses, the outside link is renamed, with connections from before', TRANSLATED, TRACKED, RENAMED),
    ('the list is on translated addresses, the outside link is renamed under a watch', TRANSLATED, '', RUN + '; ' + RENAMED + '; sleep 1' + STATUS, 'status 1'),
    ('the list is on translated addresses, the outside link becomes a port of a bridge', TRANSLATED, '', BRIDGE + '; ' + BRIDGED),
    ('the list is on translated addresses, the outside link becomes a port of a bridge under a watch', TRANSLATED, '', RUN + '; ' + BRIDGE + '; ' + BRIDGED + SAYS_PORT, 'status [123]'),
    ('the link goes, and those that were known stay known', CONFIG, '', 'exec 2>&1; ip link add eth7 type bridge; $IOSCC apply $OPTIONS $FILE; ' + RUN + '; ' + KNOWN + ' > $FILE.1; ip link del eth0; ip link add eth8 type bridge; for i in $(seq 100); do grep -q "has no interface" $FILE.log && break; sleep 0.1; done; ip link add eth9 type bridge; sleep 1; ' + KNOWN + ' > $FILE.2; cmp $FILE.1 $FILE.2 && grep -c "links up to" $FILE.2; ' + ANEW.split('; ', 1)[1] + '; r: sleep 5; ' + KNOWN + ' | cmp - $FILE.1' + STATUS, r'\n2\n[\s\S]* differ: [\s\S]*status 0'),
    ('links come and go', CONFIG, '', BRIDGE + STATUS + '; $IOSCC apply $OPTIONS $FILE' + STATUS + '; ip link del br0' + STATUS, r'links or addresses have changed since: until that is taken in, nothing that is protected leaves by new ones(.|\n)*status 1\n(.|\n)*Applied(.|\n)*status 0\n(.|\n)*status 0'),
    ('links come and go under a watch', CONFIG, '', 'exec 2>&1; ' + RUN + '; ' + BRIDGE + '; for i in $(seq 100); do $IOSCC status --state-dir $STATE > /dev/null && break; sleep 0.1; done' + STATUS + '; ip link del br0; sleep 0.5' + STATUS + '; cat $FILE.log', r'\A(?!.*repaired)[\s\S]*status 0\n[\s\S]*status 0\n[\s\S]*links or addresses have come or gone: they are taken in'),
    ('policies alone, low ports are let go', LOW_PORTS, '', 'nft delete table inet ioscc'),
    ('an ICMP type is named, policies alone', CONFIG.replace(' permit udp 10.1', ' permit icmp 10.1.0.0 0.0.255.255 10.71.0.0 0.0.255.255 echo\n permit udp 10.1'), '', 'exec 2>&1; $IOSCC plan --only xfrm --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE; echo status $?', r'is not protected by its IPsec policies alone \(--only xfrm\): the packet filter is a part of it(.|\n)*status 2'),
    ('other addresses', CONFIG, '', 'ip addr del 192.0.2.1/24 dev eth0; ip addr add 192.0.2.77/24 dev eth0; ip route add default via 192.0.2.2'),
    ('one more address', CONFIG, '', 'ip addr add 192.0.2.78/24 dev eth0'),
    ('the default route goes and comes', CONFIG, '', 'ip route del default; ip route add default via 192.0.2.2'),
    ('a more special route', CONFIG, '', 'ip route add 10.2.0.0/16 via 192.0.2.2'),
    ('the tables of iptables are flushed', NAT, '', 'iptables -F; iptables -t nat -F; iptables -t mangle -F'),
    ('a table that accepts early', CONFIG, '', 'nft add table ip acc; nft add chain ip acc f "{ type filter hook forward priority -500; }"; nft add rule ip acc f accept; nft add chain ip acc p "{ type filter hook postrouting priority -500; }"; nft add rule ip acc p accept'),
    ('a table that accepts early, policies are flushed', CONFIG, '', 'nft add table ip acc; nft add chain ip acc p "{ type filter hook postrouting priority 500; }"; nft add rule ip acc p accept; ' + FLUSH),
    ('the MTU becomes small', CONFIG, '', 'ip link set eth0 mtu 600'),
    ('neighbours are forgotten', CONFIG, '', 'ip neigh flush all'),
    ('forwarding goes off and on', CONFIG, '', 'echo 0 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/ip_forward'),
    ('applied again', CONFIG, '', '$IOSCC apply $OPTIONS $FILE'),
    ('applied twice at once', NAT, '', '$IOSCC apply $OPTIONS $FILE & $IOSCC apply $OPTIONS $FILE; wait'),
    ('another configuration and back', NAT, '', 'sed "s/aes 256/aes/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; $IOSCC rollback --state-dir $STATE'),
    ('the state is lost', CONFIG, '', 'rm -rf $STATE; $IOSCC apply $OPTIONS $FILE'),
    ('the state is damaged', CONFIG, '', 'echo x > $STATE/state.json; $IOSCC status --state-dir $STATE; rm $STATE/state.json; $IOSCC apply $OPTIONS $FILE', 'remove state.json there'),
    # files that are not what they should be
    ('an empty file', CONFIG, '', ': > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; $IOSCC apply --state-dir $STATE $FILE.2', r'is empty: nothing is touched \(\d+ of \d+ policies'),
    ('prose', CONFIG, '', 'echo "Dear router, please protect everything." > $FILE.2; $IOSCC apply --state-dir $STATE $FILE.2', 'applies no crypto map to an interface: nothing is touched'),
    ('/etc/passwd', CONFIG, '', '$IOSCC apply --state-dir $STATE /etc/passwd', 'applies no crypto map to an interface: nothing is touched'),
    ('a configuration of another system', CONFIG, '', 'printf "ASA Version 9.8(2)\\nhostname asa\\nnames\\ninterface GigabitEthernet1/1\\n nameif outside\\n security-level 0\\n" > $FILE.2; $IOSCC apply --state-dir $STATE $FILE.2', 'is a configuration of another system: nothing is touched'),
    ('a file cut off before its interfaces', CONFIG, '', 'sed "/^interface/,\\$d" $FILE > $FILE.2; $IOSCC apply --state-dir $STATE $FILE.2', 'applies no crypto map to an interface: nothing is touched'),
    ('a file cut off before its interfaces, which are named', CONFIG, '', 'exec 2>&1; sed "/^interface/,\\$d" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; echo status $?', r'the file has no interface at all: it may be cut off.: nothing is touched\nstatus 2'),
    ('a file with much less in it', CONFIG, '', 'grep -v "permit udp" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'protects less than half of what stands: nothing is touched'),
    ('a wildcard that is narrower by a misprint', CONFIG, '', 'sed "s/0.0.255.255 10/0.0.0.255 10/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'protects less than half of what stands: nothing is touched'),
    ('the interfaces are named the wrong way round', CONFIG, '', '$IOSCC apply --state-dir $STATE -m Gi0/0=eth1,Gi0/1=eth0 $FILE', 'GigabitEthernet0/0 is eth1 there, but eth0 has its address 192.0.2.1: nothing is touched'),
    ('two links have the address of one', CONFIG, '', 'exec 2>&1; ip link add eth9 type veth peer name x9; ip link set eth9 up; ip addr add 192.0.2.1/32 dev eth9; $IOSCC apply --state-dir $STATE $FILE; echo status $?', 'eth0 and eth9 both have the address of GigabitEthernet0/0: say which of them it is .*nothing is touched\nstatus 2'),
    ('an interface is named lo', CONFIG, '', '$IOSCC apply --state-dir $STATE -m Gi0/0=eth0,Gi0/1=lo $FILE', 'GigabitEthernet0/1 is lo there, but eth1 has its address 10.1.0.1: nothing is touched'),
    ('an interface that becomes a port of a bridge', CONFIG, '', 'ip link add br0 type bridge; ip link set eth0 master br0; $IOSCC status --state-dir $STATE; $IOSCC apply $OPTIONS $FILE; ip link set eth0 nomaster', r'(?s)eth0 is a port of br0: packets leave by that one.*eth0 is a port'),
    ('an interface that encrypts nothing', CONFIG, '', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/disable_xfrm; $IOSCC status --state-dir $STATE; $IOSCC apply $OPTIONS $FILE', r'(?s)disable_xfrm is set: nothing that leaves by eth0 is encrypted.*disable_xfrm is set'),
    ('an interface that asks no policy for what comes in', CONFIG, '', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/disable_policy; $IOSCC status --state-dir $STATE; $IOSCC apply $OPTIONS $FILE', r'(?s)conf.eth0.disable_policy is set: what comes in by eth0 in the clear passes every policy.*disable_policy is set'),
    ('no interface encrypts anything', CONFIG, '', 'echo 1 > /proc/sys/net/ipv4/conf/all/disable_xfrm; $IOSCC status --state-dir $STATE; $IOSCC apply $OPTIONS $FILE', r'(?s)conf.all.disable_xfrm is set: nothing that leaves by any interface is encrypted.*all.disable_xfrm is set'),
    ('the file of another router', CONFIG, '', 'sed "s/hostname r1/hostname r2/; s/10.2.0.0/10.33.0.0/; s/10.70.0.0/10.77.0.0/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'is of another router, and nothing of what stands is in it'),
    ('the interface is in a VRF, in another file', CONFIG, '', 'exec 2>&1; sed "s/^interface GigabitEthernet0.0/vrf definition INET\\n&\\n vrf forwarding INET/" $FILE > $FILE.2; $IOSCC apply --allow-partial $OPTIONS $FILE.2', r'what the map protects there is blocked(.|\n)*Applied'),
    ('a tunnel interface that is protected, in another file', CONFIG, '', 'sed "s/^end/interface Tunnel0\\n ip address 10.9.0.1 255.255.255.252\\n tunnel source GigabitEthernet0\\/0\\n tunnel destination 192.0.2.2\\n tunnel mode ipsec ipv4\\n tunnel protection ipsec profile P\\nend/" $FILE > $FILE.2; $IOSCC apply --allow-partial $OPTIONS $FILE.2', r"which is not carried: it would leave by the host's own routes, in the clear: nothing is touched"),
    ('a crypto map that is misspelt', CONFIG, '', 'sed "s/^ crypto map M/ crypto map N/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; $IOSCC apply --allow-partial $OPTIONS $FILE.2', 'crypto map N of GigabitEthernet0/0 is not defined'),
    ('a list that is misspelt', CONFIG, '', 'sed "s/match address L/match address K/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'its access list does not exist(.|\n)*nothing is touched'),
    ('a transform set that is misspelt', CONFIG, '', 'sed "s/transform-set T$/transform-set U/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'nothing is touched'),
    ('a failing half', CONFIG, '', 'nft delete table inet ioscc; nft add table inet ioscc "{ flags owner; }"; $IOSCC apply $OPTIONS $FILE', ''),
    ('the state directory is full', CONFIG, '', 'exec 2>&1; mount -t tmpfs -o size=4k,mode=700 none $STATE; echo x > $STATE/x; $IOSCC apply $OPTIONS $FILE; ls -A $STATE; umount $STATE', r'cannot store the configuration in \S+/state: No space left on device: nothing is touched\n(?:(?!lock)[^\n]*\n)*lock\nx\n$'),
    ('the state directory is full with the configuration', CONFIG, '', 'exec 2>&1; mount -t tmpfs -o size=4k,mode=700 none $STATE; $IOSCC apply $OPTIONS $FILE; umount $STATE; $IOSCC apply $OPTIONS $FILE' + STATUS, r'cannot write the state in \S+/state: No space left on device: nothing is touched\n[\s\S]*status 0'),
    # daemons
    ('a daemon comes, and is killed', CONFIG, '', RUN + '; kill -9 $(cat $FILE.pid)'),
    ('a daemon comes, and ends', CONFIG, '', RUN + '; kill $(cat $FILE.pid); wait; $IOSCC status --state-dir $STATE', 'IKE daemon has ended'),
    ('a daemon comes, and each of its processes is killed', NAT, '', RUN + '; for p in $(pgrep -P $(cat $FILE.pid)); do kill -9 $p; done'),
    ('a daemon ends, and the next one comes at once', CONFIG, '', RUN + '; o=$(cat $FILE.pid); kill $o; for i in $(seq 200); do $IOSCC run $OPTIONS $FILE > $FILE.log 2>&1 & echo $! > $FILE.pid; sleep 0.2; kill -0 $! 2>/dev/null && break; done; wait $o; for i in $(seq 200); do [ -S $STATE/control.sock ] && break; sleep 0.1; done; $IOSCC show crypto session --state-dir $STATE; echo shown $?', 'shown 0'),
    ('a daemon whose interfaces are in a file', CONFIG, '', 'printf "Gi0/0=eth0\\n# inside\\nGi0/1=eth1\\n" > $FILE.map; ' + RUN.replace('$OPTIONS', '--state-dir $STATE -M $FILE.map') + '; $IOSCC reload --state-dir $STATE -M $FILE.map $FILE; echo reloaded $?; $IOSCC status --state-dir $STATE; echo status $?', r'(?s)reloaded 0.*The IKE daemon runs.*status 0'),
    ('two daemons', CONFIG, '', RUN + '; $IOSCC run $OPTIONS $FILE; $IOSCC run --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE', r'a daemon runs already with \S+r\.cfg \(process \d+\)(.|\n)*a daemon runs here with another state directory: nothing is touched'),
    ('somebody wants the port of a daemon', CONFIG, '', RUN + '; python3 -c "import os, socket; os.setuid(65534); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((\\"192.0.2.1\\", 4500))" 2>&1 | tail -1', 'Address already in use'),
    ('apply beside a daemon', CONFIG, '', RUN + '; sed "s/aes 256/aes/" $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2', 'a daemon runs with .*: nothing is touched'),
    ('remove beside a daemon', CONFIG, '', RUN + '; $IOSCC remove --state-dir $STATE', 'a daemon runs with .*: nothing is touched'),
    ('another daemon with another state directory', CONFIG, '', RUN + '; sed "s/10.2.0.0/10.77.0.0/" $FILE > $FILE.2; $IOSCC run --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE.2', 'a daemon runs here with another state directory: nothing is touched\nName it'),
    ('apply with another state directory beside a daemon', CONFIG, '', RUN + '; sed "s/10.2.0.0/10.77.0.0/" $FILE > $FILE.2; $IOSCC apply --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE.2', 'a daemon runs here with another state directory: nothing is touched'),
    ('apply with a state directory of before beside a daemon', CONFIG, '$IOSCC apply --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE; $IOSCC remove --state-dir $STATE.2; $IOSCC apply --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE', RUN + '; sed "s/10.2.0.0/10.77.0.0/" $FILE > $FILE.2; $IOSCC apply --allow-less --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE.2', 'a daemon runs here with another state directory: nothing is touched'),
    ('remove with another state directory beside a daemon', CONFIG, '', RUN + '; $IOSCC remove --state-dir $STATE.2', 'a daemon runs here with another state directory: nothing is touched'),
    ('a reload that changes nothing of the kernel is shown', CONFIG, '', RUN + '; sed "s/ set transform-set T$/&\\n set pfs group19/" $FILE > $FILE.2; $IOSCC reload $OPTIONS $FILE.2; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE', r'(?s)r\.cfg\.2, applied .*The IKE daemon runs with \S+r\.cfg\.2, process.*PFS \(Y/N\): Y'),
    ('reload of an empty file', CONFIG, '', RUN + '; : > $FILE.2; $IOSCC reload --state-dir $STATE $FILE.2', 'is empty: nothing is touched|the router has no interface'),
    ('reload without a daemon', CONFIG, '', 'sed "s/aes 256/aes/" $FILE > $FILE.2; $IOSCC reload $OPTIONS $FILE.2', 'no daemon runs with state directory .*: nothing is touched'),
    ('reload --confirm, and nobody confirms', CONFIG, '', RUN + '; ' + PFS + '; $IOSCC reload --confirm 3 $OPTIONS $FILE.2; ' + GOES_BACK, r'(?s)Goes back in 3 seconds.*Back to \S+r\.cfg\..*r\.cfg, applied .*The IKE daemon runs with \S+r\.cfg, process.*PFS \(Y/N\): N'),
    ("reload --confirm, and the daemon starts again with the unit's file", CONFIG, '', 'exec 2>&1; ' + RUN + '; ' + PFS + '; $IOSCC reload --confirm 600 $OPTIONS $FILE.2; kill -9 $(cat $FILE.pid); wait; rm $STATE/control.sock; ' + RUN + '; cat $FILE.log; $IOSCC status --state-dir $STATE; $IOSCC confirm --state-dir $STATE; echo status $?', r"r\.cfg\.2, which waited for 'ioscc confirm', is replaced: nothing waits any more(?!(.|\n)*Waits for)(.|\n)*Nothing waits to be confirmed(.|\n)*status 1"),
    ('a daemon is refused', CONFIG, '', 'exec 2>&1; grep -v "crypto map M$" $FILE > $FILE.2; $IOSCC run $OPTIONS $FILE.2; echo run $?; $IOSCC status --state-dir $STATE; echo status $?', r"run 1\n(?!(.|\n)*has ended)(.|\n)*No IKE daemon runs(.|\n)*status 0"),
    ('reload --confirm, confirmed', CONFIG, '', RUN + '; ' + PFS + '; $IOSCC reload --confirm 600 $OPTIONS $FILE.2; $IOSCC confirm --state-dir $STATE; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE', r'(?s)Confirmed.*The IKE daemon runs with \S+r\.cfg\.2, process.*PFS \(Y/N\): Y'),
    ('reload --confirm, the daemon is killed and comes again', CONFIG, '', RUN + '; ' + PFS + '; $IOSCC reload --confirm 20 $OPTIONS $FILE.2; kill -9 $(cat $FILE.pid); sleep 0.5; rm $STATE/control.sock; ' + RUN.replace('$FILE >', '$FILE.2 >') + '; $IOSCC status --state-dir $STATE; ' + GOES_BACK, r"(?s)Waits for 'ioscc confirm'.*Back to \S+r\.cfg\..*The IKE daemon runs with \S+r\.cfg, process.*PFS \(Y/N\): N"),
    ('SIGHUP while a file waits to be confirmed', CONFIG, '', RUN + '; ' + PFS + '; $IOSCC reload --confirm 600 $OPTIONS $FILE.2; kill -HUP $(cat $FILE.pid); for i in $(seq 100); do grep -q SIGHUP $FILE.log && break; sleep 0.1; done; cat $FILE.log; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE', r"(?s)r\.cfg\.2 waits for 'ioscc confirm'.*SIGHUP: not reloaded.*r\.cfg\.2, applied .*Waits for 'ioscc confirm'.*PFS \(Y/N\): Y"),
    ('SIGHUP after another file was reloaded', CONFIG, '', RUN + '; ' + PFS + '; (cd $(dirname $FILE); $IOSCC reload $OPTIONS $(basename $FILE).2); kill -HUP $(cat $FILE.pid); for i in $(seq 100); do grep -q SIGHUP $FILE.log && break; sleep 0.1; done; cat $FILE.log; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE', r"(?s)SIGHUP: reloaded.*r\.cfg\.2, applied .*The IKE daemon runs with /\S+r\.cfg\.2, process.*PFS \(Y/N\): Y"),
    ('a file that is cut in a line which makes more policies', LIST_LAST, '', 'exec 2>&1; head -c -7 $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; echo status $?', r"has a last line without an end, and no 'end': it is cut off: nothing is touched(.|\n)*status 1"),
    ('a file that is cut behind a line', LIST_LAST, '', 'exec 2>&1; head -n -2 $FILE > $FILE.2; $IOSCC apply $OPTIONS $FILE.2; echo status $?', r"does not end with 'end', it may be cut off: nothing is touched(.|\n)*status 1"),
    ('removed with a state directory that never was', CONFIG, '', 'exec 2>&1; $IOSCC remove --state-dir $STATE.2; echo status $?', r'nothing is applied with state directory \S+\.2, and \d+ policies stand here: nothing is touched(.|\n)*status 1'),
    ('another state directory, and its rollback', CONFIG, '', 'exec 2>&1; ' + PFS + '; $IOSCC apply --state-dir $STATE.2 -m Gi0/0=eth0,Gi0/1=eth1 $FILE.2; $IOSCC rollback --state-dir $STATE.2; echo status $?', r'before it nothing was applied, all protection would go: nothing is touched(.|\n)*status 1'),
    ('rollback of an apply that changed nothing', CONFIG, '', 'exec 2>&1; $IOSCC apply $OPTIONS $FILE; $IOSCC rollback --state-dir $STATE; echo status $?', r'before it nothing was applied, all protection would go: nothing is touched(.|\n)*status 1'),
    ('the IPsec half of what needs both', CONFIG.replace(' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' permit ip 10.1.0.0 0.0.255.255 10.0.0.0 0.255.255.255'), '', 'exec 2>&1; $IOSCC apply --state-dir $STATE.2 --only xfrm -m Gi0/0=eth0,Gi0/1=eth1 $FILE; echo status $?', r'is not protected by its IPsec policies alone(.|\n)*status 1'),
    ('the state directory is removed under the daemon', CONFIG, '', 'exec 2>&1; ' + RUN + '; rm -rf $STATE; for i in $(seq 300); do kill -0 $(cat $FILE.pid) 2> /dev/null || break; sleep 0.1; done; wait $(cat $FILE.pid); echo ended $?; cat $FILE.log; $IOSCC remove --state-dir $STATE; echo status $?; ' + RUN + STATUS, r'ended 3(.|\n)*the state directory has been removed: the daemon ends, what is applied stays(.|\n)*nothing is applied with state directory(.|\n)*status 1\n(.|\n)*status 0'),
    ('the state directory is removed under the daemon, as it is shipped', CONFIG, '', 'exec 2>&1; IOSCC=$RELEASE; ' + RUN + '; rm -rf $STATE; for i in $(seq 300); do kill -0 $(cat $FILE.pid) 2> /dev/null || break; sleep 0.1; done; wait $(cat $FILE.pid); echo ended $?; cat $FILE.log; $IOSCC remove --state-dir $STATE; echo status $?; ' + RUN + STATUS, r'ended 3(.|\n)*the state directory has been removed: the daemon ends, what is applied stays(.|\n)*nothing is applied with state directory(.|\n)*status 1\n(.|\n)*status 0'),
    ('the daemon is stopped', CONFIG, '', 'exec 2>&1; ' + RUN + '; pkill -STOP -P $(cat $FILE.pid); kill -STOP $(cat $FILE.pid)' + STATUS + '; $IOSCC clear crypto sa --state-dir $STATE; echo status $?; $IOSCC metrics --state-dir $STATE | grep -c "daemon_answers 0\\|entries{"; $IOSCC reload $OPTIONS $FILE; echo status $?; kill -CONT $(cat $FILE.pid); pkill -CONT -P $(cat $FILE.pid)', r'(?s)The IKE daemon does not answer, it may be stopped(.*)status 1\n.*does not answer, it may be stopped: nothing is touched\nstatus 3\n1\n.*has not answered for 30 seconds, .*status 3\n'),
    ('show crypto session names what is down', CONFIG.replace('interface GigabitEthernet0/0', 'ip access-list extended L2\n permit tcp 10.1.0.0 0.0.255.255 10.88.0.0 0.0.0.255 eq 22\ncrypto map M 20 ipsec-isakmp\n set peer 192.0.2.7\n set transform-set T\n match address L2\ninterface GigabitEthernet0/0', 1).replace('address 192.0.2.2\n', 'address 192.0.2.2\ncrypto isakmp key another-long-secret-word address 192.0.2.7\n', 1), '', RUN + '; $IOSCC show crypto session --state-dir $STATE', r'Crypto session current status\n(.|\n)*\nInterface: GigabitEthernet0/0\nSession status: DOWN\nPeer: 192.0.2.7 port 500 \n  IPSEC FLOW: permit 6 10.1.0.0/16 10.88.0.0/24 \n        Active SAs: 0, origin: crypto map\n'),
    ('reload --confirm with no number of seconds', CONFIG, '', RUN + '; $IOSCC reload --confirm 0 $OPTIONS $FILE; $IOSCC reload --confirm 5x $OPTIONS $FILE', r'(?s)--confirm takes 1 to 86400 seconds, not .0.*not .5x'),
    ('rollback beside a daemon', NAT, '', RUN + '; ' + PFS + '; $IOSCC reload $OPTIONS $FILE.2; $IOSCC rollback --state-dir $STATE; $IOSCC status --state-dir $STATE; $IOSCC show crypto map --state-dir $STATE', r'(?s)IKE SAs with 0 child SAs stay.*Back to \S+r\.cfg\..*The IKE daemon runs with \S+r\.cfg, process.*PFS \(Y/N\): N'),
    ('rollback beside a daemon, then a file with an interface less', CONFIG.replace('\nend\n', '\ninterface Loopback0\n ip address 10.9.9.1 255.255.255.255\nend\n'), 'ip link set lo up; ip addr add 10.9.9.1/32 dev lo', 'exec 2>&1; ' + RUN + '; ' + PFS + '; $IOSCC reload --state-dir $STATE $FILE.2; $IOSCC rollback --state-dir $STATE; sed "/^interface Loopback0/,+1d" $FILE > $FILE.3; $IOSCC reload --state-dir $STATE $FILE.3; echo reloaded $?', r'Back to (?![\s\S]*Loopback0=lo)[\s\S]*reloaded 0'),
    ('rollback beside a daemon, to nothing', CONFIG, '', RUN + '; $IOSCC rollback --state-dir $STATE', 'before it nothing was applied'),
    ('reload, the link is made anew', NAT, '', RUN + '; ' + ANEW + '; $IOSCC reload --state-dir $STATE $FILE'),
    ('another namespace with the same state directory', CONFIG, '', 'isp: $IOSCC apply --state-dir $STATE -m Gi0/0=wan,Gi0/1=lo $FILE; r: true', 'it is the state of another network namespace'),
]


SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module does not name it


def frames():
    """of all links, those to come too, each with the kernel's time"""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return s


class World:
    """lan 10.1.0.9 -- eth1 router eth0 -- isp 192.0.2.2 with 10.2.0.9, 10.70.0.9 and 9.9.9.9"""

    def __init__(self, l, config):
        self.r, self.lan, self.isp = l.node('r'), l.node('lan'), l.node('isp')
        l.link(self.r, 'eth0', self.isp, 'wan')
        l.link(self.r, 'eth1', self.lan, 'lan0')
        for node, link, addr in ((self.r, 'eth0', '192.0.2.1/24'), (self.r, 'eth1', '10.1.0.1/16'), (self.isp, 'wan', '192.0.2.2/24'), (self.lan, 'lan0', '10.1.0.9/16')):
            node.ip('addr', 'add', addr, 'dev', link)
        for addr in ('10.2.0.9/32', '10.2.0.8/32', '10.70.0.9/32', '9.9.9.9/32'):
            self.isp.ip('addr', 'add', addr, 'dev', 'lo')
        self.r.ip('route', 'add', 'default', 'via', '192.0.2.2')
        self.lan.ip('route', 'add', 'default', 'via', '10.1.0.1')
        self.isp.ip('route', 'add', '10.1.0.0/16', 'via', '192.0.2.1')
        self.r.sysctl('net/ipv4/ip_forward', 1)
        self.dir = l.directory()
        self.file = self.dir + '/r.cfg'
        with open(self.file, 'w') as f:
            f.write(config)
        self.leaks, self.came, self.clear, self.stop, self.error = [], [], 0, threading.Event(), None
        self.missing = False  # test_boot.py: the units' file is not there
        self.since = 0  # frames of before do not count, however late they are looked at
        with self.isp.inside():
            self.wire = frames()
        with self.lan.inside():
            self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.inside = frames()
        self.sender.bind(('', 1234))
        with self.isp.inside():
            self.outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.pieces = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outside.bind(('10.2.0.9', 10))
        self.pieces.bind(('10.70.0.9', 1500))
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.send, self.look, self.look_inside)]
        for t in self.threads:
            t.start()

    def shell(self, text, ok=True):
        """lines of a shell; `lan:`, `isp:` and `r:` change the namespace"""
        env = dict(os.environ, IOSCC=IOSCC, RELEASE=os.path.abspath(os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')), FILE=self.file, STATE=self.dir + '/state', OPTIONS='--state-dir %s/state -m Gi0/0=eth0,Gi0/1=eth1' % self.dir, ISP=self.isp.name, LAN=self.lan.name, NO_COLOR='1')
        node, part, parts = self.r, '', []
        for word in text.split(' '):
            if word in ('lan:', 'isp:', 'r:'):
                parts.append((node, part))
                node, part = {'lan:': self.lan, 'isp:': self.isp, 'r:': self.r}[word], ''
            else:
                part += word + ' '
        out = ''
        for node, part in parts + [(node, part)]:
            p = node.run('sh', '-c', part.strip().rstrip(';') or 'true', ok=False, env=env)
            out += p.stdout + p.stderr
            if ok and p.returncode:
                raise AssertionError('%s: exit %d\n%s' % (part, p.returncode, out))
        return out

    def send(self):
        """protected, protected by its ports and in fragments, clear; all the time"""
        large = b'x' * 3000
        while not self.stop.is_set():
            for to, data in ((('10.2.0.9', 9), b'protected'), (('10.70.0.9', 1500), large), (('9.9.9.9', 9), b'clear')):
                try:
                    self.sender.sendto(data, to)
                except OSError:
                    pass  # its link is being made anew
            for sender, data in ((self.outside, b'should have been protected'), (self.pieces, large)):
                try:
                    sender.sendto(data, ('10.1.0.9', 1235))
                except OSError:
                    pass
            self.stop.wait(0.01)

    def frame(self, wire):
        """one frame and where it was seen; b'' if that was before self.since"""
        p, more, _, where = wire.recvmsg(65535, 64)
        seconds, nanoseconds = struct.unpack('@qq', more[0][2])
        return (p if seconds + nanoseconds / 1e9 > self.since else b''), where

    def forget(self):
        self.since = time.time()
        self.leaks.clear()
        self.came.clear()

    def look(self):
        while not self.stop.is_set():
            if not select.select([self.wire], [], [], 0.1)[0]:
                continue
            p, where = self.frame(self.wire)
            if where[2] == 4 or len(p) < 34 or p[12:14] != b'\x08\x00':  # ours to send, or not IPv4
                continue
            proto, src, dst = p[23], socket.inet_ntoa(p[26:30]), socket.inet_ntoa(p[30:34])
            if where[0] == 'lo':
                continue
            if dst == '9.9.9.9':
                self.clear += 1
            elif dst.startswith(('10.2.', '10.70.', '10.99.')) and proto not in (ESP, AH):
                self.leaks.append('%s to %s, protocol %d, fragment bits %02x%02x' % (src, dst, proto, p[20], p[21]))

    def look_inside(self):
        while not self.stop.is_set():
            if not select.select([self.inside], [], [], 0.1)[0]:
                continue
            p, where = self.frame(self.inside)
            if where[2] != 4 and len(p) >= 34 and p[12:14] == b'\x08\x00' and socket.inet_ntoa(p[26:30]) in ('10.2.0.9', '10.70.0.9'):
                self.came.append('%s to %s, fragment bits %02x%02x' % (socket.inet_ntoa(p[26:30]), socket.inet_ntoa(p[30:34]), p[20], p[21]))

    def flows(self):
        before = self.clear
        wait_for('what is clear flows', lambda: self.clear > before + 3)

    def end(self):
        self.shell('[ ! -e $FILE.pid ] || kill $(cat $FILE.pid)', ok=False)
        subprocess.run(['pkill', '-f', 'rollback --state-dir ' + self.dir])  # what waits for a time that nobody waits for
        self.stop.set()
        for t in self.threads:
            t.join()
        for s in (self.sender, self.wire, self.inside, self.outside, self.pieces):
            s.close()


def event(config, before, what, says=''):
    with lab.Lab() as l:
        w = World(l, config)
        is_translated = 'permit ip host' in config  # then no line is about what comes to an inside address
        try:
            w.flows()
            wait_for('the control: protected packets pass without walls', lambda: w.leaks and w.came)
            w.shell(before)
            w.flows()
            w.shell('$IOSCC apply $OPTIONS $FILE')
            time.sleep(0.1)  # what was on its way
            w.forget()
            w.flows()
            said = w.shell(what, ok=False)
            assert re.search(says, said), 'it does not say %s:\n%s' % (says, said)
            w.flows()
            time.sleep(QUIET_S)
            assert not w.leaks, '%d in the clear, the first: %s\n%s' % (len(w.leaks), w.leaks[0], w.shell('nft list ruleset; ip xfrm policy | head -40', ok=False)[:6000])
            assert not w.came or is_translated, '%d came in in the clear, the first: %s\n%s' % (len(w.came), w.came[0], w.shell('nft list ruleset; ip xfrm policy | head -40', ok=False)[:6000])
            w.flows()
            w.shell('[ ! -e $FILE.pid ] || kill -9 $(cat $FILE.pid)', ok=False)  # it would put them up again
            w.forget()

            def leaks():
                w.shell('nft delete table inet ioscc; ip xfrm policy flush', ok=False)
                return w.leaks
            wait_for('it leaks without the walls', leaks)
        finally:
            w.end()


NO_MAP = CONFIG.replace('\n crypto map M\n', '\n crypto map N\n')
NO_DYNAMIC = re.sub(r'crypto map M 10 ipsec-isakmp\n( .*\n)*', 'crypto map M 10 ipsec-isakmp dynamic E\n', CONFIG)


def map_that_is_not_there():
    """with --allow-partial nothing passes the interface, what is clear neither: nobody knows what should be protected"""
    nothing_passes(NO_MAP, 'crypto map N of GigabitEthernet0/0 is not defined: what it would protect is not known, all IPv4 packets of the interface are dropped')


def dynamic_map_that_is_not_there():
    """... nor where the map's entry names a dynamic map that is not defined"""
    nothing_passes(NO_DYNAMIC, 'entry 10 is blocked: its dynamic map is not defined (E)')


# rules of `ip nat` that are not carried, and what is said of them
REFUSED_NAT = [
    ('a pool without overload', NAT.replace('list NAT interface GigabitEthernet0/0 overload', 'list NAT pool P').replace('ip nat inside', 'ip nat pool P 192.0.2.10 192.0.2.20 prefix-length 24\nip nat inside', 1), 'a pool without overload'),
    ('a route map that does not exist', NAT.replace('list NAT interface', 'route-map NOWHERE interface'), 'its route map does not exist'),
    ('a route map with another condition', NAT.replace('list NAT interface', 'route-map R interface').replace('ip nat inside', 'route-map R permit 10\n match ip address NAT\n match length 1 100\nip nat inside', 1), 'matches or sets more than access lists and interfaces'),
    ('a list without lines', re.sub(r'(extended NAT\n)( .*\n)+', r'\1', NAT), 'its access list has no lines'),
]


def nat_that_is_not_carried(config, says):
    """E2: with --allow-partial what the rule might be about leaves in no form, and the router's own packets go on"""
    with lab.Lab() as l:
        w = World(l, config)
        try:
            w.flows()
            said = w.shell('$IOSCC apply --allow-partial $OPTIONS $FILE')
            assert says in said and 'IC4016' in said, said
            time.sleep(0.2)
            clear = w.clear
            time.sleep(1)
            assert w.clear == clear, '%d packets leave with their inside address' % (w.clear - clear)
            w.shell('ping -c 1 -W 5 9.9.9.9')
            w.shell('nft flush chain inet ioscc nat_refused')
            w.flows()
        finally:
            w.end()


BY_MAP = NAT.replace('list NAT interface', 'route-map R interface').replace('ip nat inside', 'route-map R permit 10\n match ip address NAT\n match interface WHICH\nip nat inside', 1)


def nat_by_way_out(which, source):
    """E1: the textbook route map of two uplinks, whose entries name the interface that the packet leaves by"""
    with lab.Lab() as l:
        w = World(l, BY_MAP.replace('WHICH', which))
        try:
            w.shell('$IOSCC apply $OPTIONS $FILE')
            with w.isp.inside():
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(('9.9.9.9', 9))
            s.settimeout(60)
            wait_for('it comes from ' + source, lambda: s.recvfrom(100)[1][0] == source)
            s.close()
            w.forget()
            w.flows()
            assert not w.leaks, w.leaks[0]
        finally:
            w.end()


def nothing_passes(config, says):
    with lab.Lab() as l:
        w = World(l, config)
        try:
            wait_for('the control: packets pass without walls', lambda: w.leaks and w.came and w.clear)
            said = w.shell('$IOSCC apply --allow-partial --allow-less $OPTIONS $FILE')
            assert says in said, said
            time.sleep(0.2)
            w.forget()
            clear = w.clear
            time.sleep(1)
            assert not w.leaks and not w.came and w.clear == clear, (w.leaks[:1], w.came[:1], w.clear - clear)
            w.shell('nft delete table inet ioscc; ip xfrm policy flush', ok=False)
            wait_for('it leaks without the walls', lambda: w.leaks)
        finally:
            w.end()


def rules_are_flushed_while_a_name_is_asked_for():
    """a reload waits for a DNS that does not answer: whoever takes away policies and rules meanwhile meets the watch"""
    with lab.Lab() as l:
        w = World(l, CONFIG)
        try:
            w.isp.run('sh', '-c', 'nft add table ip dns; nft add chain ip dns i "{ type filter hook input priority 0; }"; nft add rule ip dns i udp dport 53 counter drop')
            w.shell('$IOSCC apply $OPTIONS $FILE; ' + RUN)
            w.shell('echo nameserver 192.0.2.2 > $FILE.resolv; sed "s/set peer 192.0.2.2/set peer hq.example.net/" $FILE > $FILE.2')
            env = dict(os.environ, IOSCC=IOSCC, FILE=w.file, STATE=w.dir + '/state')
            reload = subprocess.Popen(['ip', 'netns', 'exec', w.r.name, 'unshare', '-m', 'sh', '-c', 'mount --bind $FILE.resolv /etc/resolv.conf && exec $IOSCC reload --allow-partial --state-dir $STATE $FILE.2'], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            wait_for('it asks', lambda: re.search(r'dport 53 counter packets [1-9]', w.isp.run('nft', 'list', 'ruleset').stdout))
            time.sleep(0.5)
            w.shell('ip xfrm policy flush; nft delete table inet ioscc')
            wait_for('the watch has put it right', lambda: 'repaired in' in open(w.file + '.log').read())
            assert reload.poll() is None, 'the reload has ended before: ' + reload.communicate()[0]
            w.forget()
            said = reload.communicate(timeout=lab.BOUND)[0]
            assert 'peer hq.example.net is not found' in said and 'Nothing was changed' not in said, said
            w.flows()
            assert not w.leaks and not w.came, (w.leaks[:1], w.came[:1], said)
        finally:
            w.end()


def arrives(w, port, to):
    """does what the other side sends to the outside address come to the inside host in the clear?"""
    with w.lan.inside():
        inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inside.bind(('', to))
    inside.settimeout(0.5)
    for _ in range(5):
        w.outside.sendto(b'forged', ('192.0.2.1', port))
    try:
        return inside.recv(99) == b'forged'
    except socket.timeout:
        return False
    finally:
        inside.close()


def translated_port_of_ike():
    """what comes for IKE is let go before the inbound check, for it ends here: where NAT leads it on to another it is judged"""
    with lab.Lab() as l:
        w = World(l, FORWARDED)
        try:
            w.shell('$IOSCC apply $OPTIONS $FILE; nft add table ip d; nft add chain ip d pre "{ type nat hook prerouting priority -100; }"; nft add rule ip d pre ip daddr 192.0.2.1 udp dport 500 dnat to 10.1.0.9:501; ip xfrm policy flush')  # the filter is the one wall
            assert not arrives(w, 4500, 4500), 'our static translation of port 4500 lets in what should have been protected'
            assert not arrives(w, 500, 501), "somebody else's translation of port 500 lets in what should have been protected"
            w.shell('nft flush chain inet ioscc came0; nft flush chain inet ioscc clear0')
            assert arrives(w, 4500, 4500) and arrives(w, 500, 501), 'it does not arrive without the walls'
        finally:
            w.end()


def filter_of_the_inside():
    """`ip access-group` and `ip tcp adjust-mss` of an interface that has no crypto map hold too"""
    config = CONFIG.replace('interface GigabitEthernet0/1\n', 'interface GigabitEthernet0/1\n ip access-group IN in\n ip tcp adjust-mss 1360\n').replace('\nend\n', '\nip access-list extended IN\n deny udp any host 9.9.9.9 eq 9\n permit ip any any\nend\n')
    with lab.Lab() as l:
        w = World(l, config)
        try:
            w.flows()
            w.shell('$IOSCC apply $OPTIONS $FILE')
            time.sleep(0.2)
            clear = w.clear
            time.sleep(1)
            assert w.clear == clear, '%d packets pass that the list of the inside denies' % (w.clear - clear)
            assert 'maxseg size set 1360' in w.shell('nft list chain inet ioscc forward')
            assert re.search(r'10 deny udp any host 9.9.9.9 eq (9|discard) \(\d+ matches\)', w.shell('$IOSCC show access-lists IN --state-dir $STATE')), w.shell('$IOSCC show access-lists IN --state-dir $STATE')
            w.shell('nft flush chain inet ioscc prerouting')
            w.flows()
        finally:
            w.end()


def tests():
    yield 'netns: closed: a map that is not there, and what is missing is allowed', map_that_is_not_there
    yield 'netns: closed: a dynamic map that is not there, and what is missing is allowed', dynamic_map_that_is_not_there
    for name, *row in REFUSED_NAT[:1] if lab.QUICK else REFUSED_NAT:
        yield 'netns: closed: NAT that is not carried, ' + name, lambda row=row: nat_that_is_not_carried(*row)
    for which, source in (('GigabitEthernet0/0', '192.0.2.1'), ('gi0/1 GI0/0', '192.0.2.1'), ('GigabitEthernet0/1', '10.1.0.9')):
        yield 'netns: closed: NAT by the way out, ' + which, lambda which=which, source=source: nat_by_way_out(which, source)
    yield 'netns: closed: rules are flushed while a name is asked for', rules_are_flushed_while_a_name_is_asked_for
    yield 'netns: closed: ports of IKE that are translated', translated_port_of_ike
    yield 'netns: closed: the filter of an interface without a map', filter_of_the_inside
    for name, *row in EVENTS[::8] if lab.QUICK else EVENTS:
        yield 'netns: closed: ' + name, lambda row=row: event(*row)


if __name__ == '__main__':
    bad = 0
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            start = time.monotonic()
            try:
                f()
                print('ok   %4.1f s %s' % (time.monotonic() - start, name), flush=True)
            except AssertionError as e:
                bad += 1
                print('FAIL %s\n%s' % (name, e), flush=True)
    sys.exit(bad != 0)
