# SPDX-License-Identifier: GPL-3.0-or-later
"""E22: a zone firewall, inspection and policy routing are refused by name, line by line; --allow-partial closes what they would judge; who has rules of his own for it says so (--host-has), and so it stays at a rollback, a reload and SIGHUP."""
import re, socket, time

import lab
from lab import wait_for
from test_closed import CONFIG, World
from test_evening import host, meets, told

OUTSIDE, INSIDE = ' ip address 192.0.2.1 255.255.255.0\n', ' ip address 10.1.0.1 255.255.0.0\n'
ZONES = 'zone security IN\nzone security OUT\nzone-pair security IO source IN destination OUT\n'


def on(outside='', inside=''):
    return CONFIG.replace(OUTSIDE, OUTSIDE + outside).replace(INSIDE, INSIDE + inside)


# what it is, the configuration, lines that are refused, what is said, what --host-has takes, does --allow-partial close it
ROWS = [
    ('a zone firewall', ZONES + on(' zone-member security OUT\n', ' zone-member security IN\n'), ['zone-member security OUT', 'zone-member security IN'], 'is in a zone of a zone firewall: what its zone pairs drop would pass', 'firewall', True),
    ('one zone, and an interface of none', ZONES + on(inside=' zone-member security IN\n'), ['zone-member security IN'], 'is in a zone', 'firewall', True),
    ('the same zone on both', ZONES + on(' zone-member security IN\n', ' zone-member security IN\n'), ['zone-member security IN'] * 2, 'is in a zone', 'firewall', False),
    ('the same zone on both, with a pair of its own', ZONES + 'zone-pair security II source IN destination IN\n' + on(' zone-member security IN\n', ' zone-member security IN\n'), ['zone-member security IN'] * 2, 'is in a zone', 'firewall', True),
    ('a zone and then another', ZONES + on(' zone-member security IN\n', ' zone-member security IN\n zone-member security OUT\n'), ['zone-member security IN', 'zone-member security OUT'], 'is in a zone', 'firewall', True),
    ('policy routing', on(inside=' ip policy route-map PBR\n') + 'route-map PBR permit 10\n set ip next-hop 192.0.2.9\n', ['ip policy route-map PBR'], 'leads packets by a route map', 'policy-routing', True),
    ('inspection', 'ip inspect name FW tcp\n' + on(' ip inspect FW out\n'), ['ip inspect FW out'], 'inspects connections', 'firewall', False),
]


def refused(config, lines, says, has, closes):
    config = config.replace('\nend\n', '\n', 1) + 'end\n'
    with lab.Lab() as l:
        w = World(l, config)
        try:
            w.flows()
            numbers = [n for n, line in enumerate(config.split('\n'), 1) if line.strip() in lines]
            for command in ('plan', 'apply'):
                said = w.shell('$IOSCC %s $OPTIONS $FILE; echo status $?' % command, ok=False)
                assert [int(n) for n in re.findall(r'r\.cfg:(\d+):\d+: error: .*\[IC4029', said)] == numbers and says in said and '--host-has ' + has in said, said
                assert 'status %d' % (2 if command == 'plan' else 1) in said, said
            w.shell('$IOSCC apply --allow-partial $OPTIONS $FILE')
            time.sleep(0.2)
            clear = w.clear
            if closes:
                time.sleep(1)
                assert w.clear == clear, '%d packets pass that nobody judges' % (w.clear - clear)
                w.shell('ping -c 1 -W 5 9.9.9.9; ping -c 1 -W 5 10.1.0.9')  # the router itself
            else:
                w.flows()
            said = w.shell('$IOSCC apply --host-has %s $OPTIONS $FILE; $IOSCC status --state-dir $STATE; echo status $?' % has)
            assert 'IC4029' not in said and 'status 0' in said, said
            w.flows()
            w.forget()
            w.flows()
            assert not w.leaks, w.leaks[0]
        finally:
            w.end()


# written otherwise, and what it takes; None: it is no wall (any more)
SPELT = [(' zo sec IN', 'firewall'), (' zone_member security IN', 'firewall'), (' zone-membr security IN', 'firewall'), (' ip po route-map X', 'policy-routing'), (' ip policy-route-map X', 'policy-routing'), (' ip polcy route-map X', 'policy-routing'), (' ip in FW in', 'firewall'), (' ip inspct FW in', 'firewall'), (' ip ips X in', 'firewall'), (' ip admission X', 'firewall'), (' ip auth-proxy X', 'firewall'), (' ip urlfilter X', 'firewall'), (' mac access-group X in', 'firewall'),
         (' ip policy route-map X\n no ip policy route-map X', None), (' zone-member security IN\n no zone-member security', None), (' ip ips A out\n ip ips A in\n no ip ips A in', 'firewall'), (' ip ips A in\n no ip ips', None), (' zone-member security IN\n no zone-membr security IN', 'firewall'), (' no zone-member security', None), (' no ip policy route-map X\n ip policy route-map X', 'policy-routing'), (' ip nhrp map multicast dynamic', None), (' ip ospf 1 area 0', None), (' ip pim sparse-mode', None), (' ip igmp version 3', None), (' description zone-member', None)]


def spelt_otherwise():
    with lab.Lab() as l:
        w = World(l, CONFIG)
        try:
            for lines, has in SPELT:
                with open(w.file, 'w') as f:
                    f.write(on(inside=lines + '\n'))
                said = w.shell('$IOSCC plan $OPTIONS $FILE', ok=False)
                assert ('IC4029' in said) == bool(has), '%r: %s' % (lines, said)
                if has:
                    assert 'IC4029' not in w.shell('$IOSCC plan --host-has %s $OPTIONS $FILE' % has, ok=False), lines
        finally:
            w.end()


def words_of_the_option():
    """what is not known is refused; one does not stand for the other"""
    with lab.Lab() as l:
        w = World(l, ROWS[0][1])
        try:
            for word in ('fire', '', 'firewall,', ',firewall', 'firewall,routes', 'firewall,none'):
                assert 'status 2' in w.shell("$IOSCC plan --host-has '%s' $OPTIONS $FILE; echo status $?" % word, ok=False), word
            assert 'status 1' in w.shell('$IOSCC apply --host-has policy-routing $OPTIONS $FILE; echo status $?', ok=False)
            w.shell('$IOSCC apply --host-has firewall,policy-routing $OPTIONS $FILE')
        finally:
            w.end()


RUN = '$IOSCC run --host-has firewall $OPTIONS $FILE > $FILE.log 2>&1 & echo $! > $FILE.pid; for i in $(seq 300); do [ -S $STATE/control.sock ] && break; sleep 0.1; done'


def kept_by_a_daemon():
    """reload and SIGHUP mean it without its being named, and a rollback goes back to what was said then"""
    with lab.Lab() as l:
        w = World(l, ROWS[0][1])
        try:
            w.shell(RUN)
            said = w.shell('sed "s/ set transform-set T$/&\\n set pfs group19/" $FILE > $FILE.2; $IOSCC reload --state-dir $STATE $FILE.2; echo status $?')
            assert '--host-has firewall, as at the last reload or start' in said and 'status 0' in said, said
            w.shell('kill -HUP $(cat $FILE.pid)')
            wait_for('it reads again', lambda: 'SIGHUP: reloaded' in open(w.file + '.log').read())
            assert 'status 1' in w.shell('$IOSCC reload --host-has none --state-dir $STATE $FILE.2; echo status $?', ok=False)
            said = w.shell('$IOSCC rollback --state-dir $STATE; $IOSCC status --state-dir $STATE; echo status $?')
            assert 'Back to ' in said and 'status 0' in said, said
            w.flows()
        finally:
            w.end()


# ---- fragments that an access list denies ----

# its lines; what comes of 100 bytes, and of 3000 in fragments, to ports 5300 and 5301
FRAGMENTS = [
    ('none are denied', ['permit ip any any'], {5300: [100, 3000], 5301: [100, 3000]}),
    ('of UDP', ['deny udp any any fragments', 'permit ip any any'], {5300: [100], 5301: [100]}),
    ('of TCP alone', ['deny tcp any any fragments', 'permit ip any any'], {5300: [100, 3000], 5301: [100, 3000]}),
    ('of all, behind a permit with a port', ['permit udp any any eq 5300', 'deny ip any any fragments', 'permit ip any any'], {5300: [100, 3000], 5301: [100, 3000]}),
    ('of all, behind a permit of somebody else', ['permit udp host 192.0.2.77 any', 'deny ip any any fragments', 'permit ip any any'], {5300: [100], 5301: [100]}),
    ('of all, behind a deny with a port', ['deny udp any any eq 5301', 'deny ip any any fragments', 'permit ip any any'], {5300: [100], 5301: []}),
]


def fragments(lines, wanted):
    """connection tracking puts packets together before any other chain is asked: what is denied is denied before"""
    with host(on(' ip access-group EDGE in\n') + 'ip access-list extended EDGE\n ' + '\n '.join(lines) + '\n', applied=False) as h:
        meets(h.ioscc('apply', '--allow-less', h.file), 0, 'Applied.')
        with h.node.inside():
            inside = {port: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for port in wanted}
            for port, s in inside.items():
                s.bind(('192.0.2.1', port))
                s.setblocking(False)
        with h.isp.inside():
            outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outside.bind(('192.0.2.2', 0))
        for size in (100, 3000):
            for port in wanted:
                outside.sendto(b'x' * size, ('192.0.2.1', port))
        got = {port: [] for port in wanted}

        def taken():
            for port, s in inside.items():
                try:
                    got[port].append(len(s.recv(9000)))
                except BlockingIOError:
                    pass
            return all(set(wanted[port]) <= set(got[port]) for port in wanted)
        wait_for('what may come in', taken)
        time.sleep(0.3)  # what may not
        taken()
        assert got == wanted, got
        for s in (*inside.values(), outside):
            s.close()


def list_called_as_a_chain():
    """no list's name is that of another one's chain for fragments"""
    lists = 'ip access-list extended EDGE\n deny udp any any fragments\n permit ip any any\n' + \
        ''.join('ip access-list extended %s\n permit udp any any eq 53\n' % name for name in ('EDGE_parts', 'parts_EDGE'))
    for inside in ('EDGE_parts', 'parts_EDGE'):
        with host(on(' ip access-group EDGE in\n', ' ip access-group %s in\n' % inside) + lists, applied=False) as h:
            meets(h.ioscc('apply', '--allow-less', h.file), 0, 'Applied.')
            rules = h.node.run('nft', 'list', 'chain', 'inet', 'ioscc', 'acl_' + inside).stdout
            assert 'acl %s 10' % inside in rules and 'acl %s end' % inside in rules and 'acl EDGE ' not in rules, rules


def fragments_that_leave():
    """they have been put together: the line stops an apply, and closes where that is allowed"""
    edge = 'ip access-list extended EDGE\n permit udp any any eq 53\n deny udp any any fragments\n permit ip any any\n'
    for config in (on(' ip access-group EDGE out\n') + edge, CONFIG.replace(' match address L\n', ' match address L\n set ip access-group EDGE out\n') + edge):
        with host(config, applied=False) as h:
            line = next(n for n, text in enumerate(open(h.file).read().split('\n'), 1) if 'fragments' in text)
            with h.untouched():
                p = h.ioscc('apply', '--allow-less', h.file)
            meets(p, 1, 'this line of a filter denies fragments where this host has put them together: it holds for what comes in by an interface alone', 'with --allow-partial all that it might deny is dropped')
            assert re.findall(r'r\.cfg:(\d+):', p.stderr).count(str(line)) == 1, told(p)
            meets(h.ioscc('apply', '--allow-less', '--allow-partial', h.file), 0, 'Applied.')
            rules = h.node.run('nft', 'list', 'chain', 'inet', 'ioscc', 'whole_acl_EDGE').stdout
            assert re.search(r'l4proto (17|udp) counter packets 0 bytes 0 drop', rules), rules
            assert h.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout.count('jump whole_acl_EDGE') >= 1


def tests():
    for name, *row in ROWS[:1] if lab.QUICK else ROWS:
        yield 'netns: walls: ' + name, lambda row=row: refused(*row)
    for name, *row in FRAGMENTS:
        yield 'netns: walls: fragments are denied, ' + name, lambda row=row: fragments(*row)
    yield 'netns: walls: fragments are denied, of what leaves', fragments_that_leave
    yield 'netns: walls: fragments are denied, lists that are called so', list_called_as_a_chain
    yield 'netns: walls: words of the option', words_of_the_option
    yield 'netns: walls: spelt otherwise', spelt_otherwise
    yield 'netns: walls: kept by a daemon', kept_by_a_daemon
