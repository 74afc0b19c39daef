# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundled IKE engine against strongSwan in namespaces: who initiates, which algorithms, rekeying by either end,
deletes by either end, and refusals, each of which must be one line of our log that names what did not match. Our SAs
are thrown away (--discard-sas), strongSwan carries its own in user space: keys are proved in the guest (tests/vm)."""
import json, os, re, shutil, socket, struct, subprocess, sys, tempfile, time

sys.path[:0] = ['tests/netns', 'tests/lint', 'tests/vm']
import interop, lab, test_strongswan as swan

IOSCC = os.environ.get('IOSCC', 'build/asan/ioscc')
RELEASE = os.environ.get('IOSCC_RELEASE', 'build/release/ioscc')
A, B = swan.A, swan.B
KEY = 'correct-horse-battery-staple'
IKE = {'3des': ('3des', '3DES_CBC'), 'aes-cbc-128': ('aes128', 'AES_CBC-128'), 'aes-cbc-192': ('aes192', 'AES_CBC-192'), 'aes-cbc-256': ('aes256', 'AES_CBC-256'),
       'aes-gcm-128': ('aes128gcm16', 'AES_GCM_16-128'), 'aes-gcm-256': ('aes256gcm16', 'AES_GCM_16-256'), 'des': ('des', 'DES_CBC')}
HASH = {'md5': ('md5', 'MD5'), 'sha1': ('sha1', 'SHA1'), 'sha256': ('sha256', 'SHA2_256'), 'sha384': ('sha384', 'SHA2_384'), 'sha512': ('sha512', 'SHA2_512')}
GROUP = {'2': 'modp1024', '5': 'modp1536', '14': 'modp2048', '15': 'modp3072', '16': 'modp4096', '19': 'ecp256', '20': 'ecp384', '21': 'ecp521', '24': 'modp2048s256', '1': 'modp768'}
ESP = {'esp-aes 128 esp-sha-hmac': 'aes128-sha1', 'esp-aes 256 esp-sha256-hmac': 'aes256-sha256', 'esp-gcm 256': 'aes256gcm16', 'esp-aes 192 esp-sha512-hmac': 'aes192-sha512',
       'esp-3des esp-md5-hmac': '3des-md5', 'esp-aes 256 esp-sha384-hmac': 'aes256-sha384', 'esp-gcm 128': 'aes128gcm16'}
V1ENCR = {'des': 'des', '3des': '3des', 'aes-cbc-128': 'aes', 'aes-cbc-192': 'aes 192', 'aes-cbc-256': 'aes 256'}
V1HASH = {'md5': 'md5', 'sha1': 'sha', 'sha256': 'sha256', 'sha384': 'sha384', 'sha512': 'sha512'}


def config(version, encr, hash_, group, esp, pfs=None, key=KEY, lifetime=None, more='', mode=''):
    """the router's configuration; we are A"""
    o = ['hostname r1']
    if version == 2:
        o += ['crypto ikev2 proposal P', ' encryption ' + encr]
        o += ([' prf ' + hash_] if 'gcm' in encr else [' integrity ' + hash_]) + [' group ' + group]
        o += ['crypto ikev2 policy POL', ' proposal P', 'crypto ikev2 keyring KR', ' peer B', '  address ' + B, '  pre-shared-key ' + key,
              'crypto ikev2 profile PROF', ' match identity remote address %s 255.255.255.255' % B, ' authentication remote pre-share',
              ' authentication local pre-share', ' keyring local KR']
    else:
        o += ['crypto isakmp policy 10', ' encr ' + V1ENCR[encr], ' hash ' + V1HASH[hash_], ' authentication pre-share', ' group ' + group,
              'crypto isakmp key %s address %s' % (key, B)]
    o += ['crypto ipsec transform-set T ' + esp, ' mode tunnel', 'ip access-list extended L', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255',
          'crypto map M 10 ipsec-isakmp', ' set peer ' + B, ' set transform-set T', ' match address L']
    o += [' set ikev2-profile PROF'] if version == 2 else []
    o += [' set pfs group' + pfs] if pfs else []
    o += ['interface GigabitEthernet0/0', ' ip address %s 255.255.255.0' % A, ' crypto map M']
    return '\n'.join(o) + '\n' + more


def swanctl(version, encr, hash_, group, esp, pfs=None, key=KEY, ts='10.1.0.0/16', encap=True, aggressive=False):
    words = [IKE[encr][0]] + ([] if 'gcm' in encr else [HASH[hash_][0]]) + (['prf' + HASH[hash_][0]] if version == 2 else []) + [GROUP[group]]
    return '''connections { c {
  version = %d
  local_addrs = %s
  remote_addrs = %s
  proposals = %s
  encap = %s
  aggressive = %s
  local { auth = psk
    id = %s }
  remote { auth = psk
    id = %s }
  children { c {
    local_ts = 10.2.0.0/16
    remote_ts = %s
    esp_proposals = %s } }
} }
secrets { ike { secret = "%s" } }
''' % (version, B, A, '-'.join(words), 'yes' if encap else 'no', 'yes' if aggressive else 'no', B, A, ts, ESP[esp] + ('-' + GROUP[pfs] if pfs else ''), key)


class Ours:
    def __init__(self, node, text, more=(), wrap=(), program=IOSCC):
        self.node, self.dir = node, tempfile.mkdtemp(prefix='ioscc-ike-')
        self.log = self.dir + '/log'
        open(self.dir + '/r.cfg', 'w').write(text)
        with node.inside():
            self.p = subprocess.Popen([*wrap, program, 'run', '--discard-sas', '--no-apply', '--state-dir', self.dir, '-m', 'Gi0/0=eth0', *more, self.dir + '/r.cfg'],
                                      stdout=open(self.log, 'w'), stderr=subprocess.STDOUT, env=dict(os.environ, ASAN_OPTIONS='detect_leaks=1'))
        lab.wait_for('control.sock', self.answers, alive=self.alive)
        assert self.alive(), self.text()

    def alive(self):
        return self.p.poll() is None

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.dir + '/control.sock') == 0

    def text(self):
        return open(self.log).read()

    def ask(self, **q):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.dir + '/control.sock')
        s.sendall(json.dumps(q).encode() + b'\n')
        return json.loads(s.makefile().read())

    def sas(self):
        return [s for s in self.ask(do='sas')['sas'] if s['state'] == 'ESTABLISHED']

    def wait(self, what):
        """until it is so; false if that would take for ever"""
        try:
            return bool(lab.wait_for('', what, alive=self.alive))
        except AssertionError:
            return False

    def stop(self):
        self.p.terminate()
        code = self.p.wait(lab.BOUND)
        text = self.text()
        shutil.rmtree(self.dir)
        assert code == 0, 'exit %d\n%s' % (code, text)


class Pair:
    """charon runs once; we start anew for each configuration"""
    def __enter__(self):
        self.lab = lab.Lab().__enter__()
        self.tmp = tempfile.mkdtemp(prefix='ioscc-swan-')
        self.a, self.b = self.lab.node('a'), self.lab.node('b')
        self.lab.link(self.a, 'eth0', self.b, 'eth0')
        for n, addr, inside in ((self.a, A, '10.1.0.1'), (self.b, B, '10.2.0.1')):
            n.ip('addr', 'add', addr + '/24', 'dev', 'eth0')
            n.ip('addr', 'add', inside + '/32', 'dev', 'lo')
            n.ip('route', 'add', 'default', 'dev', 'eth0')
        self.peer = swan.Daemon(self.b, self.tmp, 'b', tries=2 * lab.BOUND)
        return self

    def __exit__(self, *a):
        self.peer.stop()
        self.lab.__exit__()
        shutil.rmtree(self.tmp)


def spis(text):
    """charon's view: {(in, out)} of installed children; what it calls REKEYED is on its way out"""
    return {(int(i, 16), int(o, 16)) for i, o in re.findall(r'#\d+, reqid \d+, INSTALLED.*?in\s+([0-9a-f]{8}).*?out\s+([0-9a-f]{8})', text, re.S)}


def agree(ours, peer):
    """both ends know the same child SAs"""
    mine = {(c['spi_out'], c['spi_in']) for s in ours.sas() for c in s['children'] if c['state'] == 'up'}
    return mine and mine == spis(peer.swanctl('--list-sas').stdout)


def up(pair, ours, we_call):
    if we_call:
        ours.ask(do='initiate')
    else:
        pair.peer.swanctl('--initiate', '--child', 'c', '--timeout', str(lab.BOUND))
    assert ours.wait(lambda: agree(ours, pair.peer)), 'does not come up:\n%s\n%s\n%s' % (ours.text(), pair.peer.swanctl('--list-sas').stdout, open(pair.tmp + '/b.log').read()[-1500:])


MATRIX = [('aes-cbc-256', 'sha256', '14', 'esp-aes 256 esp-sha256-hmac', None), ('aes-cbc-128', 'sha1', '2', 'esp-aes 128 esp-sha-hmac', '2'),
          ('3des', 'md5', '5', 'esp-3des esp-md5-hmac', '5'), ('aes-cbc-192', 'sha384', '15', 'esp-aes 192 esp-sha512-hmac', None),
          ('aes-cbc-256', 'sha512', '16', 'esp-aes 256 esp-sha384-hmac', '14'), ('aes-cbc-256', 'sha256', '19', 'esp-gcm 256', '19'),
          ('aes-cbc-256', 'sha384', '20', 'esp-gcm 128', '20'), ('aes-cbc-256', 'sha512', '21', 'esp-aes 256 esp-sha256-hmac', '21'),
          ('aes-cbc-128', 'sha256', '24', 'esp-aes 128 esp-sha-hmac', '24'), ('des', 'md5', '1', 'esp-aes 128 esp-sha-hmac', None)]
GCM = [('aes-gcm-128', 'sha256', '19', 'esp-gcm 128', None), ('aes-gcm-256', 'sha512', '20', 'esp-gcm 256', '20')]


def matrix(version):
    bad = []
    with Pair() as pair:
        for encr, hash_, group, esp, pfs in (MATRIX + (GCM if version == 2 else []))[::3 if lab.QUICK else 1]:
            for we_call in (True, False):
                name = 'IKEv%d %s %s group %s, %s, pfs %s, %s initiates' % (version, encr, hash_, group, esp, pfs, 'ioscc' if we_call else 'charon')
                pair.peer.load(swanctl(version, encr, hash_, group, esp, pfs))
                ours = Ours(pair.a, config(version, encr, hash_, group, esp, pfs))
                try:
                    up(pair, ours, we_call)
                    words = pair.peer.swanctl('--list-sas').stdout
                    assert IKE[encr][1] in words and HASH[hash_][1] in words and GROUP[group].upper().replace('MODP', 'MODP_').replace('ECP', 'ECP_').replace('2048S256', '2048_256') in words, words
                except AssertionError as e:
                    bad.append('%s: %s' % (name, e))
                finally:
                    try:
                        ours.stop()
                    except AssertionError as e:
                        bad.append('%s: %s' % (name, e))
                if len(bad) > 3:
                    break
    assert not bad, '\n'.join(bad)


def combinations(version):
    """every cipher with every group and every hash; the ends take turns in calling, transform sets and groups of PFS go round. The
    matrix has each algorithm with sanitizers; these hundreds are about what both ends make of them, three times as fast without"""
    ciphers = [e for e in IKE if version == 2 or 'gcm' not in e]
    hashes, groups, esps = list(HASH), list(GROUP), list(ESP)
    bad, rows = [], []
    with Pair() as pair:
        for i, encr in enumerate(ciphers):
            for j, group in enumerate(groups):
                works, before = [], len(bad)
                for k, hash_ in enumerate(hashes):
                    one = (encr, hash_, group, esps[(3 * i + j + k) % len(esps)], groups[(i + 3 * j + k) % len(groups)] if (i + j + k) % 3 == 0 else None)
                    pair.peer.load(swanctl(version, *one))
                    ours = Ours(pair.a, config(version, *one), program=RELEASE)
                    try:
                        up(pair, ours, (i + j + k) % 2 == 0)
                        works.append(hash_)
                    except AssertionError as e:
                        bad.append('IKEv%d %s, pfs %s: %s' % (version, ' '.join(one[:4]), one[4], e))
                    finally:
                        ours.stop()
                rows.append(('%s, group %s, %s' % (encr, group, ', '.join(works)), 'passed' if len(bad) == before else 'failed', bad[-1].split('\n')[0] if len(bad) > before else ''))
    interop.note('matrix-%d' % version, rows)
    assert not bad, '\n'.join(bad[:3])


def lifecycle(version):
    """rekeying of both kinds by both ends, deletes by both ends"""
    one = ('aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac', '19')
    with Pair() as pair:
        pair.peer.load(swanctl(version, *one))
        ours = Ours(pair.a, config(version, *one))
        try:
            for we_call in (True, False):
                up(pair, ours, we_call)
                for what in ('child', 'ike'):
                    for by_us in (True, False):
                        before = {(s['spi_i'], s['spi_r']) for s in ours.sas()} if what == 'ike' else {c['spi_in'] for s in ours.sas() for c in s['children'] if c['state'] == 'up'}

                        def changed():
                            now = {(s['spi_i'], s['spi_r']) for s in ours.sas()} if what == 'ike' else {c['spi_in'] for s in ours.sas() for c in s['children'] if c['state'] == 'up'}
                            # charon lets an old ISAKMP SA of its own stand until its time is over
                            return now - before and (not now & before or (version, what, by_us) == (1, 'ike', False)) and agree(ours, pair.peer)
                        if by_us:
                            ours.ask(do='rekey', what=what)
                        else:
                            pair.peer.swanctl('--rekey', '--' + what, 'c')
                        assert ours.wait(changed), '%s is not rekeyed by %s:\n%s\n%s' % (what, 'us' if by_us else 'charon', ours.text(), open(pair.tmp + '/b.log').read()[-2500:])
                if we_call:
                    ours.ask(do='clear')
                    assert ours.wait(lambda: not ours.sas() and 'ESTABLISHED' not in pair.peer.swanctl('--list-sas').stdout), 'our delete'
                else:
                    pair.peer.swanctl('--terminate', '--ike', 'c')
                    assert ours.wait(lambda: not ours.sas()), 'their delete'
        finally:
            ours.stop()


def refusals(version):
    """each one line of our log that names parameter and line"""
    good = ('aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac', None)
    cases = [
        ('another cipher', dict(encr='aes-cbc-128'), {}, r'encryption: aes-cbc-256 here \(.*line \d+\), aes-cbc-128 there'),
        ('another hash', dict(hash_='sha1'), {}, r'(integrity|hash): sha(256)? here \(.*line \d+\), sha1? there'),
        ('another group', dict(group='14'), {}, r'Diffie-Hellman: group 19 here \(.*line \d+\), group 14 there'),
        ('another transform', dict(esp='esp-gcm 256'), {}, r'encryption: aes-cbc-256 here \(T, line \d+\), aes-gcm-256 there'),
        ('another network', {}, dict(ts='10.9.0.0/16'), r'no access list line .* fits: the peer wants 10\.2\.0\.0/16 to 10\.9\.0\.0/16'),
        ('another key', {}, dict(key='wrong-key-of-the-peer'), r'pre-shared key is another one than ours'),
    ]
    names = ('encr', 'hash_', 'group', 'esp', 'pfs')
    with Pair() as pair:
        for name, change, how, want in cases:
            theirs = dict(zip(names, good), **change)
            pair.peer.load(swanctl(version, **theirs, **how))
            ours = Ours(pair.a, config(version, *good))
            try:
                with pair.peer.calling():
                    refused = ours.wait(lambda: re.search(want, ours.text()))
                assert refused, '%s: no line %s in\n%s' % (name, want, ours.text())
                assert not any(s['children'] for s in ours.sas()), name
            finally:
                ours.stop()


def another_profile():
    """h12u C1: the list has the line, and its entry is for a profile that the peer has not matched: that is said, not the list"""
    good = ('aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac', None)
    text = config(1, *good).replace('crypto map M 10', 'crypto isakmp profile IP\n match identity host elsewhere.example\n keyring default\ncrypto map M 10').replace(' match address L', ' match address L\n set isakmp-profile IP')
    with Pair() as pair:
        pair.peer.load(swanctl(1, *good))
        ours = Ours(pair.a, text)
        try:
            with pair.peer.calling():
                said = ours.wait(lambda: re.search(r'map M entry 10 is for isakmp profile IP \(line \d+\), and the peer has matched none', ours.text()))
            assert said and 'access list' not in ours.text(), ours.text()
        finally:
            ours.stop()


def commands(version):
    """show and clear as on the router; words cut short"""
    def ioscc(*words, ok=(0,)):
        p = subprocess.run([IOSCC, words[0], '--state-dir', ours.dir, *words[1:]], capture_output=True, text=True)
        assert p.returncode in ok, '%s: exit %d\n%s%s' % (words, p.returncode, p.stdout, p.stderr)
        return p.stdout + p.stderr
    with Pair() as pair:
        pair.peer.load(swanctl(version, *MATRIX[5]))
        ours = Ours(pair.a, config(version, *MATRIX[5]))
        try:
            assert 'SA' in ioscc('initiate', B)
            assert ours.wait(lambda: agree(ours, pair.peer)), ours.text()
            if version == 1:
                assert re.search(r'^IPv4 Crypto ISAKMP SA\ndst             src             state          conn-id status\n%s +%s +QM_IDLE +\d+ ACTIVE$' % (B, A), ioscc('show', 'cry', 'isa', 'sa'), re.M)
                assert re.search(r'aes  sha256 psk  19 \d\d:\d\d:\d\d', ioscc('show', 'crypto', 'isakmp', 'sa', 'detail'))
            else:
                text = ioscc('show', 'crypto', 'ikev2', 'sa', 'detailed')
                assert re.search(r'^\d+ +%s/4500 +%s/4500 +none/none +READY' % (A, B), text, re.M) and 'Encr: AES-CBC, keysize: 256, PRF: SHA256, Hash: SHA256, DH Grp:19, Auth sign: PSK, Auth verify: PSK' in text, text
                assert 'Initiator of SA : Yes' in text and 'NAT-T is detected  outside' in text, text
            # what has the keys, what fetches, what reads the network: nobody, no capability, a filter of system calls
            # what keeps CAP_NET_ADMIN has nothing else
            def status(pid):
                s = dict(re.findall(r'^(\w+):\s+(\S+)', open('/proc/%d/status' % pid).read(), re.M))
                return int(s['CapPrm'], 16), s['Uid'], s['Seccomp'], s['NoNewPrivs']
            children = [int(x) for x in open('/proc/%d/task/%d/children' % (ours.p.pid, ours.p.pid)).read().split()]
            assert [status(p) for p in children] == 3 * [(0, '65534', '2', '1')], [status(p) for p in children]
            assert status(ours.p.pid)[0] == 1 << 12 and status(ours.p.pid)[2:] == ('2', '1'), status(ours.p.pid)
            assert oct(os.stat(ours.dir + '/reload.sock').st_mode & 0o777) == '0o600'
            assert oct(os.stat(ours.dir + '/control.sock').st_mode & 0o777) == '0o600'
            text = ioscc('show', 'crypto', 'session')
            assert 'Session status: UP-ACTIVE\nPeer: %s port 4500' % B in text and 'IPSEC FLOW: permit ip 10.1.0.0/16 10.2.0.0/16' in text, text
            assert 'leave --config out' in ioscc('show', 'crypto', 'session', '--config', ours.dir + '/r.cfg', ok=(2,))
            assert '0 IKE SAs cleared' in ioscc('clear', 'crypto', *(('ikev2', 'sa') if version == 1 else ('isakmp',)), ok=(1,))
            assert '1 IKE SAs cleared' in ioscc('clear', 'crypto', *(('ikev2', 'sa', 'remote', B) if version == 2 else ('isakmp',)))
            assert ours.wait(lambda: not ours.sas()) and 'UP' not in ioscc('show', 'crypto', 'session')
        finally:
            ours.stop()
        assert 'no daemon answers' in subprocess.run([IOSCC, 'show', 'crypto', 'session', '--state-dir', ours.dir], capture_output=True, text=True).stderr


def scanned(version):
    """ike-scan, a third reading of our answers: what is offered is chosen, what is not is refused, and a version that no
    entry negotiates with is silent"""
    with lab.Lab() as l:
        a, b = l.node('a'), l.node('b')
        l.link(a, 'eth0', b, 'eth0')
        for n, addr in ((a, A), (b, B)):
            n.ip('addr', 'add', addr + '/24', 'dev', 'eth0')
            n.ip('route', 'add', 'default', 'dev', 'eth0')
        ours = Ours(a, config(version, *MATRIX[5]))

        def scan(*args, silent=False):
            # it waits for an answer; where none must come, for a second
            with b.inside():
                return subprocess.run(['ike-scan', '-M', '--retry=1', '--timeout=%d' % (1000 if silent else 1000 * lab.BOUND), *args, A], capture_output=True, text=True).stdout
        good, weak = '--trans=(1=7,14=256,2=4,3=1,4=19)', '--trans=5,2,1,2'
        try:
            if version == 1:
                text = scan(good)
                assert 'Main Mode Handshake returned' in text and 'SA=(Enc=AES KeyLength=256 Hash=SHA2-256 Auth=PSK Group=19:ecp256' in text, text
                assert '(RFC 3947 NAT-T)' in text and '(Dead Peer Detection v1.0)' in text, text
                text = scan(weak)
                assert 'NO-PROPOSAL-CHOSEN' in text and 'Handshake' not in text, text
                text = scan('-A', '--id=x', good, silent=True)  # without a Diffie-Hellman value of that group
                assert '1 returned handshake' not in text, text
                assert ours.wait(lambda: 'encryption: aes-cbc-256 here (policy 10, line 2), 3des there' in ours.text()), ours.text()
                assert '0 returned notify' in scan('-2', silent=True)
            else:
                assert '0 returned handshake; 0 returned notify' in scan(weak, silent=True), 'an answer'
                text = scan('-2')
                assert 'NO_PROPOSAL_CHOSEN' in text, text
        finally:
            ours.stop()


def reload(version):
    """another configuration while a tunnel stands: what is the same stays, with its SPIs, and can still be rekeyed; what is
    different is ended, the peer is told, and it comes up as it is written now"""
    def again(text, want):
        open(ours.dir + '/r.cfg', 'w').write(text)
        with pair.a.inside():
            p = subprocess.run([IOSCC, 'reload', '--discard-sas', '--no-apply', '--state-dir', ours.dir, '-m', 'Gi0/0=eth0', ours.dir + '/r.cfg'], capture_output=True, text=True)
        assert p.returncode == 0 and re.fullmatch(want, p.stdout), p.stdout + p.stderr + ours.text()
    one = MATRIX[5]
    text = config(version, *one)
    with Pair() as pair:
        pair.peer.load(swanctl(version, *one))
        ours = Ours(pair.a, text)
        try:
            up(pair, ours, True)
            before = [(s['spi_i'], s['spi_r'], c['spi_in'], c['spi_out']) for s in ours.sas() for c in s['children']]
            # lines move, an entry comes, keys of others change
            more = 'crypto isakmp key another-key-of-another-peer address 203.0.113.7\nip access-list extended L2\n permit ip 10.1.0.0 0.0.255.255 10.7.0.0 0.0.255.255\n'
            entry = 'crypto map M 20 ipsec-isakmp\n set peer 203.0.113.7\n set transform-set T\n match address L2\n'
            again(more + text.replace('interface Giga', entry + 'interface Giga'), '1 IKE SAs with 1 child SAs stay, 0 and 0 are ended.\n')
            assert [(s['spi_i'], s['spi_r'], c['spi_in'], c['spi_out']) for s in ours.sas() for c in s['children']] == before and agree(ours, pair.peer)
            for what in ('child', 'ike'):
                ours.ask(do='rekey', what=what)
                assert ours.wait(lambda: not {x[2 if what == 'child' else 0] for x in before} & {y for s in ours.sas() for y in [s['spi_i']] + [c['spi_in'] for c in s['children']]} and agree(ours, pair.peer)), what + ours.text()
            # its transform set changes: nothing of it may live on
            pair.peer.swanctl('--terminate', '--ike', 'none')
            kept = dict(zip(('encr', 'hash_', 'group', 'esp', 'pfs'), one), esp='esp-gcm 128')
            again(config(version, **kept), r'[01] IKE SAs with 0 child SAs stay, 1 and 1 are ended.\n')  # in IKEv1 what was rekeyed may be there yet
            assert ours.wait(lambda: not ours.sas() and 'INSTALLED' not in pair.peer.swanctl('--list-sas').stdout), ours.text()
            pair.peer.load(swanctl(version, **kept))
            up(pair, ours, True)
            # another key: who the peer is was proved by the old one
            again(config(version, **kept, key='quite-another-key'), '0 IKE SAs with 0 child SAs stay, 1 and 1 are ended.\n')
        finally:
            ours.stop()


AGGRESSIVE = 'crypto isakmp peer address %s\n set aggressive-mode password %s\n set aggressive-mode client-endpoint fqdn r1.example\n' % (B, KEY)


def aggressive():
    """aggressive mode, both ends calling: by a peer's own identity and password, and by the profile of an entry; not when it is
    disabled"""
    one = MATRIX[5]
    theirs = swanctl(1, *one, aggressive=True)
    named = theirs.replace('id = ' + A, 'id = r1.example')
    in_profile = config(1, *one).replace('crypto map M 10 ipsec-isakmp\n', 'crypto isakmp profile IP\n match identity address %s\n initiate mode aggressive\ncrypto map M 10 ipsec-isakmp\n set isakmp-profile IP\n' % B)
    own_key = config(1, *one, key='not-the-key-of-this-peer-at-all') + AGGRESSIVE
    with Pair() as pair:
        for name, text, peer, we_call in (('the peer calls', config(1, *one), theirs, False), ('by password', own_key, named, True), ('by profile', in_profile, theirs, True)):
            pair.peer.load(peer)
            ours = Ours(pair.a, text)
            try:
                up(pair, ours, we_call)
                log = open(pair.tmp + '/b.log').read()
                assert 'AGGRESSIVE request 0' in log, name
            finally:
                ours.stop()
            open(pair.tmp + '/b.log', 'w').close()
        pair.peer.load(named)
        ours = Ours(pair.a, 'crypto isakmp aggressive-mode disable\n' + own_key)
        try:
            assert 'aggressive mode is disabled: its peers are called in main mode' in ours.text()
            ours.ask(do='initiate')
            with pair.peer.calling():
                assert ours.wait(lambda: 'aggressive mode refused: it is disabled' in ours.text()), ours.text()
            assert not ours.sas()
            assert 'AGGRESSIVE response' not in open(pair.tmp + '/b.log').read()
        finally:
            ours.stop()


def sa_init(spi, extra):
    """an IKE_SA_INIT request with a payload in front: type and flags as said"""
    kind, flags, body = extra
    payload = struct.pack('>BBH', 0, flags, 4 + len(body)) + body
    return struct.pack('>8s8sBBBBII', spi, b'', kind, 0x20, 34, 0x08, 0, 28 + len(payload)) + payload


def strange():
    """payloads that nobody knows: the critical one is refused by its number, the other one is passed over (RFC 7296 section 2.5)"""
    with Pair() as pair:
        ours = Ours(pair.a, config(2, *MATRIX[5]))
        try:
            with pair.b.inside():
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((B, 5000))
            s.settimeout(lab.BOUND)
            s.sendto(sa_init(b'\x11' * 8, (200, 0x80, b'abcd')), (A, 500))
            a = s.recv(2000)
            spi, kind, exchange = a[:8], a[16], a[18]
            _, _, length, proto, spi_len, notify = struct.unpack('>BBHBBH', a[28:36])
            assert (spi, kind, exchange, notify, a[36:37]) == (b'\x11' * 8, 41, 34, 1, bytes([200])), a.hex()
            s.settimeout(2)  # it may be silent
            s.sendto(sa_init(b'\x12' * 8, (200, 0, b'abcd')), (A, 500))
            try:
                a = s.recv(2000)
                assert struct.unpack('>H', a[34:36])[0] != 1, a.hex()
            except socket.timeout:
                pass
            s.close()
        finally:
            ours.stop()


def tests():
    why = swan.usable()

    def skip():
        raise AssertionError(why)
    for version in (1, 2):
        more = () if lab.QUICK else (combinations,)  # a minute each; the matrix has each algorithm once
        for f in more + (matrix, lifecycle, refusals, commands, scanned, reload):
            yield 'netns: ike: v%d %s' % (version, f.__name__), skip if why else lambda f=f, version=version: f(version)
    yield 'netns: ike: v1 aggressive mode', skip if why else aggressive
    yield 'netns: ike: v2 unknown payloads', skip if why else strange
    yield 'netns: ike: v1 the entry of another profile', skip if why else another_profile


if __name__ == '__main__':
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            t = time.monotonic()
            try:
                f()
                print('ok', name, '%.0f s' % (time.monotonic() - t))
            except AssertionError as e:
                print('FAILED', name, e)
