# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied stays applied while `ioscc run` runs (backends/ike/daemon/watch.c): somebody takes a part of it away, and it is
there again, said by one line of the log. By which of the kernel's notifications it is noticed is each event's own matter."""
import fcntl, json, os, re, signal, statistics, subprocess, sys, time

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
    def __init__(self, options=('-m', 'Gi0/0=eth0,Gi0/1=eth1'), log=None):
        self.options, self.log = options, log

    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, out, inside = (self.lab.node(n) for n in 'abc')
        self.lab.link(self.node, 'early0', out, 'early1')  # of a lower number than those that count
        self.lab.link(self.node, 'eth0', out, 'eth0')
        self.lab.link(self.node, 'eth1', inside, 'eth0')
        self.node.ip('addr', 'add', '192.0.2.1/24', 'dev', 'eth0')
        self.node.ip('addr', 'add', '10.1.0.1/16', 'dev', 'eth1')
        self.node.sysctl('net/ipv4/ip_forward', 1)
        self.dir = self.lab.directory()
        open(self.dir + '/r.cfg', 'w').write(closed.CONFIG)
        with self.node.inside():
            self.p = subprocess.Popen([IOSCC, 'run', '--state-dir', self.dir + '/state', *self.options, self.dir + '/r.cfg'], stdout=self.log or open(self.dir + '/log', 'w'), stderr=subprocess.STDOUT)
        lab.wait_for(self.said, lambda: os.path.exists(self.dir + '/state/control.sock'), alive=lambda: self.p.poll() is None)
        return self

    def __exit__(self, *a):
        self.p.kill()
        self.p.wait(lab.BOUND)
        self.lab.__exit__(*a)

    def said(self):
        return open(self.dir + '/log').read() if not self.log else ''

    def policies(self):
        """numbers of ours outbound, and the links that they are bound to"""
        text = self.node.ip('xfrm', 'policy')
        return text.count('dir out'), set(re.findall(r'dev (\S+)', text))

    def guarded(self):
        return self.node.run('nft', 'list', 'table', 'inet', 'ioscc', ok=False).stdout

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
        assert os.stat(w.dir + '/state/state.json').st_mtime_ns == state, 'a repair changes nothing of what is applied'


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


def reload_that_did_not_end():
    """a reload was killed when the kernel had its part, and the daemon had not: it gets it, and what it runs with is named"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        open(w.dir + '/b.cfg', 'w').write(closed.CONFIG.replace('correct-horse', 'incorrect-horse'))
        before = open(w.dir + '/state/places.json').read()
        w.node.run(IOSCC, 'reload', '--state-dir', w.dir + '/state', w.dir + '/b.cfg')
        open(w.dir + '/state/places.json', 'w').write(before)  # as it is when the second half is missing
        w.node.run('ip', 'addr', 'add', '192.0.2.9/32', 'dev', 'lo')
        lab.wait_for(w.said, lambda: 'what stands had not come to the daemon, as a reload did not end: ' in w.said())
        assert json.load(open(w.dir + '/state/places.json'))['configuration'] != json.loads(before)['configuration']
        assert w.said().count('had not come to the daemon') == 1 and 'b.cfg' in w.status().stdout, w.said()


def address_elsewhere():
    """interfaces were found by address; the same address on another one moves nothing"""
    with Watched(options=()) as w:
        lab.wait_for('in order', w.in_order)
        before = w.policies()
        w.node.run('sh', '-c', 'ip addr add 192.0.2.1/32 dev early0; ip xfrm policy flush')
        lab.wait_for(w.said, lambda: 'repaired' in w.said())
        lab.wait_for(w.said, w.in_order)
        assert w.policies() == before and before[1] == {'eth0'}, w.policies()
        assert '"eth0"' in w.guarded() and 'early0' not in w.guarded()


def foreign_policy_in_the_way():
    """what somebody else's policy keeps from being put right keeps nothing else from it"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        selector = 'src 10.2.0.0/16 dst 10.1.0.0/16'
        w.node.run('sh', '-c', 'kill -STOP %s; ip xfrm policy delete %s dir fwd; ip xfrm policy add %s dir fwd priority 5; kill -CONT %s' % ((watch_of(w), selector, selector, watch_of(w))))
        lab.wait_for(w.said, lambda: 'cannot be put right whole: somebody else has a policy' in w.said())
        w.node.run('sh', '-c', 'nft flush ruleset; ip xfrm policy delete src 10.1.0.0/16 dst 10.2.0.0/16 dev eth0 dir out')
        lab.wait_for(w.said, lambda: 'chain packet0' in w.guarded() and w.policies()[0] > 1)
        assert w.said().count('cannot be put right whole') == 1, w.said()


def stopped():
    """a process of the daemon that somebody has stopped: log, status and metrics say so"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        os.kill(int(watch_of(w)), signal.SIGSTOP)
        lab.wait_for(w.said, lambda: "the process that watches is stopped (signal 19): 'kill -CONT %s' lets it go on" % watch_of(w) in w.said())
        p = w.status()
        assert p.returncode == 1 and 'Process %s of the daemon is stopped, what it does is not done' % watch_of(w) in p.stdout, p.stdout
        assert 'ioscc_daemon_stopped 1' in w.node.run(IOSCC, 'metrics', '--state-dir', w.dir + '/state').stdout
        os.kill(int(watch_of(w)), signal.SIGCONT)
        lab.wait_for(w.said, lambda: 'the process that watches goes on' in w.said())
        lab.wait_for('in order', w.in_order)
        assert 'ioscc_daemon_stopped 0' in w.node.run(IOSCC, 'metrics', '--state-dir', w.dir + '/state').stdout


def watch_of(w):
    """the process that watches: the one that holds sockets of three netlink families"""
    for pid in subprocess.run(['pgrep', '-P', str(w.p.pid)], capture_output=True, text=True).stdout.split():
        n = sum(1 for f in os.listdir('/proc/%s/fd' % pid) if 'socket' in os.readlink('/proc/%s/fd/%s' % (pid, f)))
        caps = re.search(r'CapEff:\s*(\w+)', open('/proc/%s/status' % pid).read())[1]
        if int(caps, 16) and n >= 4:
            return pid
    raise RuntimeError('no process watches')


def another_link_is_missing():
    """the inside link is away, and everything is flushed: what is for the outside is there again"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        w.node.run('sh', '-c', 'ip link delete eth1; nft flush ruleset; ip xfrm policy flush')
        lab.wait_for(w.said, lambda: 'chain packet0' in w.guarded() and 'eth0' in w.policies()[1])
        lab.wait_for(w.said, lambda: "this host has no interface 'eth1'" in w.said())
        assert w.said().count("no interface 'eth1'") == 1, w.said()


def lock_is_held():
    """a command holds the state's lock while events come: it is repaired soon after"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        with open(w.dir + '/state/lock') as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            for i in range(20):
                w.node.run('ip', 'addr', 'add', '10.9.%d.1/32' % i, 'dev', 'lo')
                time.sleep(0.15)
            w.node.run('nft', 'flush', 'ruleset')
        began = time.monotonic()
        lab.wait_for(w.said, lambda: 'chain packet0' in w.guarded())
        assert time.monotonic() - began < 15, 'only after %.0f s' % (time.monotonic() - began)


def state_is_lost():
    """said, by the log and by status, and a reload is the way back"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        os.remove(w.dir + '/state/state.json')
        w.node.run('ip', 'xfrm', 'policy', 'flush')
        lab.wait_for(w.said, lambda: 'has lost what is applied' in w.said())
        p = w.status()
        assert p.returncode == 1 and 'has lost what it applies' in p.stdout, p
        w.node.run(IOSCC, 'reload', '--state-dir', w.dir + '/state', w.dir + '/r.cfg')
        lab.wait_for(w.said, w.in_order)


def hangup():
    """SIGHUP: the same file is read again; one that would take protection away is not taken"""
    with Watched() as w:
        lab.wait_for('in order', w.in_order)
        open(w.dir + '/r.cfg', 'w').write(closed.CONFIG.replace(' permit udp', ' permit ip 10.1.0.0 0.0.255.255 10.7.0.0 0.0.255.255\n permit udp'))
        os.kill(w.p.pid, 1)
        lab.wait_for(w.said, lambda: 'SIGHUP: reloaded' in w.said())
        assert '10.7.0.0' in w.node.ip('xfrm', 'policy')
        assert re.search(r'r\.cfg: 3 policies added, 0 changed, 0 removed, 29 stay; packet filter changed', w.said()), w.said()
        lab.wait_for(w.said, w.in_order)
        open(w.dir + '/r.cfg', 'w').write('')
        os.kill(w.p.pid, 1)
        lab.wait_for(w.said, lambda: 'SIGHUP: not reloaded' in w.said())
        assert '10.7.0.0' in w.node.ip('xfrm', 'policy') and w.p.poll() is None
        lab.wait_for(w.said, w.in_order)


def nobody_reads_the_log():
    """a pipe that is full stops nothing"""
    r, wr = os.pipe()
    fcntl.fcntl(wr, 1031, 4096)  # F_SETPIPE_SZ
    os.set_blocking(wr, False)
    try:
        while True:
            os.write(wr, b'x' * 512)
    except BlockingIOError:
        os.set_blocking(wr, True)
    with Watched(log=os.fdopen(wr, 'w')) as w:
        for _ in range(3):
            lab.wait_for('in order', w.in_order)
            w.node.run('nft', 'flush', 'ruleset')
            lab.wait_for('repaired', lambda: 'chain packet0' in w.guarded())
    os.close(r)


def tests():
    for row in EVENTS[::2] if lab.QUICK else EVENTS:
        yield 'netns: watch: ' + row[0], lambda row=row: event(row)
    for f in (nothing, missing, again_and_again, reload_beside, reload_that_did_not_end, address_elsewhere, foreign_policy_in_the_way, stopped, another_link_is_missing, lock_is_held, state_is_lost, hangup, nobody_reads_the_log):
        yield 'netns: watch: ' + f.__name__.replace('_', ' '), f

    def times():
        if TIMES:
            print('from notification to repair: median %d ms of %d, at most %d ms' % (statistics.median(TIMES), len(TIMES), max(TIMES)))
    yield 'netns: watch: times', times
