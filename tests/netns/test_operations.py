# SPDX-License-Identifier: GPL-3.0-or-later
"""Each command of docs/operations.md is run as it stands there, on a host of its own; a new one there needs its row here. What
it says when something is wrong is in the tests of each."""
import os, re, signal, subprocess, sys

sys.path[:0] = ['tests/netns']
import lab, test_closed as closed

IOSCC = os.path.abspath(os.environ.get('IOSCC_RELEASE', 'build/release/ioscc'))
PAGE = open('docs/operations.md').read()
# when it is tried, and the exit statuses that it may have then; None: not a command for a test
ROWS = {
    'ioscc check r.cfg': ('before', (0, 1)), 'ioscc plan -m Gi0/0=eth0 r.cfg': ('before', (1,)), 'ioscc plan -m Gi0/0=eth0 --pki-dir /etc/ioscc/pki r.cfg': ('before', (1,)),
    'ioscc apply --dry-run -m Gi0/0=eth0 r.cfg': ('before', (0, 1)), 'ioscc apply --confirm 300 -m Gi0/0=eth0 r.cfg': ('before', (0,)), 'ioscc apply FILE': ('before', (0,)),
    'nft list chain inet ioscc packet0': ('before', (0,)), 'nft delete table inet ioscc_early': ('early', (0,)),
    'ioscc run': ('run', (0,)), 'ioscc reload FILE': ('daemon', (0,)), 'ioscc reload': ('daemon', (2,)), 'ioscc reload --confirm 300 r.cfg': ('daemon', (0,)), 'ioscc confirm': ('daemon', (0,)),
    'ioscc metrics': ('daemon', (0,)), 'ioscc status': ('daemon', (0,)), 'ioscc rollback': ('rollback', (0,)), 'ioscc remove': ('end', (0,)),
    'ip xfrm state flush': ('daemon', (0,)), 'ip xfrm policy': ('daemon', (0,)), 'ip route get 10.2.0.9': ('daemon', (0,)), 'ip netns exec': None, 'systemctl start ioscc-ike': None, 'systemctl restart ioscc-early': None, 'systemctl restart ioscc-ike': None,
    'ip rule': ('daemon', (0,)), 'ip route': ('daemon', (0,)),
}
COMMANDS = list(dict.fromkeys(re.findall(r'`((?:ioscc|nft|ip|systemctl) [^`]+)`', PAGE)))  # as they come there


def operations():
    missing = [c for c in COMMANDS if c not in ROWS] + [c for c in ROWS if c not in COMMANDS]
    assert not missing, missing
    with lab.Lab() as l:
        w = closed.World(l, closed.CONFIG)
        try:
            here = os.path.dirname(w.file)
            env = dict(os.environ, PATH=os.path.dirname(IOSCC) + ':' + os.environ['PATH'])

            def tried(phase):
                for command in COMMANDS:
                    if not ROWS[command] or ROWS[command][0] != phase:
                        continue
                    words = command.replace('FILE', 'r.cfg').split()
                    if words[0] == 'ioscc':
                        words += [] if words[1] == 'check' else ['--state-dir', here + '/state']
                    p = w.r.run(*words, ok=False, env=env, cwd=here)
                    assert p.returncode in ROWS[command][1], '%s: exit %d\n%s%s' % (command, p.returncode, p.stdout, p.stderr)
            tried('before')
            w.r.run('nft', '-f', os.path.abspath('packaging/systemd/early.nft'))
            tried('early')
            log = open(here + '/log', 'w')
            with w.r.inside():
                p = subprocess.Popen([IOSCC, 'run', '--state-dir', here + '/state', '-m', 'Gi0/0=eth0', 'r.cfg'], cwd=here, stdout=log, stderr=subprocess.STDOUT)
            try:
                lab.wait_for(lambda: open(here + '/log').read(), lambda: os.path.exists(here + '/state/control.sock'), alive=lambda: p.poll() is None)
                w.shell('sed "s/ set transform-set T$/&\\n set pfs group19/" $FILE > $FILE.2; $IOSCC reload --state-dir $STATE --confirm 300 $FILE.2')
                tried('daemon')
                w.shell('$IOSCC reload --state-dir $STATE $FILE.2')
                tried('rollback')
            finally:
                p.send_signal(signal.SIGTERM)
                p.wait(lab.BOUND)
            tried('end')
        finally:
            w.end()


def tests():
    yield 'netns: each command of docs/operations.md', operations


if __name__ == '__main__':
    operations()
