# SPDX-License-Identifier: GPL-3.0-or-later
"""D6: from early boot on nothing is forwarded until the policies stand. The units' order, and the commands that they run."""
import configparser, os, re, shutil, subprocess, sys, tempfile

sys.path[:0] = ['tests/netns']
import lab, test_processes as processes

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
        assert u['Unit']['ConditionPathExists'] == early['Unit']['ConditionPathExists'], name


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


def tests():
    yield 'netns: boot: order of the units', order
    yield 'netns: boot: systemd reads them', verified
    yield 'netns: boot: nothing is forwarded before', closed


if __name__ == '__main__':
    for name, f in tests():
        f()
        print('ok', name)
