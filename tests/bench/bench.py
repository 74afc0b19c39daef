#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throughput of `ioscc check` against a do-nothing flex scanner (words and newlines) over the same files, in the same run.

Makes about 50 MB of router configurations (seeded; about 3 500 files of the shape of real ones: interfaces, routing, access
lists, crypto, a certificate), then runs both in turn and prints ratios of medians. Also: 24 000 files in one directory,
and one configuration with 20 000 crypto map entries and 200 000 access list lines at two sizes.
"""
import json, os, random, resource, shutil, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IOSCC = os.path.join(ROOT, 'build/release/ioscc')
RUNS = int(os.environ.get('RUNS', '5'))

SCANNER = r'''
%option noyywrap nodefault noinput nounput 8bit
%%
[^ \t\r\n]+   { words++; }
\n            { lines++; }
[ \t\r]+      { }
%%
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    char path[4096];
    FILE *list = argc > 1 ? fopen(argv[1], "r") : stdin;
    while (list && fscanf(list, "%4095s", path) == 1) {
        yyin = fopen(path, "r");
        if (!yyin) return 1;
        yyrestart(yyin);
        yylex();
        fclose(yyin);
    }
    printf("%lu words, %lu lines\n", words, lines);
    return 0;
}
'''


def certificate(r):
    out = ['crypto pki certificate chain TP-self-signed-%d' % r.randrange(10**9), ' certificate self-signed 01']
    out += ['  ' + ' '.join('%08X' % r.getrandbits(32) for _ in range(8)) for _ in range(18)]
    return out + ['  \tquit']


def router(r, n):
    o = ['!', '! Last configuration change at 17:37:09 UTC Tue Mar 27 2018', '!', 'version 15.%d' % r.randrange(1, 9), 'service timestamps debug datetime msec',
         'service timestamps log datetime msec', 'no service password-encryption', '!', 'hostname R%d' % n, '!', 'boot-start-marker', 'boot-end-marker', '!',
         'no aaa new-model', 'ip cef', 'no ipv6 cef', 'multilink bundle-name authenticated', '!']
    if r.random() < 0.3:
        o += certificate(r)
    o += ['redundancy', '!', 'crypto isakmp policy 10', ' encr aes 256', ' hash sha256', ' authentication pre-share', ' group 14', ' lifetime 28800']
    peers = r.randrange(2, 6)
    for p in range(peers):
        o.append('crypto isakmp key Key%d-7fQm2xLw9Rt4-%d address 192.0.%d.%d' % (p, n, n % 256, p + 1))
    o += ['!', 'crypto ipsec transform-set TS esp-aes 256 esp-sha256-hmac', ' mode tunnel', '!']
    for p in range(peers):
        o += ['crypto map VPN %d ipsec-isakmp' % (p * 10 + 10), ' description site %d' % p, ' set peer 192.0.%d.%d' % (n % 256, p + 1), ' set transform-set TS',
              ' set pfs group14', ' match address VPN-%d' % p]
    o += ['!']
    for i in range(r.randrange(6, 20)):
        o += ['interface GigabitEthernet0/%d' % i, ' description link to somewhere over the wide area network %d' % i, ' ip address 10.%d.%d.1 255.255.255.0' % (n % 256, i),
              ' no ip redirects', ' no ip unreachables', ' no ip proxy-arp', ' ip nat %s' % ('outside' if i == 0 else 'inside'), ' ip ospf cost %d' % (i + 1),
              ' load-interval 30', ' duplex auto', ' speed auto', ' no cdp enable'] + ([' crypto map VPN'] if i == 0 else []) + ['!']
    o += ['router ospf 1', ' router-id 10.255.0.%d' % (n % 256), ' passive-interface default'] + [' network 10.%d.%d.0 0.0.0.255 area 0' % (n % 256, i) for i in range(8)]
    o += ['!', 'router bgp %d' % (65000 + n % 500), ' bgp log-neighbor-changes']
    for i in range(r.randrange(4, 24)):
        o += [' neighbor 203.0.113.%d remote-as %d' % (i, 64512 + i), ' neighbor 203.0.113.%d description transit provider number %d' % (i, i),
              ' neighbor 203.0.113.%d route-map FROM-%d in' % (i, i), ' neighbor 203.0.113.%d soft-reconfiguration inbound' % i]
    o += ['!', 'ip forward-protocol nd', 'no ip http server', 'ip nat inside source list NAT interface GigabitEthernet0/0 overload']
    o += ['ip route 10.%d.0.0 255.255.0.0 192.0.2.%d name site-%d' % (i, i % 250, i) for i in range(r.randrange(5, 60))]
    o += ['!', 'ip access-list extended NAT'] + [' deny   ip 10.%d.0.0 0.0.255.255 10.%d.0.0 0.0.255.255' % (n % 256, p) for p in range(peers)] + [' permit ip 10.0.0.0 0.255.255.255 any']
    for p in range(peers):
        o += ['ip access-list extended VPN-%d' % p, ' permit ip 10.%d.0.0 0.0.255.255 10.%d.0.0 0.0.255.255' % (n % 256, p)]
    o += ['ip access-list extended FILTER']
    o += [' permit tcp 10.%d.%d.0 0.0.0.255 host 10.9.%d.%d eq %d' % (n % 256, i % 256, i % 256, i % 250, 1000 + i) for i in range(r.randrange(0, 40))]
    o += ['!', 'snmp-server community public RO', 'snmp-server location somewhere', 'ntp server 192.0.2.123', '!', 'banner motd ^C', 'Authorised access only', '^C', '!',
          'line con 0', ' exec-timeout 0 0', ' logging synchronous', 'line vty 0 4', ' login local', ' transport input ssh', '!', 'end']
    return '\n'.join(o) + '\n'


def wide_map(n):
    """a crypto map of n entries, a list of its own for each, an access list for NAT and a filter on the interface"""
    o = ['version 15.7', 'hostname hub', 'crypto isakmp policy 10', ' encr aes 256', ' hash sha256', ' authentication pre-share', ' group 14',
         'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac']
    for i in range(n):
        o += ['crypto isakmp key k%d-7fQm2xLw9Rt4-%d address 203.%d.%d.1' % (i, i * 7919, i >> 8, i & 255)]
    for i in range(n):
        o += ['crypto map M %d ipsec-isakmp' % (i + 1), ' set peer 203.%d.%d.1' % (i >> 8, i & 255), ' set transform-set T', ' match address A%d' % i]
    o += ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' ip access-group IN in', ' ip nat outside', ' crypto map M',
          'ip nat inside source list NAT interface GigabitEthernet0/0 overload', 'ip access-list extended NAT', ' deny   ip 10.0.0.0 0.0.255.255 10.0.0.0 0.255.255.255',
          ' permit ip 10.0.0.0 0.0.255.255 any', 'ip access-list extended IN']
    for i in range(n):
        o += [' permit udp host 203.%d.%d.1 host 198.51.100.2 eq isakmp' % (i >> 8, i & 255), ' permit esp host 203.%d.%d.1 host 198.51.100.2' % (i >> 8, i & 255)]
    for i in range(n):
        o += ['ip access-list extended A%d' % i, ' deny   ip 10.0.9.0 0.0.0.255 10.%d.%d.0 0.0.0.255' % (64 + (i >> 8), i & 255),
              ' permit ip 10.0.0.0 0.0.255.255 10.%d.%d.0 0.0.0.255' % (64 + (i >> 8), i & 255)]
    return '\n'.join(o) + '\nend\n'


def rules_off():
    """options that switch every rule off: what is left is reading and resolving"""
    ids = [r['id'] for r in json.loads(subprocess.run([IOSCC, 'rules', '-f', 'json'], capture_output=True).stdout) if r.get('authority')]
    return [x for i in ids for x in ('--rule', i + '=off')]


def timed(cmd):
    start = time.monotonic()
    p = subprocess.run(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if p.returncode not in (0, 1):
        sys.exit('%s: exit %d %s' % (cmd[0], p.returncode, p.stderr.decode()))
    return time.monotonic() - start


def median(v):
    return sorted(v)[len(v) // 2]


def peak(cmd):
    pid = os.posix_spawn(cmd[0], cmd, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/dev/null', os.O_WRONLY, 0)])
    return os.wait4(pid, 0)[2].ru_maxrss // 1024


def main():
    tmp = tempfile.mkdtemp(prefix='ioscc-bench-')
    try:
        r = random.Random(7)
        files, total = os.path.join(tmp, 'fleet'), 0
        os.mkdir(files)
        n = 0
        while total < 50_000_000:
            t = router(r, n)
            with open('%s/r%05d.cfg' % (files, n), 'w') as f:
                f.write(t)
            total += len(t)
            n += 1
        open(tmp + '/scan.l', 'w').write('%{\nstatic unsigned long words, lines;\n%}\n' + SCANNER)
        subprocess.run(['flex', '-o', tmp + '/scan.c', tmp + '/scan.l'], check=True)
        subprocess.run(['gcc', '-O2', '-w', '-o', tmp + '/scan', tmp + '/scan.c'], check=True)
        with open(tmp + '/list', 'w') as f:
            f.write(''.join('%s/r%05d.cfg\n' % (files, i) for i in range(n)))
        print('%d files, %.1f MB' % (n, total / 1e6))
        scan, one, two = [], [], []
        timed([tmp + '/scan', tmp + '/list'])
        for _ in range(RUNS):
            scan.append(timed([tmp + '/scan', tmp + '/list']))
            one.append(timed([IOSCC, 'check', '-q', files]))
            two.append(timed([IOSCC, 'check', '-q', '-j', '2', files]))
        print('throughput of check, one thread, against the scanner: %.2f (wanted: 0.50 or more)' % (median(scan) / median(one)))
        print('peak memory: %d MB over %.1f MB of input (wanted: at most 64 MB more than the input)' % (peak([IOSCC, 'check', '-q', files]), total / 1e6))  # before this program grows: its own size counts until the child begins
        off = rules_off()
        parse = [timed([IOSCC, 'check', '-q', *off, files]) for _ in range(RUNS)]
        print('all rules against reading alone: %.2f (wanted: 1.50 or less)' % (median(one) / median(parse)))
        curve = []
        for k in (1000, 5000, 20000):
            with open(tmp + '/wide.cfg', 'w') as f:
                f.write(wide_map(k))
            curve.append(median([timed([IOSCC, 'check', '-q', tmp + '/wide.cfg']) for _ in range(3)]))
        print('packet-set rules on maps of 1 000, 5 000, 20 000 entries: 1 : %.1f : %.1f of the time (1 : 5 : 20 is linear)' % (curve[1] / curve[0], curve[2] / curve[0]))
        print('two threads against one: %.2f (wanted: 1.80 or more)' % (median(one) / median(two)))
        small = os.path.join(tmp, 'small')
        for k in (6000, 24000):
            shutil.rmtree(small, ignore_errors=True)
            os.mkdir(small)
            body = '\n'.join(router(r, 1).split('\n')[:200]) + '\n'
            for i in range(k):
                with open('%s/r%05d.cfg' % (small, i), 'w') as f:
                    f.write(body)
            t = median([timed([IOSCC, 'check', '-q', small]) for _ in range(3)])
            if k == 6000:
                base = t
            else:
                print('24 000 files against 6 000: %.2f times the time (4.00 is linear)' % (t / base))
        for k in (2000, 20000):
            acl = ''.join(' permit ip 10.%d.%d.0 0.0.0.255 10.%d.%d.0 0.0.0.255\n' % (i >> 16 & 255, i >> 8 & 255, i & 255, i % 251) for i in range(k * 10))
            maps = ''.join('crypto map M %d ipsec-isakmp\n set peer 192.0.%d.%d\n match address A\n set transform-set T\n' % (i + 1, i >> 8 & 255, i & 255) for i in range(k))
            with open(tmp + '/big.cfg', 'w') as f:
                f.write('crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\nip access-list extended A\n' + acl + maps)
            t = median([timed([IOSCC, 'check', '-q', tmp + '/big.cfg']) for _ in range(3)])
            if k == 2000:
                base = t
            else:
                print('20 000 entries and 200 000 lines against a tenth of it: %.1f times the time (10.0 is linear)' % (t / base))
    finally:
        shutil.rmtree(tmp)


main()
