#!/usr/bin/env python3
"""check --fix changes nothing that a packet meets: random lists in each use, before and after, by an interpreter of lists of its own, which reads the lines as the router does."""
import ipaddress
import os
import random
import re
import subprocess
import tempfile

ROUNDS = 100 if os.environ.get('IOSCC_QUICK') else 1000
KEYS = '''crypto isakmp policy 10
 encr aes 256
 authentication pre-share
 group 14
crypto isakmp key x7Kq-9mPz-4tRw-2bNc address 192.0.2.1
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
'''
ENTRY = 'crypto map M 10 ipsec-isakmp\n set peer 192.0.2.1\n set transform-set T\n match address A\n'
LINK = 'interface GigabitEthernet0/0\n ip address 198.51.100.2 255.255.255.252\n'
USES = {
    'crypto list': ENTRY + LINK + ' crypto map M\n',
    'filter': LINK + ' ip access-group A in\n',
    'crypto list and filter': ENTRY + LINK + ' ip access-group A in\n crypto map M\n',
    'NAT': LINK + ' ip nat outside\nip nat inside source list A interface GigabitEthernet0/0 overload\n',
    'dynamic map': 'crypto dynamic-map D 1\n set transform-set T\n match address A\ncrypto map M 10 ipsec-isakmp dynamic D\n' + LINK + ' crypto map M\n',
}
HOSTS = ['10.%d.%d.%d' % (a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)] + ['10.0.0.9', '10.5.0.1', '11.0.0.1']
PORTS = (1, 79, 80, 81, 82)


def network(rng):
    bits = rng.choice((8, 16, 24, 24, 32))
    address = ipaddress.ip_network('%s/%d' % (rng.choice(HOSTS), bits), strict=False)
    if rng.random() < 0.1:
        return 'any'
    return 'host %s' % address.network_address if bits == 32 else '%s %s' % (address.network_address, address.hostmask)


def port(rng):
    return rng.choice(('', '', '', ' eq 80', ' range 79 81', ' gt 80', ' lt 80', ' neq 80'))


def line(rng):
    protocol = rng.choice(('ip', 'ip', 'tcp', 'udp'))
    ends = [network(rng) + (port(rng) if protocol != 'ip' else '') for _ in range(2)]
    more = rng.choice(('',) * 8 + (' log',)) + (rng.choice(('',) * 9 + (' dscp ef',)))
    return ' %s %s %s%s' % (rng.choice(('permit', 'permit', 'deny')), protocol, ' '.join(ends), more)


class Line:
    """one line, read word by word"""

    def __init__(self, text):
        self.words = text.split()
        self.verdict, self.protocol = self.words.pop(0), self.words.pop(0)
        self.source, self.from_port = self.end(), self.port()
        self.destination, self.to_port = self.end(), self.port()
        self.asks_more = 'dscp' in self.words

    def end(self):
        word = self.words.pop(0)
        if word == 'any':
            return 0, 0
        if word == 'host':
            return int(ipaddress.ip_address(self.words.pop(0))), 0xffffffff
        mask = 0xffffffff ^ int(ipaddress.ip_address(self.words.pop(0)))
        return int(ipaddress.ip_address(word)) & mask, mask

    def port(self):
        if not self.words or self.words[0] not in ('eq', 'gt', 'lt', 'neq', 'range'):
            return lambda p: True
        word, value = self.words.pop(0), self.number()
        if word == 'range':
            last = self.number()
            return lambda p: value <= p <= last
        return {'eq': lambda p: p == value, 'gt': lambda p: p > value, 'lt': lambda p: p < value, 'neq': lambda p: p != value}[word]

    def number(self):
        word = self.words.pop(0)
        return {'www': 80}.get(word) or int(word)

    def has(self, packet):
        protocol, source, from_port, destination, to_port, more = packet
        fits = self.protocol in ('ip', protocol) and source & self.source[1] == self.source[0] and destination & self.destination[1] == self.destination[0]
        return fits and (self.protocol == 'ip' or (self.from_port(from_port) and self.to_port(to_port))) and (more or not self.asks_more)


def lines_of(text):
    block = re.search(r'(?m)^ip access-list extended A\n((?: .*\n)*)', text)[1]
    return [l.strip() for l in block.splitlines()]


def permits(lines, packet):
    if not lines:
        return 'everything, as a filter'
    return next((l.verdict for l in lines if l.has(packet)), 'deny')


def packets(rng):
    numbers = [int(ipaddress.ip_address(h)) for h in HOSTS]
    for source in numbers:
        for destination in numbers:
            for protocol in ('tcp', 'udp', 'gre'):
                yield protocol, source, rng.choice(PORTS), destination, rng.choice(PORTS), rng.random() < 0.5


def mended(ioscc, env, directory, text):
    path = directory + '/r.cfg'
    with open(path, 'w') as f:
        f.write(text)
    p = subprocess.run([ioscc, 'check', '--no-settings', '--fix', path], env=env, capture_output=True, text=True)
    assert p.returncode in (0, 1), p.stderr
    return open(path).read(), p.stderr


def random_lists(ioscc, env):
    """a thousand lists: what is fixed permits the same, and keeps lines that log, and remarks"""
    seed = int(os.environ.get('IOSCC_SEED', random.SystemRandom().getrandbits(32)))
    print('seed %d' % seed)
    rng, fixed = random.Random(seed), 0
    with tempfile.TemporaryDirectory(prefix='ioscc-fix-') as d:
        for _ in range(ROUNDS):
            lines = [line(rng) for _ in range(rng.choice((1, 1, 2, 3, 4, 6, 8)))]
            for _ in range(rng.choice((0, 0, 1))):
                lines.insert(rng.randrange(len(lines) + 1), ' remark a word')
            before = KEYS + USES[rng.choice(list(USES))] + 'ip access-list extended A\n' + '\n'.join(lines) + '\nend\n'
            after, said = mended(ioscc, env, d, before)
            if after == before:
                continue
            fixed += 1
            told = '%s\n%s\n%s' % (before, after, said)
            was, now = lines_of(before), lines_of(after)
            assert [l for l in was if 'log' in l or 'remark' in l] == [l for l in now if 'log' in l or 'remark' in l], told
            assert before.split('ip access-list')[0] == after.split('ip access-list')[0], told
            was, now = ([Line(l) for l in x if not l.startswith('remark')] for x in (was, now))
            for packet in packets(rng):
                assert permits(was, packet) == permits(now, packet), '%s\n%s' % (packet, told)
    assert fixed > ROUNDS // 20, '%d of %d are fixed at all' % (fixed, ROUNDS)


# a list, what of it goes, in the order of the text
ROWS = [
    ('permit ip 10.0.0.0 0.255.255.255 any\n permit ip 10.1.0.0 0.0.255.255 any', ['permit ip 10.1.0.0 0.0.255.255 any']),
    ('permit ip 10.0.0.0 0.255.255.255 any\n permit ip 10.1.0.0 0.0.255.255 any log', []),
    ('permit ip 10.0.0.0 0.255.255.255 any log\n permit ip 10.1.0.0 0.0.255.255 any', ['permit ip 10.1.0.0 0.0.255.255 any']),
    ('permit ip 10.0.0.0 0.255.255.255 any\n deny ip 10.1.0.0 0.0.255.255 any', ['deny ip 10.1.0.0 0.0.255.255 any']),
    ('deny ip 10.1.0.0 0.0.255.255 any', []),  # an empty list lets everything pass as a filter
    ('permit ip 10.0.0.0 0.255.255.255 any dscp ef\n permit ip 10.1.0.0 0.0.255.255 any', []),
    ('deny ip 10.1.0.0 0.0.255.255 any\n permit ip 10.0.0.0 0.255.255.255 any', []),
]


def rows(ioscc, env):
    """lines that may go, and lines that must stay"""
    with tempfile.TemporaryDirectory(prefix='ioscc-fix-') as d:
        for text, gone in ROWS:
            before = KEYS + USES['crypto list and filter'] + 'ip access-list extended A\n ' + text + '\nend\n'
            after, said = mended(ioscc, env, d, before)
            assert [l for l in lines_of(before) if l not in lines_of(after)] == gone, '%s\n%s\n%s' % (text, after, said)


def tests(program, env):
    yield 'fix: random lists', lambda: random_lists(program, env)
    yield 'fix: what goes and what stays', lambda: rows(program, env)
