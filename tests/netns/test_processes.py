# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's processes: what each has in its memory, what each may do, and that none outlives another (docs/security.md)."""
import fcntl, glob, json, os, re, shutil, signal, socket, struct, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns']
import lab, test_ike as ike

RELEASE = os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')
# not one of them may be seen where it does not belong; none is a word of the program
PSK, MASTER, ENABLE, TACACS = 'kilo-Psk-7391', 'mike-Master-5512', 'echo-Enable-8824', 'tango-Tacacs-6106'


class Unavailable(Exception):
    """why it cannot be run here"""


class Daemon:
    """on a host of its own, with the kernel's policies"""
    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.node, other = self.lab.node('a'), self.lab.node('b')
        self.lab.link(self.node, 'eth0', other, 'eth0')
        self.node.ip('addr', 'add', ike.A + '/24', 'dev', 'eth0')
        self.node.ip('route', 'add', 'default', 'dev', 'eth0')
        self.dir = tempfile.mkdtemp(prefix='ioscc-parts-')
        self.write('')
        open(self.dir + '/master', 'w').write(MASTER + '\n')
        os.chmod(self.dir + '/master', 0o600)
        foreign = os.open(self.dir + '/foreign', os.O_RDWR | os.O_CREAT, 0o600)  # as a careless script leaves it open
        with self.node.inside():
            self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notified.bind(self.dir + '/notify')
            self.notified.settimeout(lab.BOUND)
            self.p = subprocess.Popen([RELEASE, 'run', *self.options, '--state-dir', self.dir, '--master-key-file', self.dir + '/master', '-m', 'Gi0/0=eth0', self.dir + '/r.cfg'],
                                      stdout=open(self.dir + '/log', 'w'), stderr=subprocess.STDOUT, pass_fds=(foreign,),
                                      env=dict(os.environ, NOTIFY_SOCKET=self.dir + '/notify'))
        os.close(foreign)
        self.children = []
        try:
            lab.wait_for(self.said, lambda: 'ports 500 and 4500' in self.said(), alive=self.alive)
            assert self.alive(), self.said()
        except BaseException:
            self.__exit__()
            raise
        self.children = [int(x) for x in open('/proc/%d/task/%d/children' % (self.p.pid, self.p.pid)).read().split()]
        self.keys, self.fetch, self.network, self.watch = sorted(self.children)
        return self

    def write(self, more):
        open(self.dir + '/r.cfg', 'w').write('enable secret %s\ntacacs-server key %s\n' % (ENABLE, TACACS) + ike.config(2, *ike.MATRIX[5], key=PSK) + more)

    def __exit__(self, *a):
        if self.alive():
            self.p.kill()
            self.p.wait(lab.BOUND)
        lab.wait_for('the others end', lambda: not any(living(p) for p in self.children))
        self.notified.close()
        shutil.rmtree(self.dir)
        self.lab.__exit__(*a)

    def alive(self):
        return self.p.poll() is None

    def said(self):
        return open(self.dir + '/log').read()


def living(pid):
    try:
        return open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except FileNotFoundError:
        return False


def memory(pid):
    """all that a debugger could read"""
    out = bytearray()
    with open('/proc/%d/maps' % pid) as maps, open('/proc/%d/mem' % pid, 'rb', 0) as mem:
        for line in maps:
            lo, hi = (int(x, 16) for x in line.split()[0].split('-'))
            if line.split()[1][0] != 'r' or line.rstrip().endswith(('[vvar]', '[vsyscall]')):
                continue
            try:
                mem.seek(lo)
                out += mem.read(hi - lo)
            except OSError:
                pass
    return bytes(out)


def secrets(pid):
    m = memory(pid)
    assert len(m) > 100000, 'its memory was not read'
    return [s for s in (PSK, MASTER, ENABLE, TACACS) if s.encode() in m]


def memories():
    """D4: the process that reads the network has no secret, nor has the one with CAP_NET_ADMIN; the keys' process has the
    keys and nothing else; a reload changes nothing of that"""
    with Daemon() as d:
        for _ in range(2):
            assert secrets(d.network) == [], 'the network process: %s' % secrets(d.network)
            assert secrets(d.p.pid) == [], 'the main process: %s' % secrets(d.p.pid)
            assert secrets(d.fetch) == [], 'the process that fetches: %s' % secrets(d.fetch)
            assert secrets(d.watch) == [], 'the process that watches: %s' % secrets(d.watch)
            assert secrets(d.keys) == [PSK], 'the keys process: %s' % secrets(d.keys)
            d.write('crypto isakmp key other-key address 203.0.113.77\n')
            with d.node.inside():
                r = subprocess.run([RELEASE, 'reload', '--state-dir', d.dir, '--master-key-file', d.dir + '/master', '-m', 'Gi0/0=eth0', d.dir + '/r.cfg'], capture_output=True, text=True)
            assert r.returncode == 0 and '0 IKE SAs with 0 child SAs stay' in r.stdout, r.stdout + r.stderr


def ends(which):
    """D5: none outlives another"""
    with Daemon() as d:
        victim = {'main': d.p.pid, 'keys': d.keys, 'network': d.network, 'fetch': d.fetch, 'watch': d.watch}[which]
        os.kill(victim, signal.SIGKILL)
        code = d.p.wait(lab.BOUND)
        assert code == (-9 if which == 'main' else 3), 'exit %d: %s' % (code, d.said())
        lab.wait_for('the others end', lambda: not any(living(p) for p in d.children))
        name = {'keys': 'with the keys', 'network': 'that reads the network', 'fetch': 'that fetches', 'watch': 'that watches'}.get(which)
        assert which == 'main' or ('the process %s is gone: all ends' % name in d.said() and not os.path.exists(d.dir + '/control.sock')), d.said()


def inherits_nothing():
    """what was open where it was started is open in none of its processes; the configuration may be named by it all the same"""
    with Daemon() as d:
        for p in (d.p.pid, d.keys, d.fetch, d.network, d.watch):
            open_there = [os.readlink(f) for f in glob.glob('/proc/%d/fd/*' % p)]
            assert open_there and not any('foreign' in f for f in open_there), open_there
        d.p.terminate()
        d.p.wait(lab.BOUND)
        with d.node.inside():
            script = '%s run --no-apply --state-dir %s --master-key-file %s -m Gi0/0=eth0 <(cat %s)' % (RELEASE, d.dir, d.dir + '/master', d.dir + '/r.cfg')
            d.p = subprocess.Popen(['bash', '-c', 'exec ' + script], stdout=open(d.dir + '/log', 'w'), stderr=subprocess.STDOUT)
        lab.wait_for(d.said, lambda: 'ports 500 and 4500' in d.said(), alive=d.alive)


def no_core():
    """D7: no core, nobody who may look, no way back"""
    with Daemon() as d:
        for p in (d.p.pid, d.keys, d.fetch, d.network, d.watch):
            limits = open('/proc/%d/limits' % p).read()
            assert re.search(r'Max core file size +0 +0 ', limits), limits
            assert os.stat('/proc/%d/mem' % p).st_uid == 0, 'its memory belongs to whom it runs as'


def strange_files():
    """what is no policy and may have no end: a pipe, a folder, zeros, eight gigabytes, a socket"""
    end, other = os.pipe()
    os.close(other)
    huge = os.memfd_create('x')
    os.ftruncate(huge, 8 << 30)
    return [end, os.open('/', os.O_RDONLY), os.open('/dev/zero', os.O_RDONLY), huge, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach()]


def begun(node, *args):
    """a command in a host, with its output"""
    with node.inside():
        return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def strange_answers():
    """what the daemon answers is refused by the command if it is nothing that a daemon says, and never reaches the terminal raw (39)"""
    strange = [b'', b'\x1b]0;owned\x07', b'[' * 4000, b'{', b'{"error": "\x1b[2J"}', b'{"error": 7}', b'\0' * 100, b'[]', b'"x"', b'{"sas_kept": 1e99}']
    with tempfile.TemporaryDirectory(prefix='ioscc-parts-') as d, lab.Lab() as l:
        node, other = l.node('a'), l.node('b')
        l.link(node, 'eth0', other, 'eth0')
        node.ip('addr', 'add', ike.A + '/24', 'dev', 'eth0')
        open(d + '/r.cfg', 'w').write(ike.config(2, *ike.MATRIX[5], key=PSK))
        lock = os.open(d + '/daemon.lock', os.O_RDWR | os.O_CREAT, 0o600)
        os.write(lock, b'1 0 r.cfg\n')
        fcntl.fcntl(lock, 37, struct.pack('hhlli4x', fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(d + '/reload.sock')
            s.listen()
            s.settimeout(lab.BOUND)
            for answer in strange:
                p = begun(node, RELEASE, 'reload', '--no-apply', '--discard-sas', '--state-dir', d, '-m', 'Gi0/0=eth0', d + '/r.cfg')
                client, _ = s.accept()
                client.recv(100)
                client.send(answer)
                out, err = p.communicate(timeout=lab.BOUND)
                client.close()
                raw = [c for c in out + err if c < 32 and c not in b'\n\t']
                assert not raw, 'raw to the terminal: %r' % (out + err)
                assert p.returncode == 3 or answer in (b'[]', b'"x"', b'{"sas_kept": 1e99}', b'{"error": 7}'), (answer, p.returncode, out, err)
        os.close(lock)


def loader_killed():
    """who reads the files is killed while it waits for one: the rest ends with status 3, and nothing is left over (45)"""
    for word in (signal.SIGKILL, signal.SIGTERM):
        with tempfile.TemporaryDirectory(prefix='ioscc-parts-') as d, lab.Lab() as l:
            node = l.node('a')
            os.mkfifo(d + '/r.cfg')
            p = begun(node, RELEASE, 'run', '--discard-sas', '--state-dir', d + '/state', d + '/r.cfg')
            children = lambda: [int(x) for x in open('/proc/%d/task/%d/children' % (p.pid, p.pid)).read().split()]
            lab.wait_for('all processes', lambda: len(children()) == 4)
            there = children()
            os.kill(there[-1], word)
            p.communicate(timeout=lab.BOUND)
            assert p.returncode == 3, p.returncode
            lab.wait_for('none is left', lambda: not any(living(x) for x in there))


def reload_by_others():
    """what no command made is refused and the daemon lives; what is not root does not get in"""
    with Daemon() as d:
        def ask(text, *bytes_):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(lab.BOUND)
                s.connect(d.dir + '/reload.sock')
                if bytes_:
                    fd = os.memfd_create('x')
                    os.write(fd, bytes_[0])
                    socket.send_fds(s, [text], [fd])
                    os.close(fd)
                else:
                    s.send(text)
                return json.loads(s.recv(4096))
        for bad in (b'', b'x', b'ioscc-p\0' + 100 * b'\0', os.urandom(5000)):
            assert 'handed over whole' in ask(b'reload', bad)['error']
        for strange in strange_files():  # 36 of docs/security.md
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(lab.BOUND)
                s.connect(d.dir + '/reload.sock')
                socket.send_fds(s, [b'reload'], [strange])
                assert 'handed over whole' in json.loads(s.recv(4096))['error']
            os.close(strange)
        assert ask(b'reload')['error'] == 'a policy is wanted'
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(d.dir + '/reload.sock')  # says nothing, and goes
        assert ask(b'reload')['error'] == 'a policy is wanted'
        os.chmod(d.dir, 0o755)
        p = subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', sys.executable, '-c',
                            'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])', d.dir + '/reload.sock'], capture_output=True, text=True)
        assert 'PermissionError' in p.stderr, p.stderr
        assert d.alive(), d.said()


def stopped(which):
    """a process that was taken over does not end when it is told to: the main one ends all the same, at the second word at
    once. What is left has no privileges, and systemd kills it (KillMode)"""
    with Daemon() as d:
        victim = {'network': d.network, 'keys': d.keys, 'fetch': d.fetch}[which]
        os.kill(victim, signal.SIGSTOP)
        try:
            d.p.terminate()
            if which == 'network':
                lab.wait_for('the first word is heard', lambda: not re.search(r'^ShdPnd:\s+0*[1-9a-f]', open('/proc/%d/status' % d.p.pid).read(), re.M))
                d.p.send_signal(signal.SIGINT)
            d.p.wait(lab.BOUND)
        finally:
            os.kill(victim, signal.SIGKILL)


def descriptors():
    """more files than one in a message, and a client that goes while its answer is on the way"""
    with Daemon() as d:
        count = lambda: len(os.listdir('/proc/%d/fd' % d.p.pid))
        before = count()
        for _ in range(30):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(lab.BOUND)
                s.connect(d.dir + '/reload.sock')
                with open('/dev/null') as a, open('/dev/null') as b:
                    socket.send_fds(s, [b'reload'], [a.fileno(), b.fileno()])
                assert json.loads(s.recv(4096))['error'] == 'a policy is wanted'
        lab.wait_for(lambda: '%d descriptors, then %d' % (before, count()), lambda: count() <= before)  # the last client's is closed when it is seen to be gone
        for _ in range(10):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.connect(d.dir + '/reload.sock')
                s.send(b'reload')
        with d.node.inside():
            r = subprocess.run([RELEASE, 'reload', '--state-dir', d.dir, '--master-key-file', d.dir + '/master', '-m', 'Gi0/0=eth0', d.dir + '/r.cfg'], capture_output=True, text=True)
        assert r.returncode == 0 and 'stay' in r.stdout, r.stdout + r.stderr


def unix_sockets(pid):
    """what is neither a stream nor a pair of packets: a datagram socket may be sent to whoever listens"""
    there = {int(m[1]) for m in re.finditer(r'^\w+: \w+ \w+ \w+ 0002 \w+ +(\d+)', open('/proc/%d/net/unix' % pid).read(), re.M)}
    fds = ['/proc/%d/fd/%s' % (pid, f) for f in os.listdir('/proc/%d/fd' % pid)]
    return [f for f in fds if int((re.match(r'socket:\[(\d+)\]', os.readlink(f)) or [0, 0])[1]) in there]


def notify_socket():
    """the service manager's socket is the main process' alone: with it anybody's datagram socket could be sent to"""
    with Daemon() as d:
        lab.wait_for('READY', lambda: d.notified.recv(4096) == b'READY=1')
        assert unix_sockets(d.p.pid), 'the main process has none'
        for p in d.children:
            assert not unix_sockets(p), '%d has %s' % (p, unix_sockets(p))


# what each may still do of the things that would lead out of it (tests/netns/sandbox.c), with files of permission 0644
MAY = {'privileged': [], 'keys': [], 'network': [], 'fetcher': ['tcp', 'udp', 'pair of streams'],
       'fetch': ['read a file', 'tcp', 'udp', 'pair of streams', 'pair of packets', 'fork']}


def filters(which):
    p = subprocess.run(['build/release/tests/netns/sandbox', which], capture_output=True, text=True)
    assert p.returncode == 0 and p.stdout.splitlines() == MAY[which], (p.returncode, p.stdout, p.stderr)


def orphans():
    """a child that fetches ends with its template: nothing of a daemon goes on without it"""
    import test_revocation as revocation
    with revocation.Bench() as b:
        b.peer(2)
        b.web.mode = 'hang'
        with b.daemon(2, revocation.check('crl')) as ours:
            before = set(revocation.processes(ours.p.pid))
            with b.pair.peer.calling():
                lab.wait_for('it asks', lambda: set(revocation.processes(ours.p.pid)) - before and b.web.asked)
                asking = set(revocation.processes(ours.p.pid)) - before
        lab.wait_for('what asked ends with the daemon', lambda: not any(living(p) for p in asking), bound=2)


def inputs():
    """a terminal's input is nobody's but the command's"""
    with Daemon() as d:
        for p in d.children:
            assert os.readlink('/proc/%d/fd/0' % p) == '/dev/null'


def tests():
    for which in ('network', 'keys', 'fetch'):
        yield 'netns: processes: %s stopped' % which, lambda which=which: stopped(which)
    yield 'netns: processes: descriptors', descriptors
    yield 'netns: processes: the notify socket', notify_socket
    for which in MAY:
        yield 'netns: processes: what %s may do' % which, lambda which=which: filters(which)
    yield 'netns: processes: no orphans', orphans
    yield 'netns: processes: no input', inputs
    yield 'netns: processes: secrets in memory', memories
    for which in ('main', 'keys', 'network', 'fetch', 'watch'):
        yield 'netns: processes: %s killed' % which, lambda which=which: ends(which)
    yield 'netns: processes: no core', no_core
    yield 'netns: processes: inherits nothing', inherits_nothing
    yield 'netns: processes: reload by others', reload_by_others
    yield 'netns: processes: strange answers', strange_answers
    yield 'netns: processes: loader killed', loader_killed
