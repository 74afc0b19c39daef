# SPDX-License-Identifier: GPL-3.0-or-later
"""revocation-check: lists by `openssl ca` over HTTP, answers by `openssl ocsp`, names by a small DNS server; the peer is
charon. Web, responder and DNS are in the namespace of the daemon, which fetches in a process of its own."""
import contextlib, http.server, os, re, shutil, socket, struct, subprocess, sys, tempfile, threading, time

sys.path[:0] = ['tests/netns', 'tests/lint']
import lab, test_certs as certs, test_ike as ike, test_strongswan as swan

CRL, OCSP, NAME = 'http://%s:8080/root.crl' % ike.A, 'http://%s:8888/' % ike.A, 'http://pki.example:8080/root.crl'
LEAF = 'keyUsage=digitalSignature\nsubjectAltName=DNS:r2.example\ncrlDistributionPoints=URI:%s\nauthorityInfoAccess=OCSP;URI:' + OCSP


class Web:
    """one thread for each connection; `mode` says what it does"""
    def __init__(self, node, files):
        web = self
        self.mode, self.asked = 'ok', []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *a):
                pass

            def do_GET(self):
                web.asked.append((self.path, self.headers['Host']))
                mode, body = web.mode, web.files.get(self.path)
                with contextlib.suppress(OSError):
                    if mode == 'hang':
                        web.ends.wait(lab.BOUND)
                    elif mode == 'elsewhere':
                        self.send_response(302)
                        self.send_header('Location', 'file:///etc/passwd')
                        self.end_headers()
                    elif mode == 'endless':
                        self.send_response(200)
                        self.end_headers()
                        while True:
                            self.wfile.write(bytes(1 << 16))
                    elif body is None:
                        self.send_error(404)
                    else:
                        self.send_response(200)
                        self.send_header('Content-Length', str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
        self.files, self.ends = files, threading.Event()
        with node.inside():
            self.server = http.server.ThreadingHTTPServer((ike.A, 8080), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.ends.set()
        self.server.shutdown()
        self.server.server_close()


class Names:
    """answers A for whatever is asked, ourselves for `self`, and nothing for AAAA"""
    def __init__(self, node):
        with node.inside():
            self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.s.bind(('127.0.0.1', 53))
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                q, who = self.s.recvfrom(4096)
            except OSError:
                return
            if not q:
                return
            end = q.index(b'\0', 12) + 5
            self.asked.append(q[12:end])
            is_a = q[end - 4:end - 2] == b'\0\1'
            answer = b'\xc0\x0c\0\1\0\1' + struct.pack('>IH', 42, 4) + socket.inet_aton('127.0.0.1' if b'self' in q else ike.A) if is_a else b''
            self.s.sendto(q[:2] + b'\x81\x80\0\1' + struct.pack('>H', is_a) + b'\0\0\0\0' + q[12:end] + answer, who)

    def close(self):
        self.s.close()


class Authority(certs.Authority):
    """also says what it has revoked"""
    def __init__(self, dir, name):
        super().__init__(dir, name)
        self.revoked = set()
        self.make('responder', 'rsa', 'CN=responder', 'extendedKeyUsage=OCSPSigning\nkeyUsage=digitalSignature', self)

    def serial(self, name):
        return subprocess.run(['openssl', 'x509', '-noout', '-serial', '-in', self.path(name, 'crt')], check=True, capture_output=True, text=True).stdout.strip().split('=')[1]

    def index(self, *names):
        """openssl's own file of what was issued"""
        rows = [('R\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=%s\n' if n in self.revoked else 'V\t%s\t%s\t%s\tunknown\t/CN=%s\n') %
                ('400101000000Z', '250101000000Z' if n in self.revoked else '', self.serial(n), n) for n in names]
        open(self.dir + '/index.txt', 'w').write(''.join(rows))
        open(self.dir + '/index.txt.attr', 'w').write('unique_subject = no\n')
        return self.dir + '/index.txt'

    def list(self, *names, ended=False):
        """DER"""
        conf = self.dir + '/ca.cnf'
        open(conf, 'w').write('[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n' % self.index(*names))
        when = ['-crl_lastupdate', '20250101000000Z', '-crl_nextupdate', '20250108000000Z'] if ended else ['-crldays', '7']
        pem = subprocess.run(['openssl', 'ca', '-config', conf, '-gencrl', '-keyfile', self.path(self.name, 'key'), '-cert', self.path(self.name, 'crt'), *when], check=True, capture_output=True).stdout
        return subprocess.run(['openssl', 'crl', '-outform', 'DER'], input=pem, check=True, capture_output=True).stdout

    @contextlib.contextmanager
    def responder(self, node, *names):
        p = subprocess.Popen(['ip', 'netns', 'exec', node.name, 'openssl', 'ocsp', '-port', '8888', '-index', self.index(*names), '-CA', self.path(self.name, 'crt'), '-rsigner',
                              self.path('responder', 'crt'), '-rkey', self.path('responder', 'key'), '-nmin', '5'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            lab.wait_for('openssl ocsp listens', lambda: ':8888 ' in node.run('ss', '-ltn').stdout, alive=lambda: p.poll() is None)
            yield
        finally:
            p.kill()
            p.wait()


class Bench:
    def __enter__(self):
        self.pair = ike.Pair().__enter__()
        self.dir = tempfile.mkdtemp(prefix='ioscc-pki-')
        self.root, self.other = Authority(self.dir, 'root'), None
        self.web = Web(self.pair.a, {})
        self.names = Names(self.pair.a)
        self.root.router('r1', 'rsa', None)
        for ending in ('key', 'crt'):
            certs.place(self.root.path('r1', ending), '%s/own/TP.%s' % (self.dir, ending))
        os.chmod(self.dir + '/own/TP.key', 0o600)
        certs.place(self.root.path('root', 'crt'), self.dir + '/own/TP.ca')
        open(self.dir + '/resolv.conf', 'w').write('nameserver 127.0.0.1\n')
        return self

    def __exit__(self, *a):
        self.web.close()
        self.names.close()
        self.pair.__exit__(*a)
        shutil.rmtree(self.dir)

    def peer(self, version, url=CRL):
        self.root.make('r2', 'rsa', 'O=Example,CN=r2', LEAF % url, self.root)
        base = self.pair.tmp
        for x in ('x509', 'x509ca', 'private'):
            shutil.rmtree(base + '/' + x, ignore_errors=True)
        certs.place(self.root.path('r2', 'crt'), base + '/x509/r2.crt')
        certs.place(self.root.path('r2', 'key'), base + '/private/r2.key')
        certs.place(self.root.path('root', 'crt'), base + '/x509ca/root.crt')
        self.pair.peer.load(certs.swanctl(version, 'rsa').replace('auth = pubkey\n    id = "O=Example, CN=r1"', 'auth = pubkey\n    revocation = relaxed\n    id = "O=Example, CN=r1"'))

    @contextlib.contextmanager
    def daemon(self, version, check, change=lambda text: text, more=()):
        text = change(certs.config(version, 'rsa').replace(' revocation-check none\n', check))
        wrap = ('unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.dir + '/resolv.conf')
        ours = ike.Ours(self.pair.a, text, more=('--pki-dir', self.dir + '/own', '--debug', *more), wrap=wrap)
        try:
            yield ours
        finally:
            ours.stop()

    def is_not_run(self, version, check, change):
        """nothing is touched, status 1; what it says"""
        path = self.dir + '/r.cfg'
        with open(path, 'w') as f:
            f.write(change(certs.config(version, 'rsa').replace(' revocation-check none\n', check)))
        with self.pair.a.inside():
            p = subprocess.run([ike.IOSCC, 'run', '--discard-sas', '--no-apply', '--state-dir', self.dir + '/state', '-m', 'Gi0/0=eth0', '--pki-dir', self.dir + '/own', path], capture_output=True, text=True)
        assert p.returncode == 1 and 'nothing is touched' in p.stderr, p.stdout + p.stderr
        return p.stdout + p.stderr

    def hang_up(self):
        """what charon still waits for would keep it from calling"""
        self.pair.peer.swanctl('--terminate', '--ike', 'c', '--force')

    def comes_up(self, ours, we_call):
        self.hang_up()
        ike.up(self.pair, ours, we_call)

    def is_refused(self, ours, we_call, *why):
        self.hang_up()
        with contextlib.nullcontext(ours.ask(do='initiate')) if we_call else self.pair.peer.calling():
            said = ours.wait(lambda: all(w in ours.text() for w in why))
        assert said, 'not refused with %s:\n%s' % (why, ours.text())
        assert not ours.sas(), 'established all the same'


def check(*methods, more=''):
    return ' revocation-check %s\n%s' % (' '.join(methods), more)


def lists(b, version, we_call):
    """crl: not listed, then listed, then ended, then not there; `none` takes what cannot be checked and never what is revoked"""
    b.peer(version)
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('crl')) as ours:
        b.comes_up(ours, we_call)
        assert 'not revoked: CRL %s: it is not listed' % CRL in ours.text(), ours.text()
    b.root.revoked = {'r2'}
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('crl', 'none')) as ours:
        b.is_refused(ours, we_call, 'its certificate is revoked: CRL %s: it is listed (keyCompromise)' % CRL)
    b.root.revoked = set()
    b.web.files['/root.crl'] = b.root.list('r2', ended=True)
    with b.daemon(version, check('crl')) as ours:
        b.is_refused(ours, we_call, 'cannot be checked: CRL %s: it has ended' % CRL)
    del b.web.files['/root.crl']
    with b.daemon(version, '') as ours:  # nothing written is crl
        b.is_refused(ours, we_call, 'cannot be checked: CRL %s: the server answers 404' % CRL)
    with b.daemon(version, check('crl', 'none')) as ours:
        b.comes_up(ours, we_call)
        assert 'taken unchecked, as revocation-check says (trustpoint TP): CRL %s: the server answers 404' % CRL in ours.text(), ours.text()


def answers(b, version, we_call):
    """ocsp: good, revoked, nobody there; then crl where that is the next"""
    b.peer(version)
    with b.root.responder(b.pair.a, 'r2'), b.daemon(version, check('ocsp')) as ours:
        b.comes_up(ours, we_call)
        assert 'not revoked: OCSP %s: good' % OCSP in ours.text(), ours.text()
    b.root.revoked = {'r2'}
    with b.root.responder(b.pair.a, 'r2'), b.daemon(version, check('ocsp', 'none')) as ours:
        b.is_refused(ours, we_call, 'its certificate is revoked: OCSP %s: revoked (keyCompromise)' % OCSP)
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('ocsp', 'crl')) as ours:
        b.is_refused(ours, we_call, 'its certificate is revoked: CRL %s: it is listed' % CRL)
    b.root.revoked = set()
    with b.daemon(version, check('ocsp')) as ours:
        b.is_refused(ours, we_call, 'cannot be checked: OCSP %s: ' % OCSP)
    with b.root.responder(b.pair.a, 'r2'), b.daemon(version, check('ocsp', more=' ocsp url http://%s:8889/\n' % ike.A)) as ours:
        b.is_refused(ours, we_call, 'cannot be checked: OCSP http://%s:8889/: ' % ike.A)  # it and no other


def names(b, version, we_call):
    """the name of the server by DNS, asked by the process that fetches"""
    b.peer(version, NAME)
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('crl')) as ours:
        b.comes_up(ours, we_call)
    assert ('/root.crl', 'pki.example:8080') in b.web.asked and any(b'pki' in n for n in b.names.asked), (b.web.asked, b.names.asked)
    for url, why in (('http://self.example:8080/root.crl', 'of this host'), ('http://[::1]/x', 'of this host'), ('http://169.254.169.254/latest', 'of this host'), ('http://user@pki.example/', 'no address that is fetched')):
        b.peer(version, url)
        with b.daemon(version, check('crl')) as ours:
            b.is_refused(ours, we_call, 'cannot be checked', why)


def servers(b, version, we_call):
    """one that is silent, one that never ends, one that sends elsewhere: refused in time, and the daemon goes on"""
    b.peer(version)
    for mode, why in (('hang', 'timed out'), ('endless', 'the answer is longer than 8388608 bytes'), ('elsewhere', 'the server answers 302')):
        b.web.mode = mode
        with b.daemon(version, check('crl')) as ours:
            b.is_refused(ours, we_call, 'cannot be checked', why)
            b.web.mode = 'ok'
            b.web.files['/root.crl'] = b.root.list('r2')
            b.peer(version)  # another certificate: what could not be told is not asked again at once
            b.comes_up(ours, we_call)


def killed(b, version, we_call):
    """what is asked for is never told: the process that asks dies, or writes nonsense; that is no answer"""
    b.peer(version)
    b.web.mode = 'hang'
    with b.daemon(version, check('crl')) as ours:
        b.hang_up()
        before = set(processes(ours.p.pid))
        with b.pair.peer.calling():
            asking = lab.wait_for('a process that asks', lambda: set(processes(ours.p.pid)) - before and b.web.asked)
            for pid in set(processes(ours.p.pid)) - before:
                os.kill(pid, 9)
            said = ours.wait(lambda: 'cannot be checked: the process that asks has failed' in ours.text())
        assert asking and said and not ours.sas(), ours.text()


def processes(pid):
    """all that it has forked, and they"""
    found = []
    for child in open('/proc/%d/task/%d/children' % (pid, pid)).read().split():
        found += [int(child), *processes(int(child))]
    return found


def kept(b, version, we_call):
    """a list holds until it ends: with the server gone a peer that was never seen is judged by it"""
    b.peer(version)
    b.web.files['/root.crl'] = b.root.list('r2')
    b.web.asked.clear()
    with b.daemon(version, check('crl')) as ours:
        b.comes_up(ours, we_call)
        assert len(b.web.asked) == 1, b.web.asked
        ours.ask(do='clear')
        lab.wait_for('it is gone', lambda: not ours.sas())
        b.web.files.clear()
        b.peer(version)  # with another certificate
        b.comes_up(ours, we_call)
        assert len(b.web.asked) == 1, b.web.asked
    with b.daemon(version, check('crl', more=' crl cache none\n')) as ours:
        b.is_refused(ours, we_call, 'the server answers 404')


def trustpoints(b, version, we_call):
    """one to sign with, another to verify with: the one that verifies says whose certificates and which check; one that has no
    files is not stood in for by others"""
    b.peer(version)
    b.root.revoked = {'r2'}
    b.web.files['/root.crl'] = b.root.list('r2')
    other = certs.Authority(b.dir, 'stranger')
    for name, ending in (('SIGN', 'key'), ('SIGN', 'crt'), ('SIGN', 'ca'), ('ROOT', 'ca')):
        certs.place('%s/own/TP.%s' % (b.dir, ending), '%s/own/%s.%s' % (b.dir, name, ending))
    os.chmod(b.dir + '/own/SIGN.key', 0o600)
    certs.place(other.path('stranger', 'crt'), b.dir + '/own/STRANGER.ca')
    more = 'crypto pki trustpoint SIGN\n revocation-check none\ncrypto pki trustpoint ROOT\n revocation-check crl\ncrypto pki trustpoint STRANGER\n revocation-check none\ncrypto pki trustpoint EMPTY\n revocation-check none\n'

    def named(*lines):
        return lambda text: text.replace('\n pki trustpoint TP\n', '\n' + ''.join(' pki trustpoint %s\n' % x for x in lines)) + more
    with b.daemon(version, check('none'), named('SIGN sign', 'ROOT verify')) as ours:
        b.is_refused(ours, we_call, 'its certificate is revoked: CRL')
    with b.daemon(version, check('none'), named('SIGN sign', 'STRANGER verify')) as ours:
        b.is_refused(ours, we_call, 'its certificate is refused')
    # a trustpoint without files is not stood in for by others: nothing is run, or that entry is blocked
    said = b.is_not_run(version, check('none'), named('SIGN sign', 'EMPTY verify'))
    assert "none of its trustpoints has a CA's certificate: put EMPTY.ca into " + b.dir in said, said
    b.is_not_run(version, check('none'), named('EMPTY'))
    with b.daemon(version, check('none'), named('SIGN sign', 'EMPTY verify'), more=('--allow-partial',)) as ours:
        assert 'map M entry 10 (line 22) is blocked' in ours.text(), ours.text()
        ours.ask(do='initiate')
        assert not ours.sas()
    b.root.revoked = set()
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('none'), named('SIGN sign', 'STRANGER verify', 'ROOT verify')) as ours:
        b.comes_up(ours, we_call)


def unnamed(b, version, we_call):
    """a profile names no trustpoint: of all, the one that has a key signs, all verify, and where two have the same CA the one that
    asks more decides"""
    b.peer(version)
    other = certs.Authority(b.dir, 'stranger')
    certs.place(other.path('stranger', 'crt'), b.dir + '/own/STRANGER.ca')
    certs.place(b.dir + '/own/TP.ca', b.dir + '/own/LAX.ca')

    def above(name):
        first = 'crypto pki trustpoint %s\n enrollment terminal\n revocation-check none\n' % name
        return lambda text: text.replace('\n pki trustpoint TP\n', '\n').replace('crypto pki trustpoint TP\n', first + 'crypto pki trustpoint TP\n')
    with b.daemon(version, check('none'), above('STRANGER')) as ours:
        b.comes_up(ours, we_call)
    b.root.revoked = {'r2'}
    b.web.files['/root.crl'] = b.root.list('r2')
    with b.daemon(version, check('crl'), above('LAX')) as ours:
        b.is_refused(ours, we_call, 'its certificate is revoked: CRL')
    b.root.revoked = set()


def crowd(b, version, we_call):
    """one peer's list is at a server that is silent: a good one is not kept waiting for it, and its own question is asked once"""
    b.peer(version)
    b.web.mode = 'hang'
    with b.daemon(version, check('crl')) as ours:
        b.hang_up()
        for _ in range(20):  # each another negotiation of the same certificate
            with b.pair.peer.calling():
                lab.wait_for('it asks', lambda: b.web.asked)
            b.hang_up()
        assert len(b.web.asked) <= 2, b.web.asked
        b.web.mode = 'ok'
        b.web.files['/root.crl'] = b.root.list('r2')
        b.peer(version)  # another certificate: another question
        began = len(b.web.asked)
        b.comes_up(ours, we_call)
        assert len(b.web.asked) > began


CASES = (trustpoints, unnamed, crowd, lists, answers, names, servers, killed, kept)


def tests():
    why = swan.usable() or (None if subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode == 0 else 'mount namespaces cannot be made here')

    def skip():
        raise AssertionError(why)

    def run(f, version, we_call):
        with Bench() as b:
            f(b, version, we_call)
    for f in [] if lab.QUICK else CASES:  # ten seconds each; `processes: no orphans` has one
        for version, we_call in ((2, False), (2, True), (1, False)):
            if f in (trustpoints, unnamed, crowd, names, kept, killed, servers) and (version, we_call) != (2, False):
                continue
            yield 'netns: revocation: %s, IKEv%d, %s' % (f.__name__, version, 'we call' if we_call else 'charon calls'), skip if why else lambda f=f, v=version, w=we_call: run(f, v, w)


if __name__ == '__main__':
    for name, f in tests():
        if all(w in name for w in sys.argv[1:]):
            f()
            print('ok', name)
