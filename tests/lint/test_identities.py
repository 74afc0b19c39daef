# SPDX-License-Identifier: GPL-3.0-or-later
"""IC3711 (any key of a keyring proves an identity) and IC3712 (no key does), as the daemon decides it: rows of one keyring, the
profiles that take their keys from it, and what is said of whom. A profile that is marked `*` belongs to a dynamic entry; the
others have a static one whose peer is at the address that stands behind `@`."""
import json, os, re, subprocess, tempfile

A, B, NET = '198.51.100.2', '198.51.100.3', '203.0.113.0 255.255.255.0'
ROWS = (
    # name, rows, profiles, findings
    ('an address, and the address as its identity', ('address %s; identity address %s' % (A, A),), ('@%s address %s' % (A, A),), []),
    ('the identity alone', ('identity address 10.9.9.9', 'identity address 10.8.8.8'), ('* address 10.9.9.9', '* address 10.8.8.8'), []),
    ('an address, and a private identity', ('address %s; identity address 10.9.9.9' % A, 'address %s; identity address 10.8.8.8' % B), ('* address 10.9.9.9', '* address 10.8.8.8'), []),
    ('an IPv6 address as identity', ('identity address 2001:db8::3', 'address ' + A), ('* address 2001:db8::3', '@%s address %s' % (A, A)), []),
    ('private identities, rows by address alone', ('address ' + A, 'address ' + B), ('* address 10.9.9.9', '* address 10.8.8.8'), ['IC3711 10.9.9.9', 'IC3711 10.8.8.8']),
    ('... one of the rows is another profile\'s', ('address ' + A, 'address ' + B), ('* address 10.9.9.9', '@%s address %s' % (B, B)), ['IC3711 10.9.9.9']),
    ('a public identity, and rows of others', ('address ' + A, 'address ' + B), ('* address 192.0.2.99', '@%s address %s' % (A, A), '@%s address %s' % (B, B)), ['IC3712 192.0.2.99']),
    ('names, rows by address alone', ('address ' + A, 'address ' + B), ('* fqdn a.example', '* fqdn b.example'), ['IC3711 a.example', 'IC3711 b.example']),
    ('one name, one row', ('address ' + A,), ('* fqdn a.example',), []),
    ('one name, two rows that are nobody\'s', ('address ' + A, 'address ' + B), ('* fqdn a.example',), ['IC3711 a.example']),
    ('names, rows with host names', ('address %s; hostname a.example' % A, 'address %s; hostname b.example' % B), ('* fqdn a.example', '* fqdn b.example'), []),
    ('a row with the host name that another profile is for', ('address %s; hostname b.example' % B,), ('* fqdn c.example', '* fqdn b.example'), ['IC3712 c.example']),
    ('a host name that is another one than the identity', ('address %s; hostname dns.example' % A,), ('* fqdn a.example',), []),
    ('a row that names its peer by another kind', ('address %s; identity fqdn a.example' % A,), ('* fqdn domain example', '* email b@example.com'), ['IC3712 b@example.com']),
    ('a profile of two names, and the other\'s row deleted', ('address ' + A,), ('* fqdn a.example; fqdn a2.example', '* fqdn b.example'), ['IC3711 b.example']),
    ('the row of a network that has a profile', ('address ' + NET,), ('* address ' + NET, '* fqdn b.example'), ['IC3711 b.example']),
    ('the row of a network, one name', ('address ' + NET,), ('* fqdn b.example',), []),
    ('a misspelt name', ('identity fqdn a.example', 'identity fqdn bb.example'), ('* fqdn a.example', '* fqdn b.example'), ['IC3712 b.example']),
    ('a static entry\'s name, and another profile for its address', ('address ' + A,), ('@%s fqdn a.example' % A, '@%s address %s' % (A, A)), []),
)
HEAD = '''crypto ikev2 proposal P
 encryption aes-cbc-256
 integrity sha256
 group 19
crypto ikev2 policy POL
 proposal P
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
'''


def config(rows, profiles):
    text, entries, dynamic = HEAD + 'crypto ikev2 keyring K\n', '', ''
    for i, row in enumerate(rows):
        text += ' peer P%d\n' % i + ''.join('  %s\n' % line for line in row.split('; ')) + '  pre-shared-key x7Kq-9mPz-4tRw-%04d\n' % i
    for i, profile in enumerate(profiles):
        whose, matches = profile.split(' ', 1)
        text += 'crypto ikev2 profile F%d\n' % i
        for m in matches.split('; '):
            one = m.startswith('address') and ' 255' not in m and ':' not in m
            text += ' match identity remote %s%s\n' % (m + ('/128' if ':' in m else ''), ' 255.255.255.255' if one else '')
        text += ' authentication remote pre-share\n authentication local pre-share\n keyring local K\n'
        text += 'ip access-list extended L%d\n permit ip 10.1.0.0 0.0.255.255 10.%d.0.0 0.0.255.255\n' % (i, 20 + i)
        its = ' set transform-set T\n set ikev2-profile F%d\n match address L%d\n' % (i, i)
        if whose == '*':
            dynamic += 'crypto dynamic-map D %d\n' % (10 + i) + its
        else:
            entries += 'crypto map M %d ipsec-isakmp\n set peer %s\n' % (10 + i, whose[1:]) + its
    text += dynamic + entries + ('crypto map M 999 ipsec-isakmp dynamic D\n' if dynamic else '')
    return text + 'interface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n crypto map M\n'


def row(program, env, rows, profiles, wanted):
    def test():
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, 'r.cfg')
            open(path, 'w').write(config(rows, profiles))
            p = subprocess.run([program, 'check', '--no-settings', '--format', 'json', path], capture_output=True, text=True, env=env)
        found = [x for x in json.loads(p.stdout)['findings'] if x['id'] in ('IC3711', 'IC3712')]
        said = ['%s %s' % (x['id'], re.search("'([^']*)'", x['message'])[1]) for x in found]
        assert said == wanted, '%s\n%s\n%s' % (said, p.stderr, config(rows, profiles))
    return test


def tests(program, env):
    for name, *rest in ROWS:
        yield 'identities: ' + name, row(program, env, *rest)
