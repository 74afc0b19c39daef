# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host keeps tunnels from working is said in plan, apply, run and status, with what to do: other programs' rules, routes that are not there, settings of the kernel, no daemon (E20, E43, T2). --set-up-host sets what can be set, remove puts it back."""
import os, re, shutil

import lab
import test_evening as evening
from lab import wait_for
from test_apply import write
from test_evening import CONFIG, TWO, host, meets, told

FORWARD = 'nft add table %s fw; nft add chain %s fw f "{ type filter hook %s priority 0; policy %s; }"'
ESTABLISHED, DROP, REJECT, JUMP, VMAP = 'ct state established accept', 'ip saddr 10.9.0.0/16 drop', 'tcp dport 25 reject', 'jump g', 'ip protocol vmap { tcp : drop }'
DROPS_ALL = 'chain f of table inet fw, another program\'s, drops all that is forwarded: no tunnel carries anything [IC4031'
IN_DROPS_ALL = 'chain f of table ip fw, another program\'s, drops all that is for this host: no peer\'s IKE or ESP comes in [IC4031'
OUT_DROPS_ALL = 'chain f of table inet fw, another program\'s, drops all that this host sends: no IKE or ESP leaves [IC4031'
HAS_TO_ACCEPT = 'chain f of table inet fw, another program\'s, drops what its rules do not accept: they have to accept what the tunnels carry, both ways [IC4032'
MAY_DROP = 'chain f of table inet fw, another program\'s, drops what its rules say: they have to accept what the tunnels carry, both ways [IC4032'
IN_HAS_TO_ACCEPT = 'chain f of table ip fw, another program\'s, drops what its rules do not accept: they have to accept UDP 500 and 4500 and ESP from the peers [IC4032'
TRANSLATES = 'chain p of table ip n, another program\'s, translates before protected flows are bound to their own addresses: if it translates what the lists protect, that is dropped [IC4032'
NAT = 'nft add table ip n; nft add chain ip n p "{ type nat hook postrouting priority %d; }"; nft add rule ip n p masquerade'


def fw(family, hook, policy, *rules):
    return FORWARD % (family, family, hook, policy) + ''.join('; nft add %s %s fw %s "%s"' % (('chain', family, 'g', '{}') if rule == 'chain g' else ('rule', family, 'f', rule)) for rule in rules)


# what it is, what somebody has made, what is said; '' nothing of it. And the option that takes it
RULES = [
    ('forward drops all', fw('inet', 'forward', 'drop'), DROPS_ALL, ''),
    ('forward drops and has rules', fw('inet', 'forward', 'drop', ESTABLISHED), HAS_TO_ACCEPT, 'firewall'),
    ('forward accepts', fw('inet', 'forward', 'accept', ESTABLISHED), '', ''),
    ('forward accepts, and a rule drops', fw('inet', 'forward', 'accept', ESTABLISHED, DROP), MAY_DROP, 'firewall'),
    ('forward accepts, and a rule rejects', fw('inet', 'forward', 'accept', REJECT), MAY_DROP, 'firewall'),
    ('forward accepts, and a rule leads to another chain', fw('inet', 'forward', 'accept', 'chain g', JUMP), MAY_DROP, 'firewall'),
    ('forward accepts, and a map drops', fw('inet', 'forward', 'accept', VMAP), MAY_DROP, 'firewall'),
    ('input drops all', fw('ip', 'input', 'drop'), IN_DROPS_ALL, ''),
    ('input drops and has rules', fw('ip', 'input', 'drop', ESTABLISHED), IN_HAS_TO_ACCEPT, 'firewall'),
    ('of the other family', fw('ip6', 'forward', 'drop'), '', ''),
    ('output drops all', fw('inet', 'output', 'drop'), OUT_DROPS_ALL, ''),
    ('prerouting drops all', fw('inet', 'prerouting', 'drop'), 'drops all that comes in: no tunnel carries anything', ''),
    ('a table that sleeps', fw('inet', 'forward', 'drop') + '; nft add table inet fw "{ flags dormant; }"', '', ''),
    ('iptables', 'iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT', "chain FORWARD of table ip filter, another program's, drops what its rules do not accept", 'firewall'),
    ('masquerade as everybody has it', NAT % 100, '', ''),
    ('masquerade before ours', NAT % 80, TRANSLATES, 'firewall'),
    ('a chain of NAT without rules', (NAT % 80).rsplit(';', 1)[0], '', ''),
]


def rules():
    with host(applied=False) as h:
        for name, made, says, has in RULES:
            h.node.run('nft', 'flush', 'ruleset')
            if name == 'iptables' and not shutil.which('iptables-nft'):
                continue
            h.node.run('sh', '-c', made)
            p = h.ioscc('plan', h.file)
            found = re.findall(r"another program's", p.stderr)
            assert len(found) == (1 if says else 0) and says in p.stderr, '%s: %s' % (name, told(p))
            if has:
                assert "another program's" not in h.ioscc('plan', '--host-has', has, h.file).stderr, name
            elif says:  # that it drops all is no opinion
                assert says in h.ioscc('plan', '--host-has', 'firewall', h.file).stderr, name


def each_command():
    """plan, apply, status, run and reload say it; and the rules stay as they are"""
    with host(applied=False) as h:
        h.node.run('sh', '-c', fw('inet', 'forward', 'drop'))
        before = h.node.run('nft', 'list', 'table', 'inet', 'fw').stdout
        h.node.ip('route', 'add', 'unreachable', '10.70.0.0/16')  # beside a default route
        no_way = 'no route of this host leads to 10.70.0.0, the first address of what this line protects: it has nowhere to go [IC4033'
        meets(h.ioscc('plan', h.file), 1, no_way)
        h.node.ip('route', 'add', '10.70.9.0/24', 'via', '192.0.2.2')  # a part of it is reached
        assert 'IC4033' not in h.ioscc('plan', h.file).stderr
        h.node.ip('route', 'del', 'default')
        h.node.ip('route', 'add', 'default', 'via', '192.0.2.2', 'table', '100')  # that nothing leads to
        no_way = 'no route of this host leads to 10.2.0.0, the first address of what this line protects: it has nowhere to go [IC4033'
        for command, code in (('plan', 1), ('apply', 0)):
            meets(h.ioscc(command, h.file), code, DROPS_ALL, no_way)
        meets(h.ioscc('status'), 0, DROPS_ALL, no_way)
        h.daemon_anyhow()
        wait_for('it says so', lambda: DROPS_ALL in open(h.dir + '/log').read() and no_way in open(h.dir + '/log').read())
        meets(h.ioscc('reload', h.file), 0, DROPS_ALL, no_way)
        assert h.node.run('nft', 'list', 'table', 'inet', 'fw').stdout == before


def no_route_to_a_peer():
    """nothing is negotiated with who cannot be reached; each peer once"""
    with host(applied=False) as h:
        h.node.ip('route', 'del', 'default')
        config = CONFIG.replace(' set peer 192.0.2.2\n', ' set peer 203.0.113.9\n set peer 192.0.2.2\n', 1).replace('address 192.0.2.2\n', 'address 0.0.0.0 0.0.0.0\n', 1)
        p = h.ioscc('plan', write(h, 'p.cfg', config))
        line = next(n for n, text in enumerate(config.split('\n'), 1) if '203.0.113.9' in text)
        assert re.findall(r'p\.cfg:(\d+):\d+: warning: no route of this host leads to 203\.0\.113\.9: nothing is negotiated with it', p.stderr) == [str(line)], told(p)
        assert 'leads to 192.0.2.2' not in p.stderr
        h.node.ip('route', 'add', 'unreachable', 'default')  # a route, and it leads nowhere
        assert 'leads to 203.0.113.9' in h.ioscc('plan', h.dir + '/p.cfg').stderr
        h.node.ip('route', 'replace', 'default', 'via', '192.0.2.2')
        assert 'IC4033' not in h.ioscc('plan', h.dir + '/p.cfg').stderr


def no_route_to_the_last_of_many():
    """of three thousand peers each is looked at; where there are too many questions it is said how many are left out"""
    n = 3000
    peers = ['203.%d.%d.9' % (i >> 8, i & 255) for i in range(n)]
    entries = ''.join('crypto map M %d ipsec-isakmp\n set peer %s\n set transform-set T\n match address A%d\n' % (i + 1, p, i) for i, p in enumerate(peers))
    lists = ''.join('ip access-list extended A%d\n permit ip 10.1.0.0 0.0.255.255 10.%d.%d.0 0.0.0.255\n' % (i, 100 + (i >> 8), i & 255) for i in range(n))
    config = 'hostname hub\ncrypto isakmp key correct-horse-battery address 0.0.0.0 0.0.0.0\ncrypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\n' + entries + \
        'interface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n crypto map M\n' + lists + 'end\n'
    with host(applied=False) as h:
        path = write(h, 'hub.cfg', config)
        h.node.ip('route', 'add', 'unreachable', peers[1999] + '/32')
        p = h.ioscc('plan', path)
        assert 'no route of this host leads to %s: nothing is negotiated with it' % peers[1999] in p.stderr, told(p)[-2000:]
        left_out = re.search(r'crypto map M: routes to (\d+) further addresses of its peers and networks were not looked for', p.stderr)
        assert left_out and 0 < int(left_out.group(1)) <= 2 * n - 5000 + 10, told(p)[-2000:]
        h.node.ip('route', 'del', 'default')
        h.node.ip('route', 'del', 'unreachable', peers[1999] + '/32')
        p = h.ioscc('plan', path)  # nobody need ask: all of them
        shown = p.stderr.count('[IC4033')
        more = re.search(r'(\d+) more findings of IC4033', p.stderr)
        assert more and shown + int(more.group(1)) == 2 * n, '%d shown, %s' % (shown, more and more.group(0))


# effective values of the kernel: the higher one of `all` and the link
FILTERS = [(0, 0, False), (0, 1, True), (1, 0, True), (0, 2, False), (2, 1, False), (1, 2, False)]


def reverse_path():
    """one map on two uplinks: by the second one the strict filter drops what the peer sends"""
    with host(TWO, applied=False) as h:
        for everywhere, own, drops in FILTERS:
            h.node.sysctl('net/ipv4/conf/all/rp_filter', everywhere)
            h.node.sysctl('net/ipv4/conf/eth2/rp_filter', own)
            h.node.sysctl('net/ipv4/conf/eth0/rp_filter', 1)
            p = h.ioscc('plan', h.file)
            said = 'what this peer sends by eth2 is dropped there (rp_filter), as the route to 192.0.2.2 leads by eth0' in p.stderr
            assert said == drops and 'sends by eth0' not in p.stderr, '%d %d: %s' % (everywhere, own, told(p))


def redirects():
    """protected networks behind the link of the tunnels: redirects would send them past"""
    with host(applied=False) as h:
        p = h.ioscc('plan', h.file)
        assert 'IC4034' not in p.stderr, told(p)
        h.node.ip('link', 'del', 'eth1')
        h.node.ip('route', 'add', '10.1.0.0/16', 'via', '192.0.2.77')
        p = h.ioscc('plan', '-m', 'Gi0/0=eth0', h.file)
        meets(p, 1, '10.1.0.0 is behind eth0, by which the tunnels leave too: hosts there are told to send past this one', 'net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0')
        h.node.sysctl('net/ipv4/conf/all/send_redirects', 0)
        assert 'IC4034' in h.ioscc('plan', '-m', 'Gi0/0=eth0', h.file).stderr, 'the link sends them still'
        h.node.sysctl('net/ipv4/conf/eth0/send_redirects', 0)
        assert 'IC4034' not in h.ioscc('plan', '-m', 'Gi0/0=eth0', h.file).stderr


def no_daemon():
    """entries that have to be negotiated, and nobody does: plan and apply say it, as status does"""
    with host(applied=False) as h:
        says = "No IKE daemon runs: 1 crypto map entry needs it, what they protect waits ('ioscc run')."
        meets(h.ioscc('plan', h.file), 1, says)
        meets(h.ioscc('apply', h.file), 0, says)
        meets(h.ioscc('status'), 0, says)
        h.daemon()
        assert says not in h.ioscc('plan', h.file).stdout + h.ioscc('status').stdout


def setting(h, name):
    return h.node.run('cat', '/proc/sys/net/ipv4/' + name).stdout.strip()


def set_up():
    """--set-up-host: plan shows it, apply sets it when all stands, remove puts it back; twice is once; without the option it is a finding"""
    with host(TWO, applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        h.node.sysctl('net/ipv4/conf/eth2/rp_filter', 1)
        assert 'IC4027' in h.ioscc('plan', h.file).stderr
        p = h.ioscc('plan', '--set-up-host', h.file)
        meets(p, 1, 'net.ipv4.conf.eth0.forwarding = 1, was 0', 'net.ipv4.conf.eth2.rp_filter = 2, was 1')
        assert 'IC4027' not in p.stderr and 'IC4034' not in p.stderr, told(p)
        assert (setting(h, 'conf/eth0/forwarding'), setting(h, 'conf/eth2/rp_filter')) == ('0', '1'), 'plan has set something'
        meets(h.ioscc('apply', '--set-up-host', h.file), 0, 'net.ipv4.conf.eth1.forwarding is 1 now, was 0.', 'net.ipv4.conf.eth2.rp_filter is 2 now, was 1.', 'Applied.')
        assert (setting(h, 'conf/eth0/forwarding'), setting(h, 'conf/eth2/rp_filter')) == ('1', '2')
        p = h.ioscc('apply', '--set-up-host', h.file)
        meets(p, 0)
        assert 'is 1 now' not in p.stdout
        meets(h.ioscc('status'), 0)
        p = h.ioscc('remove')
        assert 'ip_forward' not in p.stdout + p.stderr, told(p)  # as it was all the time
        meets(p, 0, 'net.ipv4.conf.eth0.forwarding is 0 again', 'net.ipv4.conf.eth2.rp_filter is 1 again')
        assert (setting(h, 'conf/eth0/forwarding'), setting(h, 'conf/eth2/rp_filter')) == ('0', '1')
        assert 'again' not in h.ioscc('remove').stdout


def set_up_and_others():
    """what somebody has set otherwise since stays; a setting that cannot be set is said, and nothing is called applied for it"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0, 'net.ipv4.conf.eth0.forwarding is 1 now')
        h.node.sysctl('net/ipv4/conf/eth0/forwarding', 0)  # as it was
        p = h.ioscc('remove')
        meets(p, 0, 'net.ipv4.conf.eth1.forwarding is 0 again')
        assert 'eth0.forwarding' not in p.stderr, told(p)
        h.node.sysctl('net/ipv4/ip_forward', 0)
        h.node.sysctl('net/ipv4/conf/eth2/rp_filter', 1)
        two = write(h, 'two.cfg', TWO)
        meets(h.ioscc('apply', '--set-up-host', two), 0, 'net.ipv4.conf.eth2.rp_filter is 2 now')
        h.node.sysctl('net/ipv4/conf/eth2/rp_filter', 0)
        meets(h.ioscc('remove'), 0, 'net.ipv4.conf.eth2.rp_filter is not what ioscc had set any more: it stays')
        h.node.sysctl('net/ipv4/conf/eth2/rp_filter', 1)
        meets(h.ioscc('apply', '--set-up-host', two), 0)
        h.node.ip('link', 'del', 'eth2')
        assert 'rp_filter' not in h.ioscc('remove').stderr
        read_only = ['unshare', '-m', 'sh', '-c', 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"', 'sh']
        p = h.ioscc('apply', '--set-up-host', h.file, before=read_only)
        meets(p, 3, 'net.ipv4.conf.eth0.forwarding cannot be set to 1: Read-only file system')
        assert 'The rest is applied.' in p.stdout and '\nApplied.' not in p.stdout, told(p)


def set_up_by_the_daemon():
    """run sets it too, and says it in its log"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        with h.node.inside(), open(h.dir + '/log', 'w') as log:
            p = evening.subprocess.Popen([evening.IOSCC, 'run', '--set-up-host', '--state-dir', h.state, h.file], stdout=log, stderr=log, env=evening.ENV)
        h.daemons.append(p)
        wait_for(lambda: open(h.dir + '/log').read(), lambda: setting(h, 'conf/eth1/forwarding') == '1')
        wait_for('it runs', lambda: os.path.exists(h.state + '/control.sock'))
        p.terminate()
        p.wait(lab.BOUND)
        meets(h.ioscc('remove'), 0, 'net.ipv4.conf.eth0.forwarding is 0 again')


def forwarding(h):
    return [setting(h, 'conf/%s/forwarding' % link) for link in ('eth0', 'eth1', 'eth2')]


def forwarding_by_links():
    """IPv4 is forwarded by the link that a packet comes in by: one that does not is named, and no other one is blamed; put back is what each was"""
    with host(TWO, applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        for link in ('eth0', 'eth1', 'eth2'):
            h.node.sysctl('net/ipv4/conf/%s/forwarding' % link, 1)
        assert 'IC4027' not in h.ioscc('plan', h.file).stderr, 'it forwards'
        h.node.sysctl('net/ipv4/ip_forward', 1)
        h.node.sysctl('net/ipv4/conf/eth1/forwarding', 0)
        p = h.ioscc('plan', h.file)
        meets(p, 1, 'what comes in by eth1 is not forwarded: neither into a tunnel nor out of one', 'net.ipv4.conf.eth1.forwarding=1')
        assert p.stderr.count('IC4027') == 1, told(p)
        h.node.sysctl('net/ipv4/conf/eth0/forwarding', 0)
        before = forwarding(h)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0)
        assert forwarding(h) == ['1', '1', '1']
        meets(h.ioscc('remove'), 0)
        assert forwarding(h) == before, forwarding(h)


def forwarding_of_others():
    """a link that is neither a map's nor a protected network's is left closed; and where somebody makes the host forward since, that stays"""
    with host(CONFIG.replace('end\n', 'interface GigabitEthernet0/2\n ip address 198.51.100.2 255.255.255.0\nend\n'), applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 1)
        h.node.sysctl('net/ipv4/conf/eth2/forwarding', 0)  # of management
        assert 'IC4027' not in h.ioscc('plan', h.file).stderr
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0)
        assert forwarding(h) == ['1', '1', '0'], forwarding(h)
        h.node.sysctl('net/ipv4/ip_forward', 1)  # as a program for containers does
        p = h.ioscc('remove')
        meets(p, 0)
        assert forwarding(h) == ['1', '1', '1'] and 'forwarding' not in p.stderr, told(p)


def forwarding_of_ipv6():
    """one setting of IPv6 sets all links: each is put back"""
    with host(applied=False) as h:
        six = 'hostname r1\ncrypto isakmp policy 10\n encr aes 256\n hash sha256\n authentication pre-share\n group 14\ncrypto isakmp key correct-horse-battery address ipv6 2001:db8::2/128\ncrypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\nipv6 access-list L6\n permit ipv6 2001:db8:1::/48 2001:db8:2::/48\ncrypto map ipv6 M6 10 ipsec-isakmp\n set peer 2001:db8::2\n set transform-set T\n match address L6\ninterface GigabitEthernet0/0\n ipv6 address 2001:db8::1/64\n ipv6 crypto map M6\nend\n'
        h.node.ip('addr', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad')
        h.node.sysctl('net/ipv6/conf/all/forwarding', 0)
        h.node.sysctl('net/ipv6/conf/eth2/forwarding', 1)
        links = lambda: [h.node.run('cat', '/proc/sys/net/ipv6/conf/%s/forwarding' % link).stdout.strip() for link in ('all', 'eth0', 'eth1', 'eth2')]
        before = links()
        meets(h.ioscc('apply', '--set-up-host', write(h, 'six.cfg', six)), 0, 'net.ipv6.conf.all.forwarding is 1 now')
        assert links() == ['1'] * 4, links()
        meets(h.ioscc('remove'), 0)
        assert links() == before, (before, links())


def gone_back_from():
    """whatever goes back puts the settings back too, before what they were set for goes: a host that protects nothing forwards nothing that it did not forward"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0)
        meets(h.ioscc('rollback', '--allow-less'), 0, 'net.ipv4.conf.eth0.forwarding is 0 again')
        assert forwarding(h)[:2] == ['0', '0']
        meets(h.ioscc('apply', '--set-up-host', '--confirm', '1', h.file), 0)
        wait_for('it has gone back', lambda: forwarding(h)[:2] == ['0', '0'] and 'Nothing is applied' in h.ioscc('status').stdout)
        meets(h.ioscc('apply', h.file), 0)
        meets(h.ioscc('apply', '--set-up-host', write(h, 'more.cfg', evening.MORE)), 0)
        assert forwarding(h)[:2] == ['1', '1']
        meets(h.ioscc('apply', h.dir + '/more.cfg'), 0)  # the same, without the word: they stay
        assert forwarding(h)[:2] == ['1', '1']
        meets(h.ioscc('rollback'), 0)
        assert forwarding(h)[:2] == ['0', '0']


def gone_back_from_by_a_daemon():
    """reload --confirm as well"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        h.daemon_anyhow()
        meets(h.ioscc('reload', '--set-up-host', '--confirm', '1', write(h, 'more.cfg', evening.MORE)), 0)
        wait_for('it has gone back', lambda: forwarding(h)[:2] == ['0', '0'])


def another_directory():
    """settings are the network namespace's: who takes over what stands puts them back when it goes, and nobody does so twice"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0)
        meets(h.ioscc('apply', h.file, state=h.dir + '/other'), 0)
        assert forwarding(h)[:2] == ['1', '1']
        meets(h.ioscc('remove', state=h.dir + '/other'), 0, 'net.ipv4.conf.eth0.forwarding is 0 again')
        assert forwarding(h)[:2] == ['0', '0']
        h.node.sysctl('net/ipv4/ip_forward', 1)  # the operator's own
        h.ioscc('remove', '--allow-less')
        assert forwarding(h)[:2] == ['1', '1']


def nat_addresses():
    """an address of NAT in the outside network that no interface has: nobody answers ARP for it"""
    rows = [('ip nat inside source static 10.1.0.9 192.0.2.60', '192.0.2.60'), ('ip nat inside source static tcp 10.1.0.9 80 192.0.2.61 80', '192.0.2.61'), ('ip nat inside source static 10.1.0.9 203.0.113.9', None),
            ('ip nat pool P 192.0.2.70 192.0.2.71 prefix-length 24\nip nat inside source list N pool P overload', '192.0.2.70'), ('ip nat inside source list N interface GigabitEthernet0/0 overload', None), ('ip nat inside source static tcp 10.1.0.9 80 192.0.2.1 80', None)]
    base = CONFIG.replace(' crypto map M\n', ' ip nat outside\n crypto map M\n').replace('end\n', ' ip nat inside\nip access-list extended N\n permit ip 10.1.0.0 0.0.255.255 any\n%s\nend\n')
    with host(applied=False) as h:
        for lines, address in rows:
            p = h.ioscc('plan', write(h, 'n.cfg', base % lines))
            says = 'no interface of this host has %s: nobody answers ARP for it' % address
            assert (says in p.stderr) if address else 'IC4036' not in p.stderr, '%s: %s' % (lines, told(p))
            if address:
                h.node.ip('addr', 'add', address + '/32', 'dev', 'eth0')
                assert says not in h.ioscc('plan', h.dir + '/n.cfg').stderr, lines
                h.node.ip('addr', 'del', address + '/32', 'dev', 'eth0')


# a line, what becomes of it, and by which option
FATES = [
    ('crypto isakmp invalid-spi-recovery', 'left behind', ''), ('no crypto ipsec nat-transparency udp-encapsulation', 'left behind', ''), ('crypto ipsec nat-transparency spi-matching', 'left behind', ''),
    ('crypto ipsec fragmentation before-encryption', 'differs', ''), ('crypto ipsec fragmentation after-encryption', 'carried', ''), ('crypto ipsec df-bit clear', 'differs', ''), ('crypto ipsec df-bit copy', 'carried', ''),
    ('crypto ipsec security-association dummy seconds 5', 'differs', ''), ('crypto ipsec security-association dummy pps 5', 'differs', ''), ('crypto isakmp disconnect-revoked-peers', 'left behind', ''),
    ('line vty 0 4\n access-class 7 in', 'left behind', ''), ('ip http access-class 7', 'left behind', ''), ('ntp access-group peer 7', 'left behind', ''), ('ip tcp intercept list V', 'left behind', ''), ('ip dhcp snooping', 'left behind', ''),
    ('interface GigabitEthernet0/1\n shutdown', 'left behind', ''), ('interface GigabitEthernet0/1\n no shutdown', 'carried', ''), ('no ip http server', 'no effect', ''),
    ('zone security IN', 'left behind', ''), ('zone security IN', 'host service', 'firewall'), ('interface GigabitEthernet0/1\n zone-member security IN', 'host service', 'firewall'), ('interface GigabitEthernet0/1\n ip policy route-map X', 'host service', 'policy-routing'),
]


def fates():
    """what was read and is not in force is not called carried"""
    with host(applied=False) as h:
        wrong = []
        for lines, fate, option in FATES:
            p = h.ioscc('plan', '-l', *(['--host-has', option] if option else []), write(h, 'f.cfg', CONFIG.replace('end\n', lines + '\nend\n')))
            got = re.findall(r'^ +\d+  (\w+(?: \w+)?) +' + re.escape(lines.split('\n')[-1].strip()), p.stdout, re.M)
            wrong += [] if got == [fate] else ['%s: %s, not %s' % (lines, got, fate)]
        assert not wrong, '\n'.join(wrong)


def tests():
    for f in (rules, each_command, no_route_to_a_peer, no_route_to_the_last_of_many, reverse_path, redirects, no_daemon, set_up, set_up_and_others, set_up_by_the_daemon, forwarding_by_links, forwarding_of_others, forwarding_of_ipv6, gone_back_from, gone_back_from_by_a_daemon, another_directory, nat_addresses, fates):
        yield 'netns: host: ' + f.__name__.replace('_', ' '), f
