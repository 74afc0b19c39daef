# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied stays applied while `ioscc run` runs (backends/ike/daemon/watch.c): somebody takes a part of it away, and it is
there again, said by one line of the log. By which of the kernel's notifications it is noticed is each event's own matter."""
import os, re, statistics, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns']
import lab, test_closed as closed

IOSCC = os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')
TIMES = []
# name, what is done (R: the number of a policy of ours), what the line says
EVENTS = [
    ('policies flushed', 'ip xfrm policy flush', r'policies.* had changed: \d+ policies set, 0 removed'),
    ('one policy deleted', 'ip xfrm policy delete src 10.2.0.0/16 dst 10.1.0.0/16 dir in', 'policies.* had changed: 1 policies set, 0 removed'),
    ('a policy turned into one that lets pass', 'ip xfrm policy update src 10.2.0.0/16 dst 10.1.0.0/16 dir in action allow', 'policies.* had changed: '),
    ('table deleted', 'nft delete table inet ioscc', 'nftables.* had changed: .*nftables'),
    ('ruleset flushed', 'nft flush ruleset', 'nftables.* had changed: .*nftables'),
    ('chains emptied', 'nft flush table inet ioscc', 'nftables.* had changed: .*nftables'),
    ('table made dormant', "nft add table inet ioscc '{ flags dormant; }'", 'nftables.* had changed: .*nftables'),
    ('link re-created', 'ip link delete eth0; ip link add eth0 type veth peer name far0; ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up', r'links and addresses.* had changed: \d+ policies set, \d+ removed'),
    ('link renamed away and back', 'ip link set eth0 down; ip link set eth0 name away; ip xfrm policy flush; ip link set away name eth0; ip link set eth0 up', r'had changed: \d+ policies set'),
]


class Watched:
    """a router whose daemon watches"""
    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, out, inside = (self.lab.node(n) for n in 'abc')
        self.lab.link(self.node, 'eth0', out, 'eth0')
        self.lab.link(self.node, 'eth1', inside, 'eth0')
        self.node.ip('addr', 'add', '192.0.2.1/24', 'dev', 'eth0')
        self.node.ip('addr', 'add', '10.1.0.1/16', 'dev', 'eth1')
        self.dir = self.lab.directory()
        open(self.dir + '/r.cfg', 'w').write(closed.CONFIG)
        with self.node.inside():
            self.p = subprocess.Popen([IOSCC, 'run', '--state-dir', self.dir + '/state', '-m', 'Gi0/0=eth0,Gi0/1=eth1', self.dir + '/r.cfg'], stdout=open(self.dir + '/log', 'w'), stderr=subprocess.STDOUT)
        lab.wait_for(self.said, lambda: 'ports 500 and 4500' in self.said(), alive=lambda: self.p.poll() is None)
        return self

    def __exit__(self, *a):
        self.p.kill()
        self.p.wait(lab.BOUND)
        self.lab.__exit__(*a)

    def said(self):
        return open(self.dir + '/log').read()

    def status(self):
        return self.node.run(IOSCC, 'status', '--state-dir', self.dir + '/state', ok=False)

    def in_order(self):
        p = self.status()
        return p.returncode == 0 and 'as they should be' in p.stdout


def event(row):
    name, command, line = row
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        before = len(w.said())
        w.node.run('sh', '-c', command)
        lab.wait_for(lambda: w.said() + w.status().stdout, lambda: re.search(r'repaired in \d+ ms, as .*%s' % line, w.said()[before:]) and w.in_order())
        TIMES.extend(int(ms) for ms in re.findall(r'repaired in (\d+) ms', w.said()[before:]))
        assert w.p.poll() is None, w.said()


def nothing():
    """without a difference nothing is written and nothing is said; what others do beside it is theirs"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        state = os.stat(w.dir + '/state/state.json').st_mtime_ns
        before = w.said()
        w.node.run('sh', '-c', 'nft add table inet theirs; ip addr add 10.9.9.9/32 dev lo; ip xfrm policy add src 10.9.0.0/16 dst 10.8.0.0/16 dir out priority 200000; ip link add v0 type veth peer name v1; nft delete table inet theirs; ip link delete v0')
        lab.wait_for('it has looked', lambda: not os.path.exists('/proc/%d' % w.p.pid) or w.in_order())
        w.node.run('ip', 'xfrm', 'policy', 'delete', 'src', '10.2.0.0/16', 'dst', '10.1.0.0/16', 'dir', 'in')  # behind all of that
        lab.wait_for('that is repaired', lambda: 'repaired' in w.said()[len(before):])
        assert w.said()[len(before):].count('repaired') == 1, w.said()
        assert 'src 10.9.0.0/16' in w.node.ip('xfrm', 'policy'), 'a policy of somebody else has gone'
        assert os.stat(w.dir + '/state/state.json').st_mtime_ns != state


def missing():
    """what it needs is not there: said, and repaired when it comes"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        w.node.run('sh', '-c', 'ip link delete eth0; ip xfrm policy flush')
        lab.wait_for(w.said, lambda: "no interface 'eth0'" in w.said())
        w.node.run('sh', '-c', 'ip link add eth0 type veth peer name far0; ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up')
        lab.wait_for(w.said, w.in_order)


def again_and_again():
    """somebody else takes it away whenever it is there: it goes on more slowly, and says so once"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        for _ in range(200):
            if 'keeps changing' in w.said():
                break
            n = w.said().count('repaired in')
            w.node.run('nft', 'delete', 'table', 'inet', 'ioscc', ok=False)
            lab.wait_for(w.said, lambda: w.said().count('repaired in') > n)
        assert w.said().count('keeps changing') == 1, w.said()
        lab.wait_for(w.said, w.in_order)


def reload_beside():
    """a reload is not undone, and the next repair is to what it has made"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        open(w.dir + '/r.cfg', 'w').write(closed.CONFIG.replace('10.2.0.0', '10.7.0.0'))
        w.node.run(IOSCC, 'reload', '--allow-less', '--state-dir', w.dir + '/state', w.dir + '/r.cfg')
        w.node.run('ip', 'xfrm', 'policy', 'flush')
        lab.wait_for(w.said, lambda: 'repaired' in w.said() and w.in_order())
        policies = w.node.ip('xfrm', 'policy')
        assert '10.7.0.0' in policies and '10.2.0.0' not in policies, policies


def tests():
    for row in EVENTS[::2] if lab.QUICK else EVENTS:
        yield 'netns: watch: ' + row[0], lambda row=row: event(row)
    for f in (nothing, missing, again_and_again, reload_beside):
        yield 'netns: watch: ' + f.__name__.replace('_', ' '), f

    def times():
        if TIMES:
            print('from notification to repair: median %d ms of %d, at most %d ms' % (statistics.median(TIMES), len(TIMES), max(TIMES)))
    yield 'netns: watch: times', times
