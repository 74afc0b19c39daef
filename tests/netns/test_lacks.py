# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry in force needs of the host and is not there (backends/ike/from_ir/needs.c): keys that the master key does not
open, trustpoints without files. Said by `plan` before anything is touched, and never stood in for by something wider."""
import os, re, subprocess, sys

sys.path[:0] = ['tests/netns']
import lab, test_certs as certs

IOSCC = os.environ.get('IOSCC', 'build/asan/ioscc')
CLOSED = '6 BJHBV^BcKCFaaRIDU`SWc\\OZNHXAfOE_aUDbZ_gXYHK^M^DY'  # by another master key
V1 = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 19
KEYS
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set T
 match address L
interface GigabitEthernet0/0
 ip address 192.0.2.2 255.255.255.0
 crypto map M
'''
V2 = V1.replace('crypto isakmp policy 10\n encr aes 256\n hash sha256\n authentication pre-share\n group 19\nKEYS\n', '''crypto ikev2 proposal P
 encryption aes-cbc-256
 integrity sha256
 group 19
crypto ikev2 policy POL
 proposal P
crypto ikev2 keyring KR
KEYS
crypto ikev2 profile PROF
 match identity remote address 192.0.2.1 255.255.255.255
 authentication remote pre-share
 authentication local pre-share
 keyring local KR
''').replace(' match address L\n', ' set ikev2-profile PROF\n match address L\n')
SIGNS = V2.replace('crypto ikev2 keyring KR\nKEYS\n', 'crypto pki trustpoint TP\n enrollment terminal\n revocation-check none\n').replace('pre-share\n', 'rsa-sig\n').replace(' keyring local KR\n', ' pki trustpoint TP\n')
DYNAMIC = V1.replace('crypto map M 10 ipsec-isakmp\n set peer 192.0.2.1\n', 'crypto dynamic-map D 10\n').replace('interface Giga', 'crypto map M 10 ipsec-isakmp dynamic D\ninterface Giga')
SHARED = 'crypto isakmp key branches-share-this address 0.0.0.0 0.0.0.0\n'
KEY, BLOCKED = r'line \d+: the key cannot be decrypted: name the master key', r'map M entry 10 \(line \d+\) is blocked: '


def pinned(digits):
    """a trustpoint that says which CA it is; the digest's name stands for the CA's"""
    return SIGNS.replace(' enrollment terminal\n', ' enrollment terminal\n fingerprint %s\n' % digits)


def digits_of(path, digest):
    said = subprocess.run(['openssl', 'x509', '-in', path, '-noout', '-fingerprint', '-' + digest.lower()], capture_output=True, text=True, check=True).stdout
    plain = said.strip().split('=')[1].replace(':', '')
    return ' '.join(plain[i:i + 8] for i in range(0, len(plain), 8)) if digest == 'MD5' else plain


# name, configuration, what is said (nothing: it can be run)
CASES = [
    ('a key of its own that is closed, and a wider one', V1.replace('KEYS\n', 'crypto isakmp key %s address 192.0.2.1\n' % CLOSED + SHARED), [KEY, BLOCKED]),
    ('RSA encrypted nonces', V1.replace('authentication pre-share', 'authentication rsa-encr').replace('KEYS\n', SHARED), [BLOCKED + r'.*authentication rsa-encr \(RSA encrypted nonces\) is not supported']),
    ('a closed key alone', V1.replace('KEYS\n', 'crypto isakmp key %s address 192.0.2.1\n' % CLOSED), [KEY, BLOCKED]),
    ('a closed key of another peer', V1.replace('KEYS\n', 'crypto isakmp key %s address 192.0.2.9\n' % CLOSED + SHARED), []),
    ('a wider key that is closed, and one of its own', V1.replace('KEYS\n', 'crypto isakmp key clear-text-of-its-own address 192.0.2.1\ncrypto isakmp key %s address 0.0.0.0 0.0.0.0\n' % CLOSED), []),
    ('any peer of a dynamic map may have the closed one', DYNAMIC.replace('KEYS\n', 'crypto isakmp key %s address 192.0.2.1\n' % CLOSED + SHARED), [KEY]),
    ('a password of aggressive mode that is closed', V1.replace('KEYS\n', SHARED + 'crypto isakmp peer address 192.0.2.1\n set aggressive-mode password %s\n set aggressive-mode client-endpoint fqdn r1.example\n' % CLOSED), [KEY]),
    ('IKEv2: a closed key, and a wider one', V2.replace('KEYS\n', ' peer HQ\n  address 192.0.2.1\n  pre-shared-key %s\n peer ANY\n  address 0.0.0.0 0.0.0.0\n  pre-shared-key branches-share-this\n' % CLOSED), [KEY, BLOCKED]),
    ('IKEv2: the local half is closed', V2.replace('KEYS\n', ' peer HQ\n  address 192.0.2.1\n  pre-shared-key local %s\n  pre-shared-key remote clear-text\n' % CLOSED), [KEY, BLOCKED]),
    ('IKEv2: both halves are open', V2.replace('KEYS\n', ' peer HQ\n  address 192.0.2.1\n  pre-shared-key local clear-text-a\n  pre-shared-key remote clear-text-b\n'), []),
    ('IKEv2: a trustpoint with all files', SIGNS, []),
    ('IKEv2: a trustpoint without files', SIGNS.replace('TP\n', 'OTHER\n'), [r'none of its trustpoints has a certificate with its private key: put OTHER\.key', r"has a CA's certificate: put OTHER\.ca", BLOCKED]),
    ('IKEv2: a certificate that has expired', SIGNS.replace('TP\n', 'OLD\n'), []),
    ('IKEv2: a certificate of another CA', SIGNS.replace('TP\n', 'ALIEN\n'), []),
    ('IKEv2: an identity that is not in the certificate', SIGNS.replace('crypto ikev2 profile PROF\n', 'crypto ikev2 profile PROF\n identity local fqdn r7.example\n'), []),
    ('IKEv2: an identity that is in the certificate', SIGNS.replace('crypto ikev2 profile PROF\n', 'crypto ikev2 profile PROF\n identity local fqdn r1\n'), []),
    ('IKEv2: no trustpoint', SIGNS.replace('crypto pki trustpoint TP\n enrollment terminal\n revocation-check none\n', '').replace(' pki trustpoint TP\n', ''), ['no trustpoint is configured', BLOCKED]),
    ('IKEv2: a key of another kind', SIGNS.replace('rsa-sig', 'ecdsa-sig'), [BLOCKED]),
    ('IKEv2: a certificate map by dates', SIGNS.replace('crypto ikev2 profile PROF\n match identity remote address 192.0.2.1 255.255.255.255\n', 'crypto pki certificate map CM 10\n valid-start lt jan 01 2030\ncrypto ikev2 profile PROF\n match certificate CM\n'),
     ['valid-start in a certificate map is not judged']),
    ('IKEv2: the fingerprint of its CA', pinned('SHA1'), []),
    ('IKEv2: the fingerprint of its CA by MD5, in groups', pinned('MD5'), []),
    ('IKEv2: the fingerprint of its CA by SHA-256', pinned('SHA256'), []),
    ('IKEv2: the fingerprint of other people', pinned('00112233445566778899AABBCCDDEEFF00112233'), [r'no certificate of its CA has the fingerprint of line \d+', BLOCKED]),
    ('IKEv2: a fingerprint that is cut off', pinned('0011223344556677'), [r'its fingerprint \(line \d+\) has a length that is none of', BLOCKED]),
]


def lacks():
    with lab.Lab() as l:
        r, peer = l.node('r'), l.node('p')
        l.link(r, 'eth0', peer, 'eth0')
        r.ip('addr', 'add', '192.0.2.2/24', 'dev', 'eth0')
        d = l.directory()
        ca = certs.Authority(d, 'root')
        ca.router('r1', 'rsa', None)
        os.mkdir(d + '/pki')
        for ending in ('key', 'crt'):
            certs.place(ca.path('r1', ending), '%s/pki/TP.%s' % (d, ending))
        certs.place(ca.path('root', 'crt'), d + '/pki/TP.ca')
        ca.router('r9', 'rsa', None, ('-days', '-1'))
        for ending in ('key', 'crt'):
            certs.place(ca.path('r9', ending), '%s/pki/OLD.%s' % (d, ending))
        certs.place(ca.path('root', 'crt'), d + '/pki/OLD.ca')
        for ending in ('key', 'crt'):
            certs.place(ca.path('r1', ending), '%s/pki/ALIEN.%s' % (d, ending))
        certs.Authority(d, 'another')
        certs.place(ca.path('another', 'crt'), d + '/pki/ALIEN.ca')
        for name in ('TP', 'ALIEN'):
            os.chmod('%s/pki/%s.key' % (d, name), 0o600)
        os.chmod(d + '/pki/OLD.key', 0o600)
        for name, text, want in CASES:
            with open(d + '/r.cfg', 'w') as f:
                f.write(re.sub(r'fingerprint (SHA1|MD5|SHA256)\n', lambda m: 'fingerprint %s\n' % digits_of(d + '/pki/TP.ca', m.group(1)), text))
            p = r.run(IOSCC, 'plan', '--state-dir', d + '/state', '-m', 'Gi0/0=eth0', '--pki-dir', d + '/pki', d + '/r.cfg', ok=False)
            said = p.stdout + p.stderr
            assert p.returncode == (2 if want else 1), '%s: exit %d\n%s' % (name, p.returncode, said)
            for w in want:
                assert re.search(w, said), '%s: it does not say %s\n%s' % (name, w, said)
            assert ('trustpoint OLD: its certificate has expired' in said) == ('expired' in name), '%s\n%s' % (name, said)
            assert ('trustpoint ALIEN: peers that trust its CA will refuse its certificate' in said) == ('another CA' in name), '%s\n%s' % (name, said)
            assert ('its own identity is not in the certificate of trustpoint TP' in said) == ('not in the' in name), '%s\n%s' % (name, said)
            assert ('nothing is touched' in said) == bool(want), '%s\n%s' % (name, said)
            for secret in ('branches-share-this', 'clear-text'):
                assert secret not in said, name


def strange_files():
    """what others may write to is not used, nor what is no file: a pipe there stops nobody"""
    with lab.Lab() as l:
        r, peer = l.node('r'), l.node('p')
        l.link(r, 'eth0', peer, 'eth0')
        r.ip('addr', 'add', '192.0.2.2/24', 'dev', 'eth0')
        d = l.directory()
        ca = certs.Authority(d, 'root')
        ca.router('r1', 'rsa', None)
        os.mkdir(d + '/pki')

        def whole():
            for ending in ('key', 'crt', 'ca'):
                path = d + '/pki/TP.' + ending
                if os.path.exists(path):
                    os.remove(path)
                certs.place(ca.path('root' if ending == 'ca' else 'r1', 'crt' if ending == 'ca' else ending), path)
                os.chmod(path, 0o600)
        with open(d + '/r.cfg', 'w') as f:
            f.write(SIGNS)

        def plan():
            p = r.run('timeout', '20', IOSCC, 'plan', '--state-dir', d + '/state', '-m', 'Gi0/0=eth0', '--pki-dir', d + '/pki', d + '/r.cfg', ok=False)
            return p.returncode, p.stdout + p.stderr
        whole()
        assert plan()[0] == 1, plan()
        for ending in ('key', 'ca', 'crt'):
            for how, says in ((lambda path: os.chmod(path, 0o666), 'others may write to it: it is not used'), (lambda path: os.chown(path, 65534, 0), 'others may write to it: it is not used'), (lambda path: (os.remove(path), os.mkfifo(path)), 'is no plain file: it is not used')):
                whole()
                how('%s/pki/TP.%s' % (d, ending))
                code, said = plan()
                assert code == 2 and '/pki/TP.%s' % ending in said and says in said and 'nothing is touched' in said, '%s: exit %d\n%s' % (ending, code, said)


def tests():
    yield 'netns: lacks: files that others may write to', strange_files
    yield 'netns: lacks: keys and files of the host', lacks


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
