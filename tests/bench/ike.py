#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IKE engine's cost.

(a) CPU milliseconds a tunnel (PSK, IKE SA and one child SA) at the responder, for 1 000 tunnels that our daemon opens
    from 1 000 addresses in a namespace: our daemon with its SAs thrown away against Debian's charon with
    kernel-libipsec, which keeps them in user space; one after the other in the same run.
(b) both ends in one process against the bare Diffie-Hellman work; memory; idle cost; 50 000 tunnels under loss
    (tests/sim/sim_load.c).
"""
import os, re, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
sys.path[:0] = ['tests/netns', 'tests/lint']
os.environ['IOSCC'] = 'build/release/ioscc'
import lab, test_ike as ike, test_strongswan as swan

N = int(os.environ.get('TUNNELS', '1000'))
KEY = 'a-key-for-all-of-them-in-a-bench'
GROUPS = (('MODP-2048', '14', 'modp2048'), ('ECP-256', '19', 'ecp256'))


def client(i):
    return '10.77.%d.%d' % (i >> 8, i & 255)


HEAD = '''hostname %s
crypto ikev2 proposal P
 encryption aes-cbc-256
 integrity sha256
 group %s
crypto ikev2 policy POL
 proposal P
crypto ikev2 keyring KR
 peer ANY
  address 0.0.0.0 0.0.0.0
  pre-shared-key ''' + KEY + '''
crypto ikev2 profile PROF
 match identity remote any
 authentication remote pre-share
 authentication local pre-share
 keyring local KR
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
 mode tunnel
'''


def initiator(group):
    o = [HEAD % ('many', group), 'interface GigabitEthernet0/0\n ip address %s 255.255.255.0\n' % swan.A]
    for i in range(N):
        o.append('''ip access-list extended L%d
 permit ip host %s 10.2.0.0 0.0.255.255
crypto map M%d 10 ipsec-isakmp
 set peer %s
 set transform-set T
 set ikev2-profile PROF
 match address L%d
interface Loopback%d
 ip address %s 255.255.255.255
 crypto map M%d
''' % (i, client(i).replace('10.77', '10.78'), i, swan.B, i, i, client(i), i))
    return ''.join(o)


def responder(group):
    return HEAD % ('hub', group) + '''crypto dynamic-map D 10
 set transform-set T
 set ikev2-profile PROF
crypto map M 10 ipsec-isakmp dynamic D
interface GigabitEthernet0/0
 ip address %s 255.255.255.0
 crypto map M
''' % swan.B


def swanctl(group):
    return '''connections { c {
  version = 2
  local_addrs = %s
  remote_addrs = 10.77.0.0/16
  unique = never
  proposals = aes256-sha256-prfsha256-%s
  local { auth = psk
    id = %s }
  remote { auth = psk
    id = %%any }
  children { c {
    local_ts = 10.2.0.0/16
    remote_ts = 10.78.0.0/16
    esp_proposals = aes256-sha256 } }
} }
secrets { ike { secret = "%s" } }
''' % (swan.B, group, swan.B, KEY)


def cpu_ms(pid):
    """of all threads, user and system; of the children too (charon is started by a shell)"""
    total = 0
    for p in [pid] + [int(x) for x in subprocess.run(['pgrep', '-P', str(pid)], capture_output=True, text=True).stdout.split()]:
        f = open('/proc/%d/stat' % p).read().rsplit(')', 1)[1].split()
        total += int(f[11]) + int(f[12])
    return total * 1000 / os.sysconf('SC_CLK_TCK')


def one(group, start, pid_of, stop):
    """CPU milliseconds a tunnel, seconds for all"""
    with lab.Lab() as l:
        a, b = l.node('a'), l.node('b')
        l.link(a, 'eth0', b, 'eth0')
        with tempfile.NamedTemporaryFile('w', suffix='.batch') as f:
            f.write(''.join('link add d%d up type veth peer name e%d\naddr add %s/32 dev d%d\n' % (i, i, client(i), i) for i in range(N)) + 'addr add %s/24 dev eth0\nroute add default dev eth0\n' % swan.A)
            f.flush()
            a.ip('-batch', f.name)
        b.ip('addr', 'add', swan.B + '/24', 'dev', 'eth0')
        b.ip('addr', 'add', '10.2.0.1/32', 'dev', 'lo')
        b.ip('route', 'add', '10.77.0.0/16', 'dev', 'eth0')
        there = start(b, group)
        ours = ike.Ours(a, initiator(group[1]), more=('-m', ','.join('Loopback%d=d%d' % (i, i) for i in range(N))))
        try:
            before, t = cpu_ms(pid_of(there)), time.monotonic()
            ours.ask(do='initiate')
            up = 0
            for _ in range(600):
                time.sleep(0.1)
                up = int(re.search(r'^ioscc_ike_child_sas (\d+)', ours.ask(do='stats')['metrics'], re.M)[1])
                if up >= N:
                    break
            took, used = time.monotonic() - t, cpu_ms(pid_of(there)) - before
            if up < N:
                raise SystemExit('only %d of %d tunnels came up\n%s' % (up, N, ours.text()[-1500:]))
            return used / N, took
        finally:
            ours.p.kill()
            stop(there)


def ours_there(node, group):
    return ike.Ours(node, responder(group[1]))


def charon_there(node, group):
    d = swan.Daemon(node, tempfile.mkdtemp(prefix='ioscc-swan-'), 'b')
    conf = open('%s/b.conf' % d.tmp).read().replace('dos_protection = no', 'dos_protection = no\n  half_open_timeout = 60')
    open('%s/b.conf' % d.tmp, 'w').write(conf)
    d.load(swanctl(group[2]))
    return d


def main():
    print(subprocess.run(['build/release/tests/sim/sim_load', 'bench'], capture_output=True, text=True).stdout, end='', flush=True)
    'ONLY' in os.environ or print(subprocess.run(['build/release/tests/sim/sim_load', '50000'], capture_output=True, text=True).stdout, end='', flush=True)
    why = swan.usable()
    if why:
        print('charon is not measured: ' + why)
        return
    for group in GROUPS:
        mine, took = one(group, ours_there, lambda d: d.p.pid, lambda d: d.p.kill())
        theirs, took2 = one(group, charon_there, lambda d: d.p.pid, lambda d: d.stop())
        print('%s, responder, %d tunnels: ioscc %.2f ms of CPU a tunnel (%.1f s for all), charon %.2f ms (%.1f s), ratio %.2f (wanted: at most 0.50)'
              % (group[0], N, mine, took, theirs, took2, mine / theirs), flush=True)


if __name__ == '__main__':
    main()
