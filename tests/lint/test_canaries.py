#!/usr/bin/env python3
"""Keys never appear: 1 200 lines that hold one, as they are, misspelt, with words lost, doubled, joined and in quotes; the key is a word of its own each time, and no command shows it in any format."""
import os
import random
import re
import subprocess
import tempfile

LINES = 300 if os.environ.get('IOSCC_QUICK') else 1200
A_FILE = 150

# what stands before it, and the line: K is a key, H a key in hexadecimal
KEYS = [
    ('', 'crypto isakmp key K address 192.0.2.1'),
    ('', 'crypto isakmp key 6 K address 192.0.2.1 255.255.255.0 no-xauth'),
    ('', 'crypto isakmp key 0 K hostname gw.example.com'),
    ('', 'crypto isakmp key K K address 192.0.2.1'),
    ('', 'crypto isakmp key K address ipv6 2001:db8::1/128'),
    ('crypto keyring KR', ' pre-shared-key address 192.0.2.9 key K'),
    ('crypto keyring KR', ' pre-shared-key hostname gw.example.com key 6 K'),
    ('crypto keyring KR', ' pre-shared-key address 192.0.2.9 255.255.255.255 key K K'),
    ('crypto ikev2 keyring K2\n peer P\n  address 192.0.2.9', '  pre-shared-key K'),
    ('crypto ikev2 keyring K2\n peer P\n  address 192.0.2.9', '  pre-shared-key local K'),
    ('crypto ikev2 keyring K2\n peer P\n  address 192.0.2.9', '  pre-shared-key remote 0 K'),
    ('crypto ikev2 keyring K2\n peer P\n  address 192.0.2.9', '  pre-shared-key local hex H'),
    ('crypto ikev2 profile PF\n match identity remote any', ' authentication remote pre-share key K'),
    ('crypto ikev2 profile PF\n match identity remote any', ' authentication local pre-share key 6 K'),
    ('crypto map M 10 ipsec-manual\n set peer 192.0.2.9', ' set session-key inbound ah 300 H'),
    ('crypto map M 10 ipsec-manual\n set peer 192.0.2.9', ' set session-key outbound esp 301 cipher H authenticator H'),
    ('crypto isakmp client configuration group G', ' key K'),
    ('crypto isakmp client configuration group G', ' key 0 K K'),
    ('crypto isakmp peer address 192.0.2.9', ' set aggressive-mode password K'),
    ('crypto pki trustpoint TP', ' enrollment url http://user:K@ca.example.com/x'),
    ('crypto pki trustpoint TP', ' password 0 K'),
    ('', 'crypto pki export TP pkcs12 ftp://u:K@h/x password K'),
    ('', 'crypto pki import TP pkcs12 http://u:K@h/x K'),
    ('', 'crypto key import rsa NAME pem terminal K'),
    ('interface Tunnel0', ' ip nhrp authentication K'),
    ('interface Tunnel0', ' ip nhrp authentication K K'),
    ('interface Tunnel0', ' ppp chap password 0 K'),
    ('interface Tunnel0', ' ip ospf authentication-key K'),
    ('interface Tunnel0', ' ip ospf message-digest-key 1 md5 K'),
    ('interface Tunnel0', ' standby 1 authentication K'),
    ('interface Tunnel0', ' standby 1 authentication md5 key-string K'),
    ('crypto ipsec client ezvpn E', ' group G key K'),
    ('key chain KC\n key 1', '  key-string K'),
    ('', 'username admin password 0 K'),
    ('', 'username admin secret K'),
    ('', 'enable secret 0 K'),
    ('', 'snmp-server community K ro'),
    ('', 'tacacs-server host 10.0.0.1 key K'),
    ('', 'key config-key password-encrypt K'),
    ('router bgp 1', ' neighbor 10.0.0.1 password K'),
    ('router eigrp X\n address-family ipv4 unicast autonomous-system 1\n  af-interface default', '   authentication mode hmac-sha-256 7 K'),
    ('dot11 ssid S', ' wpa-psk ascii 0 K'),
    ('', 'snmp-server host 10.0.0.1 K'),
    ('', 'snmp-server host 10.0.0.1 version 2c K'),
    ('', 'snmp-server host 10.0.0.1 traps version 2c K udp-port 162'),
    ('', 'snmp-server user bob grp v3 auth sha K priv aes 128 K'),
    ('', 'call-home http-proxy "u:K@h"'),
    ('', 'event manager environment _password K'),
    ('', 'license smart register idtoken K'),
    ('', 'crypto vpn password=K'),
    ('', 'something psk:K'),
]
REST = '''crypto isakmp policy 10
 encr aes 256
 authentication pre-share
 group 14
crypto ipsec transform-set TS esp-aes 256 esp-sha256-hmac
crypto map VPN 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set TS
 match address L
interface GigabitEthernet0/0
 ip address 198.51.100.2 255.255.255.252
 crypto map VPN
ip access-list extended L
 permit ip 10.2.0.0 0.0.0.255 10.1.0.0 0.0.255.255
end
'''
# before a command: a host of its own with the router's address
HOST = ['unshare', '-n', 'sh', '-c', 'ip link add eth0 type veth peer name p0 && ip link set eth0 up && ip addr add 198.51.100.2/30 dev eth0 && exec "$@"', 'sh']
FORMATS = ('text', 'json', 'sarif', 'junit', 'checkstyle', 'github', 'gitlab', 'rdjsonl', 'gcc')


def misspelt(rng, word):
    if len(word) < 3:
        return word
    i = rng.randrange(1, len(word) - 1)
    return rng.choice((word[:i] + word[i + 1] + word[i] + word[i + 2:], word[:i] + word[i + 1:], word[:i] + word[i] + word[i:], word[:i] + rng.choice('xzq') + word[i + 1:]))


def spoilt(rng, line, how):
    """the line with one word otherwise; a word that says what comes behind it is never lost, as nobody could know"""
    indent = len(line) - len(line.lstrip())
    words = line.split()
    plain = [i for i, w in enumerate(words) if not re.search(r'\b[KH]\b', w)]
    i = rng.choice(plain)
    if how == 'misspelt':
        words[i] = misspelt(rng, words[i])
    elif how == 'one more':
        words.insert(i + 1, 'xyzzy')
    elif how == 'in quotes':
        words = ['"%s"' % w if w == 'K' else w for w in words]
    elif how == 'joined' and len(plain) > 1 and i + 1 < len(words) and i + 1 in plain:
        words[i:i + 2] = [words[i] + '-' + words[i + 1]]
    return ' ' * indent + ' '.join(words)


class Canaries:
    def __init__(self, seed):
        self.rng, self.n = random.Random(seed), 0

    def key(self, kind):
        self.n += 1
        return 'Zq%04dXv' % self.n if kind == 'K' else '%04xc0ffee0ddba11beefbeef' % self.n

    def line(self):
        before, line = self.rng.choice(KEYS)
        how = self.rng.choice(('as it is', 'misspelt', 'misspelt', 'misspelt', 'one more', 'in quotes', 'joined'))
        keys = []

        def put(m):
            keys.append(self.key(m[0]))
            return keys[-1]
        return before, re.sub(r'\b[KH]\b', put, spoilt(self.rng, line, how)), keys


def outputs(ioscc, env, d, path):
    run = lambda *words: subprocess.run([os.path.abspath(ioscc), *words], env=env, capture_output=True, cwd=d)
    for f in FORMATS:
        yield 'check -f ' + f, run('check', '--no-settings', '-f', f, path)
    yield 'check --fix -n', run('check', '--no-settings', '--fix', '-n', path)
    for to in ('json', 'ios', 'xfrm', 'nftables'):
        yield 'compile --to ' + to, run('compile', '--to', to, '-m', 'Gi0/0=eth0', *([] if to in ('xfrm', 'nftables') else []), path)
    for more in ([], ['-f', 'json']):
        p = subprocess.run([*HOST, os.path.abspath(ioscc), 'plan', '--lines', '--allow-less', *more, '--state-dir', d + '/state', path], env=env, capture_output=True, cwd=d)
        assert more or b'not understood' in p.stdout, 'it has not planned: %r' % p.stderr[-500:]
        yield ' '.join(['plan --lines', *more]), p
    yield 'facts', run('facts', path)
    for f in ([], ['-t', 'json'], ['-t', 'dot'], ['-t', 'html']):
        yield ' '.join(['fleet', *f]), run('fleet', *f, path)


def no_key_in_any_output(ioscc, env):
    """no command shows one"""
    seed = int(os.environ.get('IOSCC_SEED', random.SystemRandom().getrandbits(32)))
    print('seed %d' % seed)
    canaries, shown = Canaries(seed), []
    with tempfile.TemporaryDirectory(prefix='ioscc-canaries-') as d:
        for n in range(0, LINES, A_FILE):
            cases = [canaries.line() for _ in range(A_FILE)]
            path = '%s/c%d.cfg' % (d, n)
            with open(path, 'w') as f:
                f.write('hostname c%d\n' % n + ''.join('%s%s\n!\n' % (before + '\n' if before else '', line) for before, line, _ in cases) + REST)
            for name, p in outputs(ioscc, env, d, path):
                said = (p.stdout + p.stderr).decode(errors='replace')
                assert p.returncode in (0, 1) + ((2, 3) if name.startswith('plan') else ()), '%s: exit %d: %s' % (name, p.returncode, said[-2000:])
                for _, line, keys in cases:
                    shown += [(name, line) for k in keys if k in said]
    by_line = {line: sorted({name for name, l in shown if l == line}) for _, line in shown}
    assert not by_line, '%d lines show their key:\n%s' % (len(by_line), '\n'.join('%s  (%s)' % (line.strip(), ', '.join(names)) for line, names in list(by_line.items())[:60]))


def tests(program, env):
    yield 'canaries: no key in any output', lambda: no_key_in_any_output(program, env)
