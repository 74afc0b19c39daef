#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does each attack find what it is for? Every file of tests/attack/mutants opens a finding again: a patch whose head names the
attack that must break (`attack: NAME`), or the test of tests/run.py with a daemon that must fail (`test: NAME`). The tree is built once without the patch, where all attacks must hold, and once with
each, two at a time, each in a copy of its own. With arguments, only mutants whose name contains one of them. The tree itself is not touched."""
import fcntl, glob, os, queue, re, shutil, subprocess, sys, threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPIES = [os.path.join(ROOT, 'build/mutants', name) for name in ('src', 'src2')]
COPY = COPIES[0]  # the one that sources are copied to
PROGRAM = 'build/mutant/tests/attack/attack'
DAEMON = 'build/mutant/ioscc'


def sh(tree, *args, **how):
    return subprocess.run(args, cwd=tree, capture_output=True, text=True, **how)


def build(tree, target=PROGRAM):
    p = sh(tree, 'make', '-j2', '--no-print-directory', 'VARIANT=mutant', target)
    return None if p.returncode == 0 else (p.stdout + p.stderr)[-2000:]


def copy():
    """sources as they stand; objects of the last time stay, make knows what is older"""
    files = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard', 'Makefile', 'compiler', 'grammar', 'lint', 'backends', 'docs/rules', 'packaging', 'tests/attack', 'tests/sim'],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for f in files:
        to = os.path.join(COPY, f)
        if not os.path.exists(os.path.join(ROOT, f)):
            continue
        new = open(os.path.join(ROOT, f), 'rb').read()
        if os.path.exists(to) and open(to, 'rb').read() == new:
            continue
        os.makedirs(os.path.dirname(to), exist_ok=True)
        open(to, 'wb').write(new)
    known = {os.path.join(COPY, f) for f in files}
    for at, _, names in os.walk(COPY):
        for n in names:
            f = os.path.join(at, n)
            if f.endswith(('.c', '.h')) and '/build/' not in f and f not in known:
                os.remove(f)


def attacked(tree, name):
    """does the attack find it?"""
    p = sh(tree, PROGRAM, name, timeout=300)
    return p.returncode < 0 or bool(re.findall(r'^BROKEN (.*)$', p.stdout, re.M))


def tested(tree, name):
    """does the test with a daemon find it? One that cannot be run here says nothing: then it is left out"""
    p = subprocess.run([sys.executable, 'tests/run.py', name], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, IOSCC_RELEASE=os.path.join(tree, DAEMON), IOSCC_UNITS=os.path.join(tree, 'packaging/systemd'), IOSCC_BOUND='10'))  # a hang is what it looks for
    subprocess.run(['pkill', '-9', '-f', '^' + re.escape(os.path.join(tree, DAEMON))])  # a daemon that does not end is what some mutants are
    return None if re.search(r' 0 failed, [1-9]\d* skipped', p.stdout) else p.returncode != 0


class Original:
    """what a mutant of sources alone changes, kept with its times: put back, make knows it as what was built before. A header is in
    objects of whoever reads it: these are made anew"""
    def __init__(self, tree, path):
        sources = re.findall(r'^\+\+\+ b/(\S+)', open(path).read(), re.M)
        self.tree, self.kept = tree, {}
        if all(f.endswith('.c') for f in sources):
            made = [os.path.join('build/mutant', f[:-2] + ending) for f in sources for ending in ('.o', '.d')]
            for f in sources + made + ['build/mutant/libioscc.a', PROGRAM]:
                at = os.path.join(tree, f)
                if os.path.exists(at):
                    self.kept[at] = open(at, 'rb').read(), os.stat(at)

    def put_back(self):
        for at, (data, st) in self.kept.items():
            if open(at, 'rb').read() != data:
                open(at, 'wb').write(data)
            os.chmod(at, st.st_mode)
            os.utime(at, ns=(st.st_atime_ns, st.st_mtime_ns))
        daemon = os.path.join(self.tree, DAEMON)
        if self.kept and os.path.exists(daemon):  # of a mutant, and newer than all of it
            os.remove(daemon)


def mutant(tree, path):
    """None, or why the mutant says nothing"""
    original = Original(tree, path)
    head = re.search(r'^(attack|test): (.+)$', open(path).read(), re.M)
    if not head:
        return 'names no attack'
    is_test = head[1] == 'test'
    p = sh(tree, 'patch', '-p1', '--no-backup-if-mismatch', '-i', path)
    if p.returncode:
        return 'does not apply: ' + p.stdout.strip()[-500:]
    try:
        bad = build(tree, DAEMON if is_test else PROGRAM)
        if bad:
            return 'does not build:\n' + bad
        found = tested(tree, head[2]) if is_test else attacked(tree, head[2])
        return '%s holds although the finding is open again' % head[2] if found is False else None
    finally:
        sh(tree, 'patch', '-p1', '-R', '--no-backup-if-mismatch', '-i', path)
        original.put_back()


def missed(paths):
    """the mutants that say nothing, by name"""
    todo, failed = queue.Queue(), []
    for path in paths:
        todo.put(path)

    def work(tree):
        while True:
            try:
                path = todo.get_nowait()
            except queue.Empty:
                return
            name = os.path.basename(path)[:-6]
            try:
                why = mutant(tree, path)
            except Exception as e:  # a thread that dies must not leave its mutants out
                why = repr(e)
            if why:
                failed.append(name)
            print('missed mutant %s: %s' % (name, why) if why else 'found mutant %s' % name, flush=True)

    for tree in COPIES[1:]:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(COPY, tree, symlinks=True)  # with its objects and their times: make knows what is older
    workers = [threading.Thread(target=work, args=(tree,)) for tree in COPIES]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return sorted(failed)


def main():
    words = sys.argv[1:]
    paths = [p for p in sorted(glob.glob(os.path.join(ROOT, 'tests/attack/mutants/*.patch'))) if not words or any(w in p for w in words)]
    os.makedirs(COPY, exist_ok=True)
    lock = open(os.path.join(COPY, '../lock'), 'w')
    fcntl.flock(lock, fcntl.LOCK_EX)  # one set of copies for all: two at once would see each other's mutants
    copy()
    bad = build(COPY)
    if bad:
        print('the tree does not build:\n' + bad)
        return 1
    p = sh(COPY, PROGRAM)
    print('\n'.join(line for line in p.stdout.splitlines() if not words or line.startswith('BROKEN')))
    if p.returncode < 0:
        print('the attacks end with signal %d: %s' % (-p.returncode, p.stderr[-2000:]))
    names = missed(paths)
    for line in re.findall('^BROKEN .*', p.stdout, re.M) + ['missed mutant ' + n for n in names]:
        print(line)  # again: a log that is cut in the middle ends with what failed
    print('%d mutants, %d missed' % (len(paths), len(names)))
    return p.returncode != 0 or bool(names)


if __name__ == '__main__':
    sys.exit(main())
