# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments while a configuration changes: a frame that both the old and the new one protect, or deny, is sent as fast as it
can be while apply goes to and fro between the two, and none passes. One packet filter transaction is not one moment: rules change
at once, and what is in sets after them."""
import os, re, subprocess, sys, time

sys.path[:0] = ['tests/netns']
import lab
import test_closed as closed

CHANGES = 6 if lab.QUICK else 30
LIST = 'ip access-list extended L\n'
ONE_LIST = 'permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255'
# where the remote network contains the inside one, the packet filter is the one wall of what comes in
ANY = closed.CONFIG.replace(ONE_LIST, 'permit ip 10.1.0.0 0.0.255.255 any')
TEN = closed.CONFIG.replace(ONE_LIST, 'permit ip 10.1.0.0 0.0.255.255 10.0.0.0 0.255.255.255')
DENY = LIST + ' deny tcp host 10.1.0.9 host 10.9.9.8 eq 80\n'
SECOND = 'interface GigabitEthernet0/2\n ip address 172.16.0.1 255.255.255.0\n%sinterface GigabitEthernet0/0'
SECOND_LINK = 'ip link add eth2 type veth peer name x2; ip link set eth2 up; ip addr add 172.16.0.1/24 dev eth2; ip addr add 2001:db8:f::1/64 dev eth2 nodad'
MAP_BEFORE = '''ip access-list extended L9
 permit ip 10.1.0.0 0.0.255.255 10.200.0.0 0.0.255.255
crypto isakmp key another-long-one address 172.16.0.2
crypto map A 10 ipsec-isakmp
 set peer 172.16.0.2
 set transform-set T
 match address L9
crypto map M 10'''
MAP6_BEFORE = '''ipv6 access-list L6
 permit ipv6 2001:db8:1::/64 2001:db8:2::/64
crypto isakmp key another-long-one address ipv6 2001:db8:f::2/128
crypto map ipv6 A 10 ipsec-isakmp
 set peer 2001:db8:f::2
 set transform-set T
 match address L6
crypto map M 10'''


def hosts(n, third=0):
    return ''.join(' permit ip host 10.1.%d.%d any\n' % (third + i // 250, i % 250 + 1) for i in range(n))


def second(text, own=''):
    return text.replace('interface GigabitEthernet0/0', SECOND % own)


def translating(lines):
    """NAT before crypto, with a list of so many lines: it is in sets"""
    return closed.TRANSLATED.replace(' permit ip 10.1.0.0 0.0.255.255 any\n', lines)


def filtered(lines):
    return closed.CONFIG.replace(' crypto map M\ninter', ' crypto map M\n ip access-group IN in\ninter').replace(
        '\nend\n', '\nip access-list extended IN\n' + lines + ''.join(' deny udp host 9.9.9.%d host 10.1.0.9 eq 5001\n' % i for i in range(1, 31)) + ' permit ip any any\nend\n')


STATIC = ('ip nat inside source list', 'ip nat inside source static tcp 10.1.0.77 80 192.0.2.1 8080\nip nat inside source list')
BEFORE_IN = ' permit udp host 9.9.9.9 host 10.1.0.9 eq 5002\n permit udp 9.9.9.0 0.0.0.255 host 10.1.0.9 range 5002 5003\n deny udp 9.9.0.0 0.0.255.255 host 10.1.0.9 range 5001 5003\n'
NAMED = filtered('').replace('IN in', 'b_IN in').replace('extended IN', 'extended b_IN').replace('10.1.0.9 eq 5001', '10.1.0.9 eq 5001 log')
# name, a configuration, another, which way the frame goes (and from where), how the host is got ready
CHANGE = [
    ('a deny is put first', ANY, ANY.replace(LIST, DENY), 'in', ''),
    ('... of a network that contains the inside', TEN, TEN.replace(LIST, DENY), 'in', ''),
    ('another map is put before', second(ANY), second(ANY, ' crypto map A\n').replace('crypto map M 10', MAP_BEFORE, 1), 'in', SECOND_LINK),
    ('an IPv6 map is put before', second(ANY, ' ipv6 address 2001:db8:f::1/64\n'), second(ANY, ' ipv6 address 2001:db8:f::1/64\n ipv6 crypto map A\n').replace('crypto map M 10', MAP6_BEFORE, 1), 'in', SECOND_LINK),
    ('a deny is put first in a long NAT list', translating(hosts(1000)), translating(' deny tcp 10.1.0.0 0.0.255.255 host 10.70.0.8 eq 80\n' + hosts(1000)), 'out', ''),
    ('a static translation is put before', translating(hosts(12)), translating(hosts(12)).replace(*STATIC), 'out', ''),
    ('lines are put before denies of a filter', filtered(''), filtered(BEFORE_IN), 'filter', ''),
    ('... that is named as the second generation is', NAMED, NAMED.replace('extended b_IN\n', 'extended b_IN\n' + BEFORE_IN), 'filter', ''),
    ('a deny of a filter gets wider', filtered(''), filtered('').replace('host 9.9.9.9 host 10.1.0.9 eq 5001', 'host 9.9.9.9 host 10.1.0.9 range 5000 5002'), 'filter', ''),
]


class Flooded(closed.World):
    def send(self):
        pass  # the flood alone


def frame_of(w, way):
    if way == 'out':
        return w.lan, 'lan0', lab.frame(lab.mac(w.r, 'eth1'), lab.mac(w.lan, 'lan0'), lab.ip_packet('10.1.0.9', '10.2.0.9', 17, 5000, 5001))
    source = '9.9.9.9' if way == 'filter' else '10.2.0.9'
    return w.isp, 'wan', lab.frame(lab.mac(w.r, 'eth0'), lab.mac(w.isp, 'wan'), lab.ip_packet(source, '10.1.0.9', 17, 5000, 5001))


def passed(w, way, wire):
    if way == 'filter':
        return [f for f in lab.drain(wire) if f[12:14] == b'\x08\0' and f[26:30] == bytes([9, 9, 9, 9])]
    return w.leaks if way == 'out' else w.came


def change(one, other, way, prepare):
    with lab.Lab() as l:
        w = Flooded(l, one)
        with open(w.file + '.2', 'w') as f:
            f.write(other)
        options = '--allow-less $OPTIONS' + (',Gi0/2=eth2' if prepare else '')
        try:
            w.shell(prepare or 'true')
            w.isp.run('ping', '-c1', '-W1', '192.0.2.1', ok=False)  # the addresses of the links are known
            w.lan.run('ping', '-c1', '-W1', '10.1.0.1', ok=False)
            w.shell('$RELEASE apply %s $FILE' % options)
            node, link, frame = frame_of(w, way)
            wire = w.lan.wire('lan0')
            w.forget()
            flood = subprocess.Popen(['ip', 'netns', 'exec', node.name, os.path.abspath('build/release/tests/netns/flood'), link, frame.hex()], stdout=subprocess.PIPE, text=True)
            try:
                for n in range(CHANGES):
                    said = w.shell('$RELEASE apply %s $FILE%s' % (options, '' if n % 2 else '.2'))
                    assert 'Applied.' in said and 'Nothing to change' not in said, said
                time.sleep(0.5)  # what was on its way
            finally:
                flood.terminate()
            sent = int(flood.communicate()[0])
            assert sent > 1000, 'the flood is of %d frames' % sent
            got = passed(w, way, wire)
            assert not got, '%d of %d frames pass in %d changes, the first: %s' % (len(got), sent, CHANGES, got[0])
        finally:
            w.end()


def counters_stay():
    """a change that is made beside what stands takes over what the lines have counted, and leaves nothing behind"""
    with lab.Lab() as l:
        w = closed.World(l, filtered(''))
        try:
            w.shell('$IOSCC apply $OPTIONS $FILE')
            w.flows()

            def counts():
                return {a: int(b) for a, b in closed.re.findall(r'(\d+ permit ip any any) \((\d+) match', w.shell('$IOSCC show access-lists IN --state-dir $STATE'))}
            lab.wait_for('it counts', lambda: sum(counts().values()) > 3)
            names = lambda: sorted(x.split()[1].removeprefix('b_') for x in w.shell('nft list table inet ioscc').split('\n') if x.startswith(('\tchain', '\tset', '\tmap')))
            before, held = sum(counts().values()), names()
            with open(w.file + '.2', 'w') as f:
                f.write(filtered(BEFORE_IN).replace('ip access-list extended IN', 'ip access-list extended IN').replace(' permit ip any any', ' 9000 permit ip any any'))
            with open(w.file, 'w') as f:
                f.write(filtered('').replace(' permit ip any any', ' 9000 permit ip any any'))
            w.shell('$IOSCC apply $OPTIONS $FILE')
            lab.wait_for('it counts by the new number', lambda: sum(counts().values()) > 3)
            before = sum(counts().values())
            w.shell('$IOSCC apply $OPTIONS $FILE.2')
            assert sum(counts().values()) >= before, (before, counts())
            w.shell('$IOSCC apply $OPTIONS $FILE')
            assert sum(counts().values()) >= before, (before, counts())
            assert names() == held, (names(), held)
            assert 'Nothing to change' in w.shell('$IOSCC status --state-dir $STATE')
        finally:
            w.end()


def cut_between_the_two():
    """ended between what is made beside and the turn to it: what stands holds, status names it, and the next apply clears it away"""
    import errno
    with lab.Lab() as l:
        w = closed.World(l, ANY)
        env = dict(os.environ, LD_PRELOAD=os.path.abspath('build/release/tests/netns/failing.so'), IOSCC_FAIL_ERRNO=str(errno.ENOBUFS))
        with open(w.file + '.2', 'w') as f:
            f.write(ANY.replace(LIST, DENY))
        try:
            w.shell('$IOSCC apply $OPTIONS $FILE')
            listed = lambda: w.shell("nft list table inet ioscc | sed 's/packets [0-9]* bytes [0-9]*//; s/handle [0-9]*//'")
            before, w_options = listed(), ['--allow-less', '--state-dir', w.dir + '/state', '-m', 'Gi0/0=eth0,Gi0/1=eth1']
            w.forget()
            for k in range(1, 60):
                p = w.r.run('build/release/ioscc', 'apply', *w_options, w.file + '.2', ok=False, env=dict(env, IOSCC_FAIL_SEND=str(k)))
                if p.returncode == 0:
                    break
                assert p.returncode == 3 and listed() == before, '%d: %d %s\n%s' % (k, p.returncode, p.stderr, listed())
                w.shell('$IOSCC status --state-dir $STATE')
            assert 8 < k < 59, k
            w.shell('$IOSCC apply $OPTIONS $FILE')
            w.shell('nft add set inet ioscc b_in0_protect1 "{ type ipv4_addr; }"; nft add set inet ioscc in0_protect1 "{ type ipv4_addr; }"; nft add chain inet ioscc b_left; nft add chain inet ioscc left', ok=False)
            assert 'Not in sync' in w.shell('$IOSCC status --state-dir $STATE', ok=False)
            w.shell('$IOSCC apply $OPTIONS $FILE')
            w.shell('$IOSCC status --state-dir $STATE')
            assert not w.came, w.came[:1]
        finally:
            w.end()


HANDS = [  # what somebody puts into the table by hand
    'insert rule inet ioscc %s ip saddr { 192.0.2.77, 192.0.2.78 } counter',
    'add chain inet ioscc b_left; insert rule inet ioscc prerouting jump b_left',
    'add chain inet ioscc mine { type filter hook forward priority 7; }; insert rule inet ioscc mine jump %s',
    'add chain inet ioscc b_mine { type filter hook forward priority 7; }; add chain inet ioscc b_x; insert rule inet ioscc b_mine jump b_x',
    'add map inet ioscc m { type ipv4_addr : verdict; elements = { 192.0.2.77 : jump %s } }',
    'insert rule inet ioscc prerouting log prefix "to b_ "',
    'flush chain inet ioscc owner', 'delete chain inet ioscc owner', 'flush chain inet ioscc postrouting',
]


def edited_by_hand():
    """whatever is put into the table or taken out of it, in whichever generation: the same file puts it right, and so does another"""
    with lab.Lab() as l:
        w = closed.World(l, filtered(''))
        with open(w.file + '.2', 'w') as f:
            f.write(filtered(BEFORE_IN))
        try:
            w.shell('$RELEASE apply $OPTIONS $FILE')
            for n, edit in enumerate(HANDS * 2):
                inner = re.search(r'jump (b_)?(clear0)', w.shell('nft list chain inet ioscc prerouting')).group().split()[1]
                w.r.run('nft', edit.replace('%s', inner))
                for again in ('', '.2' if n % 2 else '', '.2', ''):
                    said = w.shell('$RELEASE apply --allow-less $OPTIONS $FILE' + again)
                    assert 'Applied.' in said, '%s: %s' % (edit, said)
                w.shell('$RELEASE status --state-dir $STATE')
                assert 'm {' not in w.shell('nft list table inet ioscc') and 'mine' not in w.shell('nft list table inet ioscc'), edit
        finally:
            w.end()


def tests():
    for name, one, other, way, prepare in CHANGE:
        assert one != other, name
        yield 'netns: moments: ' + name, lambda one=one, other=other, way=way, prepare=prepare: change(one, other, way, prepare)
    for f in (edited_by_hand, counters_stay, cut_between_the_two):
        yield 'netns: moments: ' + f.__name__.replace('_', ' '), f


if __name__ == '__main__':
    for name, f in tests():
        if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
            try:
                f()
                print('ok', name)
            except AssertionError as e:
                print('FAILED', name, str(e)[:600])
