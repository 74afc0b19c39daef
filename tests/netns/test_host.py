# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host keeps tunnels from working is said in plan, apply, run and status, with what to do: other programs' rules, routes that are not there, settings of the kernel, no daemon (E20, E43, T2). --set-up-host sets what can be set, remove puts it back."""
import os, re

import lab
import test_evening as evening
from lab import wait_for
from test_apply import write
from test_evening import CONFIG, TWO, host, meets, told

FORWARD = 'nft add table %s fw; nft add chain %s fw f "{ type filter hook %s priority 0; policy %s; }"'
ACCEPTS = '; nft add rule %s fw f ct state established accept'
DROPS_ALL = 'chain f of table inet fw, another program\'s, drops all that is forwarded: no tunnel carries anything [IC4031'
IN_DROPS_ALL = 'chain f of table ip fw, another program\'s, drops all that is for this host: no peer\'s IKE or ESP comes in [IC4031'
HAS_TO_ACCEPT = 'chain f of table inet fw, another program\'s, drops what its rules do not accept: they have to accept what the tunnels carry, both ways [IC4032'
IN_HAS_TO_ACCEPT = 'chain f of table ip fw, another program\'s, drops what its rules do not accept: they have to accept UDP 500 and 4500 and ESP from the peers [IC4032'
TRANSLATES = 'chain p of table ip n, another program\'s, translates before protected flows are bound to their own addresses'
NAT = 'nft add table ip n; nft add chain ip n p "{ type nat hook postrouting priority %d; }"; nft add rule ip n p masquerade'


def fw(family, hook, policy, accepts):
    return FORWARD % (family, family, hook, policy) + (ACCEPTS % family if accepts else '')


# what it is, what somebody has made, what is said; '' nothing of it. And the option that takes it
RULES = [
    ('forward drops all', fw('inet', 'forward', 'drop', False), DROPS_ALL, ''),
    ('forward drops and has rules', fw('inet', 'forward', 'drop', True), HAS_TO_ACCEPT, 'firewall'),
    ('forward accepts', fw('inet', 'forward', 'accept', True), '', ''),
    ('input drops all', fw('ip', 'input', 'drop', False), IN_DROPS_ALL, ''),
    ('input drops and has rules', fw('ip', 'input', 'drop', True), IN_HAS_TO_ACCEPT, 'firewall'),
    ('of the other family', fw('ip6', 'forward', 'drop', False), '', ''),
    ('output drops', fw('inet', 'output', 'drop', True), '', ''),
    ('masquerade as everybody has it', NAT % 100, '', ''),
    ('masquerade before ours', NAT % 80, TRANSLATES, ''),
    ('a chain of NAT without rules', (NAT % 80).rsplit(';', 1)[0], '', ''),
]


def rules():
    with host(applied=False) as h:
        for name, made, says, has in RULES:
            h.node.run('nft', 'flush', 'ruleset')
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
        h.node.run('sh', '-c', fw('inet', 'forward', 'drop', False))
        before = h.node.run('nft', 'list', 'table', 'inet', 'fw').stdout
        h.node.ip('route', 'del', 'default')
        no_way = 'no route of this host leads to 10.2.0.0: what this line protects has nowhere to go [IC4033'
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
        meets(p, 1, 'net.ipv4.ip_forward = 1, was 0', 'net.ipv4.conf.eth2.rp_filter = 2, was 1')
        assert 'IC4027' not in p.stderr and 'IC4034' not in p.stderr, told(p)
        assert (setting(h, 'ip_forward'), setting(h, 'conf/eth2/rp_filter')) == ('0', '1'), 'plan has set something'
        meets(h.ioscc('apply', '--set-up-host', h.file), 0, 'net.ipv4.ip_forward is 1 now, was 0.', 'net.ipv4.conf.eth2.rp_filter is 2 now, was 1.', 'Applied.')
        assert (setting(h, 'ip_forward'), setting(h, 'conf/eth2/rp_filter')) == ('1', '2')
        p = h.ioscc('apply', '--set-up-host', h.file)
        meets(p, 0)
        assert 'is 1 now' not in p.stdout
        meets(h.ioscc('status'), 0)
        meets(h.ioscc('remove'), 0, 'net.ipv4.ip_forward is 0 again.', 'net.ipv4.conf.eth2.rp_filter is 1 again.')
        assert (setting(h, 'ip_forward'), setting(h, 'conf/eth2/rp_filter')) == ('0', '1')
        assert 'again' not in h.ioscc('remove').stdout


def set_up_and_others():
    """what somebody has set otherwise since stays; a setting that cannot be set is said, and nothing is called applied for it"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('apply', '--set-up-host', h.file), 0, 'net.ipv4.ip_forward is 1 now')
        h.node.sysctl('net/ipv4/ip_forward', 0)
        meets(h.ioscc('remove'), 0, 'net.ipv4.ip_forward is not what ioscc had set any more: it stays.')
        read_only = ['unshare', '-m', 'sh', '-c', 'mount -o bind,ro /proc/sys /proc/sys && exec "$@"', 'sh']
        p = h.ioscc('apply', '--set-up-host', h.file, before=read_only)
        meets(p, 3, 'net.ipv4.ip_forward cannot be set to 1: Read-only file system')
        assert 'Applied.' not in p.stdout, told(p)


def set_up_by_the_daemon():
    """run sets it too, and says it in its log"""
    with host(applied=False) as h:
        h.node.sysctl('net/ipv4/ip_forward', 0)
        with h.node.inside(), open(h.dir + '/log', 'w') as log:
            p = evening.subprocess.Popen([evening.IOSCC, 'run', '--set-up-host', '--state-dir', h.state, h.file], stdout=log, stderr=log, env=evening.ENV)
        h.daemons.append(p)
        wait_for(lambda: open(h.dir + '/log').read(), lambda: setting(h, 'ip_forward') == '1')
        wait_for('it runs', lambda: os.path.exists(h.state + '/control.sock'))
        p.terminate()
        p.wait(lab.BOUND)
        meets(h.ioscc('remove'), 0, 'net.ipv4.ip_forward is 0 again.')


def tests():
    for f in (rules, each_command, no_route_to_a_peer, reverse_path, redirects, no_daemon, set_up, set_up_and_others, set_up_by_the_daemon):
        yield 'netns: host: ' + f.__name__.replace('_', ' '), f
