# SPDX-License-Identifier: GPL-3.0-or-later
"""How apply behaves: nothing half done, nothing of others touched, back by itself, killed at any moment."""
import errno, fcntl, json, os, random, re, shutil, signal, subprocess, sys, threading, time

import lab
from lab import Lab, drain, frame, ip_packet, mac, parse, wait_for
from test_policies import IOSCC, PAIR, Router, need


def many(tunnels, extra=''):
    """a hub: one entry and list for each spoke"""
    out = ['hostname hub', 'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac', ' mode tunnel']
    for i in range(tunnels):
        out += ['crypto map M %d ipsec-isakmp' % (i + 1), ' set peer 203.0.%d.%d' % (i >> 8, i & 255), ' set transform-set T', ' match address A%d' % i]
    out += ['interface GigabitEthernet0/0', ' ip address 198.51.100.2 255.255.255.0', ' crypto map M']
    for i in range(tunnels):
        out += ['ip access-list extended A%d' % i, ' permit ip 10.2.0.0 0.0.255.255 10.%d.%d.0 0.0.0.255' % (64 + (i >> 8), i & 255)]
    return '\n'.join(out) + '\n' + extra + 'end\n'


def write(r, name, text):
    p = os.path.join(r.dir, name)
    open(p, 'w').write(text)
    return p


def held(r):
    """what packets meet: whatever the generation of the names, and in whichever order sets and chains were made"""
    policies = sorted(x for x in r.node.ip('xfrm', 'policy').split('\nsrc') if 'socket' not in x)
    rules = r.node.run('nft', 'list', 'ruleset').stdout
    rules = re.sub(r'packets \d+ bytes \d+|applied by state [0-9a-f]{16}', '', re.sub(r'\bb_', '', rules))
    return policies, '\n'.join(sorted(x.strip() for x in re.split(r'\n(?=\t[a-z]|})', rules))), r.node.ip('xfrm', 'state')


def edits():
    """a change touches what changed: counters and the other policies stay"""
    with Lab() as l:
        r = Router(l)
        r.ioscc('apply', write(r, 'a.cfg', many(50)))
        p = r.ioscc('apply', write(r, 'b.cfg', many(51)))
        need('Plan: 3 policies to add, 0 to change, 0 to remove, 150 stay' in p.stdout, p.stdout)
        text = many(51).replace('crypto map M 7 ipsec-isakmp\n set peer 203.0.0.6\n', 'crypto map M 7 ipsec-isakmp\n set peer 203.0.9.9\n')
        p = r.ioscc('apply', write(r, 'c.cfg', text))
        need('Plan: 0 policies to add, 3 to change, 0 to remove, 150 stay' in p.stdout, p.stdout)
        text = text.replace('ip access-list extended A9\n', 'ip access-list extended A9\n deny ip host 10.2.0.7 10.64.9.0 0.0.0.255\n permit ip 10.0.0.0 0.0.0.255 10.64.9.0 0.0.0.255\n')
        p = r.ioscc('apply', write(r, 'd.cfg', text))
        need('6 policies to add, 0 to change, 0 to remove, 153 stay' in p.stdout, p.stdout)
        need('Nothing to change' in r.ioscc('apply', write(r, 'd.cfg', text)).stdout, 'again')
        r.ioscc('rollback')
        p = r.ioscc('plan', write(r, 'c.cfg', text), ok=(1,))
        need('6 policies to add' in p.stdout, p.stdout)


def consent_by_addresses():
    """much less is asked about, by addresses and ports and not by the number of policies; an edit is not"""
    wide = many(1)
    one = wide.replace('10.64.0.0 0.0.0.255', '10.64.0.0 0.0.255.255')
    eight = ''.join(' permit ip 10.2.0.0 0.0.255.255 10.64.%d.0 0.0.31.255\n' % (32 * i) for i in range(8))
    pieces = one.replace(' permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255\n', eight)
    half = many(2).replace('match address A1\n', 'match address A9\n')
    rows = (
        # before, after, is asked
        ('a wildcard that is narrower', one, wide, True),
        ('a wildcard that is wider', wide, one, False),
        ('other networks', one, one.replace('10.64.0.0', '10.80.0.0'), False),
        ('eight lines become one', pieces, one, False),
        ('one line becomes eight', one, pieces, False),
        ('eight lines become three', pieces, one.replace(' permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255\n', eight[:len(eight) // 8 * 3]), True),
        ('an entry that was blocked is corrected', one.replace('match address A0', 'match address A9'), one, False),
        ('another network, beside an entry that is blocked', half, half.replace('10.64.0.0', '10.80.0.0'), False),
        ('what works goes, what is blocked stays', half, half.replace(' match address A0\n', ' match address A8\n'), True),
        ('ip becomes tcp and udp', one, one.replace(' permit ip', ' permit tcp 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255\n permit udp'), False),
        ('ip becomes one port', one, one.replace('permit ip', 'permit tcp').replace('255.255\ncrypto', '255.255 eq 443\ncrypto').replace('0.0.255.255\nend', '0.0.255.255 eq 443\nend'), True),
        ('a deny of half of it', one, one.replace(' permit ip', ' deny ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.127.255\n permit ip'), False),
        ('a deny of nearly all of it', one, one.replace(' permit ip', ' deny ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.127.255\n deny ip 10.2.0.0 0.0.255.255 10.64.128.0 0.0.63.255\n permit ip'), True),
    )
    for name, before, after, asked in rows:
        need(before != after, name)
        with Lab() as l:
            r = Router(l)
            r.ioscc('apply', '--allow-partial', write(r, 'a.cfg', before))
            p = r.ioscc('apply', '--allow-partial', write(r, 'b.cfg', after), ok=(1,) if asked else (0,))
            need(('protects less than half of what stands' in p.stderr) == asked, '%s: %s' % (name, p.stdout + p.stderr))


def deny_in_the_middle(entries=1000 if lab.QUICK else 10000):
    """E28: one more deny in an entry in the middle of many touches a handful of policies; so does taking it out"""
    def touched(p):
        return sum(int(n) for n in re.search(r'Plan: (\d+) policies to add, (\d+) to change, (\d+) to remove', p.stdout).groups())
    with Lab() as l:
        r = Router(l)
        text = many(entries)
        with_deny = text.replace('ip access-list extended A501\n', 'ip access-list extended A501\n deny ip host 10.2.0.7 10.65.245.0 0.0.0.255\n')
        need(with_deny != text, 'no such list')
        r.ioscc('apply', write(r, 'a.cfg', text))
        for name, t in (('b.cfg', with_deny), ('a.cfg', text)):
            p = r.ioscc('apply', write(r, name, t))
            need(0 < touched(p) <= 100, p.stdout[-400:])
        need('Nothing to change' in r.ioscc('plan', write(r, 'a.cfg', text)).stdout, 'again')


def drift():
    """status sees what somebody changed, and apply puts it right"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        r.ioscc('status')
        for damage in (('ip', 'xfrm', 'policy', 'delete', 'src', '10.1.0.0/16', 'dst', '10.2.0.0/24', 'dir', 'fwd'),
                       ('nft', 'delete element inet ioscc peers0 { 192.0.2.1 . 198.51.100.2 }'),
                       ('nft', 'add rule inet ioscc clear0 accept'), ('nft', 'insert rule inet ioscc prerouting accept'),
                       ('nft', 'flush chain inet ioscc input'), ('nft', 'add table inet ioscc { flags dormant; }'), ('nft', 'delete table inet ioscc')):
            r.node.run(*damage)
            p = r.ioscc('status', ok=(1,))
            need('Not in sync' in p.stdout, p.stdout)
            r.ioscc('apply', PAIR)
            r.ioscc('status')


def refusals():
    """unmapped interfaces, unknown devices, what cannot be carried, objects of others: nothing is touched"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        empty = held(r)
        elsewhere = open(PAIR).read().replace('198.51.100.2', '198.51.100.77').replace('10.2.0.1 ', '10.2.0.77 ')
        p = r.ioscc('apply', write(r, 'elsewhere.cfg', elsewhere), ok=(1,))
        need('IC4001' in p.stderr and '--interface-map GigabitEthernet0/0=DEVICE' in p.stderr, p.stderr)
        p = r.ioscc('apply', '-m', 'Gi0/0=nosuch0', PAIR, ok=(2,))
        need("no interface 'nosuch0'" in p.stderr, p.stderr)
        p = r.ioscc('apply', '-m', 'Gi9/9=eth0', PAIR, ok=(2,))
        need('the router has no interface' in p.stderr, p.stderr)
        seal = open(PAIR).read().replace('esp-aes 256 esp-sha256-hmac', 'esp-seal esp-sha-hmac')
        p = r.ioscc('apply', write(r, 'seal.cfg', seal), ok=(1,))
        need('IC4004' in p.stderr and 'SEAL' in p.stderr, p.stderr)
        need(held(r) == empty, 'something was touched')
        r.ioscc('apply', '--allow-partial', write(r, 'seal.cfg', seal))  # its traffic is then blocked
        need('action block' in r.node.ip('xfrm', 'policy'), 'not blocked')
        r.ioscc('remove')
        r.node.ip('xfrm', 'policy', 'add', 'src', '10.1.0.0/16', 'dst', '10.2.0.0/24', 'dir', 'in', 'priority', '7', 'tmpl', 'src', '9.9.9.9', 'dst', '198.51.100.2', 'proto', 'esp', 'mode', 'tunnel')
        before = held(r)
        p = r.ioscc('apply', PAIR, ok=(1,))
        need('somebody else' in p.stdout, p.stdout)
        need(held(r) == before, 'something was touched')


def no_privilege():
    """without CAP_NET_ADMIN the error says so, and nothing is left behind"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        p = r.node.run('setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', IOSCC, 'apply', '--state-dir', r.dir + '/s', PAIR, ok=False)
        need(p.returncode == 3 and 'CAP_NET_ADMIN' in p.stderr, p.stderr)
        need(not [x for x in held(r)[0] if x.strip()], 'something was made')


def as_nobody():
    """E13: who may not is told what to do; the state is not called damaged"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        os.chmod(r.dir, 0o755)
        before = held(r)
        path = write(r, 'a.cfg', open(PAIR).read())
        for words in (['plan', path], ['status'], ['show', 'crypto', 'map'], ['apply', path], ['remove'], ['rollback'], ['confirm'], ['run', path], ['clear', 'crypto', 'sa'], ['metrics'], ['reload', path]):
            p = r.node.run('setpriv', '--reuid', '65534', '--clear-groups', IOSCC, *words, '--state-dir', r.dir + '/state', ok=False)
            want = '(or you are not root)' if words[0] == 'reload' else '(run it as root)'
            need(p.returncode == 3 and p.stderr.strip().endswith(want) and 'damaged' not in p.stderr, lambda: '%s: %d %s' % (words, p.returncode, p.stderr))
        need(held(r) == before, 'something was touched')


def table_of_our_name():
    """E30: a table of our name that somebody else has made is his; ours is known by its comment, without any state too; who
    may do all is not sent for more privileges"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.node.run('nft', 'add table inet ioscc; add chain inet ioscc mine; add rule inet ioscc mine counter')
        before = held(r)
        for words, code in ((['plan', PAIR], 2), (['apply', PAIR], 1)):  # refused, as the manual has it
            p = r.ioscc(*words, ok=(code,))
            need('table inet ioscc exists and was not made by ioscc: nothing is touched' in p.stderr, p.stderr)
        r.ioscc('status')
        r.ioscc('remove')
        need(held(r) == before, 'something was touched')
        r.node.run('nft', 'delete table inet ioscc')
        r.ioscc('apply', PAIR)
        r.node.run('rm', '-r', r.dir + '/state')
        p = r.ioscc('apply', PAIR)
        need(re.search(r'applied by the state of another directory, or by one that is lost\n  ~ chains: 1 to change\n  ~ rules: 1 to add, 1 to remove\nPlan: 0 policies to add, 0 to change, 0 to remove', p.stdout), 'ours is not known again: ' + p.stdout)
        need('Nothing to change' in r.ioscc('apply', PAIR).stdout, 'nor a second time')
        saved = r.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout
        r.node.run('nft', 'flush ruleset; ' + saved)
        r.node.run('rm', '-r', r.dir + '/state')
        r.ioscc('apply', PAIR)  # saved and loaded again by an admin it is ours yet
        r.ioscc('remove')
        r.node.run('nft', '-f', '-', input=r.node.run(IOSCC, 'compile', '--to', 'nftables', '-m', 'Gi0/0=eth0,Gi0/1=eth1', PAIR).stdout)
        r.ioscc('apply', PAIR)
        r.ioscc('remove')
        with r.node.inside():
            owner = subprocess.Popen(['nft', '-i'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            owner.stdin.write('add table inet ioscc { flags owner; comment "made by ioscc"; }\n')
            owner.stdin.flush()
            wait_for('his table', lambda: 'table inet ioscc' in r.node.run('nft', 'list', 'tables').stdout)
            p = r.ioscc('apply', PAIR, ok=(1, 3))
            need('another program holds it for itself alone' in p.stderr and 'as root' not in p.stderr, p.stderr)
        finally:
            owner.stdin.close()
            owner.wait()


def exit_statuses():
    """EXIT STATUS of the manual, row by row"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        text = open(PAIR).read()
        good, other = write(r, 'a.cfg', text), write(r, 'b.cfg', text.replace('192.0.2.1', '192.0.2.77'))
        refused = write(r, 'c.cfg', text.replace('match address TO-HQ', 'match address TO-NOBODY'))
        drift = lambda: r.node.run('nft', 'flush', 'chain', 'inet', 'ioscc', 'guard')
        lost = lambda: (r.node.ip('addr', 'replace', '198.51.100.3/32', 'dev', 'eth0'), r.node.ip('addr', 'del', '198.51.100.2/30', 'dev', 'eth0'))
        named = ['-m', 'GigabitEthernet0/0=eth0,GigabitEthernet0/1=eth1']
        found = lambda: r.node.ip('addr', 'add', '198.51.100.2/30', 'dev', 'eth0')
        for status, words, before in ((2, ['rollback'], None), (1, ['plan', good], None), (0, ['apply', good], None), (0, ['plan', good], None), (0, ['status'], None), (1, ['plan', other], None), (2, ['plan', refused], None),
                                      (1, ['apply', refused], None), (2, ['apply', 'no-such-file'], None), (2, ['apply'], None), (1, ['status'], drift), (0, ['apply', good], None), (1, ['confirm'], None),
                                      (1, ['status'], lost), (1, ['apply', good], None), (0, ['apply', good], found), (0, ['status'], None),
                                      (0, ['apply', *named, good], lost), (1, ['status'], None), (0, ['apply', *named, good], found), (0, ['status'], None),
                                      (3, ['reload', good], None), (3, ['show', 'crypto', 'session'], None), (3, ['initiate'], None), (1, ['clear', 'crypto', 'sa', 'entry', '192.0.2.1', 'esp', '0x1234'], None), (0, ['remove'], None), (0, ['status'], None)):
            if before:
                before()
            p = r.ioscc(*words, ok=range(4))
            need(p.returncode == status, lambda: '%s: %d, not %d\n%s%s' % (words, p.returncode, status, p.stdout, p.stderr))


def rollback_by_another_link():
    """the link has got another name meanwhile: rollback takes an interface map too"""
    with Lab() as l:
        r = Router(l)
        named = ['-m', 'GigabitEthernet0/0=eth0']
        a, b = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5))
        r.ioscc('apply', *named, a)
        r.ioscc('apply', *named, b)
        r.node.ip('link', 'set', 'eth0', 'down')
        r.node.ip('link', 'set', 'eth0', 'name', 'wan0')
        r.node.ip('link', 'set', 'wan0', 'up')
        p = r.ioscc('rollback', ok=(2,))
        need("this host has no interface 'eth0': nothing is touched" in p.stderr, p.stderr)
        need('Back to' in r.ioscc('rollback', '-m', 'GigabitEthernet0/0=wan0').stdout and 'a.cfg' in r.ioscc('status', ok=(0, 1)).stdout, 'back')
        need('dev wan0' in r.node.ip('xfrm', 'policy'), 'by the link of now')


def confirm_after_a_restart():
    """what waits to be confirmed when the host starts again, with a state directory that survives that, is late"""
    with Lab() as l:
        r = Router(l)
        r.ioscc('apply', write(r, 'a.cfg', many(3)))
        r.ioscc('apply', '--confirm', '3600', write(r, 'b.cfg', many(5)))
        for pid in watchers(r):
            os.kill(int(pid), signal.SIGKILL)
        need("Waits for 'ioscc confirm'" in r.ioscc('status').stdout, 'it waits')
        path = os.path.join(r.dir, 'state', 'state.json')
        state = json.load(open(path))
        need(state['boot'] > 0, state)
        state['boot'] ^= 1
        json.dump(state, open(path, 'w'))
        need('Not confirmed in time' in r.ioscc('status', ok=(1,)).stdout, 'after a restart')
        r.ioscc('rollback')
        r.ioscc('status')


def early_table():
    """nothing is applied, and the table of early boot lets nothing pass: status says so"""
    with Lab() as l:
        r = Router(l)
        r.node.run('nft', '-f', 'packaging/systemd/early.nft')
        p = r.ioscc('status', ok=(1,))
        need('Nothing is applied.\nThe table of early boot (inet ioscc_early) stands: nothing is forwarded.' in p.stdout, p.stdout)
        r.ioscc('apply', write(r, 'a.cfg', many(3)))
        for command, code, says in (('status', 1, 'stands: nothing is forwarded.'), ('metrics', 0, 'ioscc_in_sync 0')):
            need(says in r.ioscc(command, ok=(code,)).stdout, command)
        r.node.run('nft', 'delete table inet ioscc_early')
        need('early' not in r.ioscc('status').stdout and 'ioscc_in_sync 1' in r.ioscc('metrics').stdout, 'without it')


def nobody_listens():
    """standard input, output and error are closed by who starts it: no process is left behind"""
    with Lab() as l:
        r = Router(l)
        path = write(r, 'a.cfg', many(3))
        for command in ('plan', 'apply', 'status', 'remove'):
            file = path if command in ('plan', 'apply') else ''
            r.node.run('sh', '-c', '%s %s --state-dir %s/state %s 0<&- 1>&- 2>&-' % (IOSCC, command, r.dir, file), ok=False)
        r.node.run('sh', '-c', '%s apply --state-dir %s/state %s 2>&-; %s plan --state-dir %s/state %s 2>&-' % (IOSCC, r.dir, path, IOSCC, r.dir, path), ok=False)
        left = subprocess.run(['pgrep', '-f', r.dir], capture_output=True, text=True).stdout.split()
        need(not left, left)


def state_directory_of_everybody():
    """a directory that everybody can write to is not believed, and every command says so"""
    with Lab() as l:
        r = Router(l)
        path = write(r, 'a.cfg', many(3))
        os.makedirs(os.path.join(r.dir, 'state'))
        os.chmod(os.path.join(r.dir, 'state'), 0o1777)
        for words in (['status'], ['metrics'], ['plan', path], ['apply', path], ['run', path], ['rollback'], ['remove']):
            p = r.ioscc(*words, ok=(3,))
            need('nobody else may write to it (chmod go-w): Operation not permitted' in p.stderr, '%s: %s' % (words, p.stderr))


def daemon_that_has_run():
    """a daemon has run here, and all was removed since: nobody misses it"""
    with Lab() as l:
        r = Router(l)
        path = write(r, 'a.cfg', many(3))
        r.ioscc('apply', path)
        write(r, 'state/daemon.lock', '4194305 1 %s\n' % path)  # as one that has ended leaves it
        need('The IKE daemon has ended' in r.ioscc('status', ok=(1,)).stdout, 'it has ended')
        r.ioscc('remove')
        r.ioscc('apply', path)
        need('No IKE daemon runs' in r.ioscc('status').stdout, 'it is missed')


def nat_by_a_route_map():
    """B7: a route map that is not defined is no reason to translate nothing"""
    with Lab() as l:
        r = Router(l)
        text = many(1).replace('interface GigabitEthernet0/0\n', 'ip nat inside source route-map NOPE interface GigabitEthernet0/0 overload\ninterface GigabitEthernet0/1\n ip address 10.2.0.1 255.255.255.0\n ip nat inside\ninterface GigabitEthernet0/0\n ip nat outside\n')
        p = r.ioscc('apply', '-m', 'Gi0/0=eth0,Gi0/1=eth1', write(r, 'a.cfg', text), ok=(1,))
        need(re.search(r'its route map does not exist.*\[IC4016', p.stderr), p.stderr)


def watchdog_killed():
    """E11: who should have gone back was killed: status says so and is 1, and rollback goes back"""
    with Lab() as l:
        r = Router(l)
        a, b = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5))
        r.ioscc('apply', a)
        before = held(r)
        r.ioscc('apply', '--confirm', '30', b)
        for pid in watchers(r):
            os.kill(int(pid), signal.SIGKILL)
        state = os.path.join(r.dir, 'state', 'state.json')
        text = open(state).read()
        need('"confirm_by": ' in text, text[:500])
        write(r, 'state/state.json', re.sub(r'"confirm_by": \d+', '"confirm_by": %d' % (time.time() - 5), re.sub(r'"confirm_boot": \d+', '"confirm_boot": 1', text)))  # its time is over
        p = r.ioscc('status', ok=(1,))
        need('Not confirmed in time, should have gone back at' in p.stdout, p.stdout)
        r.ioscc('rollback')
        need(held(r) == before and 'confirmed' not in r.ioscc('status').stdout, 'not back')


def shut_interface():
    """E37: what a shut interface would protect is nothing: it needs no device, and stops nothing"""
    with Lab() as l:
        r = Router(l)
        text = many(3)
        r.ioscc('apply', write(r, 'a.cfg', text))
        before = held(r)
        shut = text.replace('ip access-list', 'interface GigabitEthernet0/7\n ip address 203.0.114.1 255.255.255.0\n shutdown\n crypto map M\nip access-list', 1)
        need('Nothing to change' in r.ioscc('apply', write(r, 'b.cfg', shut)).stdout and held(r) == before, 'something changed')
        r.ioscc('apply', write(r, 'c.cfg', shut.replace(' shutdown\n', '')), ok=(1,))


# the list's line, the host's routes, what is said: the interface that the network is routed by, or nothing
ROUTES = [
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', [], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 via 10.9.0.2'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.0.0.0/8 dev eth2'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/24 dev eth2'], 'to 10.64.0.1 by eth2'),  # of a part of it
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.77.9/32 via 10.9.0.2'], 'to 10.64.77.9 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/24 via 10.2.0.2'], None),  # the router's inside
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/24 dev eth2 table 77'], None),  # which nobody asks
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE from 10.2.0.0/16 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif eth1 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE from 10.2.0.9 lookup 77'], 'from 10.2.0.9 to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE to 10.64.7.0/24 lookup 77'], 'to 10.64.7.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif eth1 ipproto udp dport 9 lookup 77'], 'to 10.64.0.1 (udp/9) by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif lo lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE not from 10.2.9.0/24 lookup 77'], 'from 10.2.0.2 to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'UNRULE lookup default', 'RULE from 10.2.0.0/16 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE from 10.99.0.0/16 lookup 77'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE to 10.65.0.0/16 lookup 77'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE fwmark 5 lookup 77'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif eth2 lookup 77'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 nexthop dev eth0 nexthop dev eth2'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 nexthop dev eth0 nexthop dev eth0 weight 2'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default via 10.9.0.2', '10.64.0.1/32 dev eth0'], 'to 10.64.0.2 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default via 10.9.0.2', '10.64.0.0/24 dev eth0'], 'to 10.64.1.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default via 10.9.0.2', 'blackhole 10.64.0.1'], 'to 10.64.0.2 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 from 10.2.0.0/30 lookup main', 'RULE pref 20 iif eth1 lookup 77'], 'from 10.2.0.4 to 10.64.0.1 by eth2'),  # one that comes before it is about the first sources
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 from 10.2.0.0/24 blackhole', 'RULE pref 20 from 10.2.0.0/16 lookup 77'], 'from 10.2.1.1 to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 to 10.64.0.0/24 lookup main', 'RULE pref 20 from 10.2.0.0/16 to 10.64.0.0/16 lookup 77'], 'to 10.64.1.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 not from 10.2.5.0/24 lookup main', 'RULE pref 20 lookup 77'], 'from 10.2.5.1 to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 not to 10.64.7.0/24 lookup main', 'RULE pref 20 lookup 77'], 'to 10.64.7.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE not from 10.2.0.0/29 lookup 77'], 'from 10.2.0.8 to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.200.0/24 dev eth2 table 77', 'RULE from 10.2.5.0/24 lookup 77'], 'from 10.2.5.1 to 10.64.200.1 by eth2'),  # a part, and a rule about others than the first sources
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/17 dev eth0 table 77', '10.64.128.0/17 dev eth2 table 77', 'RULE from 10.2.5.9 lookup 77'], 'from 10.2.5.9 to 10.64.128.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE tos 0x10 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 tos 0x10 dev eth2'], 'to 10.64.0.1 by eth2'),
    ('permit tcp 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE ipproto udp lookup 77'], None),
    ('deny ip 10.2.0.0 0.0.255.255 10.64.7.0 0.0.0.255\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.7.0/24 dev eth2'], None),  # which is what the deny is for
    ('deny udp any any\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE ipproto udp lookup 77'], None),
    ('deny ip host 10.2.0.1 any\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif lo lookup 77'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE not fwmark 5 lookup 77'], 'to 10.64.0.1 by eth2'),  # what has no mark
    ('permit ip 10.64.0.0 0.0.255.255 10.0.0.0 0.255.255.255', [], 'to 10.2.0.2 by eth1'),  # exchanged, with a wide own side
    ('permit ip 10.64.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n permit ip 10.2.0.0 0.0.255.255 10.65.0.0 0.0.255.255', [], 'to 10.2.0.2 by eth1'),  # one of two
    ('permit ip 10.64.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n permit ip 10.2.0.0 0.0.255.255 10.0.0.0 0.255.255.255', [], None),  # the second is the other direction of the first
    ('deny ip 10.2.0.0 0.0.254.255 10.64.0.0 0.0.255.255\n deny ip 10.2.255.0 0.0.0.255 any\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 dev eth2'], 'to 10.64.0.1 by eth2'),  # the odd networks
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.5 0.0.255.0', ['10.64.0.0/24 dev eth2'], 'to 10.64.0.5 by eth2'),  # a host of each
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.5 0.0.255.0', ['10.64.0.5/32 dev eth2'], 'to 10.64.0.5 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 any', ['0.0.0.0/1 dev eth2', '128.0.0.0/1 dev eth2'], 'to 0.0.0.1 by eth2'),  # parts, and nothing else
    ('\n '.join(['deny tcp host 10.2.%d.7 host 10.64.%d.7 eq %d' % (i, i, 1000 + 3 * i) for i in range(1, 26)] + ['permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255']), ['default dev eth2 metric 2000'], None),  # never used
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 ipproto udp lookup main', 'RULE pref 11 ipproto tcp lookup main', 'RULE pref 20 from 10.2.0.0/16 lookup 77'], 'to 10.64.0.1 (icmp) by eth2'),
    ('permit gre 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE ipproto udp lookup 77'], None),
    ('permit gre 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE pref 10 ipproto udp lookup main', 'RULE pref 20 from 10.2.0.0/16 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 dev eth0 metric 10', '10.64.0.0/16 metric 100 nexthop dev eth0 nexthop dev eth2'], None),
    ('permit ip any 10.64.0.0 0.0.255.255', ['default dev eth2 table 77', 'RULE iif eth1 lookup 77'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.64.0.0 0.0.255.255 10.2.0.0 0.0.255.255', [], 'to 10.2.0.2 by eth1'),  # source and destination are exchanged
    ('permit ip 10.64.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', [], None),  # both ways
    ('permit ip 10.2.0.0 0.0.255.255 any', ['10.64.0.0/24 via 10.9.0.2'], None),  # a host's management
    ('permit ip 10.2.0.0 0.0.255.255 host 10.64.0.7', ['10.64.0.7/32 dev eth2'], 'to 10.64.0.7 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['unreachable 10.64.0.0/16'], None),
    ('permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.255.255', ['10.64.0.0/16 dev eth2', '10.64.0.0/16 dev eth0 metric 9'], 'to 10.64.0.1 by eth2'),
    ('permit ip 10.2.0.0 0.0.255.255 10.0.0.0 0.255.255.255', [], None),  # the inside networks are a part of it
    ('permit ip 10.2.0.0 0.0.255.255 any', [], None),
    ('permit ip 10.2.0.0 0.0.255.255 any', ['default via 10.9.0.2'], 'to 1.0.0.1 by eth2'),
]


def sentences_of_status():
    """nobody negotiates, the file has been edited, the state is lost: status says so"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        path = write(r, 'r.cfg', open(PAIR).read())
        r.ioscc('apply', path)
        said = r.ioscc('status').stdout
        need(re.search(r"No IKE daemon runs: \d+ crypto map entr(y needs|ies need) it, what they protect waits", said), said)
        need('has been changed since' not in said, said)
        with open(path, 'a') as f:
            f.write('! later\n')
        need(path + ' has been changed since' in r.ioscc('status').stdout, 'that the file is another one is not said')
        os.rename(os.path.join(r.dir, 'state'), os.path.join(r.dir, 'elsewhere'))
        said = r.ioscc('status', ok=(1,)).stdout
        need('and what ioscc has made stands on this host' in said and '  - ' not in said, said)


def idle_host():
    """a host that forwards nothing is said by plan, apply and status, and so is what early boot has left"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        for setting, family in (('net/ipv4/ip_forward', 'IPv4'),):
            need('IC4027' not in r.ioscc('plan', PAIR, ok=(1,)).stderr, 'said of a host that forwards')
            r.node.sysctl(setting, 0)
            p = r.ioscc('plan', PAIR, ok=(1,))
            need('this host forwards no %s packets' % family in p.stderr and '[IC4027' in p.stderr, p.stderr)
            r.node.sysctl(setting, 1)
        r.node.run('nft', '-f', 'packaging/systemd/early.nft')
        r.ioscc('apply', PAIR)
        need('table inet ioscc_early of early boot still drops' in r.ioscc('status', ok=(0, 1)).stderr, 'nothing is said of the table of early boot')


def routed_elsewhere():
    """what the host routes by an interface without a crypto map leaves in the clear: the line is named"""
    text = many(1).replace('ip access-list extended A0\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.0.255\n', 'ip access-list extended A0\n LINE\n')
    need('LINE' in text, text)
    for line, routes, said in ROUTES:
        with Lab() as l:
            r = Router(l)
            r.node.ip('link', 'add', 'eth2', 'type', 'veth', 'peer', 'name', 'x2')
            r.node.ip('link', 'set', 'eth2', 'up')
            r.node.ip('addr', 'add', '10.9.0.1/24', 'dev', 'eth2')
            for route in routes:
                words = route.split()
                what = {'RULE': ('rule', 'add'), 'UNRULE': ('rule', 'del')}.get(words[0])
                r.node.ip(*(what or ('route', 'replace')), *words[1 if what else 0:])
            path = write(r, 'a.cfg', text.replace('LINE', line))
            for command, ok in (('plan', (0, 1)), ('apply', (0,)), ('status', (1 if said else 0,))):
                p = r.ioscc(command, *([path] if command != 'status' else []), ok=ok)
                found = re.search(r'(?m):(\d+):\d+: warning: this host sends (?:what comes )?((?:from \S+ )?to \S+(?: \(\S+\))? by \S+), which has no crypto map: .* \[IC4026', p.stdout + p.stderr)
                here = '%s, %s, %s: %s' % (command, line, routes, p.stdout + p.stderr)
                need((found and found.group(2)) == said, here)
                first = text.split('\n').index(' LINE') + 1
                permits = [first + n for n, l in enumerate(line.split('\n')) if l.strip().startswith('permit')]
                need(not found or int(found.group(1)) in permits, here)


def routed_in_something_else():
    """a route that encapsulates goes past policies and filters, by the map's own interface too"""
    text = many(1).replace('ip access-list extended A0\n permit ip 10.2.0.0 0.0.255.255 10.64.0.0 0.0.0.255\n', 'ip access-list extended A0\n permit ip 10.2.0.0 0.0.255.255 10.80.0.0 0.0.255.255\n')
    with Lab() as l:
        r = Router(l)
        path = write(r, 'a.cfg', text)
        need('IC4026' not in r.ioscc('apply', path).stderr, 'before')
        r.node.ip('-6', 'addr', 'add', '2001:db8::1/64', 'dev', 'eth0', 'nodad')
        r.node.ip('route', 'add', '10.80.0.0/16', 'encap', 'seg6', 'mode', 'encap', 'segs', '2001:db8::2', 'dev', 'eth0')
        for command, ok in (('plan', (0, 1)), ('apply', (0,)), ('status', (1,))):
            p = r.ioscc(command, *([path] if command != 'status' else []), ok=ok)
            need(re.search(r'this host sends to 10.80.0.1 by a route with an encapsulation, .* \[IC4026', p.stdout + p.stderr), command + ': ' + p.stdout + p.stderr)


def no_buffers():
    """the kernel has no room for a message (ENOBUFS), whichever it is: a sentence, and everything is as before"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        same = lambda h: (sorted(x.strip().removeprefix('src ') for x in h[0]), h[1:])  # the kernel lists what came back in another order
        before = same(held(r))
        other = write(r, 'other.cfg', open(PAIR).read().replace('192.0.2.1', '192.0.2.7'))
        for k in range(1, 60):
            env = dict(os.environ, LD_PRELOAD=os.path.abspath('build/release/tests/netns/failing.so'), IOSCC_FAIL_SEND=str(k), IOSCC_FAIL_ERRNO=str(errno.ENOBUFS))
            p = r.node.run('build/release/ioscc', 'apply', '--state-dir', r.dir + '/state', other, ok=False, env=env)
            if p.returncode == 0:
                break
            need(p.returncode == 3 and ('rmem_max' in p.stderr or 'cannot read' in p.stderr), '%d: exit %d %s' % (k, p.returncode, p.stderr))
            need(same(held(r)) == before, lambda: '%d: not put back: %s\n%s\n%s' % (k, before, same(held(r)), p.stderr))
            r.ioscc('status')
        need(5 < k < 59, '%d sends' % k)
        r.ioscc('apply', PAIR)
        env.update(IOSCC_FAIL_SEND='1', IOSCC_FAIL_PROTOCOL='0')  # NETLINK_ROUTE: is it a port of a bridge?
        p = r.node.run('build/release/ioscc', 'apply', '--state-dir', r.dir + '/state', other, ok=False, env=env)
        need(p.returncode == 3 and "cannot read the host's interfaces" in p.stderr, 'exit %d %s' % (p.returncode, p.stderr))
        need(same(held(r)) == before, 'something was changed')


def no_esp():
    """a kernel without ESP: that is a finding, with what to load, in each command; the policies stand and close, SAs with manual keys are left out"""
    with Lab() as l:
        r = Router(l, wan='192.0.2.1/24', lan='10.1.0.1/16', gateway='192.0.2.2')
        if r.node.run('ip', 'xfrm', 'state', 'add', 'src', '1.1.1.1', 'dst', '2.2.2.2', 'proto', 'esp', 'spi', '5', 'enc', 'cbc(aes)', '0x' + '11' * 16, ok=False).returncode == 0:
            return  # this kernel has it: nothing to see
        sys.path.append('tests/vm')
        import test_manual as m
        r.ioscc('apply', PAIR, '-m', 'Gi0/0=eth0,Gi0/1=eth1')
        before = held(r)
        text = m.config('a', m.CASES[2], 0, False)
        manual = write(r, 'manual.cfg', text)
        said = r'manual\.cfg:\d+:\d+: warning: this kernel takes no SA of transform set \S+ \(.*\): what it protects waits for ever, and nothing of it leaves \[IC4035'
        for command, code in (('plan', 1), ('apply', 0)):
            p = r.ioscc(command, '--allow-less', manual, ok=(code,))  # it is another router's
            need(re.search(said, p.stderr) and 'CONFIG_INET_ESP' in p.stderr and '0 SAs to add' in p.stdout, p.stderr + p.stdout)
        need(r.node.ip('xfrm', 'policy').count('tmpl') and not r.node.ip('xfrm', 'state'), 'its policies stand')
        p = r.ioscc('status', ok=(0, 1))
        need('IC4035' in p.stderr and '0 SAs are as they should be' in p.stdout, p.stderr + p.stdout)
        p = r.ioscc('apply', '--dry-run', manual, ok=(1,))
        need('What they protect would wait for ever: an SA of transform set ' in p.stdout, p.stdout)
        r.ioscc('rollback')
        need(held(r) == before, lambda: 'not put back: %s\n%s' % (before, held(r)))
        p = r.ioscc('apply', '--dry-run', write(r, 'b.cfg', open(PAIR).read().replace('192.0.2.1', '192.0.2.7')), '-m', 'Gi0/0=eth0,Gi0/1=eth1', ok=(1,))
        need(re.search(r'Dry run: this kernel takes the policies and rules\. What they protect would wait for ever: an SA of transform set \S+: .*load esp4', p.stdout) and held(r) == before, 'the dry run: ' + p.stdout)


def watchers(r):
    """the processes that would take back what is not confirmed"""
    found = []
    for p in os.listdir('/proc'):
        if p.isdigit():
            try:
                words = open('/proc/%s/cmdline' % p, 'rb').read().decode('utf-8', 'replace').split('\0')
            except OSError:
                continue
            found += [p] if 'rollback' in words and os.path.join(r.dir, 'state') in words else []
    return found


def in_time(r, path, look):
    """applies with --confirm, and looks while the time to confirm runs; with a longer one if the machine was too slow to look in time"""
    for seconds in (2, 10, 90):
        start = time.monotonic()
        r.ioscc('apply', '--confirm', str(seconds), path)
        try:
            return look()
        except AssertionError:
            if time.monotonic() - start < seconds - 1:  # it counts whole seconds
                raise
            wait_for('it goes back', lambda: not watchers(r))
    raise AssertionError('too slow to look within 90 seconds')


def confirm():
    """--confirm goes back by itself; confirm keeps; the previous configuration comes back as it was"""
    with Lab() as l:
        r = Router(l)
        a, b = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5))
        r.ioscc('apply', a)
        before = held(r)
        in_time(r, b, lambda: need(held(r) != before, 'applied'))
        wait_for('it goes back', lambda: held(r) == before and 'Waits' not in r.ioscc('status', ok=(0, 1)).stdout)
        need('a.cfg' in r.ioscc('status').stdout, 'status')
        wait_for('it says that it went back', lambda: re.search(r'Went back by itself .*, as .*b.cfg was not confirmed', r.ioscc('status').stdout))
        r.ioscc('apply', a)
        need('Went back' not in r.ioscc('status').stdout, 'that is over')

        def confirmed():
            need('Waits' in r.ioscc('status').stdout, 'pending')
            r.ioscc('confirm')
        in_time(r, b, confirmed)
        wait_for('the time to confirm is over', lambda: not watchers(r))
        need('b.cfg' in r.ioscc('status').stdout, 'confirmed and yet gone')
        r.ioscc('confirm', ok=(1,))
        r.ioscc('remove')
        need(not [x for x in held(r)[0] if x.strip()], 'removed')
        r.ioscc('apply', '--confirm', '1', a)  # from nothing, back to nothing
        wait_for('back to nothing', lambda: not [x for x in held(r)[0] if x.strip()] and not held(r)[1].strip())
        wait_for('nobody waits any more', lambda: not watchers(r))
        need(not [x for x in held(r)[0] if x.strip()] and not held(r)[1].strip(), 'back to nothing')


def confirm_by_another_clock():
    """the time of day is set back a day, or forward: it goes back when the seconds have passed, and not before"""
    binary = IOSCC.replace('asan', 'release')
    with Lab() as l:
        r = Router(l)
        a, b, clock = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5)), write(r, 'clock', '0')
        env = dict(os.environ, LD_PRELOAD=os.path.abspath('build/release/tests/netns/clock.so'), IOSCC_CLOCK=clock)

        def ioscc(*words, ok=True):
            return r.node.run(binary, words[0], '--state-dir', r.dir + '/state', *words[1:], ok=ok, env=env)
        ioscc('apply', a)
        before = held(r)
        ioscc('apply', '--confirm', '3', b)
        write(r, 'clock', '-86400')
        wait_for('it goes back', lambda: held(r) == before and not watchers(r))
        write(r, 'clock', '0')
        ioscc('apply', '--confirm', '600', b)
        write(r, 'clock', '86400')
        p = ioscc('status', ok=False)
        need("Waits for 'ioscc confirm'" in p.stdout and p.returncode == 0 and held(r) != before, p.stdout)
        ioscc('confirm')
        for pid in watchers(r):
            os.kill(int(pid), signal.SIGKILL)


def confirm_without_a_link():
    """what it would go back to has no link at that moment: status says why, and it goes back when the link is there"""
    with Lab() as l:
        r = Router(l)
        a, b = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5))
        named = ['-m', 'GigabitEthernet0/0=eth0']
        r.ioscc('apply', *named, a)
        before = held(r)
        r.ioscc('apply', '--confirm', '2', *named, b)
        r.node.ip('link', 'set', 'eth0', 'down')
        r.node.ip('link', 'set', 'eth0', 'name', 'ppp0')
        wait_for('status says why', lambda: re.search(r"Not confirmed in time(.|\n)*It is tried again every few seconds, and says:\n.*no interface 'eth0'", r.ioscc('status', ok=(1, 2)).stdout))
        r.node.ip('link', 'set', 'ppp0', 'name', 'eth0')
        r.node.ip('link', 'set', 'eth0', 'up')
        wait_for('it goes back', lambda: 'Went back by itself' in r.ioscc('status', ok=(0, 1)).stdout and not watchers(r))
        need('a.cfg' in r.ioscc('status', ok=(0, 1)).stdout, 'what stands')


def confirm_killed():
    """killed in the middle of apply --confirm, by whatever moment: it is gone back from all the same"""
    binary = IOSCC.replace('asan', 'release')
    with Lab() as l:
        r = Router(l)
        a, b = write(r, 'a.cfg', many(300)), write(r, 'b.cfg', many(400).replace('203.0.0.', '203.0.7.'))
        r.ioscc('apply', a)
        before, state = held(r), os.path.join(r.dir, 'state')

        def interrupted():
            p = subprocess.Popen(['ip', 'netns', 'exec', r.node.name, binary, 'apply', '--state-dir', state, '--confirm', '3', b], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while p.poll() is None and not json.load(open(state + '/state.json')).get('applying'):
                pass
            p.kill()
            p.wait()
            return json.load(open(state + '/state.json')).get('applying')
        wait_for('one is killed in the middle', lambda: interrupted() or wait_for('it goes back', lambda: not watchers(r)))
        wait_for('it goes back', lambda: 'Went back by itself' in r.ioscc('status', ok=(0, 1)).stdout and not watchers(r))
        p = r.ioscc('status', ok=(0, 1))  # the order of policies is the same, their numbers need not be
        need(p.returncode == 0 and 'a.cfg' in p.stdout and 'Nothing to change' in p.stdout, 'status: ' + p.stdout + p.stderr)
        plain = lambda policies: sorted(re.sub(r'priority \d+', '', x.strip().removeprefix('src ')) for x in policies)  # in another order they are listed
        need(plain(held(r)[0]) == plain(before[0]), 'other policies')


def confirm_without_state():
    """where the state is lost nothing is known to go back to: --confirm would take away what stands"""
    with Lab() as l:
        r = Router(l)
        a = write(r, 'a.cfg', many(3))
        need('nothing is protected here' in r.ioscc('apply', '--confirm', '90', a).stdout, 'the first one')
        r.ioscc('confirm')
        before = held(r)
        shutil.rmtree(os.path.join(r.dir, 'state'))
        p = r.ioscc('apply', '--confirm', '1', a, ok=(1,))
        need('there is nothing to go back to: nothing is touched' in p.stderr and held(r) == before, p.stderr)
        p = r.ioscc('apply', a)
        need('are taken over' in p.stderr and held(r) == before, p.stderr)
        need('nothing is protected here' not in r.ioscc('apply', '--confirm', '90', write(r, 'b.cfg', many(4))).stdout, 'the second one')
        r.ioscc('confirm')


def confirm_taken_over():
    """what one state directory has applied is taken over by another: the first one takes nothing away any more, neither when
    it is told to nor when its time for 'ioscc confirm' is over"""
    with Lab() as l:
        r = Router(l)
        a, b, c = (write(r, n + '.cfg', many(k)) for n, k in (('a', 3), ('b', 5), ('c', 6)))

        def second(*words, ok=(0,)):
            p = r.node.run(IOSCC, words[0], '--state-dir', r.dir + '/second', *words[1:], ok=False)
            need(p.returncode in ok, '%s: %d %s' % (words, p.returncode, p.stdout + p.stderr))
            return p
        r.ioscc('apply', a)
        r.ioscc('apply', '--confirm', '3', b)
        p = second('apply', c)
        need('applied by the state of another directory' in p.stdout and 'are taken over' in p.stderr, p.stdout + p.stderr)
        before = held(r)
        wait_for('the first one has ended', lambda: not watchers(r))
        need(held(r) == before, 'it has gone back')
        need('has been replaced with another state directory since' in open(r.dir + '/state/rollback.log').read(), open(r.dir + '/state/rollback.log').read())
        need(not open(r.dir + '/state/rollback.log').read().count('Back to'), 'it says that it has')
        for words, code, says in ((['status'], 1, 'Nothing is applied with state directory'), (['rollback'], 2, 'nothing to go back to'), (['confirm'], 1, 'Nothing waits'),
                                  (['remove'], 1, 'nothing is applied with state directory')):
            p = r.ioscc(*words, ok=(code,))
            need(says in p.stdout + p.stderr and held(r) == before, '%s: %s' % (words, p.stdout + p.stderr))
        second('status')
        need('are taken over' in r.ioscc('apply', a).stderr, 'back to the first')
        second('rollback', ok=(2,))
        second('apply', c)
        second('remove')
        need(not [x for x in held(r)[0] if x.strip()] and not held(r)[1].strip(), 'removed')


def confirm_taken_over_and_flushed():
    """... also where nobody can read from the table whose it is, or where there is none (--only xfrm), and before another command"""
    for only in ([], ['--only', 'xfrm']):
        for flush in ('nft flush ruleset', 'nft flush chain inet ioscc owner', 'true'):
            with Lab() as l:
                r = Router(l)
                a, b, c = (write(r, n + '.cfg', many(k)) for n, k in (('a', 3), ('b', 5), ('c', 6)))
                r.ioscc('apply', *only, a)
                r.ioscc('apply', *only, '--confirm', '2', b)
                r.node.run(IOSCC, 'apply', '--allow-less', '--state-dir', r.dir + '/second', *only, c)
                r.node.run('sh', '-c', flush, ok=False)
                before = held(r)
                wait_for('the first one has ended', lambda: not watchers(r))
                need(held(r) == before and 'dir out' in r.node.ip('xfrm', 'policy'), '%s, %s: %s' % (only, flush, open(r.dir + '/state/rollback.log').read()))
                r.ioscc('remove', ok=(1,))
                r.ioscc('rollback', ok=(2,))
                need(held(r) == before, 'it was taken away')


def two_directories_at_once():
    """two state directories do not change one kernel at once: the second waits, or is refused"""
    with Lab() as l:
        r = Router(l)
        a = write(r, 'a.cfg', many(3))
        r.ioscc('apply', a)
        inode = os.stat('/run/netns/' + r.node.name).st_ino
        with open('/run/ioscc-owners/%d' % inode, 'r+') as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            p = r.node.run(IOSCC, 'apply', '--wait', '0', '--allow-less', '--state-dir', r.dir + '/second', a, ok=False)
            need(p.returncode == 3 and 'another ioscc is at work on this host, with another state directory' in p.stderr, p.stderr)
            r.ioscc('status')
        r.node.run(IOSCC, 'apply', '--wait', '0', '--allow-less', '--state-dir', r.dir + '/second', a)


def dynamic_map_and_policies_alone():
    """an entry whose dynamic map is not defined, in front: what later entries protect is asked for inbound all the same"""
    with Lab() as l:
        r = Router(l)
        text = many(2).replace('crypto map M 1 ipsec-isakmp\n', 'crypto map M 10 ipsec-isakmp\n').replace('interface GigabitEthernet0/0\n', 'crypto map M 1 ipsec-isakmp dynamic NOSUCH\ninterface GigabitEthernet0/0\n')
        path = write(r, 'a.cfg', text)
        p = r.ioscc('apply', '--only', 'xfrm', '--allow-partial', path, ok=(1,))
        need('the packet filter is a part of it' in p.stderr, p.stderr)
        r.ioscc('apply', '--allow-partial', path)
        need(r.node.ip('xfrm', 'policy').count('dir fwd') == 2, r.node.ip('xfrm', 'policy'))


def confirm_full():
    """the state directory is full when the time to confirm is over: it goes back all the same"""
    with Lab() as l:
        r = Router(l)
        a, b = write(r, 'a.cfg', many(3)), write(r, 'b.cfg', many(5))
        state = os.path.join(r.dir, 'state')
        os.makedirs(state, 0o700, exist_ok=True)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'none', state], check=True)
        try:
            r.ioscc('apply', a)
            before = held(r)
            r.ioscc('apply', '--confirm', '5', b)
            with open(os.path.join(state, 'rubbish'), 'wb', 0) as f:
                try:
                    while True:
                        f.write(b'x' * 4096)
                except OSError:
                    pass
            wait_for('it goes back', lambda: held(r) == before and 'Waits' not in r.ioscc('status', ok=(0, 1)).stdout)
            wait_for('nobody waits any more', lambda: not watchers(r))
        finally:
            subprocess.run(['umount', state], check=True)


def locked():
    """two at once: one waits, or is refused with a sentence"""
    import fcntl
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', PAIR)
        with open(os.path.join(r.dir, 'state', 'lock')) as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            p = r.ioscc('apply', '--wait', '0', PAIR, ok=(3,))
            need('another ioscc' in p.stderr, p.stderr)
            r.ioscc('status')
            r.ioscc('apply', '--dry-run', '--wait', '0', PAIR, ok=(0, 1))  # 1: this kernel has no ESP; holds up nobody, waits for nobody
            threading.Timer(1, lambda: fcntl.flock(f, fcntl.LOCK_UN)).start()
            r.ioscc('apply', '--wait', '120', PAIR)
        modes = {n: os.stat(os.path.join(r.dir, 'state', n)).st_mode & 0o777 for n in os.listdir(r.dir + '/state')}
        need(set(modes.values()) == {0o600} and os.stat(r.dir + '/state').st_mode & 0o777 == 0o700, modes)


def only():
    """one half alone"""
    with Lab() as l:
        r = Router(l, wan='198.51.100.2/30', lan='10.2.0.1/24')
        r.ioscc('apply', '--only', 'nftables', PAIR)
        need('tmpl' not in r.node.ip('xfrm', 'policy') and 'table inet ioscc' in held(r)[1], 'nftables only')
        r.ioscc('status')
        r.ioscc('remove')
        r.ioscc('apply', PAIR)
        p = r.ioscc('apply', '--only', 'nftables', PAIR, ok=(1, 2))
        need('the other half of what is applied would stay' in p.stderr, p.stderr)
        r.ioscc('status')
        r.ioscc('remove')
        r.ioscc('apply', '--only', 'xfrm', PAIR)
        need('tmpl' in r.node.ip('xfrm', 'policy') and not held(r)[1].strip(), 'xfrm only')
        r.ioscc('remove')


def killed(rounds=15 if lab.QUICK else 200):
    """kill -9 at random moments: status tells the truth, one more apply gets there, and traffic that was protected before
    and after never leaves in the clear meanwhile"""
    seed = int(os.environ.get('IOSCC_SEED', time.time_ns() & 0xffffffff))
    rng = random.Random(seed)
    binary = IOSCC.replace('asan', 'release')
    with Lab() as l:
        r = Router(l, lan='10.2.100.1/16')
        base = many(400)
        forms = [base, many(200), base.replace('203.0.0.', '203.0.7.'),
                 base.replace(' permit ip 10.2.0.0 0.0.255.255 10.64.3.0', ' deny ip host 10.2.9.9 10.64.3.0 0.0.0.255\n permit ip 10.2.0.0 0.0.255.255 10.64.3.0')]
        paths = [write(r, 'k%d.cfg' % i, t) for i, t in enumerate(forms)]
        state = os.path.join(r.dir, 'state')

        def command(*args):
            less = ['--allow-less'] if args[0] == 'apply' else []  # one form has half of the tunnels
            return ['ip', 'netns', 'exec', r.node.name, binary, args[0], '--state-dir', state, *less, *args[1:]]
        subprocess.run(command('apply', paths[0]), check=True, capture_output=True)
        start = time.monotonic()
        subprocess.run(command('apply', paths[1]), check=True, capture_output=True)
        span = time.monotonic() - start
        r.knows('10.2.0.9')
        stop, clear = threading.Event(), []

        def traffic():
            # the tenth spoke is in every form
            p = frame(mac(r.node, 'eth1'), mac(r.h, 'lan'), ip_packet('10.2.0.9', '10.64.9.5', 17, 7, 7, ident=7))
            while not stop.is_set():
                r.inside.send(p)
                clear.extend(f for f in drain(r.outside) if parse(f) and parse(f)[1] == '10.64.9.5')
                time.sleep(0.0005)
        t = threading.Thread(target=traffic)
        t.start()
        try:
            killed_ones = 0
            n = at = 0
            while killed_ones < rounds:
                n, at = n + 1, (at + 1 + rng.randrange(len(paths) - 1)) % len(paths)
                path = paths[at]
                p = subprocess.Popen(command('apply', path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(rng.random() * span)
                p.send_signal(signal.SIGKILL)
                p.wait()
                killed_ones += p.returncode == -9
                span *= 1.02 if p.returncode == -9 else 0.8  # the machine may be less busy than when it was measured
                status = subprocess.run(command('status'), capture_output=True, text=True)
                differs = 'Not in sync' in status.stdout or 'interrupted' in status.stdout
                need(status.returncode == (1 if differs else 0), lambda: 'seed %d: %s' % (seed, status))
                if not differs:  # it says all is well: then a plan of what it says is applied finds nothing to do
                    named = re.match(r'(\S+),', status.stdout)[1]
                    need(subprocess.run(command('plan', named), capture_output=True).returncode == 0, 'seed %d: status lies' % seed)
                if n % 10 == 0:
                    done = subprocess.run(command('apply', path), capture_output=True, text=True)
                    need(done.returncode == 0, lambda: 'seed %d: %s' % (seed, done))
                    need(subprocess.run(command('plan', path), capture_output=True).returncode == 0, 'seed %d: apply did not get there' % seed)
        finally:
            stop.set()
            t.join()
        need(not clear, 'seed %d: %d packets in the clear' % (seed, len(clear)))


def tests():
    for f in (edits, rollback_by_another_link, confirm_after_a_restart, early_table, nobody_listens, state_directory_of_everybody, daemon_that_has_run, nat_by_a_route_map, consent_by_addresses, deny_in_the_middle, drift, refusals, no_privilege, as_nobody, table_of_our_name, no_buffers, no_esp, confirm, confirm_by_another_clock, confirm_without_a_link, confirm_killed, confirm_without_state, confirm_taken_over, confirm_taken_over_and_flushed, two_directories_at_once, dynamic_map_and_policies_alone, confirm_full, exit_statuses, watchdog_killed, shut_interface, routed_elsewhere, routed_in_something_else, idle_host, sentences_of_status, locked, only, killed):
        yield 'netns: apply: ' + f.__name__.replace('_', ' '), f


if __name__ == '__main__':
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            start = time.monotonic()
            try:
                f()
                print('ok', name, '%.1f s' % (time.monotonic() - start))
            except AssertionError as e:
                print('FAILED', name, e)
