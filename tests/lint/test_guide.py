#!/usr/bin/env python3
"""What the guide says and rules did not ask: each row is a configuration, and what is said of which line."""
import os
import re
import subprocess
import tempfile

IKE = 'hostname r\ncrypto isakmp policy 10\n encryption aes 256\n hash sha256\n authentication pre-share\n group 14\ncrypto isakmp key abcdefghijkl address 192.0.2.9\ncrypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\nip access-list extended A\n permit ip 10.1.0.0 0.0.0.255 10.2.0.0 0.0.0.255\n'
STATIC = 'crypto map M 10 ipsec-isakmp\n set peer 192.0.2.9\n set transform-set T\n match address A\n'
DYNAMIC = 'crypto dynamic-map D 1\n set transform-set T\n match address A\n'
END = 'interface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n crypto map M\nend\n'
# what it is, the configuration, the rule, the line that it names ('' it is not said)
ROWS = [
    ('F7 an IPv6 map that names a dynamic one', IKE + DYNAMIC + 'crypto map ipv6 M6 5 ipsec-isakmp dynamic D\n' + STATIC + END, 'IC3204', 'crypto map ipv6 M6 5 ipsec-isakmp dynamic D'),
    ('F7 an IPv4 map that names one', IKE + DYNAMIC + STATIC + 'crypto map M 50 ipsec-isakmp dynamic D\n' + END, 'IC3204', ''),
    ('F8 a dynamic entry without a transform set', IKE + DYNAMIC.replace(' set transform-set T\n', '') + STATIC + 'crypto map M 50 ipsec-isakmp dynamic D\n' + END, 'IC3201', 'crypto dynamic-map D 1'),
    ('F8 one with a transform set', IKE + DYNAMIC + STATIC + 'crypto map M 50 ipsec-isakmp dynamic D\n' + END, 'IC3201', ''),
    ('F9 any in a list of a dynamic entry', (IKE + DYNAMIC + STATIC + 'crypto map M 50 ipsec-isakmp dynamic D\n' + END).replace('match address A\ncrypto map', 'match address B\ncrypto map').replace('ip access-list extended A', 'ip access-list extended B\n permit ip 10.1.0.0 0.0.0.255 any\nip access-list extended A'), 'IC3215', ' permit ip 10.1.0.0 0.0.0.255 any'),
    ('F19 esp-null alone', (IKE + STATIC + END).replace('esp-aes 256 esp-sha256-hmac', 'esp-null'), 'IC3401', 'crypto ipsec transform-set T esp-null'),
    ('F19 esp-null that authenticates', (IKE + STATIC + END).replace('esp-aes 256 esp-sha256-hmac', 'esp-null esp-sha256-hmac'), 'IC3401', ''),
    ('F19 esp-null beside AH', (IKE + STATIC + END).replace('esp-aes 256 esp-sha256-hmac', 'ah-sha256-hmac esp-null'), 'IC3401', ''),
]


def row(program, env, config, rule, line):
    with tempfile.TemporaryDirectory(prefix='ioscc-guide-') as d:
        with open(d + '/c.cfg', 'w') as f:
            f.write(config)
        p = subprocess.run([os.path.abspath(program), 'check', '--no-settings', '-f', 'gcc', 'c.cfg'], env=env, cwd=d, capture_output=True, text=True)
        found = [config.split('\n')[int(n) - 1] for n in re.findall(r'^c\.cfg:(\d+):.*\[%s\]$' % rule, p.stdout, re.M)]
        assert found == ([line] if line else []), '%s of %s, not of %s\n%s' % (rule, found, line, p.stdout)


def global_behind_a_block(program, env):
    """F6: in a file with indentation a line at its left edge is the router's; what is indented below an entry is a misprint of the entry's own"""
    config = 'hostname r\ncrypto map M 1 ipsec-isakmp\n set peer 192.0.2.9\n!\ncrypto ipsec security-association dummy seconds 5\ncrypto ipsec df-bit clear\ncrypto map M 2 ipsec-isakmp\n set peer 192.0.2.8\n crypto ipsec security-association dummy seconds 7\ninterface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n crypto ipsec df-bit copy\ncrypto ipsec fragmentation after-encryption\n'
    with tempfile.TemporaryDirectory(prefix='ioscc-guide-') as d:
        with open(d + '/c.cfg', 'w') as f:
            f.write(config)
        text = subprocess.run([os.path.abspath(program), 'compile', '--to', 'ios', 'c.cfg'], env=env, cwd=d, capture_output=True, text=True).stdout
    for line in ('crypto ipsec security-association dummy seconds 5', 'crypto ipsec df-bit clear', 'crypto ipsec fragmentation after-encryption', ' crypto ipsec df-bit copy', ' set security-association dummy seconds 7'):
        assert '\n%s\n' % line in text, '%r is not there:\n%s' % (line, text)


def tests(program, env):
    for name, *rest in ROWS:
        yield 'guide: ' + name, lambda rest=rest: row(program, env, *rest)
    yield 'guide: F6 a global line behind a block', lambda: global_behind_a_block(program, env)
