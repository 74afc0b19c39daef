# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding over the corpus and testdata, as it was reviewed by hand: a finding that is new or gone must be looked at
and written down here on purpose. tests/golden/findings.json: file → "line ID" in order. IOSCC_WRITE_FINDINGS=1 writes it
anew; the difference is what has to be reviewed."""
import glob, json, os, subprocess

GOLDEN = 'tests/golden/findings.json'
CORPUS = '../shared/corpus'


def found(ioscc, env, roots):
    p = subprocess.run([ioscc, 'check', '--no-settings', '-f', 'json', '-j', '2', *roots], capture_output=True, env=env)
    out = {}
    for f in json.loads(p.stdout)['findings']:
        if 'line' not in f:
            continue
        name = os.path.relpath(f['file'], CORPUS) if f['file'].startswith(CORPUS) else f['file']
        out.setdefault(name, []).append('%d %s %s' % (f['line'], f['id'], f['severity']))
    return out


def compare(ioscc, env, roots, prefix):
    got, want = found(ioscc, env, roots), json.load(open(GOLDEN))
    if os.environ.get('IOSCC_WRITE_FINDINGS'):
        want = {k: v for k, v in want.items() if k.startswith('testdata/') != (prefix == 'testdata/')}
        want.update(got)
        json.dump(want, open(GOLDEN, 'w'), indent=0, sort_keys=True)
        return
    wrong = []
    for name in sorted(set(got) | set(want)):
        if name.startswith('testdata/') != (prefix == 'testdata/'):
            continue
        a, b = got.get(name, []), want.get(name, [])
        wrong += ['%s: new: %s' % (name, x) for x in a if x not in b] + ['%s: gone: %s' % (name, x) for x in b if x not in a]
    assert not wrong, '\n'.join(wrong[:30])


def tests(ioscc, env):
    fixed = [p for p in sorted(glob.glob('testdata/**/*.cfg', recursive=True)) if not p.startswith('testdata/rules/')]
    yield 'findings: testdata', lambda: compare(ioscc, env, fixed, 'testdata/')
    roots = [CORPUS + '/' + d for d in ('crypto', 'capture', 'fragment', 'plain', 'more/crypto', 'more/capture', 'more/fragment', 'more/plain') if os.path.isdir(CORPUS + '/' + d)]
    yield 'findings: corpus', lambda: compare(ioscc, env, roots, ''), None if roots else '../shared/corpus is not here'
