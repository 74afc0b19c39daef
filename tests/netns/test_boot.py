# SPDX-License-Identifier: GPL-3.0-or-later
"""D6: from early boot on nothing is forwarded until the policies stand. The units' order, and the commands that they run."""
import configparser, itertools, os, re, shutil, subprocess, sys, tempfile, time

sys.path[:0] = ['tests/netns']
import lab, test_closed as world, test_processes as processes

UNITS = os.environ.get('IOSCC_UNITS', 'packaging/systemd') + '/'  # tests/attack/mutants.py has its own


def unit(name):
    """what it says, and its keys: one that stands twice is one line"""
    c = configparser.ConfigParser(strict=False, interpolation=None)
    c.optionxform = str
    c.read(UNITS + name)
    return c


def order():
    """the early one is before any network, needs no other, and is enabled with either of the others, which open again only
    when they have applied"""
    early = unit('ioscc-early.service')
    assert 'network-pre.target' in early['Unit']['Before'].split() and early['Unit']['Wants'] == 'network-pre.target' and early['Unit']['DefaultDependencies'] == 'no'
    assert not re.search('network|target', early['Unit']['After'].replace('local-fs.target', '')), early['Unit']['After']
    assert early['Install']['WantedBy'] == 'sysinit.target'
    table = re.search(r'^delete table (\S+ \S+)$', open(UNITS + 'early.nft').read(), re.M)[1]
    for name in ('ioscc-apply.service', 'ioscc-ike.service'):
        u = unit(name)
        assert u['Install']['Also'] == 'ioscc-early.service' and 'ioscc-early.service' in u['Unit']['After'].split(), name
        assert u['Service']['ExecStartPost'] == '-/usr/sbin/nft delete table ' + table, name
        assert u['Service']['Type'] in ('oneshot', 'notify'), 'its ExecStartPost would not wait for it'
        assert not any(k.startswith('Condition') for k in {**u['Unit'], **early['Unit']}), 'a file that is missing opens the host'


def verified():
    """systemd's own reading"""
    if not shutil.which('systemd-analyze'):
        raise processes.Unavailable('systemd-analyze is not here')
    with tempfile.TemporaryDirectory() as d:
        for name in ('ioscc-early.service', 'ioscc-apply.service', 'ioscc-ike.service'):
            text = open(UNITS + name).read().replace('/usr/local/bin/ioscc', '/bin/true').replace('man:ioscc(1)', 'https://example.org/')
            open('%s/%s' % (d, name), 'w').write(text)
        p = subprocess.run(['systemd-analyze', 'verify', '--man=no', *['%s/%s' % (d, n) for n in sorted(os.listdir(d))]], capture_output=True, text=True)
    said = [x for x in p.stderr.splitlines() if 'ioscc-' in x]
    assert not said, '\n'.join(said)


def closed():
    """loaded, loaded twice, taken away: what is forwarded, and that what is ours to send is not touched"""
    early = unit('ioscc-early.service')['Service']
    load = early['ExecStart'].replace('/usr/local/lib/ioscc/', os.path.abspath(UNITS) + '/').split()
    opens = unit('ioscc-ike.service')['Service']['ExecStartPost'].lstrip('-').split()
    with lab.Lab() as l:
        a, r, b = l.node('a'), l.node('r'), l.node('b')
        l.link(a, 'eth0', r, 'in0')
        l.link(r, 'out0', b, 'eth0')
        for n, dev, addr, via in ((a, 'eth0', '10.1.0.9/24', '10.1.0.1'), (r, 'in0', '10.1.0.1/24', None), (r, 'out0', '10.2.0.1/24', None), (b, 'eth0', '10.2.0.9/24', '10.2.0.1')):
            n.ip('addr', 'add', addr, 'dev', dev)
            if via:
                n.ip('route', 'add', 'default', 'via', via)
        r.sysctl('net/ipv4/ip_forward', 1)

        def passes():
            return a.run('ping', '-c', '1', '-W', '1', '10.2.0.9', ok=False).returncode == 0
        lab.wait_for('the control: it is forwarded', passes)
        for _ in range(2):
            r.run(*load)
            assert not passes() and r.run('ping', '-c', '1', '-W', '5', '10.2.0.9', ok=False).returncode == 0
        r.run(*opens)
        lab.wait_for('it is forwarded again', passes)


# Units of Debian that a boot has beside ours, as far as their order goes (systemd.special(7): network-pre.target is before
# any interface is configured). What `network` sets up, addresses and forwarding, may come long after it has begun.
OTHERS = {'nftables.service': {'Before': 'network-pre.target'}, 'network': {'After': 'network-pre.target'}}
POWER_ON = 'ip addr flush dev eth0; ip addr flush dev eth1; echo 0 > /proc/sys/net/ipv4/ip_forward'
NETWORK = ('ip addr add 192.0.2.1/24 dev eth0; ip addr add 10.1.0.1/16 dev eth1; ip route add default via 192.0.2.2; echo 1 > /proc/sys/net/ipv4/ip_forward; '
           'isp: ip route replace 10.1.0.0/16 via 192.0.2.1')
FIREWALL = 'nft flush ruleset; nft add table inet filter; nft add chain inet filter forward "{ type filter hook forward priority 0; }"'


def after(names):
    """a -> all that is before it, by what the units say; targets are steps that do nothing"""
    said = {n: OTHERS[n] if n in OTHERS else unit(n)['Unit'] for n in names}
    before = {}
    for n, u in said.items():
        for x in u.get('After', '').split():
            before.setdefault(n, set()).add(x)
        for x in u.get('Before', '').split():
            before.setdefault(x, set()).add(n)

    def all_before(n, seen=()):
        return {y for x in before.get(n, ()) if x not in seen for y in {x} | all_before(x, (*seen, x))}
    return {n: all_before(n) & set(names) for n in names}


def orders(names):
    """each in which these units may be started"""
    before = after(names)
    return [p for p in itertools.permutations(names) if all(p.index(x) < p.index(n) for n in names for x in before[n])]


def command(text):
    for a, b in (('/usr/local/bin/ioscc', '$IOSCC'), ('status --kernel', 'status --kernel --state-dir $STATE'), ('$IOSCC_OPTIONS', '$OPTIONS'), ('/etc/ioscc/router.cfg', '$FILE'), ('/usr/local/lib/ioscc/', os.path.abspath(UNITS) + '/')):
        text = text.replace(a, b)
    return text.lstrip('-')


def start(w, name):
    """as systemd does it: what follows ExecStart, once it has done its work; True if it has"""
    if name in OTHERS:
        w.shell(NETWORK if name == 'network' else FIREWALL)
        return True
    s = unit(name)['Service']
    run = command(s['ExecStart'])
    if w.missing:
        run = run.replace('$FILE', '$FILE.missing')
    if s['Type'] == 'notify':
        run += ' > $FILE.log 2>&1 & echo $! > $FILE.pid; for i in $(seq 200); do [ -S $STATE/control.sock ] && exit 0; kill -0 $(cat $FILE.pid) || exit 1; sleep 0.1; done; exit 1'
    done = w.shell(run + '; echo status $?' if s['Type'] != 'notify' else '(%s); echo status $?' % run, ok=False)
    if 'status 0' not in done:
        w.shell('export SERVICE_RESULT=exit-code; ' + command(s['ExecStopPost']), ok=False)
        return False
    if 'ExecStartPost' in s:
        w.shell(command(s['ExecStartPost']), ok=False)
    return True


def end(w, name):
    """as systemd does it: ExecStop, then SIGTERM to the main process"""
    s = unit(name)['Service']
    if 'ExecStop' in s:
        w.shell(command(s['ExecStop']) + ' --state-dir $STATE', ok=False)
    if s['Type'] == 'notify':
        w.shell('kill $(cat $FILE.pid); for i in $(seq 200); do kill -0 $(cat $FILE.pid) || exit 0; sleep 0.1; done; exit 1', ok=False)


def boot(order, config=world.CONFIG, works=True, to_end=()):
    """one host that starts its units in this order, and ends those while the network is still up; others send through it
    all the time"""
    with lab.Lab() as l:
        w = world.World(l, config)
        try:
            w.flows()
            lab.wait_for('the control: protected packets pass without walls', lambda: w.leaks)
            w.shell(POWER_ON)
            time.sleep(0.1)  # what was on its way
            w.leaks.clear()
            for name in order:
                assert start(w, name) or not works, name
                time.sleep(0.1)  # a boot is slower; packets have to have a chance
            for name in to_end:
                end(w, name)
                time.sleep(world.QUIET_S)
            if works:
                w.flows()
            else:
                before = w.clear
                time.sleep(world.QUIET_S)
                assert w.clear == before, 'what cannot be applied is open'
            return list(w.leaks)
        finally:
            w.end()


def permutations():
    """every order that the units allow: nothing that is protected leaves in the clear, and what is clear flows in the end"""
    for last in ('ioscc-apply.service', 'ioscc-ike.service'):
        for names in (('ioscc-early.service', 'network', last), ('ioscc-early.service', 'nftables.service', 'network', last)):
            all_orders = orders(names)
            assert len(all_orders) > 1, 'the network may be late: %s' % (all_orders,)
            for order in all_orders:
                leaks = boot(order)
                assert not leaks, '%s: %d in the clear, the first: %s' % (' - '.join(order), len(leaks), leaks[0])


def halts():
    """a unit that is ended while the network is up: what is protected waits, it does not leave in the clear"""
    for last in ('ioscc-apply.service', 'ioscc-ike.service'):
        leaks = boot(('ioscc-early.service', 'network', last), to_end=(last,))
        assert not leaks, '%s ended: %d in the clear, the first: %s' % (last, len(leaks), leaks[0])


def stays_closed():
    """what cannot be applied opens nothing"""
    for last in ('ioscc-apply.service', 'ioscc-ike.service'):
        assert not boot(('ioscc-early.service', 'network', last), world.CONFIG.replace('crypto map M 10', 'crypto gdoi group G\ncrypto map M 10 gdoi\n set group G\ncrypto map M 10'), works=False)
        assert unit(last)['Unit'].get('StartLimitIntervalSec') == '0' and unit(last)['Service']['Restart'] == 'on-failure', 'it is not tried again for ever'


def flushed():
    """nothing is applied, for the interfaces are others or the file is missing: rules that somebody flushes are made again by the
    next try, as the unit makes it"""
    for last in ('ioscc-apply.service', 'ioscc-ike.service'):
        for missing in (False, True):
            with lab.Lab() as l:
                w = world.World(l, world.CONFIG)
                w.missing = missing
                try:
                    w.flows()
                    if not missing:
                        w.shell('ip addr flush dev eth0; ip addr add 192.0.2.1/24 dev eth1')
                    w.shell(command(unit('ioscc-early.service')['Service']['ExecStart']) + '; nft flush ruleset')
                    assert not start(w, last), 'it was to fail'
                    w.shell('nft list table inet ioscc_early')
                finally:
                    w.end()


def without():
    """the control: without the early one it leaks in the order in which the network is first"""
    assert boot(('network', 'ioscc-apply.service')), 'nothing was sent'


def tests():
    yield 'netns: boot: each order of the units', permutations
    yield 'netns: boot: without the early unit it leaks', without
    yield 'netns: boot: what is ended opens nothing', halts
    yield 'netns: boot: what is flushed is closed again', flushed
    yield 'netns: boot: what cannot be applied stays closed', stays_closed
    yield 'netns: boot: order of the units', order
    yield 'netns: boot: systemd reads them', verified
    yield 'netns: boot: nothing is forwarded before', closed


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
