# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of every line: `plan --lines` leaves out none. testdata/linux/branch.lines has, for a branch router with everything on it, what each line must become; and over all of testdata no line with a meaning for packets may be missing, or be called carried."""
import glob, json, os, re

import lab
from lab import Lab

IOSCC = os.environ.get('IOSCC', 'build/asan/ioscc')
RELEASE = os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')  # where there are many files
BRANCH = 'testdata/linux/branch.cfg'


def router(l):
    r = l.node('r')
    r.sysctl('net/ipv4/ip_forward', 1)
    for i, address in ((0, '198.51.100.7/24'), (1, '10.7.0.2/24'), (2, '10.99.0.1/24')):
        r.ip('link', 'add', 'eth%d' % i, 'type', 'veth', 'peer', 'name', 'p%d' % i)
        r.ip('link', 'set', 'eth%d' % i, 'up')
        r.ip('addr', 'add', address, 'dev', 'eth%d' % i)
    return r


def lines_of(r, l, path, *more, program=IOSCC):
    p = r.run(program, 'plan', '--lines', '--format', 'json', '--allow-less', '--state-dir', l.directory() + '/s', *more, path, ok=False)
    return p, (json.loads(p.stdout)['lines'] if p.stdout.startswith('{') else None)


def branch():
    """a line for each line, with what it must become"""
    with Lab() as l:
        p, lines = lines_of(router(l), l, BRANCH, '-m', 'Gi0/0=eth0,Gi0/1=eth1,Gi0/2=eth2')
        want = [line.split('\t') for line in open('testdata/linux/branch.lines').read().splitlines() if not line.startswith('#')]
        got = [[str(x['line']), x['fate']] for x in lines]
        assert got == want, '\n'.join('line %s: %s, wanted %s' % (g[0], g[1], w) for g, w in zip(got, want) if g != w) or 'other lines'
        assert 'c4n4ry' not in p.stdout, 'a key is shown'


# words that mean something for packets, whatever else stands in the line
PACKETS = re.compile(r'^(zone-member|ip inspect|ip policy|ip verify|service-policy|rate-limit|ip route |ipv6 route |router |standby|vrrp|glbp|ip vrf forwarding|vrf forwarding|ip nat outside source|switchport|channel-group|bridge-group|evaluate)')
TEXT = re.compile(r'^\s*(!|#|$|exit\b|end\b|quit\b|do\b|\^Z|conf\w* t)')


def all_of_testdata():
    """no line is missing, and none with a meaning for packets is said to be carried"""
    seen = 0
    with Lab() as l:
        r = router(l)
        for path in sorted(glob.glob('testdata/**/*.cfg', recursive=True)):
            text = open(path, errors='replace').read()
            if re.search(r'^banner|^macro name|^menu|-----BEGIN|^```|^\S+[#>]|^\s*certificate |key-string|^hostname [\s\S]*^hostname ', text, re.M):
                continue  # text that is none of the configuration's lines; several routers
            _, lines = lines_of(r, l, path, program=RELEASE)
            if lines is None:
                continue
            want = [i for i, line in enumerate(text.splitlines(), 1) if not TEXT.match(line)]
            got = [x['line'] for x in lines]
            assert got == want, '%s: missing %s, too many %s' % (path, [n for n in want if n not in got][:5], [n for n in got if n not in want][:5])
            for x in lines:
                assert not (PACKETS.match(x['text']) and x['fate'] in ('carried', 'no effect', 'host service')), '%s: %s' % (path, x)
            seen += len(lines)
    assert seen > 1000, seen


def tests():
    yield 'netns: account: branch', branch
    yield 'netns: account: all of testdata', all_of_testdata


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
