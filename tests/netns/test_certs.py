# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates against strongSwan, both versions, both ends initiating: RSA and ECDSA, a CA between root and router,
and what must be refused. Keys and certificates are made anew by openssl for each run."""
import contextlib, os, shutil, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns', 'tests/lint']
import lab, test_ike as ike, test_strongswan as swan

A, B = ike.A, ike.B
KEYS = {'rsa': ['-newkey', 'rsa:2048'], 'ec256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ec384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
        'ec521': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521']}


class Authority:
    def __init__(self, dir, name, issuer=None):
        self.dir, self.name, self.issuer = dir, name, issuer
        self.make(name, 'rsa', 'CN=' + name, 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign', issuer or self)

    def path(self, name, ending):
        return '%s/%s.%s' % (self.dir, name, ending)

    def make(self, name, kind, subject, extensions, by, days=('-days', '30')):
        def openssl(*args):
            subprocess.run(['openssl', *args], check=True, capture_output=True)
        openssl('req', '-new', '-nodes', *KEYS[kind], '-keyout', self.path(name, 'key'), '-out', self.path(name, 'csr'), '-subj', '/' + subject.replace(',', '/'))
        open(self.path(name, 'ext'), 'w').write(extensions + '\n')
        how = ['-signkey', self.path(name, 'key')] if by is self and name == self.name else ['-CA', by.path(by.name, 'crt'), '-CAkey', by.path(by.name, 'key'), '-CAcreateserial']
        openssl('x509', '-req', '-in', self.path(name, 'csr'), *how, *days, '-sha256', '-extfile', self.path(name, 'ext'), '-out', self.path(name, 'crt'))

    def router(self, name, kind, san, days=('-days', '30')):
        self.make(name, kind, 'O=Example,CN=' + name, 'keyUsage=digitalSignature' + ('\nsubjectAltName=' + san if san else ''), self, days)


def config(version, kind, rules=None, more=''):
    """`rules`: of a certificate map that says who the peer must be"""
    auth = 'rsa-sig' if kind == 'rsa' else 'ecdsa-sig'
    text = ike.config(version, 'aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac')
    text = text.replace('authentication remote pre-share', 'authentication remote ' + auth).replace('authentication local pre-share', 'authentication local ' + auth).replace(
        ' authentication pre-share', ' authentication ' + auth)
    text = text.replace(' keyring local KR', ' pki trustpoint TP').replace(' match identity remote address %s 255.255.255.255' % B, ' match identity remote fqdn r2.example')
    if rules:
        text = text.replace(' match identity remote fqdn r2.example', ' match certificate CM')
        text += ''.join('crypto pki certificate map CM %d\n%s' % (10 * i + 10, ''.join(' %s\n' % r for r in entry)) for i, entry in enumerate(rules))
        if version == 1:
            text = text.replace('crypto map M 10 ipsec-isakmp\n', 'crypto isakmp profile IP\n ca trust-point TP\n match certificate CM\ncrypto map M 10 ipsec-isakmp\n set isakmp-profile IP\n')
    return text + more + 'crypto isakmp identity dn\ncrypto pki trustpoint TP\n enrollment terminal\n revocation-check none\n'


def swanctl(version, kind, their_id='r2.example'):
    text = ike.swanctl(version, 'aes-cbc-256', 'sha256', '19', 'esp-aes 256 esp-sha256-hmac')
    text = text.split('secrets {')[0].replace('local { auth = psk\n    id = ' + B, 'local { auth = pubkey\n    certs = r2.crt\n    id = ' + their_id)
    return text.replace('remote { auth = psk\n    id = ' + A, 'remote { auth = pubkey\n    id = "O=Example, CN=r1"')


def place(src, dst):
    os.makedirs(os.path.dirname(dst), exist_ok=True)
    shutil.copy(src, dst)


def one(pair, version, we_call, ours_by, theirs_by, kinds, want=None, their_days=('-days', '30'), their_san='DNS:r2.example', between=None, trust=None, their_id='r2.example', rules=None, more='', theirs='', seen=None, after=None):
    """`want`: what our log says of the refusal"""
    d = tempfile.mkdtemp(prefix='ioscc-pki-')
    base = pair.tmp  # swanctl looks for files beside its configuration
    for x in ('x509', 'x509ca', 'private'):
        shutil.rmtree(base + '/' + x, ignore_errors=True)
    try:
        ours_by.router('r1', kinds[0], None)
        (between or theirs_by).router('r2', kinds[1], their_san, their_days)
        for ending in ('key', 'crt'):
            place(ours_by.path('r1', ending), '%s/TP.%s' % (d, ending))
        place((trust or theirs_by).path((trust or theirs_by).name, 'crt'), d + '/TP.ca')
        os.chmod(d + '/TP.key', 0o600)
        by = between or theirs_by
        place(by.path('r2', 'crt'), base + '/x509/r2.crt')
        place(by.path('r2', 'key'), base + '/private/r2.key')
        for ca in (ours_by, theirs_by) + ((between,) if between else ()):
            place(ca.path(ca.name, 'crt'), '%s/x509ca/%s.crt' % (base, ca.name))
        pair.peer.load(swanctl(version, kinds[1], their_id).replace('  version =', theirs + '  version ='))
        open(pair.tmp + '/b.log', 'w').close()
        ours = ike.Ours(pair.a, config(version, kinds[0], rules, more), more=('--pki-dir', d))
        try:
            if want:
                with contextlib.nullcontext(ours.ask(do='initiate')) if we_call else pair.peer.calling():
                    refused = ours.wait(lambda: want in ours.text())
                assert refused, 'not refused with "%s":\n%s\n%s' % (want, ours.text(), open(pair.tmp + '/b.log').read()[-2500:])
                assert not ours.sas(), 'established all the same'
            else:
                ike.up(pair, ours, we_call)
                if after:
                    after(pair, ours, d)
                for x in seen or ():
                    assert x in open(pair.tmp + '/b.log').read(), 'charon does not say: ' + x
        finally:
            ours.stop()
    finally:
        shutil.rmtree(d)


def reloaded(pair, ours, pki):
    """the same configuration again, without the options that the daemon was started with: nothing ends. Where the files are said to
    be somewhere else, and are not, nothing is touched"""
    def reload(*more):
        with pair.a.inside():
            return subprocess.run([ike.IOSCC, 'reload', '--discard-sas', '--no-apply', '--state-dir', ours.dir, *more, ours.dir + '/r.cfg'], capture_output=True, text=True)
    p = reload()
    assert p.returncode == 0 and p.stdout == '1 IKE SAs with 1 child SAs stay, 0 and 0 are ended.\n', p.stdout + p.stderr
    assert '--pki-dir %s, as at the last reload or start' % pki in p.stderr and '--interface-map Gi0/0=eth0, as at' in p.stderr, p.stderr
    os.rename(pki, pki + '.files')  # 75 of docs/security.md: a link means what it leads to when it is followed
    os.symlink(pki + '.files', pki)
    p = reload()
    assert p.returncode == 0, p.stdout + p.stderr
    os.mkdir(pki + '.empty')
    os.remove(pki)
    os.symlink(pki + '.empty', pki)
    p = reload()
    assert p.returncode == 1 and 'nothing is touched' in p.stderr, p.stdout + p.stderr
    os.remove(pki)
    os.rename(pki + '.files', pki)
    before = ours.sas()
    p = reload('--pki-dir', pki + '/not-there')
    assert p.returncode == 1 and 'nothing is touched' in p.stderr and pki + '/not-there' in p.stderr, p.stdout + p.stderr
    assert 'map M entry 10' in p.stderr and ' is blocked: ' in p.stderr, p.stderr
    assert [s['spi_i'] for s in ours.sas()] == [s['spi_i'] for s in before]
    p = reload('--allow-partial', '--pki-dir', pki + '/not-there')
    assert p.returncode == 0 and '0 IKE SAs with 0 child SAs stay' in p.stdout, p.stdout + p.stderr


def certificates(version):
    bad, rows = [], []
    with ike.Pair() as pair, tempfile.TemporaryDirectory() as d:
        root = Authority(d, 'root')
        second, other = Authority(d, 'second', root), Authority(d, 'other')
        cases = [('%s, %s initiates' % (k, 'ioscc' if we else 'charon'), dict(we_call=we, kinds=(k, k))) for k in (('rsa', 'ec256') if lab.QUICK else ('rsa', 'ec256', 'ec384', 'ec521')) for we in (True, False)]
        cases += [('reload without the options', dict(we_call=True, kinds=('rsa', 'rsa'), after=reloaded))]
        cases += [('a CA between', dict(we_call=False, kinds=('rsa', 'rsa'), between=second))]
        cases += [('expired', dict(we_call=we, kinds=('rsa', 'rsa'), their_days=('-days', '-1'), want='certificate has expired')) for we in (False,)]
        cases += [('of another CA', dict(we_call=False, kinds=('rsa', 'rsa'), trust=other, want='its certificate is refused'))]
        if version == 2:  # without a profile IKEv1 asks for no name
            cases += [('of another name', dict(we_call=True, kinds=('rsa', 'rsa'), their_san='DNS:r3.example', their_id='"O=Example, CN=r2"', want='identity'))]
        if version == 1:
            cases += [('aggressive mode, %s, charon initiates' % k, dict(we_call=False, kinds=(k, k), theirs='  aggressive = yes\n')) for k in ('rsa', 'ec256')]
        # what is longer than a packet goes in pieces, both ways
        pieces = ['received fragment', 'splitting IKE message']
        cases += [('in fragments, %s initiates' % ('ioscc' if we else 'charon'), dict(we_call=we, kinds=('rsa', 'rsa'), seen=pieces, theirs='  fragmentation = yes\n',
                   more='crypto ikev2 fragmentation mtu 700\n' if version == 2 else 'crypto isakmp fragmentation\n')) for we in (True, False)]
        # of two entries one must fit, of an entry all rules; a name may be written from either end
        fits = [['subject-name co cn=r9'], ['subject-name eq CN = R2, o = example', 'issuer-name co root', 'alt-subject-name co r2.example', 'serial-number ne 00', 'subject-name nc ou=']]
        cases += [('certificate map, %s initiates' % ('ioscc' if we else 'charon'), dict(we_call=we, kinds=('rsa', 'rsa'), rules=fits)) for we in (True, False)]
        wrong = 'no IKEv2 profile matches it' if version == 2 else None
        if version == 2:
            cases += [('certificate map that does not fit', dict(we_call=False, kinds=('rsa', 'rsa'), rules=[['subject-name co cn=r2', 'issuer-name co other']], want=wrong))]
        cases += [('certificate map of another, ioscc initiates', dict(we_call=True, kinds=('rsa', 'rsa'), rules=[['subject-name co cn=r3']], want='the profile expects another identity'))]
        for name, how in cases[::3 if lab.QUICK else 1]:
            before = len(bad)
            refused = how.get('want')
            try:
                one(pair, version, how.pop('we_call'), root, root, how.pop('kinds'), **how)
            except AssertionError as e:
                bad.append('IKEv%d %s: %s' % (version, name, e))
            rows.append((name + (': refused' if refused else ''), 'passed' if len(bad) == before else 'failed', bad[-1].split('\n')[0] if len(bad) > before else ''))
    if not lab.QUICK:
        ike.interop.note('certificates-%d' % version, rows)
    assert not bad, '\n'.join(bad)


def tests():
    why = swan.usable()

    def skip():
        raise AssertionError(why)
    for version in (2,) if lab.QUICK else (1, 2):
        yield 'netns: ike: v%d certificates' % version, skip if why else lambda version=version: certificates(version)


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
