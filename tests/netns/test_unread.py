# SPDX-License-Identifier: GPL-3.0-or-later
"""What strangers found behind the closed host: lines that nobody reads and that mean protection, tunnels that nobody makes, standby addresses, a look at the routes that did not come to its end, and words that were not (whole) true."""
import os, re, socket, subprocess

import lab
import test_evening as evening
from lab import wait_for
from test_apply import write
from test_evening import CONFIG, ENV, IOSCC, TWO, host, meets, told

FLAT = '\n'.join(line.strip() for line in TWO.split('\n'))
SECOND = 'interface GigabitEthernet0/2\n'
NO_READER = 'what this line stands in is not read: no interface gets it'
NOT_UNDERSTOOD = 'a line of a crypto map is not understood'
OF_WHICH = 'the block of this line is not read: for which interfaces it is meant is not known'
SEVERAL = 'has several configurations with crypto maps on interfaces (r1, '

# what it is, the configuration, what `check` says of it ('' nothing), what an apply says, and of which line ('' none)
UNREAD = [
    ('a description like a prompt', FLAT.replace(SECOND, 'interface GigabitEthernet0/1\ndescription (connection to B)#5\n' + SECOND), '', None, ''),
    ('a remark like a prompt', FLAT.replace(SECOND, 'ip access-list extended X\nremark (config)# of B\n' + SECOND), '', None, ''),
    ('interface range', TWO.replace(SECOND + ' ip address 198.51.100.2 255.255.255.0\n', 'interface range GigabitEthernet0/2 - 3\n'), NO_READER, NOT_UNDERSTOOD, ' crypto map M'),
    ('interface range, of a filter', CONFIG.replace('end\n', 'interface range GigabitEthernet0/2 - 3\n ip access-group X in\nend\n'), '', OF_WHICH, ' ip access-group X in'),
    ('interface range, of NAT', CONFIG.replace('end\n', 'interface range GigabitEthernet0/2 - 3\n ip nat inside\nend\n'), '', OF_WHICH, ' ip nat inside'),
    ('a template', CONFIG.replace('end\n', 'template UPLINK\n crypto map M\nend\n'), NO_READER, NOT_UNDERSTOOD, ' crypto map M'),
    ('a mark of a table', TWO.replace(' crypto map M\nend', '*crypto map M\nend'), NO_READER, NOT_UNDERSTOOD, '*crypto map M'),
    ('a mark of a diff', TWO.replace(' crypto map M\nend', '+ crypto map M\nend'), NO_READER, NOT_UNDERSTOOD, '+ crypto map M'),
    ('behind a list that ? prints', TWO.replace(SECOND, 'r1(config)#interface ?\n' + SECOND), NO_READER, NOT_UNDERSTOOD, ' crypto map M'),
    ('behind a command without output', TWO.replace(SECOND, 'r1#terminal length 0\n' + SECOND), NO_READER, NOT_UNDERSTOOD, ' crypto map M'),
    ('a merge that was not ended', TWO.replace(' crypto map M\nend', '<<<<<<< HEAD\n crypto map M\n=======\n>>>>>>> b\nend'), 'a merge was not ended here', NOT_UNDERSTOOD, '<<<<<<< HEAD'),
    ('another router', TWO.replace(SECOND, 'R2#\n' + SECOND), "crypto map 'M' is not defined", SEVERAL + 'R2): name the router (--device)', ''),
]
assert not {TWO, CONFIG, FLAT} & {row[1] for row in UNREAD}, 'a row that changes nothing'


def unread(name, config, checked, applied, line):
    """refused with its line, with --allow-partial too: what it means for which interface is not known; or it is read"""
    with host(applied=False) as h:
        path = write(h, 'u.cfg', config)
        p = h.node.run(IOSCC, 'check', '--no-settings', path, ok=False, env=ENV)
        assert (checked in p.stdout) if checked else ' 0 errors, 0 warnings' in p.stdout, told(p)
        if applied is None:
            meets(h.ioscc('apply', path), 0, 'Applied.')
            assert h.node.ip('xfrm', 'policy').count('dev eth2'), 'the second uplink is open'
            meets(h.ioscc('status'), 0)
            return
        for words in ((), ('--allow-partial',)):
            with h.untouched():
                p = h.ioscc('apply', *words, path)
                assert p.returncode in (1, 2) and applied in p.stderr, told(p)
                at = len(config.split('\n')) - config.split('\n')[::-1].index(line) if line else 0  # the last one
                assert not line or re.search(r'u\.cfg:%d:\d+: error: ' % at + re.escape(applied), p.stderr), told(p)


def named_router():
    """with --device it is the one"""
    with host(applied=False) as h:
        path = write(h, 'two.cfg', CONFIG + 'r2#show running-config\n' + CONFIG.replace('hostname r1', 'hostname r2').replace('permit ip', 'deny ip 10.1.0.0 0.0.255.255 10.2.9.0 0.0.0.255\n permit ip', 1))
        meets(h.ioscc('apply', path), 2, SEVERAL)
        meets(h.ioscc('apply', '--device', 'r2', path), 0, 'Applied.')
        meets(h.ioscc('status'), 0)
        meets(h.ioscc('remove'), 0)


def not_read_whole():
    """a file beyond the reader's memory: nothing of it, whatever is allowed"""
    with host(applied=False) as h:
        path = write(h, 'huge.cfg', CONFIG.replace('end\n', ''.join('int l%d\n' % i for i in range(200000)) + 'interface GigabitEthernet0/2\n ip address 198.51.100.2 255.255.255.0\n crypto map M\nend\n'))
        for command in ('plan', 'apply'):
            with h.untouched():
                meets(h.ioscc(command, '--allow-partial', path), 2, 'huge.cfg needs more memory than is allowed: it was not read to its end, so nothing is done')


# ---- a line that may apply a map, or be a part of a list ----

TWO_MAPS = CONFIG.replace('10.2.0.0 0.0.255.255\n', '10.77.0.0 0.0.255.255\nip access-list extended L2\n permit ip host 10.1.0.77 any\n permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\nip access-list extended L3\n', 1).replace('interface GigabitEthernet0/0\n', 'crypto map M2 10 ipsec-isakmp\n set peer 192.0.2.2\n set transform-set T\n match address L2\ninterface GigabitEthernet0/0\n').replace('end\n', 'interface GigabitEthernet0/2\n ip address 198.51.100.2 255.255.255.0\n crypto map M2\nend\n')
MISSPELT = ['crypto-map M2', 'cryptomap M2', 'crypto_map M2', 'crypto.map M2', 'cyptomap M2', 'crypto:map M2', 'crpyto-map M2', 'ip crypto map M2', 'ipsec map M2', 'cripto map M2', 'kcrypto map M2', 'crypto maps M2', 'crypt\u043e map M2', 'map M2', 'crypto M2', 'set crypto map M2', '"crypto map M2"', '<crypto map M2>', 'crypto=map M2', 'crypto/map M2', '+crypto map M2', 'crypto map M2 redundncy']
HEADS = ['+interface GigabitEthernet0/2', '-interface GigabitEthernet0/2', '*interface GigabitEthernet0/2', 'interface: GigabitEthernet0/2', 'interface=GigabitEthernet0/2', 'interfacerange GigabitEthernet0/2', 'int-range GigabitEthernet0/2', '\u00a0interface GigabitEthernet0/2', '> interface GigabitEthernet0/2']
OF_OTHERS = ['dialer map ip 10.9.9.9 name M2 broadcast', 'frame-relay map ip 10.9.9.9 100 M2', 'mls qos map M2', 'service-policy output M2', 'description crypto map M2 was here', 'ip nhrp map multicast M2']
BLOCKS = ['interfce GigabitEthernet0/2', 'interface-GigabitEthernet0/2', 'interface', 'interface range GigabitEthernet0/2 , GigabitEthernet0/3', 'interface macro X', 'template X']
MARKS = ['+ permit', '*permit', '- permit', '=permit', '%permit', '|permit', ': permit', '>permit']


def refused_even_partly(h, what, config):
    path = write(h, 'm.cfg', config)
    for words in ((), ('--allow-partial',)):
        p = h.ioscc('apply', *words, path)
        assert p.returncode in (1, 2) and 'error: ' in p.stderr and 'not' in p.stderr, '%s: %s' % (what, told(p))
    assert not h.policies(), what


def misspelt_maps():
    with host(applied=False) as h:
        meets(h.ioscc('apply', write(h, 'good.cfg', TWO_MAPS)), 0)
        meets(h.ioscc('remove'), 0)
        for line in MISSPELT:
            refused_even_partly(h, line, TWO_MAPS.replace(' crypto map M2\nend', ' %s\nend' % line))


def misspelt_blocks():
    with host(applied=False) as h:
        for line in BLOCKS:
            refused_even_partly(h, line, TWO_MAPS.replace(SECOND + ' ip address 198.51.100.2 255.255.255.0\n', line + '\n'))


def misspelt_in_blocks():
    """the one below the other, and walls and tunnels below it; in a file without indentation too"""
    with host(applied=False) as h:
        below = ['cr map M2', 'cry ma M2', 'crypto-map M2', 'cryptomap M2', 'ip crypto map M2', 'ip inspect FW in', 'ip ips X in', 'mac access-group X in', 'zone_member security A', 'zo sec A', 'ip acces-group X in', 'ipv6 policy route-map X', 'tunnel source GigabitEthernet0/0', 'ip nat inside']
        for head in (BLOCKS[3], BLOCKS[5]):
            for line in below:
                refused_even_partly(h, head + ' / ' + line, CONFIG.replace('end\n', '%s\n %s\nend\n' % (head, line)))
        flat = '\n'.join(x.strip() for x in CONFIG.split('\n'))
        refused_even_partly(h, 'flat', flat.replace('\nend\n', '\ninterface range GigabitEthernet0/2 - 3\nip access-group X in\nend\n'))


def misspelt_heads():
    """its lines are not the block's before it"""
    with host(applied=False) as h:
        for head in HEADS:
            refused_even_partly(h, head, TWO_MAPS.replace(SECOND, head + '\n'))


def words_of_others():
    """commands that have the word map, or a map's name, and are none of ours"""
    with host(applied=False) as h:
        for block in ('kron policy-list K\n cli clear crypto sa map M2', 'vlan 10\n name CRYPTO-M2', 'event manager applet E\n action 1 cli command "crypto map M2 10 ipsec-isakmp"'):
            p = h.ioscc('plan', write(h, 'o.cfg', TWO_MAPS.replace('end\n', block + '\nend\n')))
            assert p.returncode == 1 and 'IC4023' not in p.stderr, '%s: %s' % (block, told(p))
        for line in OF_OTHERS:
            p = h.ioscc('plan', write(h, 'o.cfg', TWO_MAPS.replace(' crypto map M2\nend', ' %s\n crypto map M2\nend' % line)))
            assert p.returncode == 1 and 'IC4023' not in p.stderr, '%s: %s' % (line, told(p))


def twice_in_a_file():
    """behind its `end` another one: which holds is not known"""
    older = CONFIG.replace('10.2.0.0 0.0.255.255', '10.3.0.0 0.0.255.255', 1)
    with host(applied=False) as h:
        for name, config in (('the same hostname', CONFIG + older), ('without one', CONFIG + older.replace('hostname r1\n', '')), ('the first without one', CONFIG.replace('hostname r1\n', '') + older)):
            p = h.ioscc('apply', write(h, 't.cfg', config))
            assert p.returncode in (1, 2) and ("goes on behind its 'end'" in p.stderr or SEVERAL[:30] in p.stderr), '%s: %s' % (name, told(p))
        for more in ('!\n! saved by the night run\nr1#\n', 'r1#show ip interface brief\nInterface              IP-Address      OK? Method Status\nGigabitEthernet0/0     192.0.2.1       YES manual up\nr1#\n', 'r1#show archive config differences\n+crypto map M 20 ipsec-isakmp\n+ set peer 192.0.2.8\nr1#\n'):
            p = h.ioscc('apply', write(h, 'c.cfg', CONFIG + more))
            assert p.returncode == 0 and 'Applied.' in p.stdout, '%s: %s' % (more, told(p))


def carriage_return():
    with host(applied=False) as h:
        with open(h.dir + '/m.cfg', 'w', newline='') as f:
            f.write(TWO_MAPS.replace(' crypto map M2\nend', ' description uplink\r crypto map M2\nend'))
        p = h.ioscc('apply', '--allow-partial', h.dir + '/m.cfg')
        assert p.returncode in (1, 2) and 'a carriage return stands within this line' in p.stderr, told(p)
        with open(h.dir + '/crlf.cfg', 'w', newline='') as f:
            f.write(TWO_MAPS.replace('\n', '\r\n'))
        meets(h.ioscc('apply', h.dir + '/crlf.cfg'), 0)


def marks_in_lists():
    with host(applied=False) as h:
        for mark in MARKS:
            config = TWO_MAPS.replace('any\n permit ip', 'any\n%s ip' % mark)
            assert config != TWO_MAPS
            refused_even_partly(h, mark, config)
            p = h.node.run(IOSCC, 'check', '--no-settings', h.dir + '/m.cfg', ok=False, env=ENV)
            assert 'a mark stands before this command' in p.stdout, told(p)


# ---- tunnels that nobody makes (E40) ----

GRE = CONFIG.replace('permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'permit gre host 192.0.2.1 host 192.0.2.2').replace('end\n', '''interface Tunnel0
 ip address 172.16.0.1 255.255.255.252
 tunnel source GigabitEthernet0/0
 tunnel destination 192.0.2.2
interface Tunnel1
 ip address 172.16.1.1 255.255.255.252
 tunnel source GigabitEthernet0/0
 tunnel destination 192.0.2.77
ip route 10.50.0.0 255.255.0.0 Tunnel0
ip route 10.51.0.0 255.255.0.0 172.16.0.2
ip route vrf X 10.53.0.0 255.255.0.0 Tu0 172.16.0.2 200
ip route 10.52.0.0 255.255.0.0 Tunnel1
end
''')


def tunnel():
    """GRE that a crypto map protects, and no tunnel of the host: refused with the routes into it, as they would leave in the clear; a tunnel whose packets nobody protects is none of it"""
    with host(GRE, applied=False) as h:
        for command in (('plan',), ('apply',), ('apply', '--allow-partial')):
            with h.untouched():
                p = h.ioscc(*command, h.file)
                meets(p, {'plan': 2, 'apply': 1 if len(command) > 1 else 1}[command[0]], 'Tunnel0 is not made here, and a crypto map protects its packets', '--interface-map Tunnel0=DEVICE', 'IC4009')
                named = re.findall(r'line (\d+)', re.search(r'routed into it( \(.*\)) leaves', p.stderr)[1])
                lines = [n for n, line in enumerate(GRE.split('\n'), 1) if re.match(r'ip route .*10\.5[013]', line)]
                assert [int(n) for n in named] == lines and 'Tunnel1 is not made' not in p.stderr, told(p)
        with h.untouched():
            meets(h.ioscc('apply', '--allow-partial', h.file), 1, 'it would leave by the host\'s own routes, in the clear')
        meets(h.ioscc('plan', '-m', 'Gi0/0=eth0,Gi0/1=eth1,Tunnel0=dum0', write(h, 'm.cfg', GRE)), 2, "this host has no interface 'dum0'")
        h.node.ip('link', 'add', 'dum0', 'type', 'bridge')
        p = h.ioscc('apply', '-m', 'Gi0/0=eth0,Gi0/1=eth1,Tunnel0=dum0', h.file)
        meets(p, 0, 'Applied.')
        assert 'IC4009' not in p.stderr, told(p)


# whose outer packets the list protects, by the tunnel's lines
TUNNELS = [
    ('gre', 'permit gre host 192.0.2.1 host 192.0.2.2', '', True),
    ('any protocol', 'permit ip host 192.0.2.1 host 192.0.2.2', '', True),
    ('ipip', 'permit ipinip host 192.0.2.1 host 192.0.2.2', ' tunnel mode ipip\n', True),
    ('gre, the list is of ipip', 'permit ipinip host 192.0.2.1 host 192.0.2.2', '', False),
    ('shut', 'permit gre host 192.0.2.1 host 192.0.2.2', ' shutdown\n', False),
    ('to another', 'permit gre host 192.0.2.1 host 192.0.2.3', '', False),
    ('from another', 'permit gre host 192.0.2.8 host 192.0.2.2', '', False),
    ('a deny before', 'deny gre any any\n permit ip host 192.0.2.1 host 192.0.2.2', '', False),
    ('a deny of others before', 'deny gre any host 192.0.2.9\n permit ip host 192.0.2.1 host 192.0.2.2', '', True),
    ('multipoint, the list is of networks', 'permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' no tunnel destination\n tunnel mode gre multipoint\n', False),
    ('multipoint, the list is of gre', 'permit gre host 192.0.2.1 any', ' no tunnel destination\n tunnel mode gre multipoint\n', True),
    ('over IPv6, the list is of IPv4', 'permit ip any any', ' tunnel mode gre ipv6\n tunnel destination 2001:db8::2\n', False),
]


def tunnel_protocols():
    with host(applied=False) as h:
        for name, line, more, protected in TUNNELS:
            path = write(h, 't.cfg', CONFIG.replace('permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', line).replace('end\n', 'interface Tunnel0\n tunnel source 192.0.2.1\n tunnel destination 192.0.2.2\n%send\n' % more))
            p = h.ioscc('plan', path)
            assert ('Tunnel0 is not made here' in p.stderr) == protected, '%s: %s' % (name, told(p))


SIX = ('hostname r1\ncrypto isakmp policy 10\n encr aes 256\n hash sha256\n authentication pre-share\n group 14\ncrypto isakmp key correct-horse-battery address ipv6 2001:db8::2/128\ncrypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\nipv6 access-list L6\n permit %s host 2001:db8::1 host 2001:db8::2\n'
       'crypto map ipv6 M6 10 ipsec-isakmp\n set peer 2001:db8::2\n set transform-set T\n match address L6\ninterface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n ipv6 address 2001:db8::1/64\n ipv6 crypto map M6\ninterface Tunnel0\n ipv6 address 2001:db8:9::1/64\n tunnel source GigabitEthernet0/0\n tunnel destination 2001:db8::2\n tunnel mode %s\nipv6 route 2001:db8:50::/48 Tunnel0\nipv6 route 2001:db8:51::/48 2001:db8:9::2\nend\n')


def tunnels_over_ipv6():
    with host(applied=False) as h:
        for protocol, mode, protected in (('47', 'gre ipv6', True), ('41', 'ipv6', True), ('ipv6', 'gre ipv6', True), ('tcp', 'gre ipv6', False), ('47', 'ipv6', False)):
            p = h.ioscc('plan', write(h, 'six.cfg', SIX % (protocol, mode)))
            assert ('Tunnel0 is not made here' in p.stderr) == protected, '%s %s: %s' % (protocol, mode, told(p))
            lines = [n for n, line in enumerate((SIX % (protocol, mode)).split('\n'), 1) if line.startswith('ipv6 route')]
            assert not protected or '(line %d, line %d lead into it)' % tuple(lines) in p.stderr, told(p)


# ---- standby addresses (E37) ----

STANDBY = CONFIG.replace(' crypto map M\ninterface', ' standby 1 ip 192.0.2.10\n standby 1 name OUT\n standby 2 ip 192.0.2.20\n standby 2 name IN\n crypto map M redundancy OUT\ninterface')
# what is written otherwise, and the address that tunnels begin at
GROUPS = [
    ('its group', '', '', '192.0.2.10'),
    ('the other group', 'redundancy OUT', 'redundancy IN', '192.0.2.20'),
    ('group 0, without its number', ' standby 1 ip 192.0.2.10\n standby 1 name OUT\n', ' standby ip 192.0.2.10\n standby name OUT\n', '192.0.2.10'),
    ('a secondary address besides', ' standby 1 name OUT\n', ' standby 1 ip 192.0.2.11 secondary\n standby 1 name OUT\n', '192.0.2.10'),
    ('written again', ' standby 1 name OUT\n', ' standby 1 ip 192.0.2.12\n standby 1 name OUT\n', '192.0.2.12'),
    ('stateful', 'redundancy OUT', 'redundancy OUT stateful', '192.0.2.10'),
    ('no group of that name', 'redundancy OUT', 'redundancy OUT2', None),
    ('a group without an address', ' standby 1 ip 192.0.2.10\n', '', None),
    ('a group that got another name', ' standby 1 name OUT\n', ' standby 1 name OUT\n standby 1 name NEW\n', None),
    ('a group taken back', ' standby 1 name OUT\n', ' standby 1 name OUT\n no standby 1\n', None),
]


def standby():
    """tunnels begin at the group's address, never at the interface's own; not known, what the map protects is blocked"""
    with host(applied=False) as h:
        for name, old, new, address in GROUPS:
            assert not old or old in STANDBY
            config = STANDBY.replace(old, new) if old else STANDBY
            path = write(h, 's.cfg', config)
            p = h.ioscc('apply', path)
            if address is None:
                line = next(n for n, line in enumerate(config.split('\n'), 1) if 'redundancy' in line)
                assert p.returncode == 1 and re.search(r's\.cfg:%d:\d+: error: no standby group .* has a virtual address here' % line, p.stderr), '%s: %s' % (name, told(p))
                meets(h.ioscc('apply', '--allow-partial', path), 0, 'Applied.')
                policies = h.node.ip('xfrm', 'policy')
                assert '192.0.2.1 dst 192.0.2.2' not in policies and 'action block' in policies, '%s: %s' % (name, policies)
                meets(h.ioscc('remove'), 0)
                continue
            meets(p, 0, 'no interface of this host has %s: nothing is negotiated from it' % address)
            assert ('SAs are not handed to the other router' in p.stderr) == ('stateful' in config), told(p)
            assert 'tmpl src %s dst 192.0.2.2' % address in h.node.ip('xfrm', 'policy'), '%s: %s' % (name, h.node.ip('xfrm', 'policy'))
            h.node.ip('addr', 'add', address + '/24', 'dev', 'eth0')
            meets(h.ioscc('status'), 0, 'Nothing to change')
            h.node.ip('addr', 'del', address + '/24', 'dev', 'eth0')
            meets(h.ioscc('status'), 1, 'no interface of this host has ' + address)


def standby_negotiates():
    """the first packet of IKE comes from the group's address when this router has it, and from none as long as it has not"""
    with host(STANDBY, applied=False) as h:
        with h.isp.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.bind(('192.0.2.2', 500))
            s.settimeout(2)
            h.daemon_anyhow()
            h.isp.ip('addr', 'add', '10.1.0.9/32', 'dev', 'lo')
            ping = lambda: h.node.run('ping', '-c', '1', '-W', '1', '-I', '10.1.0.1', '10.2.0.9', ok=False)
            ping()
            try:
                raise AssertionError('IKE from %s' % (s.recvfrom(2000)[1],))
            except TimeoutError:
                pass
            h.node.ip('addr', 'add', '192.0.2.10/24', 'dev', 'eth0')
            wait_for('it begins from the virtual address', lambda: ping() and heard(s) == '192.0.2.10')


def heard(s):
    try:
        return s.recvfrom(2000)[1][0]
    except TimeoutError:
        return None


# ---- a look that does not come to its end ----

def other_ways(h, lines, routes):
    """10.2.0.9 leaves by eth2, which has no map; and lines and routes before it that take time"""
    h.node.run('ip', '-batch', '-', input=''.join('route add 20.%d.%d.%d/32 via 192.0.2.2 dev eth0\n' % (i >> 16, i >> 8 & 255, i & 255) for i in range(routes)) + 'route add 10.2.0.0/16 via 198.51.100.9 dev eth2\n')
    return write(h, 'm.cfg', CONFIG.replace(' permit ip', ''.join(' permit tcp 10.1.0.0 0.0.255.255 20.0.0.0 0.255.255.255 eq %d\n' % (i + 1) for i in range(lines)) + ' permit ip', 1))


def look_is_cut():
    """what was not looked at is said"""
    with host(applied=False) as h:
        path = other_ways(h, 400, 20000)
        meets(h.ioscc('apply', path), 0, 'IC4026')
        meets(h.ioscc('status'), 1, 'IC4026')


def watch_is_cut():
    """... and what was complained of is not over for it"""
    with host(applied=False) as h:
        path = other_ways(h, 400, 0)
        os.replace(path, h.file)
        h.daemon_anyhow()
        log = lambda: open(h.dir + '/log').read()
        wait_for(log, lambda: 'not all in force' in log())
        other_ways_more = ''.join('route add 20.%d.%d.%d/32 via 192.0.2.2 dev eth0\n' % (i >> 16, i >> 8 & 255, i & 255) for i in range(20000))
        h.node.run('ip', '-batch', '-', input=other_ways_more)
        for mtu in (1400, 1300):
            h.node.ip('link', 'set', 'eth1', 'mtu', str(mtu))
            meets(h.ioscc('status'), 1, 'IC4026')
        assert 'is over' not in log(), log()


def many_denies():
    """one list on two uplinks, with denies before its permit: what leaves is known, at once"""
    with host(applied=False) as h:
        for kind in (' deny tcp 10.1.0.0 0.0.255.255 host 10.2.%d.%d eq 443\n', ' deny tcp 10.1.%d.0 0.0.0.255 10.2.%d.0 0.0.0.255 eq 443\n'):
            denies = ''.join(kind % (i * 37 % 256, i * 91 % 256) for i in range(40))
            p = h.ioscc('plan', write(h, 'd.cfg', TWO.replace(' permit ip', denies + ' permit ip', 1)))
            meets(p, 1)
            assert 'IC4026' not in p.stderr, told(p)


def map_of_the_family():
    """a link without a map has none, though IPv6 maps hold on every link"""
    with host(applied=False) as h:
        six = CONFIG.replace('interface GigabitEthernet0/0\n', 'ipv6 access-list L6\n permit ipv6 2001:db8:1::/48 2001:db8:2::/48\ncrypto map ipv6 M6 10 ipsec-isakmp\n set peer 2001:db8::2\n set transform-set T\n match address L6\ninterface GigabitEthernet0/0\n').replace('192.0.2.2\ncrypto ipsec', '192.0.2.2\ncrypto isakmp key correct-horse-battery address ipv6 2001:db8::2/128\ncrypto ipsec').replace(' crypto map M\ninterface', ' ipv6 address 2001:db8::1/64\n ipv6 crypto map M6\n crypto map M\ninterface')
        h.node.ip('route', 'add', '10.2.0.0/16', 'via', '198.51.100.9', 'dev', 'eth2')
        meets(h.ioscc('plan', write(h, 'six.cfg', six)), 1, 'by eth2, which has no crypto map')


# ---- words ----

def nobody_goes_back():
    """--confirm: the process that would go back cannot begin, so nothing is touched"""
    with host() as h:
        os.makedirs(h.state + '/rollback.log')
        with h.untouched():
            meets(h.ioscc('apply', '--confirm', '2', write(h, 'more.cfg', evening.MORE)), 3, 'cannot start the process that would go back', 'rollback.log', 'nothing is touched')
        os.rmdir(h.state + '/rollback.log')
        os.symlink('/dev/null', h.state + '/rollback.log')
        with h.untouched():
            meets(h.ioscc('apply', '--confirm', '2', h.dir + '/more.cfg'), 3, 'nothing is touched')


def not_taken_over():
    """what is refused takes over nothing"""
    with host(evening.MOST) as h:
        p = h.ioscc('apply', write(h, 'less.cfg', re.sub(r' permit ip 10.1.*?\n', '', evening.MOST, count=3).replace('range 1000 2000', 'eq 1000')), state=h.dir + '/other')
        meets(p, 1, 'nothing is touched')
        assert 'are taken over' not in p.stderr, told(p)


def log_is_harmless():
    """the daemon's log too"""
    with host(applied=False) as h:
        os.rename(h.file, h.dir + '/y\nNothing to change.cfg')
        for command in ('plan', 'apply', 'run'):
            meets(h.ioscc(command, h.dir + '/y\nNothing to change.cfg'), 2, 'the name of the file holds a line feed')
        h.file = write(h, 'y\x1b[2J\x9br.cfg', CONFIG)
        h.daemon_anyhow()
        log = lambda: open(h.dir + '/log', 'rb').read()
        wait_for(log, lambda: b'IKE for ' in log())
        assert b'\x1b' not in log() and b'\xc2\x9b' not in log(), log()


def way_out_is_carried():
    """`match interface` of a route map of NAT; one that nothing refers to is unused"""
    with host(applied=False) as h:
        config = CONFIG.replace('crypto map M 10', 'ip access-list extended N\n permit ip 10.1.0.0 0.0.255.255 any\nroute-map RM permit 10\n match ip address N\n match interface GigabitEthernet0/0\nroute-map OTHER permit 10\n match interface GigabitEthernet0/0\nip nat inside source route-map RM interface GigabitEthernet0/0 overload\ncrypto map M 10', 1)
        p = h.ioscc('plan', '-l', write(h, 'n.cfg', config))
        fates = re.findall(r'(\w+) +match interface GigabitEthernet0/0', p.stdout)
        assert fates == ['carried', 'unused'], told(p)


def is_true(said):
    stands = re.search(r'^(\S+), applied', said, re.M)
    runs = re.search(r'The IKE daemon runs with (\S+), process', said)
    is_told = 'A reload has not ended' in said or 'was interrupted' in said
    return is_told or (stands and runs and stands[1] == runs[1])


def killed_reload():
    """wherever it is killed: the file that the daemon is said to run with is the one that stands, or it is said that a reload has not ended; and SIGHUP goes back to no other one"""
    with host() as h:
        h.daemon()
        more = write(h, 'more.cfg', evening.MORE)
        for k in range(1, 12):
            want = more if k % 2 else h.file
            p = h.node.run('strace', '-f', '-o', '/dev/null', '-e', 'trace=rename,renameat,renameat2', '-e', 'inject=rename,renameat,renameat2:signal=KILL:when=%d' % k, IOSCC, 'reload', '--state-dir', h.state, want, ok=False, env=ENV, timeout=lab.BOUND)
            wait_for(lambda: 'killed at rename %d (%d): %s' % (k, p.returncode, h.ioscc('status').stdout), lambda: is_true(h.ioscc('status').stdout), 60)
            meets(h.ioscc('reload', want), 0)
            if p.returncode == 0:
                break
        assert k > 2, 'it was killed nowhere'


def socket_is_gone():
    """a control socket that somebody has removed: what asks says it; and nobody takes the daemon for one that starts for ever"""
    with host() as h:
        p = h.daemon()
        os.remove(h.state + '/control.sock')
        meets(h.ioscc('show', 'crypto', 'session'), 3, 'control.sock is not there: the daemon (process %d) has not made it yet, or it has been removed' % p.pid)
        meets(h.ioscc('status'), 1, 'The IKE daemon starts')
        wait_for(lambda: told(h.ioscc('status')), lambda: 'has been removed: it negotiates, and cannot be asked' in h.ioscc('status').stdout, 120)


def not_root():
    """who is not root is told so"""
    with host() as h:
        h.daemon()
        os.chmod(h.dir, 0o755)
        meets(h.ioscc('show', 'crypto', 'session', before=evening.NOBODY), 3, 'control.sock: Permission denied (run it as root)')


def damaged_inputs():
    """run.json written half: the sentence says what to do, and that does it"""
    with host() as h:
        h.daemon()
        write(h, 'state/run.json', '{')
        p = h.ioscc('reload', h.file)
        meets(p, 3, 'run.json cannot be read: what the daemon was started with is not known. Remove it, and name all options')
        os.remove(h.state + '/run.json')
        meets(h.ioscc('reload', h.file), 0)
        meets(h.ioscc('status'), 0)


def places_cannot_be_written():
    """the tunnels follow, and it is said why that is not kept"""
    with host(CONFIG.replace('crypto map M 10 ipsec-isakmp\n set peer 192.0.2.2\n', 'crypto map M 10 ipsec-isakmp\n set peer 192.0.2.2\n set peer 192.0.2.3\n').replace('crypto isakmp key correct-horse-battery address 192.0.2.2', 'crypto isakmp key correct-horse-battery address 192.0.2.0 255.255.255.0')) as h:
        h.daemon()
        os.remove(h.state + '/places.json')
        os.makedirs(h.state + '/places.json/x')
        h.node.ip('xfrm', 'policy', 'flush')
        log = lambda: open(h.dir + '/log').read()
        wait_for(log, lambda: 'the tunnels follow, and that cannot be written into ' in log())
        assert 'the tunnels cannot follow' not in log(), log()


def log_is_not_read():
    """the log's reader has stopped, and a SIGHUP has more to say than goes into it: what somebody flushes is put right all the same"""
    with host() as h:
        many = ''.join('crypto map M %d ipsec-isakmp\n set peer 192.0.2.%d\n set transform-set T\n match address NONE%d\n' % (n, n % 200 + 3, n) for n in range(20, 400))
        h.file = write(h, 'many.cfg', CONFIG.replace('interface GigabitEthernet0/0\n', many + 'interface GigabitEthernet0/0\n', 1))
        reads, writes = os.pipe()
        with h.node.inside():
            p = subprocess.Popen([IOSCC, 'run', '--allow-partial', '--state-dir', h.state, h.file], stdout=writes, stderr=writes, env=ENV)
        h.daemons.append(p)
        os.set_blocking(reads, False)

        def starts():
            try:
                os.read(reads, 65536)
            except BlockingIOError:
                pass
            return os.path.exists(h.state + '/control.sock')
        wait_for('it runs', starts)
        wait_for('it is in order', lambda: not starts() or 'Nothing to change' in h.ioscc('status').stdout)
        for _ in range(8):
            os.kill(p.pid, 1)
            h.node.run('sleep', '0.3')
        h.node.run('nft', 'flush', 'ruleset')
        wait_for('the table stands again', lambda: 'inet ioscc' in h.tables(), 60)
        os.close(reads)
        os.close(writes)


def tests():
    for row in UNREAD:
        yield 'netns: unread: ' + row[0], lambda row=row: unread(*row)
    yield 'netns: unread: named router', named_router
    yield 'netns: unread: misspelt maps', misspelt_maps
    yield 'netns: unread: misspelt blocks', misspelt_blocks
    yield 'netns: unread: marks in lists', marks_in_lists
    yield 'netns: unread: misspelt heads', misspelt_heads
    yield 'netns: unread: words of others', words_of_others
    yield 'netns: unread: twice in a file', twice_in_a_file
    yield 'netns: unread: carriage return', carriage_return
    yield 'netns: unread: tunnels over IPv6', tunnels_over_ipv6
    yield 'netns: unread: tunnel', tunnel
    yield 'netns: unread: tunnel protocols', tunnel_protocols
    yield 'netns: unread: standby', standby
    yield 'netns: unread: many denies', many_denies
    yield 'netns: unread: map of the family', map_of_the_family
    yield 'netns: unread: nobody goes back', nobody_goes_back
    yield 'netns: unread: not taken over', not_taken_over
    yield 'netns: unread: log is harmless', log_is_harmless
    yield 'netns: unread: way out is carried', way_out_is_carried
    if lab.QUICK:
        return
    yield 'netns: unread: misspelt in blocks', misspelt_in_blocks
    yield 'netns: unread: standby negotiates', standby_negotiates
    yield 'netns: unread: socket is gone', socket_is_gone
    yield 'netns: unread: not root', not_root
    yield 'netns: unread: damaged inputs', damaged_inputs
    yield 'netns: unread: places cannot be written', places_cannot_be_written
    yield 'netns: unread: log is not read', log_is_not_read
    yield 'netns: unread: not read whole', not_read_whole
    yield 'netns: unread: look is cut', look_is_cut
    yield 'netns: unread: watch is cut', watch_is_cut
    yield 'netns: unread: killed reload', killed_reload
