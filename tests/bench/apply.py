#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""apply against the hand tools, each in a fresh network namespace, in turn, in one run: prints ratios of medians.

  10 000 tunnels     ioscc apply of the .cfg (parse included) : ip -batch of the same policies
  one deny more      ioscc apply of it over 10 000 applied    : ioscc plan without a change, over the same
  back, and away     ioscc rollback, ioscc remove             : the first ioscc apply
  no change          ioscc plan over 10 000 applied tunnels   : ip xfrm policy list (the kernel dump)
  10 000 ACL lines   ioscc apply of the .cfg                  : nft -f of the text we emit
"""
import os, re, shutil, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests/netns'))
import lab

IOSCC = os.path.join(ROOT, 'build/release/ioscc')
RUNS = int(os.environ.get('RUNS', '5'))


def median(v):
    return sorted(v)[len(v) // 2]


def tunnels(n):
    o = ['hostname hub', 'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac', ' mode tunnel']
    for i in range(n):
        o += ['crypto map M %d ipsec-isakmp' % (i + 1), ' set peer 203.%d.%d.1' % (i >> 8, i & 255), ' set transform-set T', ' match address A%d' % i]
    o += ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' crypto map M']
    for i in range(n):
        o += ['ip access-list extended A%d' % i, ' permit ip 10.0.0.0 0.0.255.255 10.%d.%d.0 0.0.0.255' % (64 + (i >> 8), i & 255)]
    return '\n'.join(o) + '\nend\n'


def acl(n):
    o = tunnels(2).replace(' crypto map M\nip', ' crypto map M\n ip access-group IN in\nip').replace('\nend\n', '\nip access-list extended IN\n').split('\n')[:-1]
    for i in range(n):
        o.append(' permit tcp 172.%d.%d.0 0.0.0.255 host 10.0.%d.%d eq %d' % (16 + (i >> 8), i & 255, i >> 8 & 255, i & 255, 1 + i % 60000))
    return '\n'.join(o) + '\n deny   ip any any\nend\n'


class Place:
    """a fresh namespace with the interface, and a state directory"""
    dirs = []

    def __init__(self, l):
        self.n, other = l.node('r%d' % len(l.nodes)), None
        other = l.node('o%d' % len(l.nodes))
        l.link(self.n, 'eth0', other, 'eth0')
        self.n.ip('addr', 'add', '198.51.100.2/24', 'dev', 'eth0')
        # in memory, as /run is
        self.dir = tempfile.mkdtemp(prefix='ioscc-bench-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
        Place.dirs.append(self.dir)

    def timed(self, *args):
        """seconds of the program alone: entering the namespace is not counted"""
        with self.n.inside():
            start = time.perf_counter()
            p = subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            took = time.perf_counter() - start
        if p.returncode not in (0,):
            raise SystemExit('%s: exit %d %s' % (args, p.returncode, p.stderr.decode()[-500:]))
        return took

    def ioscc(self, *args):
        return self.timed(IOSCC, args[0], '--state-dir', self.dir + '/state', *args[1:])


def rules_of(n, cfg, tmp):
    open(tmp, 'w').write(cfg)
    text = subprocess.run([IOSCC, 'compile', '--to', 'nftables', '-m', 'Gi0/0=eth0', tmp], capture_output=True, text=True).stdout
    return len(re.findall(r'^\t\t(?:iifname|oifname|meta|jump)', text, re.M))


def main():
    why = lab.usable()
    if why:
        print('apply is not measured: ' + why)
        return
    tmp = tempfile.mkdtemp(prefix='ioscc-bench-')
    try:
        cfg, batch, nft = tmp + '/hub.cfg', tmp + '/hub.batch', tmp + '/acl.nft'
        open(cfg, 'w').write(tunnels(10000))
        subprocess.run([IOSCC, 'compile', '--to', 'xfrm', '-m', 'Gi0/0=eth0', '-o', batch, cfg], check=True)
        apply, ip, plan, dump, edit, back, away = [], [], [], [], [], [], []
        edited = tmp + '/edited.cfg'
        open(edited, 'w').write(tunnels(10000).replace('ip access-list extended A501\n', 'ip access-list extended A501\n deny ip host 10.0.2.7 10.65.245.0 0.0.0.255\n'))
        for _ in range(RUNS):
            with lab.Lab() as l:
                a, b = Place(l), Place(l)
                ip.append(b.timed('ip', '-batch', batch))
                apply.append(a.ioscc('apply', '--only', 'xfrm', cfg))
                for _ in range(2):
                    plan.append(a.ioscc('plan', '--only', 'xfrm', cfg))
                    dump.append(a.timed('ip', 'xfrm', 'policy', 'list'))
                edit.append(a.ioscc('apply', '--only', 'xfrm', edited))
                back.append(a.ioscc('rollback'))
                away.append(a.ioscc('remove'))
        print('10 000 tunnels, 30 000 policies: apply %.2f s, ip -batch %.2f s, ratio %.2f (wanted: at most 1.00)' % (median(apply), median(ip), median(apply) / median(ip)))
        print('plan without a change %.3f s, ip xfrm policy list %.3f s, ratio %.2f (wanted: under 2.00)' % (median(plan), median(dump), median(plan) / median(dump)))
        print('one deny more in entry 502: apply %.3f s, plan without a change %.3f s, ratio %.2f (wanted: at most 8.00)' % (median(edit), median(plan), median(edit) / median(plan)))
        print('rollback of that %.2f s, remove %.2f s: ratios to the first apply %.2f and %.2f (wanted: at most 1.50)' % (median(back), median(away), median(back) / median(apply), median(away) / median(apply)))
        open(cfg, 'w').write(acl(10000))
        subprocess.run([IOSCC, 'compile', '--to', 'nftables', '-m', 'Gi0/0=eth0', '-o', nft, cfg], check=True)
        ours, theirs = [], []
        for _ in range(RUNS):
            with lab.Lab() as l:
                a, b = Place(l), Place(l)
                theirs.append(b.timed('nft', '-f', nft))
                ours.append(a.ioscc('apply', '--only', 'nftables', cfg))
        print('10 000 access list lines: apply %.2f s, nft -f %.2f s, ratio %.2f (wanted: at most 0.50)' % (median(ours), median(theirs), median(ours) / median(theirs)))
        few, many = rules_of(10, tunnels(10), tmp + '/x.cfg'), rules_of(10000, tunnels(10000), tmp + '/x.cfg')
        print('rules of the packet filter with 10 peers %d, with 10 000 peers %d (wanted: the same; peers are set elements)' % (few, many))
    finally:
        for d in [tmp] + Place.dirs:
            shutil.rmtree(d, ignore_errors=True)


if __name__ == '__main__':
    main()
