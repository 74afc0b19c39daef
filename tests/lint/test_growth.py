#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four times the lines take about four times the work, not sixteen: `check` of configurations with n and 4n of something. Compared
is the time of the processor, the least of three runs each, in the same minute: linear is 4, the square 16, on any machine."""
import os
import subprocess
import tempfile

MOST = 9.0  # linear is 4, with a cache that is too small 6; quadratic is 16
ENOUGH = 0.25  # seconds: a shape is made larger until it takes that long
HEAD = ['version 15.7', 'hostname hub', 'crypto isakmp policy 10', ' encr aes 256', ' hash sha256', ' authentication pre-share', ' group 14',
        'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac', ' mode tunnel']
OUTSIDE = ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' crypto map M']


def peer(i):
    return '203.%d.%d.%d' % (i >> 16, i >> 8 & 255, i & 255)


def entries(n, *more):
    """a map of n entries; `more`: further lines of each"""
    o = []
    for i in range(n):
        o += ['crypto map M %d ipsec-isakmp' % (i + 1), ' set peer ' + peer(i), ' set transform-set T', ' match address A', *more]
    return o + OUTSIDE + ['ip access-list extended A', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255']


def keys_of_addresses(n):
    return ['crypto isakmp key k-7fQm2xLw9Rt4-%d address %s' % (i * 7919, peer(i)) for i in range(n)] + entries(n)


def keys_of_names(n):
    names = ['crypto isakmp key k-7fQm2xLw9Rt4-%d hostname gw%d.example.com' % (i * 7919, i) for i in range(n)]
    return ['crypto isakmp aggressive-mode disable'] + names + ['crypto isakmp key k-7fQm2xLw9Rt4-x address 0.0.0.0'] + entries(n)


def claimed_names(n):
    """in aggressive mode a peer may say any of them, if its profile lets it"""
    names = [' pre-shared-key hostname gw%d.example.com key k-7fQm2xLw9Rt4-%d' % (i, i * 7919) for i in range(n)]
    profile = ['crypto isakmp profile P', ' keyring K', ' match identity host gw1.example.org']
    return ['crypto keyring K'] + names + profile + entries(n, ' set isakmp-profile P')


def keyrings(n):
    o = []
    for i in range(n):
        o += ['crypto keyring K%d' % i, ' pre-shared-key address %s key k-7fQm2xLw9Rt4-%d' % (peer(i), i * 7919)]
    return o + entries(n)


def keyrings_of_addresses(n):
    """... each for another address of the router"""
    o = []
    for i in range(n):
        o += ['crypto keyring K%d' % i, ' local-address 198.51.%d.%d' % (i >> 8 & 255, i & 255),
              ' pre-shared-key address %s key k-7fQm2xLw9Rt4-%d' % (peer(i), i * 7919)]
    return o + entries(n)


def passwords(n):
    o = []
    for i in range(n):
        o += ['crypto isakmp peer address ' + peer(i), ' set aggressive-mode password k-7fQm2xLw9Rt4-%d' % (i * 7919),
              ' set aggressive-mode client-endpoint ipv4-address 198.51.100.2']
    return o + entries(n)


def rows_of_ikev2(n):
    o = ['crypto ikev2 keyring K']
    for i in range(n):
        o += [' peer P%d' % i, '  address ' + peer(i), '  pre-shared-key k-7fQm2xLw9Rt4-%d' % (i * 7919)]
    o += ['crypto ikev2 profile P', ' match identity remote any', ' authentication remote pre-share', ' authentication local pre-share', ' keyring local K']
    return o + entries(n, ' set ikev2-profile P')


def identities_of_ikev2(n):
    o = ['crypto ikev2 keyring K']
    for i in range(n):
        o += [' peer P%d' % i, '  identity fqdn gw%d.example.com' % i, '  pre-shared-key k-7fQm2xLw9Rt4-%d' % (i * 7919)]
    o += ['crypto ikev2 profile P', ' match identity remote fqdn gw.example.org', ' authentication remote pre-share', ' authentication local pre-share',
          ' keyring local K']
    return o + entries(n, ' set ikev2-profile P')


def lists(n):
    o = []
    for i in range(n):
        o += ['crypto map M %d ipsec-isakmp' % (i + 1), ' set peer ' + peer(i), ' set transform-set T', ' match address A%d' % i]
    for i in range(n):
        o += ['ip access-list extended A%d' % i, ' permit ip 10.1.0.0 0.0.255.255 11.%d.%d.0 0.0.0.255' % (i >> 8, i & 255)]
    return ['crypto isakmp key k-7fQm2xLw9Rt4-x address 0.0.0.0'] + o + OUTSIDE


def filter_lines(n):
    lines = [' permit tcp 172.%d.%d.0 0.0.0.255 host 10.0.%d.%d eq %d' % (16 + (i >> 8 & 15), i & 255, i >> 8 & 255, i & 255, 1 + i % 60000) for i in range(n)]
    return ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' ip access-group IN in', 'ip access-list extended IN'] + lines


def interfaces(n):
    o = []
    for i in range(n):
        o += ['interface Loopback%d' % i, ' ip address 10.%d.%d.1 255.255.255.0' % (i >> 8, i & 255), ' ip nat inside', ' no cdp enable', ' load-interval 30']
    return o + ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' ip nat outside',
                'ip nat inside source list NAT interface GigabitEthernet0/0 overload', 'ip access-list extended NAT', ' permit ip 10.0.0.0 0.255.255.255 any']


def object_groups(n):
    o = []
    for i in range(n):
        o += ['object-group network G%d' % i, ' host ' + peer(i)]
    o += ['ip access-list extended IN'] + [' permit ip object-group G%d any' % i for i in range(n)]
    return o + ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' ip access-group IN in']


def missing_keys(n):
    """a finding for each"""
    return ['crypto isakmp key k-7fQm2xLw9Rt4-x address 192.0.2.1'] + entries(n)


def lines_of_others(n):
    """that nobody reads, some of them nearly ours"""
    return ['interface GigabitEthernet0/0'] + [' cryptx ma%d whatever' % i for i in range(n)] + ['router bgp 1'] + [' neighbor %s remote-as 2' % peer(i) for i in range(n)]


SHAPES = [keys_of_addresses, keys_of_names, claimed_names, keyrings, keyrings_of_addresses, passwords, rows_of_ikev2, identities_of_ikev2, lists,
          filter_lines, interfaces, object_groups, missing_keys, lines_of_others]


def seconds_of(program, env, path):
    """of the processor: what else the machine does counts little"""
    with open(os.devnull, 'wb') as null:
        p = subprocess.Popen([program, 'check', '-q', path], stdout=null, stderr=null, env=env)
        _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in (0, 1):
        raise AssertionError('exit %d' % p.returncode)
    return used.ru_utime


def least(program, env, path, lines):
    with open(path, 'w') as f:
        f.write('\n'.join(HEAD + lines + ['end']) + '\n')
    return min(seconds_of(program, env, path) for _ in range(3))


def grows(program, env, shape):
    with tempfile.TemporaryDirectory(prefix='ioscc-growth-') as d:
        n = 1000
        many = least(program, env, d + '/many.cfg', shape(4 * n))
        while many < ENOUGH and n < 16000:  # a sequence has five digits
            n *= 2
            many = least(program, env, d + '/many.cfg', shape(4 * n))
        few = least(program, env, d + '/few.cfg', shape(n))
    if many > MOST * few:
        raise AssertionError('%d of them %.3f s, %d %.3f s: %.1f times' % (n, few, 4 * n, many, many / few))


def tests(program, env):
    for shape in SHAPES:
        def one(shape=shape):
            grows(program, env, shape)
        if os.environ.get('IOSCC_QUICK'):
            yield 'growth: ' + shape.__name__, one, 'left out of make check: make test runs it'
        else:
            yield 'growth: ' + shape.__name__, one
