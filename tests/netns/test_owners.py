# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose is what stands on this host? Two state directories, the file beside the kernel's table that says whose it is, the lock that
they share, and what is left of an apply or a reload that failed or was killed. /run/ioscc-owners is everybody's: where it has to be
unusable a command gets a /run of its own."""
import contextlib, errno, fcntl, json, os, re, shutil, signal, subprocess, sys, termios

sys.path[:0] = ['tests/netns']
import lab, test_closed as closed, test_moments as moments
from lab import wait_for
from test_apply import held, watchers, write
from test_evening import CONFIG, ENV, IOSCC, MORE, MOST, host, meets, told

RELEASE = os.path.abspath(os.environ.get('IOSCC_RELEASE', 'build/release/ioscc'))
FAILING = dict(LD_PRELOAD=os.path.abspath('build/release/tests/netns/failing.so'), IOSCC_FAIL_ERRNO=str(errno.ENOBUFS))
LONG = CONFIG.replace(' permit udp', ''.join(' permit ip host 10.1.%d.%d 10.70.%d.0 0.0.0.255\n' % (i // 250, i % 250 + 1, i % 200) for i in range(1000)) + ' permit udp', 1)
NO_KEY = CONFIG.replace('crypto isakmp key correct-horse-battery address 192.0.2.2\n', '')
NOT_ENDED = 'A reload has not ended: the daemon negotiates by what was applied before'
NOT_BELIEVED = '/run/ioscc-owners must be a directory of root\'s with plain files of root\'s, and nobody else may write to it: remove it'


class Unavailable(Exception):
    pass


def killing(k):
    """before a command: kill -9 when it comes to its k-th message"""
    if not shutil.which('strace'):
        raise Unavailable('no strace')
    return ['strace', '-o', '/dev/null', '-e', 'trace=sendto', '-e', 'inject=sendto:signal=KILL:when=%d' % k]


def owner_file(h):
    return '/run/ioscc-owners/%d' % os.stat('/run/netns/' + h.node.name).st_ino


def forget_owner(h):
    if os.path.exists(owner_file(h)):
        os.remove(owner_file(h))


@contextlib.contextmanager
def alone(config=CONFIG, applied=False, options=()):
    """a host of whose namespace's number no owner is known from before"""
    with host(config, applied=False) as h:
        forget_owner(h)  # of one that has gone
        h.second = h.dir + '/second'
        try:
            if applied:
                meets(h.ioscc('apply', *options, h.file), 0)
            yield h
        finally:
            forget_owner(h)


def says(h):
    return lambda: open(h.dir + '/log').read() + h.ioscc('status').stdout


def policies(h):
    """in whichever order they were set"""
    return sorted(p.strip().removeprefix('src ') for p in h.policies())


# ---- the kernel's answer is lost ----

def lost_answers(edit):
    """whichever it is: an apply that says that nothing was changed has changed nothing, any other says that it is half done, and
    the next one mends it; `edit`: over what stands"""
    if not shutil.which('strace'):
        raise Unavailable('no strace')
    halves = refused = 0
    with alone(applied=edit) as h:
        wanted = write(h, 'more.cfg', MORE) if edit else h.file
        for k in range(1, 60):
            before = held(h)
            inject = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=recvfrom,recvmsg', '-e', 'inject=recvfrom:error=ENOBUFS:when=%d' % k]
            p = h.node.run(*inject, RELEASE, 'apply', '--state-dir', h.state, wanted, ok=False, env=ENV, timeout=lab.BOUND)
            if p.returncode == 0:
                break
            says_half = 'It is half done' in p.stderr
            if 'Nothing was changed.' in p.stderr:
                refused += 1
                assert held(h) == before, 'answer %d is lost, and something is changed: %s' % (k, told(p))
                continue
            if not says_half:
                assert held(h) == before, 'answer %d is lost: %s' % (k, told(p))
                continue
            halves += 1
            meets(h.ioscc('apply', wanted), 0)
            h.in_order('more.cfg' if edit else 'r.cfg')
            meets(h.ioscc(*(['apply', h.file] if edit else ['remove'])), 0)
        else:
            raise AssertionError('it never comes through: ' + told(p))
        assert refused and halves, 'no answer was lost: %d, %d' % (refused, halves)


# ---- an apply of another state directory that fails ----

def apply_fails(h, path):
    """of the second directory: the kernel refuses the first change that it is asked for"""
    for k in range(1, 20):
        p = h.node.run(RELEASE, 'apply', '--allow-less', '--state-dir', h.second, path, ok=False, env=dict(ENV, **FAILING, IOSCC_FAIL_SEND=str(k), IOSCC_FAIL_PROTOCOL='6'))
        assert p.returncode == 3, told(p)
        if 'Nothing was changed.' in p.stderr:
            return
    raise AssertionError(told(p))


def failed_apply(options, flush):
    """it has changed nothing: what is not confirmed goes back, also where no table says whose it is"""
    with alone(applied=True, options=options) as h:
        before = held(h)
        for seconds in ('5', '100'):  # the second where the machine is too slow for the first
            meets(h.ioscc('apply', *options, h.file), 0)
            meets(h.ioscc('apply', *options, '--confirm', seconds, write(h, 'more.cfg', MORE)), 0)
            apply_fails(h, write(h, 'most.cfg', MOST))
            h.node.run('sh', '-c', flush)
            if watchers(h):
                break
        wait_for('the time is over', lambda: not watchers(h))
        assert held(h) == before, 'it has not gone back: ' + open(h.state + '/rollback.log').read()
        h.in_order()


def changes_nothing(h, command, env):
    """an apply of the second directory that does not come to one of its messages; False: it has changed something before"""
    before = held(h)
    shutil.rmtree(h.second, ignore_errors=True)
    h.node.run(*command, RELEASE, 'apply', '--allow-less', '--state-dir', h.second, write(h, 'most.cfg', MOST), ok=False, env=dict(ENV, **env), timeout=lab.BOUND)
    return held(h) == before


def each_message(command, env):
    """whichever of its messages it does not come to: as long as nothing was changed the host's owner is the one before"""
    with alone(applied=True, options=['--only', 'xfrm']) as h:
        k, owner = 1, open(owner_file(h)).read()
        while changes_nothing(h, command(k), env(k)):
            assert open(owner_file(h)).read() == owner, 'another owner, and message %d did not get there' % k
            p = h.ioscc('remove', state=h.second)
            assert h.policies(), 'message %d: what it had not made is taken away: %s' % (k, told(p))
            k += 1
        assert k > 3, 'it has no messages'


def refused_message():
    each_message(lambda k: [], lambda k: dict(FAILING, IOSCC_FAIL_SEND=str(k), IOSCC_FAIL_PROTOCOL='6'))


def killed_before_a_message():
    each_message(killing, lambda k: {})


# ---- one that is not read, or stopped ----

@contextlib.contextmanager
def beside(h, *words, **kw):
    with h.node.inside():
        p = subprocess.Popen([IOSCC, *words], stderr=subprocess.DEVNULL, env=ENV, **kw)
    try:
        yield p
    finally:
        p.kill()
        p.wait(lab.BOUND)
        if p.stdout:
            p.stdout.close()


def fills(p):
    """the pipe of its output is full, and nobody reads it"""
    n = int.from_bytes(fcntl.ioctl(p.stdout, termios.FIONREAD, b'\0' * 4), sys.byteorder)
    return n == fcntl.fcntl(p.stdout, fcntl.F_GETPIPE_SZ)


def not_read(of_daemon):
    """it holds up nobody: what somebody flushes meanwhile is there again"""
    with alone() as h:
        h.daemon()
        stands = policies(h)
        with beside(h, 'apply', '--lines', '--allow-less', '--state-dir', h.state if of_daemon else h.second, write(h, 'long.cfg', LONG), stdout=subprocess.PIPE) as p:
            fcntl.fcntl(p.stdout, fcntl.F_SETPIPE_SZ, 4096)
            wait_for('it has filled the pipe', lambda: fills(p))
            h.node.ip('xfrm', 'policy', 'flush')
            wait_for(says(h), lambda: policies(h) == stands)
            assert p.poll() is None, 'it has not waited for a reader'


def locks(p):
    """numbers of the files that it has locked"""
    return {int(x.split()[5].split(':')[2]) for x in open('/proc/locks') if ' FLOCK ' in x and x.split()[4] == str(p.pid)}


def stopped():
    """one of another directory, in the middle: the daemon's log says so, and when that goes on all is put right"""
    with alone() as h:
        h.daemon()
        stands, number = policies(h), os.stat(owner_file(h)).st_ino

        def caught():
            with contextlib.ExitStack() as stack:
                p = stack.enter_context(beside(h, 'apply', '--allow-less', '--state-dir', h.second, h.dir + '/long.cfg', stdout=subprocess.DEVNULL))
                while p.poll() is None and number not in locks(p):
                    pass
                p.send_signal(signal.SIGSTOP)
                wait_for('it is stopped', lambda: p.poll() is not None or open('/proc/%d/stat' % p.pid).read().rsplit(')', 1)[1].split()[0] == 'T')
                return stack.pop_all() if number in locks(p) else None
        write(h, 'long.cfg', LONG)
        with wait_for('one is stopped with the lock', caught):
            h.node.ip('xfrm', 'policy', 'flush')
            wait_for(says(h), lambda: re.search(r'warning: another ioscc has been changing this host for \d+ s: nothing is put right until it ends', says(h)()))
        wait_for(says(h), lambda: policies(h) == stands)


# ---- what is behind the turn, and is refused ----

INNER = r'chain ((?:b_)?acl_IN) '


def verdict_map():
    """somebody's, which leads to a chain that is to go: one apply, and all is in order"""
    with alone(moments.filtered(''), applied=True) as h:
        inner = re.search(INNER, h.node.run('nft', 'list', 'table', 'inet', 'ioscc').stdout)[1]
        h.node.run('nft', 'add map inet ioscc vm { type ipv4_addr : verdict; elements = { 192.0.2.77 : jump %s } }' % inner)
        meets(h.ioscc('apply', '--allow-less', write(h, 'more.cfg', moments.filtered(moments.BEFORE_IN))), 0, 'Applied.')
        h.in_order('more.cfg')


def refused_once():
    """each message to the packet filter, once: where apply has succeeded all is in order, or what is left over is said"""
    with alone(moments.filtered(''), applied=True) as h:
        files, k, done = (h.file, write(h, 'more.cfg', moments.filtered(moments.BEFORE_IN))), 0, 0
        while done < 5:  # it has no more messages than that
            k += 1
            p = h.node.run(RELEASE, 'apply', '--allow-less', '--state-dir', h.state, files[k % 2], ok=False, env=dict(ENV, **FAILING, IOSCC_FAIL_SEND=str(k), IOSCC_FAIL_PROTOCOL='12'))
            done = done + 1 if p.returncode == 0 else 0
            s = h.ioscc('status')
            said = 'could not be taken away' in p.stderr
            assert p.returncode or said or s.returncode == 0, 'message %d: %s%s' % (k, told(p), told(s))
            meets(h.ioscc('apply', '--allow-less', files[k % 2]), 0)
        assert k > 10, k


def counters_of_a_table_made_anew():
    """somebody's rules lead to both generations: what the lines have counted is taken over all the same"""
    text = lambda lines: moments.filtered(lines).replace(' permit ip any any', ' 9000 permit ip any any')
    with lab.Lab() as l:
        w = closed.World(l, text(''))
        try:
            with open(w.file + '.2', 'w') as f:
                f.write(text(moments.BEFORE_IN))
            w.shell('$IOSCC apply $OPTIONS $FILE')
            count = lambda: int((re.findall(r'9000 permit ip any any \((\d+) match', w.shell('$IOSCC show access-lists IN --state-dir $STATE')) or [0])[0])
            wait_for('it has counted more than a new one in a while', lambda: count() > 400)
            before = count()
            inner = re.search(INNER, w.shell('nft list table inet ioscc'))[1]
            other = inner[2:] if inner.startswith('b_') else 'b_' + inner
            w.shell('nft "add chain inet ioscc mine { type filter hook forward priority 5; }; add rule inet ioscc mine jump %s; add chain inet ioscc %s; add rule inet ioscc mine jump %s"' % (inner, other, other))
            assert count() >= before, 'show looks at what is not in force'
            w.shell('$IOSCC apply --allow-less $OPTIONS $FILE.2')
            after = count()
            assert 'mine' not in w.shell('nft list table inet ioscc'), 'the table was not made anew'
            assert after >= before, '%d, and %d before' % (after, before)
        finally:
            w.end()


# ---- a daemon that has ended; a reload that has not ----

def entries_of_an_ended_daemon():
    """what it does not run is said while it runs, and no longer; nothing of it is left when all is removed"""
    with alone(NO_KEY) as h:
        meets(h.ioscc('apply', '--allow-partial', h.file), 0)
        with beside(h, 'run', '--allow-partial', '--state-dir', h.state, h.file, stdout=subprocess.DEVNULL) as p:
            wait_for('status says it', lambda: 'The IKE daemon: map M entry 10' in h.ioscc('status').stdout, alive=lambda: p.poll() is None)
            p.terminate()
            assert p.wait(lab.BOUND) == 0, 'the daemon'
        s = h.ioscc('status')
        assert 'The IKE daemon: ' not in s.stdout, told(s)
        meets(h.ioscc('remove'), 0)
        assert not os.path.exists(h.state + '/places.json'), 'places.json is left'


def is_at_work(h):
    return json.load(open(h.state + '/state.json')).get('applying')


def handed_over(h, bound=lab.BOUND):
    wait_for(says(h), lambda: h.ioscc('status').returncode == 0, bound)
    h.in_order('more.cfg')


def reload_behind_the_save():
    """the kernel has its part and the state says so, the daemon has not: status is not content until it is handed over"""
    with alone() as h:
        h.daemon()
        socket = h.state + '/reload.sock'
        os.rename(socket, socket + '.away')  # nobody can tell the daemon
        h.ioscc('reload', write(h, 'more.cfg', MORE))
        assert not is_at_work(h), 'the save is not whole'
        os.rename(socket + '.away', socket)
        wait_for(says(h), lambda: NOT_ENDED in h.ioscc('status').stdout)  # not while it may be on its way
        handed_over(h)
        assert NOT_ENDED not in h.ioscc('status').stdout


def reload_killed(has_begun, bound):
    """... or the kernel has a part, or nothing and nobody has heard of it: within two minutes, as status says, and not 'interrupted' for good"""
    with alone() as h:
        h.daemon()
        before, k, path = held(h), 0, write(h, 'more.cfg', MORE)
        while not is_at_work(h) or (held(h) != before) != has_begun:
            k += 1
            h.node.run(*killing(k), RELEASE, 'reload', '--state-dir', h.state, path, ok=False, env=ENV)
            assert k < 100, 'it is not killed'
        meets(h.ioscc('status'), 1, 'The last change was interrupted')
        handed_over(h, bound)
        assert not is_at_work(h), 'it is not over'


# ---- a place for owners that cannot be believed ----

OWN_RUN = ['unshare', '-m', 'sh', '-c']
NUMBER = '/run/ioscc-owners/$(stat -L -c %i /proc/self/ns/net)'
MADE = 'mkdir -m 700 /run/ioscc-owners; '
PLACES = [
    ('a file', ': > /run/ioscc-owners'),
    ('written to by all', 'mkdir /run/ioscc-owners; chmod 777 /run/ioscc-owners'),
    ('of another user', 'mkdir -m 700 /run/ioscc-owners; chown 65534 /run/ioscc-owners'),
    ('a link in the place of the file', MADE + ': > /run/x; ln -s /run/x ' + NUMBER),
    ('a file of another user', MADE + ': > %s; chown 65534 %s' % (NUMBER, NUMBER)),
]


def own_run(made, options=''):
    """before a command: a /run of its own"""
    return [*OWN_RUN, 'mount --make-rprivate / && mount -t tmpfs %s none /run && { %s; } && exec "$@"' % (options, made), 'sh']


def not_believed(made):
    """each command is refused with the way out, where no table says whose it is; nothing is touched"""
    with alone(applied=True, options=['--only', 'xfrm']) as h:
        for words in (['apply', '--only', 'xfrm', write(h, 'more.cfg', MORE)], ['apply', h.file], ['plan', h.file], ['status'], ['remove'], ['remove', '--allow-less'], ['rollback'], ['confirm']):
            for state in (h.state, h.second):
                with h.untouched():
                    p = h.ioscc(*words, state=state, before=own_run(made))
                if state == h.state or words[0] in ('apply', 'remove'):
                    meets(p, 3, NOT_BELIEVED)
        h.in_order()


def no_place():
    """/run cannot have one: it is said, and all works"""
    with alone() as h:
        before = own_run('true', '-o ro')
        for words in (['apply', h.file], ['apply', write(h, 'more.cfg', MORE)], ['rollback']):
            p = h.ioscc(*words, before=before)
            meets(p, 0)
            assert '/run/ioscc-owners cannot be made: an ioscc with another state directory is told apart by the nftables table alone' in p.stderr, told(p)
        meets(h.ioscc('status', before=before), 0, 'r.cfg, applied')
        meets(h.ioscc('remove', before=before), 0)
        assert not h.policies(), h.policies()


# ---- the state ----

def state_not_believed(command, back):
    """each command says what is wrong and what to do, and that leads out"""
    with alone(applied=True) as h:
        path = h.state + '/state.json'
        subprocess.run([*command, path], check=True)
        for words in (['plan', h.file], ['apply', h.file], ['status'], ['remove'], ['rollback'], ['confirm'], ['metrics'], ['run', h.file]):
            with h.untouched():
                p = h.ioscc(*words)
            meets(p, 3, 'state.json there is not believed: ', 'nobody else may write to it', "chown, chmod 0600; or remove it: 'ioscc apply' finds what is ours again")
            assert 'Invalid argument' not in p.stderr, told(p)
        subprocess.run([*back, path], check=True)
        h.in_order()


def back_to_a_half(half, how):
    """what is gone back to was one half: of the other nothing is left"""
    with alone(applied=True, options=['--only', half]) as h:
        before = held(h)
        if how == 'daemon':
            h.file = write(h, 'more.cfg', MORE)
            h.daemon()
        else:
            meets(h.ioscc('apply', *(['--confirm', '2'] if how == 'confirm' else []), write(h, 'more.cfg', MORE)), 0)
        if how == 'confirm':
            wait_for('the time is over', lambda: not watchers(h))
        else:
            meets(h.ioscc('rollback'), 0, 'Back to %s/r.cfg' % h.dir)
        assert half == 'xfrm' or not h.policies(), 'nobody looks after these: %s' % h.policies()
        assert half == 'nftables' or 'inet ioscc' not in h.tables(), 'nobody looks after it: ' + h.tables()
        after = held(h)  # the daemon's sockets have policies of their own, which the kernel lists in between
        policies = lambda which: sorted(x.strip().removeprefix('src ') for x in which[0] if x.strip())
        assert (policies(after), after[1:]) == (policies(before), before[1:]), 'it is something else than before'
        h.in_order()


def lost_state_and_a_half(half):
    """the other half would be nobody's: refused, with the way out"""
    with alone(applied=True) as h:
        shutil.rmtree(h.state)
        with h.untouched():
            for command, code in (('plan', 2), ('apply', 1)):
                meets(h.ioscc(command, '--only', half, h.file), code, 'its other half would stay, and nobody would look after it: nothing is touched (without --only it is taken over)')
        with h.untouched():
            meets(h.ioscc('apply', h.file), 0, 'they are taken over')
        h.in_order()


def tests():
    xfrm = ['--only', 'xfrm']
    rows = [
        ('an answer of the kernel is lost', lambda: lost_answers(False)),
        ('an answer of the kernel is lost, an edit', lambda: lost_answers(True)),
        ('failed apply of another, the ruleset is flushed', lambda: failed_apply([], 'nft flush ruleset')),
        ('failed apply of another, policies alone', lambda: failed_apply(xfrm, 'true')),
        ('a message of another is refused', refused_message),
        ('another is killed before a message', killed_before_a_message),
        ('apply of another directory is not read', lambda: not_read(False)),
        ('apply of the same directory is not read', lambda: not_read(True)),
        ('another is stopped', stopped),
        ('verdict map of somebody', verdict_map),
        ('each message to the packet filter is refused once', refused_once),
        ('counters of a table made anew', counters_of_a_table_made_anew),
        ('entries of a daemon that has ended', entries_of_an_ended_daemon),
        ('reload ended behind the save', reload_behind_the_save),
        *([] if lab.QUICK else [('reload killed before its first change', lambda: reload_killed(False, 150))]),  # the watch looks once a minute
        ('reload killed behind its first change', lambda: reload_killed(True, lab.BOUND)),
        *(('the place of owners is ' + name, lambda made=made: not_believed(made)) for name, made in PLACES),
        ('no place for owners', no_place),
        ('state written to by all', lambda: state_not_believed(['chmod', '666'], ['chmod', '600'])),
        ('state of another user', lambda: state_not_believed(['chown', '65534'], ['chown', '0'])),
        *(('%s: back to %s alone' % (how, half), lambda half=half, how=how: back_to_a_half(half, how)) for half in ('nftables', 'xfrm') for how in ('rollback', 'confirm', 'daemon')),
        *(('state lost, %s alone' % half, lambda half=half: lost_state_and_a_half(half)) for half in ('nftables', 'xfrm')),
    ]
    for name, f in rows[::3] if lab.QUICK else rows:
        yield 'netns: owners: ' + name, f
