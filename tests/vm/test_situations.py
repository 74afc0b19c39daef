# SPDX-License-Identifier: GPL-3.0-or-later
"""Situations in which routers stand, after the scenarios of strongSwan's own suite that fit one, with real ESP in a guest
(tests/vm/situations.sh has the worlds and words): each is a configuration of ours, one of a peer, and what must be seen.
Nothing may leave in the clear, and no SA may be left when the daemon has ended."""
import re, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns', 'tests/vm']
import guest, interop, test_certs

A, B, KEY = '192.0.2.1', '192.0.2.2', 'correct-horse-battery-staple'
NETS = 'permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255'


def router(me=A, peer=B, v=2, acl=(NETS,), esp='esp-aes 256 esp-sha256-hmac', mode='tunnel', key=KEY, set_more=(), entry=(), glob=(), profile=None, ike=(),
           auth='pre-share', remote_auth=None, match=None, local_id=None, dynamic=False, ipv6=False, iface=(), trust=False):
    """one router: `peer` is whom the map names, `match` how it is known"""
    o = ['hostname r1', *glob]
    if v == 2:
        o += ['crypto ikev2 proposal P', ' encryption aes-cbc-256', ' integrity sha256', ' group 19', 'crypto ikev2 policy POL', ' proposal P',
              'crypto ikev2 keyring KR', ' peer B', '  address ' + ('0.0.0.0 0.0.0.0' if dynamic else peer + ('/128' if ipv6 else '')), '  pre-shared-key ' + key,
              'crypto ikev2 profile PROF', ' match identity remote ' + (match or 'address %s' % (peer + '/128' if ipv6 else peer + ' 255.255.255.255'))]
        o += [' identity local ' + local_id] if local_id else []
        o += [' authentication remote ' + (remote_auth or auth), ' authentication local ' + auth]
        o += [' keyring local KR'] if 'pre-share' in (auth, remote_auth) else []
        o += [' pki trustpoint TP'] if trust else []
        o += [' ' + x for x in ike]
    else:
        o += ['crypto isakmp policy 10', ' encr aes 256', ' hash sha256', ' authentication ' + auth, ' group 19']
        o += ['crypto isakmp key %s address %s' % (key, '0.0.0.0 0.0.0.0' if dynamic else peer)] if auth == 'pre-share' else []
        o += list(ike)
    o += ['crypto pki trustpoint TP', ' enrollment terminal', ' revocation-check none'] if trust else []
    o += ['crypto ipsec transform-set T ' + esp, ' mode ' + mode] + [' ' + x for x in set_more]
    lines = [' set transform-set T'] + ([' match address L'] if acl else []) + ([' set ikev2-profile PROF'] if v == 2 else []) + [' ' + x for x in entry]
    o += (['ipv6 access-list L'] if ipv6 else ['ip access-list extended L']) + [' ' + x for x in acl] if acl else []
    if dynamic:
        o += ['crypto dynamic-map D 10', *lines, 'crypto map M 65000 ipsec-isakmp dynamic D']
    else:
        o += ['crypto map %sM 10 ipsec-isakmp' % ('ipv6 ' if ipv6 else ''), ' set peer ' + peer, *lines]
    o += ['interface GigabitEthernet0/0', ' ip address %s 255.255.255.0' % me if ':' not in me else ' ipv6 address %s/64' % me, ' %scrypto map M' % ('ipv6 ' if ipv6 else '')]
    return '\n'.join(o + [' ' + x for x in iface]) + '\nend\n'


def swan(me=B, peer=A, v=2, local='10.2.0.0/16', remote='10.1.0.0/16', esp='aes256-sha256', conn=(), child=(), lid=None, rid=None, auth='psk', remote_auth=None, key=KEY,
         children=None, ah=False, cert='r2'):
    out = ['connections { c {', 'version = %d' % v, 'local_addrs = ' + me, 'remote_addrs = ' + peer, 'proposals = aes256-sha256-' + ('prfsha256-' if v == 2 else '') + 'ecp256',
           *conn, 'local {', 'auth = ' + auth]
    out += ['certs = %s.crt' % cert] if auth == 'pubkey' else []
    out += ['id = ' + (lid or me), '}', 'remote {', 'auth = ' + (remote_auth or auth), 'id = ' + (rid or peer), '}', 'children {']
    for name, (l, r) in (children or {'c': (local, remote)}).items():
        out += [name + ' {', 'local_ts = ' + l, 'remote_ts = ' + r, ('ah' if ah else 'esp') + '_proposals = ' + esp, *child, '}']
    return '\n'.join(out + ['}', '}', '}', 'secrets { ike { secret = "%s" } }' % key]) + '\n'


def beside(first, second):
    """of two texts of swan() one, the second one's connection and child named d"""
    body = second[len('connections { c {'):second.index('}\nsecrets')].replace('c {\nlocal_ts', 'd {\nlocal_ts')
    return first.replace('connections { c {', 'connections { d {' + body[:body.rindex('}')] + '}\nc {', 1)


def libreswan(v, more=(), auto='add'):
    return '\n'.join(['config setup', '\tuniqueids=yes', *(['\tikev1-policy=accept'] if v == 1 else []), 'conn c', '\tleft=' + B, '\tright=' + A, '\tleftsubnet=10.2.0.0/16', '\trightsubnet=10.1.0.0/16', '\tauthby=secret',
                      '\tikev2=' + ('insist' if v == 2 else 'no'), '\tike=aes256-sha2_256;dh19', '\tesp=aes256-sha2_256', '\tpfs=no', '\ttype=tunnel', '\tleftupdown=%disabled',
                      '\tauto=' + auto, *['\t' + x for x in more]]) + '\n'


# its kernel side here (PF_KEY) knows no SHA-2, so that SHA-1 protects what flows
IKED = '''ikev2 "c" %s esp from 10.2.0.0/16 to 10.1.0.0/16 local 192.0.2.2 peer 192.0.2.1 \\
 ikesa enc aes-256 prf hmac-sha2-256 auth hmac-sha2-256 group ecp256 \\
 childsa enc aes-256 auth hmac-sha1 srcid 192.0.2.2 dstid 192.0.2.1 psk "%s"
'''

SITUATIONS = []


def situation(name, do, world='plain', a=None, b=None, c=None, **more):
    """a, b, c: text of a node's configuration; what kind it is shows in its first words. `more`: further files"""
    SITUATIONS.append((name, world, {k: v for k, v in (('a', a), ('b', b), ('c', c)) if v}, do, more))


PING = 'up ha 10.2.0.9; up hb 10.1.0.9'
for v in (2, 1):
    n = ' (IKEv%d)' % v
    situation('net2net, pre-shared keys' + n, PING, a=router(v=v), b=swan(v=v))
    situation('net2net, the peer calls' + n, 'call b; ' + PING, a=router(v=v), b=swan(v=v))
    situation('host2host, transport mode' + n, 'up a 192.0.2.2; state_has a "mode transport"', a=router(v=v, mode='transport', acl=['permit ip host %s host %s' % (A, B)]),
              b=swan(v=v, local=B + '/32', remote=A + '/32', child=['mode = transport']))
    situation('host2host, AH' + n, 'up a 192.0.2.2; wire_has a "ip proto 51"', a=router(v=v, mode='transport', acl=['permit ip host %s host %s' % (A, B)], esp='ah-sha256-hmac'),
              b=swan(v=v, local=B + '/32', remote=A + '/32', child=['mode = transport'], esp='sha256', ah=True))
    for kind, cert in (('rsa', 'r2'), ('ecdsa', 'r2ec')):
        situation('net2net, %s certificates' % kind.upper() + n, PING, auth_kind=kind,
                  a=router(v=v, auth=kind + '-sig', trust=True, match='fqdn r2.example', local_id='dn', glob=['crypto isakmp identity dn'] if v == 1 else ()),
                  b=swan(v=v, auth='pubkey', lid='r2.example', rid='"O=Example, CN=r1"', cert=cert))
    situation('another pre-shared key' + n, 'calls b; logged a "pre-shared key is another one"; down ha 10.2.0.9', a=router(v=v), b=swan(v=v, key='quite-another-key-than-ours'))
    situation('rekeying under iperf, no packet lost' + n, r'''call b; up ha 10.2.0.9
ip netns exec hb iperf3 -s > /tmp/server 2>&1 & echo $! >> /tmp/pids; await "iperf3 at its port" bound hb tcp 5201
stream() { ip netns exec ha taskset 1 iperf3 -c 10.2.0.9 -u -b 400K -l 600 -t 8 > /tmp/iperf 2>&1; grep -qE ' 0/[0-9]+ \(0%\) +receiver' /tmp/iperf || tail -5 /tmp/iperf >> /tmp/lost; }
again stream & p=$!
connected() { ip netns exec hb cat /proc/net/tcp /proc/net/tcp6 | grep -qE ":1451 [0-9A-F]+:[0-9A-F]{4} 01 "; }
await "the stream" connected; rekeys /tmp/a.log sw b; enough
wait $p; [ ! -e /tmp/lost ] || say "iperf: $(cat /tmp/lost); $(dropped a b hb)"; logged a rekeyed 2''', a=router(v=v), b=swan(v=v))
    situation('reauthentication by the peer' + n, 'call b; up ha 10.2.0.9; logged a "SA established" 2; up ha 10.2.0.9',
              a=router(v=v), b=swan(v=v, conn=['reauth_time = 5s', 'over_time = 5s'] + (['rekey_time = 0'] if v == 2 else [])))
    if v == 2:
        situation('a dynamic entry, reauthentication by the peer make before break, no packet lost' + n, r"""call b; up ha 10.2.0.9
row() { ip netns exec hb ping -c 60 -i 0.2 -W $BOUND 10.1.0.9 > /tmp/ping 2>&1; grep -q ' 60 packets received' /tmp/ping || say "lost: $(tail -2 /tmp/ping)"; }
row & p=$!; logged a "SA established" 2; wait $p; logged b "deleting IKE_SA"; up ha 10.2.0.9; await "2 SAs" sas_are a 2""",
                  a=router(v=v, dynamic=True, match='any'), b=swan(v=v, conn=['reauth_time = 5s', 'over_time = 20s', 'rekey_time = 0']), charon='make_before_break = yes')
    situation('a dynamic entry, the branch comes back with another address' + n, r"""call b; up ha 10.2.0.9; ip -n b link set eth0 down; sw b --terminate --ike c --force > /dev/null 2>&1
ip -n b addr del 192.0.2.2/24 dev eth0; has b eth0 192.0.2.7/24; ip -n b link set eth0 up; ip -n b route add default via 192.0.2.1
call b; up ha 10.2.0.9; up hb 10.1.0.9; await "2 SAs" sas_are a 2; tunnel() { ip -n a xfrm state | grep -q 'dst 192.0.2.7'; }; await "the new end" tunnel""",
              a=router(v=v, dynamic=True, match='fqdn domain example'), b=swan(v=v, me='%any', lid='branch.example'))
    situation('two protected ports on one pair' + n, r'''for p in 7000 7001; do ip netns exec hb nc -l -p $p > /tmp/got.$p & echo $! >> /tmp/pids; await "nc at $p" bound hb tcp $p; done
got() { [ -s /tmp/got.$1 ] || echo hi$1 | ip netns exec ha nc -w 10 10.2.0.9 $1; grep -q hi$1 /tmp/got.$1; }
for p in 7000 7001; do await "something at $p" got $p; done
await "4 SAs" sas_are a 4''', a=router(v=v, acl=['permit tcp 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255 eq %d' % p for p in (7000, 7001)]),
              b=swan(v=v, children={'c%d' % p: ('10.2.0.0/16[6/%d]' % p, '10.1.0.0/16[6]') for p in (7000, 7001)}))
    situation('ICMP types as selectors' + (n if v == 2 else ': no tunnel, charon answers with other proxy identities' + n),
              'up ha 10.2.0.9' if v == 2 else 'down ha 10.2.0.9; logged a "no IPsec SA: the peer answers with other proxy identities"',
              a=router(v=v, acl=['permit icmp 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255 ' + t for t in ('echo', 'echo-reply')]),
              b=swan(v=v, child=['start_action = trap'], children={'c%d' % t: ('10.2.0.0/16[1/%d]' % (t * 256), '10.1.0.0/16[1/%d]' % (t * 256)) for t in (8, 0)}))
    situation('both behind NAT' + n, 'up ha 10.2.0.9; wire_has a "udp port 4500"; json a | grep -q 4500 || say "not on 4500"', world='double',
              a=router(me='10.50.0.2', v=v, match='address 10.60.0.2', local_id='fqdn r1.example', glob=['crypto isakmp identity address']),
              b=swan(me='10.60.0.2', peer='%any', v=v, rid='r1.example' if v == 2 else '10.50.0.2'))
    situation('UDP encapsulation forced by the peer' + n, 'call b; ' + PING + '; state_has a espinudp', a=router(v=v), b=swan(v=v, conn=['encap = yes']))
    situation('road warriors behind one NAT' + n, 'call a; call c; up a 10.2.0.9; up c 10.2.0.9; up a 10.2.0.9; up hb 10.50.0.2; up hb 10.50.0.3', world='nat',
              b=router(me=B, v=v, dynamic=True, match='fqdn domain example', acl=['permit ip 10.2.0.0 0.0.255.255 10.50.0.0 0.0.0.255']),
              a=swan(me='10.50.0.2', peer=B, v=v, local='10.50.0.2/32', remote='10.2.0.0/16', lid='a.example' if v == 2 else None),
              c=swan(me='10.50.0.3', peer=B, v=v, local='10.50.0.3/32', remote='10.2.0.0/16', lid='c.example' if v == 2 else None))
    situation('dynamic initiator: the peer does not know our address' + n, PING, a=router(v=v), b=swan(v=v, peer='%any', rid=A))
    situation('dynamic responder: we do not know the peer\'s' + n, 'call b; ' + PING, a=router(v=v, dynamic=True, match='any'), b=swan(v=v))
    if v == 2:
        situation('show and clear SAs of a dynamic entry' + n, r'''at_a() { ip netns exec a ioscc "$@" --state-dir /run/a > /tmp/out 2>&1; }
flow_shown() { at_a show crypto ipsec sa; grep -q 'current_peer 192.0.2.2' /tmp/out && grep -q 'remote ident (addr/mask/prot/port): (10.2.0.0/255.255.0.0/0/0)' /tmp/out && grep -q '#pkts encaps: [1-9]' /tmp/out; }
cleared() { at_a clear crypto sa "$@"; grep -q '^2 SAs cleared' /tmp/out || say "clear $*: $(cat /tmp/out)"; await "the end of the SAs" sas_are a 0; }
call b; up hb 10.1.0.9; await "the flow in show" flow_shown
cleared
call b; up hb 10.1.0.9; cleared map M; call b; up hb 10.1.0.9; cleared map D; call b; up hb 10.1.0.9; cleared peer 192.0.2.2; call b; up hb 10.1.0.9
spi=$(ip -n a xfrm state | grep -A1 '^src 192.0.2.1 dst 192.0.2.2' | sed -n 's/.*spi \(0x[0-9a-f]*\).*/\1/p' | tail -1); cleared entry 192.0.2.2 esp $spi; call b; up hb 10.1.0.9
at_a clear crypto sa peer 192.0.2.9; grep -q '^0 SAs' /tmp/out || say "clear peer of nobody: $(cat /tmp/out)"; await "2 SAs" sas_are a 2''', a=router(v=v, dynamic=True, match='any'), b=swan(v=v))
    situation('df-bit clear, of an interface and of the whole router' + n, 'up ha 10.2.0.9; state_has a nopmtudisc; ip netns exec ha ping -c 1 -s 1600 -W 9 10.2.0.9 > /tmp/out || say "$(cat /tmp/out)"', a=router(v=v, glob=['crypto ipsec df-bit clear'] if v == 2 else (), iface=['crypto ipsec df-bit clear'] if v == 1 else ()), b=swan(v=v))
    situation('dead peer: cleared, and traffic calls again' + n, r'''up ha 10.2.0.9; ip -n b link set eth0 down
ip netns exec ha ping 10.2.0.9 > /dev/null 2>&1 & echo $! >> /tmp/pids
logged a "the peer is dead"; few() { [ "$(ip -n a xfrm state | grep -c '^	proto esp spi 0x[^0]')" -lt 2 ]; }; await "the end of the SAs of the dead" few
ip -n b link set eth0 up; ip -n b route add default via 192.0.2.1; sw b --terminate --ike c > /dev/null 2>&1; up ha 10.2.0.9''',
              a=router(v=v, ike=['dpd 10 2 on-demand'] if v == 2 else ['crypto isakmp keepalive 10 2']), b=swan(v=v))
    situation('dead peer: the other end calls again' + n, r'''up ha 10.2.0.9; kill_ours a; ours a /test/$number.a.cfg; logged a "of an earlier run are cleared"
logged a "SA established"; up hb 10.1.0.9''', a=router(v=v), b=swan(v=v, conn=['dpd_delay = 2s', 'dpd_timeout = 6s'], child=['dpd_action = restart', 'close_action = start']), charon='retransmit_tries = 2')
    situation('everything to the other end (permit ip NET any)' + n, PING, a=router(v=v, acl=['permit ip 10.1.0.0 0.0.255.255 any']), b=swan(v=v, local='0.0.0.0/0'))
    situation('everything is protected (permit ip any any), between ourselves' + n, PING, a=router(v=v, acl=['permit ip any any']), b=router(me=B, peer=A, v=v, acl=['permit ip any any']))
    situation('the peer closes what is inactive' + n, 'call b; up ha 10.2.0.9; logged a "the peer deletes the (child|IPsec) SA"; up ha 10.2.0.9', a=router(v=v), b=swan(v=v, child=['inactivity = 3s']))
    situation('we close what is inactive' + n, 'up ha 10.2.0.9; logged a "nothing for its idle time"; await "no SAs" sas_are a 0; up ha 10.2.0.9', a=router(v=v, entry=['set security-association idle-time 60']), b=swan(v=v))
    situation('rekeyed by volume' + n, r'''up ha 10.2.0.9; ip netns exec hb iperf3 -s > /tmp/server 2>&1 & echo $! >> /tmp/pids; await "iperf3 at its port" bound hb tcp 5201
for k in 1 2 3; do timeout $BOUND /bin/ip netns exec ha iperf3 -c 10.2.0.9 -n 4M > /tmp/iperf 2>&1; grep -q rekeyed /tmp/a.log && break; done
logged a rekeyed || say "$(tail -3 /tmp/iperf)"; up ha 10.2.0.9''', a=router(v=v, entry=['set security-association lifetime kilobytes 2560']), b=swan(v=v))
    situation('the first of two peers is dead: what goes out follows to the second' + n, '''up ha 10.2.0.9; up hb 10.1.0.9; logged a "the next peer is tried"
in_sync() { ip netns exec a ioscc status --state-dir /run/a > /tmp/status 2>&1; }; in_sync || say "status: $(cat /tmp/status)"
ip -n a xfrm policy flush; logged a "repaired in"; up ha 10.2.0.9; up hb 10.1.0.9''',
              a=router(v=v, match='address 192.0.2.0 255.255.255.0').replace('key %s address %s' % (KEY, B), 'key %s address 192.0.2.0 255.255.255.0' % KEY).replace('  address ' + B, '  address 192.0.2.0 255.255.255.0').replace(' set peer ' + B, ' set peer 192.0.2.9\n set peer ' + B),
              b=swan(v=v))
    situation('the second peer calls and ends, and may not be asked: what goes out follows both times' + n, r'''has b eth0 192.0.2.3/24; out_to() { ip -n a xfrm policy | grep -A2 "dir out" | grep -q "dst $1"; }
call b; up ha 10.2.0.9; await "policies to the caller" out_to 192.0.2.2; ip -n a xfrm policy flush; logged a "repaired in"; await "policies to the caller again" out_to 192.0.2.2; up ha 10.2.0.9
sw b --initiate --child d > /tmp/call 2>&1; await "policies to the other" out_to 192.0.2.3 || say "$(cat /tmp/call)"; up ha 10.2.0.9; sw b --terminate --ike d > /dev/null 2>&1; await "policies to who is left" out_to 192.0.2.2; up ha 10.2.0.9; up hb 10.1.0.9''',
              a=router(v=v, match='address 192.0.2.0 255.255.255.0', entry=['responder-only']).replace('key %s address %s' % (KEY, B), 'key %s address 192.0.2.0 255.255.255.0' % KEY).replace('  address ' + B, '  address 192.0.2.0 255.255.255.0').replace(' set peer ' + B, ' set peer 192.0.2.3\n set peer ' + B),
              b=beside(swan(v=v), swan(v=v, me='192.0.2.3')))
    situation('level per-host' + n, 'has hb eth0 10.2.0.10/16; up ha 10.2.0.9; up ha 10.2.0.10; up ha 10.2.0.9; await "4 SAs" sas_are a 4; '
              'ip netns exec a ioscc show crypto ipsec sa --state-dir /run/a > /tmp/out; for h in 9 10; do grep -q "remote ident (addr/mask/prot/port): (10.2.0.$h/255.255.255.255/0/0)" /tmp/out || say "no flow to 10.2.0.$h: $(cat /tmp/out)"; done; '
              'ip netns exec a ioscc clear crypto sa entry 192.0.2.2 esp $(ip -n a xfrm state | grep -A5 "^src 192.0.2.1 dst 192.0.2.2" | sed -n "s/.*proto esp spi \\(0x[0-9a-f]*\\).*/\\1/p" | head -1) --state-dir /run/a > /tmp/out; grep -q "^2 SAs" /tmp/out || say "clear entry: $(cat /tmp/out)"; await "the other pair alone" sas_are a 2; up ha 10.2.0.9; up ha 10.2.0.10; await "4 SAs" sas_are a 4',
              a=router(v=v, entry=['set security-association level per-host']), b=swan(v=v) if v == 2 else swan(v=v, children={'c%d' % i: ('10.2.0.%d/32' % i, '10.1.0.9/32') for i in (9, 10)}))
    situation('reverse route of a dynamic entry' + n, r'''call b; await "a route" routes a '^10.2.0.0/16 .*via 192.0.2.2\|^10.2.0.0/16 dev eth0'; up ha 10.2.0.9
sw b --terminate --ike c > /dev/null 2>&1; await_not "the end of the route" routes a "^10.2"''', world='bare',
              a=router(v=v, dynamic=True, match='any', entry=['reverse-route']), b=swan(v=v), b_route=True)
    situation('killed and started again: SAs are cleared, not doubled' + n, 'up ha 10.2.0.9; kill_ours a; [ "$(sas a)" = 2 ] || say "gone with the daemon"; ours a /test/$number.a.cfg; logged a "2 SAs .* of an earlier run are cleared"; call b; up ha 10.2.0.9',
              a=router(v=v), b=swan(v=v))
    situation('libreswan, we call' + n, PING, a=router(v=v), b=libreswan(v))
    situation('libreswan calls, and rekeys both SAs' + n, '''wh b --initiate --name c > /tmp/call 2>&1; up ha 10.2.0.9
%s up ha 10.2.0.9; up hb 10.1.0.9''' % ('wh b --rekey-ipsec --name c > /tmp/call 2>&1; logged a "rekeyed" || say "$(cat /tmp/call)"; up ha 10.2.0.9; s=$(spis a); wh b --rekey-ike --name c > /tmp/call 2>&1; await "another IKE SA" other_spis a "$s";' if v == 2
              else 'logged a "rekeyed";'), a=router(v=v), b=libreswan(v, more=[] if v == 2 else ['salifetime=30s', 'rekeymargin=10s', 'rekeyfuzz=0%']))
situation('libreswan with another key (IKEv2)', 'wh b --initiate --name c > /tmp/call 2>&1 & echo $! >> /tmp/pids; down ha 10.2.0.9; logged a "pre-shared key is another one"', a=router(key='another-key-than-libreswans'), b=libreswan(2))
situation('OpenIKED, we call (IKEv2)', PING, a=router(esp='esp-aes 256 esp-sha-hmac'), b=IKED % ('passive', KEY))
situation('OpenIKED calls (IKEv2)', 'logged a "child SA up"; ' + PING, a=router(esp='esp-aes 256 esp-sha-hmac'), b=IKED % ('active', KEY))
situation('aggressive mode, the peer calls (IKEv1)', 'call b; ' + PING, a=router(v=1), b=swan(v=1, conn=['aggressive = yes']))
situation('aggressive mode disabled (IKEv1)', 'calls b; logged a "ggressive mode"; down ha 10.2.0.9', a=router(v=1, glob=['crypto isakmp aggressive-mode disable']), b=swan(v=1, conn=['aggressive = yes']))
situation('extended sequence numbers (IKEv2)', PING + '; state_has a esn', a=router(set_more=['esn']), b=swan(esp='aes256-sha256-esn'))
situation('childless IKE SA (IKEv2)', 'sw b --initiate --ike c > /dev/null 2>&1; logged a "IKEv2 SA established"; call b; ' + PING, a=router(), b=swan(conn=['childless = force']))
situation('the peer proposes too much and is narrowed (IKEv2)', 'call b; ' + PING + '; sw b --list-sas | grep -q "local  10.2.0.0/16" || say "not narrowed: $(sw b --list-sas)"', a=router(), b=swan(local='10.0.0.0/8', remote='10.0.0.0/8'))
situation('mixed: our key, the peer\'s RSA certificate (IKEv2)', PING, auth_kind='rsa', a=router(auth='pre-share', remote_auth='rsa-sig', trust=True, match='fqdn r2.example'),
          b=swan(auth='pubkey', remote_auth='psk', lid='r2.example'))
for what, match, lid in (('FQDN', 'fqdn r2.example', 'r2.example'), ('a domain', 'fqdn domain example', 'r2.example'), ('e-mail', 'email r2@example.org', 'r2@example.org'),
                         ('a network', 'address 192.0.2.0 255.255.255.0', B), ('any', 'any', 'whoever.example')):
    situation('identity: %s (IKEv2)' % what, 'call b; ' + PING, a=router(match=match, local_id='fqdn r1.example'), b=swan(lid=lid, rid='r1.example'))
situation('identity that no profile names (IKEv2)', 'calls b; logged a "identity"; down ha 10.2.0.9', a=router(match='fqdn r3.example'), b=swan(lid='r2.example'))
situation('net2net, IPv6 (IKEv2)', 'up ha 2001:db8:2::9; up hb 2001:db8:1::9', a=router(me='2001:db8::1', peer='2001:db8::2', ipv6=True, acl=['permit ipv6 2001:db8:1::/64 2001:db8:2::/64']),
          b=swan(me='2001:db8::2', peer='2001:db8::1', local='2001:db8:2::/64', remote='2001:db8:1::/64'))


def translated(me, peer, mine, theirs):
    text = router(me=me, peer=peer, acl=['permit ip 10.%d.0.0 0.0.255.255 10.%d.0.0 0.0.255.255' % (mine, theirs)], iface=['ip nat outside'], glob=['ip nat inside source static 10.1.0.9 10.%d.0.9' % mine])
    return text.replace('\nend\n', '\ninterface GigabitEthernet0/1\n ip address 10.1.0.1 255.255.0.0\n ip nat inside\nend\n')


situation('the same network on both sides (IKEv2)', 'up ha 10.72.0.9; up hb 10.71.0.9', world='same', a=translated(A, B, 71, 72), b=translated(B, A, 72, 71))


# Things happen to a live host while its hosts send: link, addresses, policies, rules, SAs. With real ESP, which the namespaces'
# kernel may not have (tests/netns/test_closed.py has the others, and shows that each leaks without the walls)
FLUSHED, RULES = 'ip -n a xfrm policy flush', 'ip netns exec a nft flush ruleset'
FOREIGN = 'ip netns exec a nft "add table ip f; add chain ip f p { type %s hook %s priority %d; }; add rule ip f p %s"; sleep 0.5; ip netns exec a nft delete table ip f'
EVENTS = [FLUSHED, RULES, 'ip -n a xfrm state flush', FOREIGN % ('nat', 'postrouting', 100, 'oifname eth0 masquerade'), FOREIGN % ('filter', 'prerouting', -300, 'notrack'),
          'ip -n a addr del 192.0.2.1/24 dev eth0; sleep 0.3; made_up eth0', 'ip -n a link set dev eth0 down; made_up eth0', 'ip -n a route del default; made_up eth0', 'ip -n a link set dev eth0 mtu 1000',
          'ip -n a neigh flush all', 'kill_ours a; ours a /test/$number.a.cfg']


def events(*what):
    return 'sees_clear; under_ping ' + ' '.join("'%s'" % e for e in what)


situation('events under a ping (IKEv2)', events(*EVENTS), world='switch', a=router(), b=swan(conn=['dpd_delay = 2s'], child=['dpd_action = clear']))
for v in (2, 1):
    situation('SAs that somebody deletes, between ourselves (IKEv%d)' % v, 'up ha 10.2.0.9; ip -n b xfrm state flush; up ha 10.2.0.9; logged b "somebody has deleted it"; '
              'ip -n a xfrm state delete $(ip -n a xfrm state | sed -n "s/^src 192.0.2.2 dst 192.0.2.1$/& proto esp/p" | head -1) spi $(ip -n a xfrm state | grep -A1 "^src 192.0.2.2 dst 192.0.2.1" | sed -n "s/.*spi \\(0x[0-9a-f]*\\).*/\\1/p" | head -1); '
              'logged a "somebody has deleted it"; up ha 10.2.0.9; up hb 10.1.0.9', a=router(v=v), b=router(me=B, peer=A, v=v, acl=['permit ip 10.2.0.0 0.0.255.255 10.1.0.0 0.0.255.255']))


def manual(me, peer, spis):
    """manual keys and nothing else: the daemon watches"""
    lines = [' set session-key %s esp %d cipher %s authenticator %s' % (way, spi, '0b' * 16, '0c' * 20) for way, spi in zip(('inbound', 'outbound'), spis)]
    nets = (NETS if me == A else 'permit ip 10.2.0.0 0.0.255.255 10.1.0.0 0.0.255.255')
    return '\n'.join(['hostname r1', 'crypto ipsec transform-set T esp-aes esp-sha-hmac', 'ip access-list extended L', ' ' + nets, 'crypto map M 10 ipsec-manual', ' set peer ' + peer, ' set transform-set T', *lines,
                      ' match address L', 'interface GigabitEthernet0/0', ' ip address %s 255.255.255.0' % me, ' crypto map M', 'end', ''])


situation('manual SAs that somebody deletes, under a watch (IKEv2)', 'up ha 10.2.0.9; for n in a b; do ip -n $n xfrm state flush; up ha 10.2.0.9; logged $n "repaired in .*SAs"; done; for n in a b; do p=$(cat /tmp/$n.ours); rm /tmp/$n.ours; kill $p; wait $p; done',
          a=manual(A, B, (1001, 1002)), b=manual(B, A, (1002, 1001)))
FLOWTABLE = 'ip netns exec a nft "add table inet f; add flowtable inet f fast { hook ingress priority 0; devices = { eth1 }; }"'
ASKS = 'ip netns exec a ioscc %s > /tmp/out 2>&1; grep -q "flowtable fast of table f takes the connections of eth1 past all" /tmp/out || say "%s: $(cat /tmp/out)"'
situation('a flowtable of somebody else (IKEv2)', '; '.join(['up ha 10.2.0.9', FLOWTABLE, *[ASKS % (w, w.split()[0]) for w in ('status --state-dir /run/a', 'reload --state-dir /run/a /test/$number.a.cfg')],
          'logged a "flowtable fast of table f"', 'ip netns exec a nft delete table inet f', 'ip netns exec a ioscc reload --state-dir /run/a /test/$number.a.cfg > /tmp/out 2>&1 || say "$(cat /tmp/out)"', 'up ha 10.2.0.9']), a=router(), b=swan())
# both walls taken away at once is an open host until the watch has made them again, and not a packet longer
situation('policies and rules are flushed at once (IKEv2)', 'ip netns exec ha ping -i 0.2 10.2.0.9 > /dev/null 2>&1 & echo $! >> /tmp/pids; up ha 10.2.0.9; %s; %s; logged a "repaired in"; captured_anew s; up ha 10.2.0.9; answered() { ip netns exec ha ping -c 10 -i 0.2 10.2.0.9 > /tmp/out 2>&1; }; await "ten answers" answered' % (FLUSHED, RULES),
          world='switch', a=router(), b=swan())
situation('events under a ping: the link (IKEv2)', events('made_veth', 'renamed eth0'), world='switch', a=router(), b=swan())
situation('events under a ping: a VLAN (IKEv2)', events('vlan_anew', 'renamed eth0.7'), world='vlan', a=router(), b=swan())

situation('events under a ping: PPP (IKEv2)', "sees_all; under_ping redialled '%s' '%s' redialled; sent_no 10.2.0.9" % (FLUSHED, RULES), world='ppp', a=router(), b=router(me=B, peer=A, acl=['permit ip 10.2.0.0 0.0.255.255 10.1.0.0 0.0.255.255']))


def kind(text):
    return 'swan' if text.startswith('connections') else 'libre' if text.startswith('config setup') else 'iked' if text.startswith('ikev2') else 'cfg'


def certificates(d):
    """ca, ours (TP, EC for ECDSA) and the peer's, as files for the guest"""
    ca = test_certs.Authority(d, 'ca')
    for name, k, san in (('r1', 'rsa', None), ('r1ec', 'ec256', None), ('r2', 'rsa', 'DNS:r2.example'), ('r2ec', 'ec256', 'DNS:r2.example')):
        ca.make(name, k, 'O=Example,CN=' + name[:2], 'keyUsage=digitalSignature' + ('\nsubjectAltName=' + san if san else ''), ca)
    files = {'ca.crt': '@' + d + '/ca.crt'}
    for n in ('r2', 'r2ec'):
        files.update({n + '.crt': '@%s/%s.crt' % (d, n), n + '.key': '@%s/%s.key' % (d, n)})
    subprocess.run(['openssl', 'pkey', '-in', d + '/r2.key', '-pubout', '-out', d + '/r2.pub'], check=True)
    files['r2.pub'] = '@%s/r2.pub' % d
    for name, n in (('TP', 'r1'), ('TPEC', 'r1ec')):
        files.update({name + '.crt': '@%s/%s.crt' % (d, n), name + '.key': '@%s/%s.key' % (d, n), name + '.ca': '@%s/ca.crt' % d})
    return files


def situations(words=()):
    cases, chosen = [], [s for s in SITUATIONS if not words or any(w in s[0] for w in words)]
    with tempfile.TemporaryDirectory() as d:
        files = dict(certificates(d), run='@tests/vm/situations.sh')
        for i, (name, world, nodes, do, more) in enumerate(chosen):
            line = '%d %s' % (i, world)
            for n, text in nodes.items():
                text = text.replace('trustpoint TP', 'trustpoint TPEC') if more.get('auth_kind') == 'ecdsa' else text
                files['%d.%s.%s' % (i, n, kind(text))] = text
                if kind(text) == 'libre':
                    files['%d.%s.libre.secrets' % (i, n)] = '%s %s : PSK "%s"\n' % (B, A, KEY)
                line += ' %s=%s.%s' % (n, n, kind(text))
            files['%d.do' % i] = ('ip -n b route add default via 192.0.2.1\n' if more.get('b_route') else '') + do + '\n'
            if more.get('charon'):
                files['%d.charon' % i] = more['charon'] + '\n'
            cases.append(line)
        status, text = guest.run(dict(files, cases='\n'.join(cases) + '\n'), seconds=3600 + 300 * len(chosen))
    seen = dict(re.findall(r'^RESULT (\d+) (.*)$', text, re.M))
    rows = [(s[0], seen.get(str(i), 'failed the guest ended before')) for i, s in enumerate(chosen)]
    if words and words[0] in ('IKEv1', 'IKEv2'):
        interop.note('situations-' + words[0], [(n, r.split(' ', 1)[0], r.partition(' ')[2]) for n, r in rows])
    elif words:
        print(text)
    bad = [(n, r) for n, r in rows if r != 'passed']
    assert not bad, '%d of %d:\n%s\n%s' % (len(bad), len(rows), '\n'.join('%s: %s' % x for x in bad), text[-20000:])
    return rows


def tests():
    for v in ('IKEv1', 'IKEv2'):  # two guests at a time
        yield 'vm: situations ' + v, lambda v=v: situations((v,))


if __name__ == '__main__':
    for row in situations(sys.argv[1:]):
        print(*row)
