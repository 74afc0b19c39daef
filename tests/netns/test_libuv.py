# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon with a newer libuv than the host's (1.45 and later make an io_uring that the sandbox refuses): by a preloaded
uv_loop_init that insists on what those need, and with Debian 13's own."""
import os, shutil, subprocess, sys, tempfile, time

sys.path[:0] = ['tests/netns']
import lab, test_ike as ike

RELEASE = 'build/release/ioscc'


class Unavailable(Exception):
    """why it cannot be run here"""


def lives(before, env):
    """the daemon starts, answers, and ends as it should"""
    with lab.Lab() as l, tempfile.TemporaryDirectory(prefix='ioscc-uv-') as d:
        n = l.node('a')
        other = l.node('b')
        l.link(n, 'eth0', other, 'eth0')
        n.ip('addr', 'add', ike.A + '/24', 'dev', 'eth0')
        open(d + '/r.cfg', 'w').write(ike.config(2, *ike.MATRIX[5]))
        with n.inside():
            p = subprocess.Popen([*before, RELEASE, 'run', '--no-apply', '--discard-sas', '--state-dir', d, '-m', 'Gi0/0=eth0', d + '/r.cfg'],
                                 stdout=open(d + '/log', 'w'), stderr=subprocess.STDOUT, env=dict(os.environ, **env))
        try:
            said = lambda: open(d + '/log').read()
            # its last word before it serves; an abort comes at the first turn of the loop, so it is asked something too
            lab.wait_for(said, lambda: 'ports 500 and 4500' in said(), alive=lambda: p.poll() is None)
            assert p.poll() is None, 'exit %s: %s' % (p.returncode, said())
            for _ in range(3):
                a = subprocess.run([RELEASE, 'show', 'crypto', 'session', '--state-dir', d], capture_output=True, text=True)
                assert a.returncode == 0 and 'Crypto session' in a.stdout, a.stderr + said()
        finally:
            if p.poll() is None:
                p.terminate()
            code = p.wait(lab.BOUND)
        assert code == 0, 'exit %d: %s' % (code, said())


def preloaded():
    lives([], {'LD_PRELOAD': os.path.abspath('build/release/tests/netns/noring.so')})


def debian_13():
    p = subprocess.run(['sh', 'tests/netns/uv13.sh', 'build/uv13'], capture_output=True, text=True)
    if p.returncode == 77:
        raise Unavailable(p.stderr.strip())
    assert p.returncode == 0, p.stderr
    lives(p.stdout.split(), {})


def tests():
    yield 'netns: libuv: no io_uring', preloaded
    yield "netns: libuv: Debian 13's", debian_13
