#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every test and closes with `N passed, N failed, N skipped`.

A test is data wherever it can be:
  testdata/**/*.facts      facts about the .cfg beside it (or the file named by its first line `file PATH`)
  testdata/**/*.alias      groups of spellings that must compile to one IR
  testdata/rules/ID/       bad.cfg makes rule ID fire, good.cfg does not
  testdata/show/NAME/      input.cfg, and per output a file `COMMAND WORDS.out`
  testdata/**/*.cfg        is read without an unknown command, survives parse - ios - parse, validates by the schema
Programs in tests/unit and tests/property are run as they are. With arguments, only tests whose name contains one of
them are run. IOSCC names another binary.
"""
import atexit, concurrent.futures, glob, json, os, re, shutil, stat, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
IOSCC = os.environ.get('IOSCC', 'build/asan/ioscc')
CORPUS = '../shared/corpus'
# certificates are judged on a fixed day, 2027-01-15
ENV = dict(os.environ, SOURCE_DATE_EPOCH='1800000000', NO_COLOR='1', ASAN_OPTIONS='detect_leaks=1', IOSCC_HASH_SEED='1')
QUICK = '--quick' in sys.argv
EACH_FILE = IOSCC  # runs several times for each file of testdata and of the corpus
if QUICK:  # make check: fewer tries and rows (IOSCC_QUICK); with sanitizers a process takes ten times the time to start
    ENV.update(IOSCC_QUICK='1', ASAN_OPTIONS='detect_leaks=0')
    os.environ['IOSCC_QUICK'] = '1'
    EACH_FILE = os.environ.setdefault('IOSCC', 'build/release/ioscc')  # the tests of namespaces run it too
results = []  # (name, verdict, text)


DIAGS = re.findall(r'DIAG\((\w+), "(IC\d+)", (\w+), "([^"]+)", "([^"]+)"\)', open('compiler/base/diag.def').read())
SEVERITY = {i: s.lower() for _, i, s, _, _ in DIAGS}
# what a rule needs to be able to speak
NEEDS = {'IC3005': ['--profile', 'rfc8247'], 'IC3710': ['--master-key-file', 'testdata/rules/IC3710/master']}
OPT_IN = set()  # filled from `ioscc rules`


class Skip(Exception):
    pass


class Fail(Exception):
    pass


def run(*args, stdin=None, ok=(0, 1), ioscc=IOSCC):
    p = subprocess.run([ioscc, *args], input=stdin, capture_output=True, env=ENV, timeout=600)
    if ok is not None and p.returncode not in ok:
        raise Fail('ioscc %s: exit %d\n%s' % (' '.join(args), p.returncode, p.stderr.decode('utf-8', 'replace')[-1500:]))
    return p


def each(*args, stdin=None):
    return run(*args, stdin=stdin, ioscc=EACH_FILE)


def again(*args, stdin):
    """what has been read and printed with sanitizers, from its own text"""
    return run(*args, stdin=stdin, ioscc='build/release/ioscc')


def compiled(path, *opts, **how):
    return json.loads(run('compile', '--to', 'json', '--show-secrets', *opts, path, **how).stdout)


def findings(path, rule=None, stdin=None):
    """of a file; an opt-in rule is on if it is named"""
    more = ['--rule', '%s=%s' % (rule, SEVERITY[rule])] if rule in OPT_IN else NEEDS.get(rule, [])
    return json.loads(each('check', '--format', 'json', *more, path, stdin=stdin).stdout)['findings']


# ---- facts ----

def unwrap(v):
    if isinstance(v, dict) and 'value' in v and 'origin' in v:
        return v['value']
    return v


def lookup(doc, path):
    """crypto_maps[VPN].entries[10].peers[0].host  - [x] is an index, or the name/number/sequence of the object"""
    v = doc
    for part in re.findall(r'[^.\[\]]+|\[[^\]]*\]', path):
        if not (isinstance(v, dict) and part in v):  # value.bits, value.defined … name parts of the value itself
            v = unwrap(v)
        if not part.startswith('['):
            if not isinstance(v, dict):
                return None
            v = v.get(part)
        else:
            key = part[1:-1]
            if not isinstance(v, list):
                return None
            hit = [x for x in v if isinstance(x, dict) and key in (str(unwrap(x.get(k))) for k in ('name', 'sequence', 'number') if k in x)]
            if hit:
                v = hit[0]
            elif key.isdigit() and int(key) < len(v):
                v = v[int(key)]
            else:
                return None
        if v is None:
            return None
    return v


def text(v):
    v = unwrap(v)
    if v is True or v is False:
        return str(v).lower()
    if isinstance(v, list):
        return ' '.join(text(x) for x in v)
    if isinstance(v, dict):
        if 'bits' in v and 'value' in v:
            return '%s-%s' % (v['value'], v['bits'])
        return json.dumps(v, sort_keys=True)
    return 'nothing' if v is None else str(v)


def check_fact(line, doc, found, unit):
    word, _, rest = line.partition(' ')
    if word == 'finding':  # finding ID LINE[:COLUMN] [words of the message, its hint or a note of it]
        m = re.match(r'(\S+) (\d+)(?::(\d+))?(?: (.*))?$', rest)
        for f in found:
            if f['id'] == m[1] and f['line'] == int(m[2]) and (not m[3] or f['column'] == int(m[3])) and (not m[4] or any(m[4] in t for t in (f['message'], f.get('hint', ''), *(x['message'] for x in f.get('notes', []))))):
                return None
        return 'no such finding; there are: ' + '; '.join('%s %d:%d %s' % (f['id'], f['line'], f['column'], f['message']) for f in found)[:900]
    if word == 'no-finding':  # no-finding PREFIX
        bad = [f for f in found if f['id'].startswith(rest)]
        return 'found %s' % bad[0] if bad else None
    if word == 'findings':  # findings ID N: how many
        i, n = rest.split()
        k = sum(f['id'].startswith(i) for f in found)
        return None if k == int(n) else 'found %d' % k
    if word == 'count':
        path, n = rest.split()
        v = unwrap(lookup(unit, path)) or []
        return None if len(v) == int(n) else 'there are %d' % len(v)
    if word == 'origin':
        path, o = rest.split()
        v = lookup(unit, path)
        got = v.get('origin') if isinstance(v, dict) else None
        return None if got == o else 'origin is %s' % got
    got = text(lookup(unit, word))
    return None if got == rest else 'is %s' % got


def facts_test(path):
    lines = open(path, encoding='utf-8').read().split('\n')
    cfg = path[:-6] + '.cfg'
    if lines[0].startswith('file '):
        cfg = os.path.join(CORPUS, lines[0][5:])
        if not os.path.exists(cfg):
            raise Skip('%s is not here' % cfg)
    doc, found, unit, errors = compiled(cfg), findings(cfg), None, []
    unit = doc['configurations'][0]
    for n, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith('#') or line.startswith('file '):
            continue
        if line.startswith('unit '):
            unit = doc['configurations'][int(line[5:])]
            continue
        e = check_fact(line, doc, found, unit)
        if e:
            errors.append('%s:%d: %s: %s' % (path, n, line, e))
    if errors:
        raise Fail('\n'.join(errors))


# ---- every configuration ----

def roundtrip(path):
    a = each('compile', '--to', 'json', '--no-places', '--show-secrets', path).stdout
    i = each('compile', '--to', 'ios', '--show-secrets', path).stdout
    b = again('compile', '--to', 'json', '--no-places', '--show-secrets', '-', stdin=i).stdout
    if a != b:
        raise Fail('parse - ios - parse changes the meaning of ' + path)
    i2 = again('compile', '--to', 'ios', '--show-secrets', '-', stdin=i).stdout
    if i != i2:
        raise Fail('the canonical text of %s is not stable' % path)


SCHEMA = None


def valid_json(path):
    global SCHEMA
    import jsonschema
    if SCHEMA is None:
        SCHEMA = jsonschema.Draft202012Validator(json.load(open('docs/ir.schema.json')))
    for e in SCHEMA.iter_errors(compiled(path, ioscc=EACH_FILE)):
        raise Fail('%s: %s at %s' % (path, e.message[:300], list(e.path)))


# members of the IR that no line writes: they are worked out, or places
WORKED_OUT = {'at', 'line', 'column', 'length', 'origin', 'built_in', 'complete', 'lacks'}


def ir_members():
    """each member of the IR is set by a line of a configuration in testdata: what the round trip sees of it"""
    definitions = json.loads(run('compile', '--schema').stdout)['$defs']
    seen = set()

    def shape(kind, value):
        if isinstance(value, list):
            for v in value:
                shape(kind.get('items', {}), v)
        for k in kind.get('anyOf', kind.get('oneOf', [kind])):
            if '$ref' in k and isinstance(value, dict):
                members(k['$ref'].rsplit('/', 1)[-1], value)

    def members(name, value):
        kinds = definitions[name].get('properties', {})
        for k, v in value.items():
            empty = v in (None, [], {})
            by_itself = isinstance(v, dict) and (v.get('origin') == 'default' or v.get('value', v) is None)
            if empty or by_itself:
                continue
            seen.add((name, k))
            shape(kinds.get(k, {}), v)

    for path in glob.glob('testdata/**/*.cfg', recursive=True):
        for c in compiled(path, '--no-places', ioscc='build/release/ioscc')['configurations']:
            members('configuration', c)
    every = {(d, k) for d in definitions for k in definitions[d].get('properties', {}) if k not in WORKED_OUT}
    if every - seen:
        raise Fail('no configuration of testdata sets (add a line to testdata/ir/rest.cfg): %s' % ', '.join(
            sorted('%s.%s' % m for m in every - seen)))


def no_secret_shown(path):
    """no key of the configuration occurs in any output without --show-secrets"""
    keys, names = set(), set()

    def collect(v):
        if isinstance(v, dict):
            if 'form' in v and len(v['value']) >= 6:
                keys.add(v['value'])
            elif isinstance(v.get('value'), str) and 'origin' in v:
                names.add(v['value'])  # a keyring may be called like a key
            for x in v.values():
                collect(x)
        elif isinstance(v, list):
            for x in v:
                collect(x)
    collect(compiled(path, ioscc=EACH_FILE))
    outs = [each('compile', '--to', t, path).stdout for t in ('json', 'ios')] + [each('check', '--format', f, path).stdout for f in ('text', 'json')]
    for k in keys - names:
        for o in outs:
            # the key must not occur; a name that merely contains its letters does not count
            if re.search(rb'(?<![\w-])' + re.escape(k.encode('utf-8', 'replace')) + rb'(?![\w-])', o):
                raise Fail('a key of %s is shown' % path)


def command_file(path):
    """our own files of commands: each line is one of the reference's"""
    bad = [f for f in findings(path) if f['id'] in ('IC1001', 'IC1002', 'IC1003', 'IC1004', 'IC1005', 'IC1006')]
    if bad:
        raise Fail('%s:%d: %s' % (path, bad[0]['line'], bad[0]['message']))


def alias_test(path):
    """blocks between blank lines hold spellings separated by `==`; all must mean the same"""
    for block in open(path).read().split('\n\n'):
        if not block.strip() or block.startswith('#'):
            continue
        docs = [(s, compiled('-', '--no-places', stdin=(s.strip('\n') + '\n').encode())) for s in block.split('\n==\n')]
        for s, d in docs[1:]:
            if d != docs[0][1]:
                raise Fail('%s: these differ:\n%s\n---\n%s' % (path, docs[0][0], s))


# what a family's good examples cannot be without
ALLOWED_BESIDE = {'IC33': ('IC3310',)}


def rule_test(d):
    rid = os.path.basename(d)
    bad, good = os.path.join(d, 'bad.cfg'), os.path.join(d, 'good.cfg')
    if not any(f['id'] == rid for f in findings(bad, rid)):
        raise Fail('%s does not fire on %s' % (rid, bad))
    for f in findings(good, rid):
        if f['id'] == rid or f['id'] not in ALLOWED_BESIDE.get(rid[:4], ()):
            raise Fail('%s: %d: %s %s' % (good, f['line'], f['id'], f['message']))


def show_test(path):
    d, words = os.path.dirname(path), os.path.basename(path)[:-4].split()
    out = run('show', *words, '--config', os.path.join(d, 'input.cfg')).stdout.decode()
    want = open(path).read()
    if out != want:
        raise Fail('%s: got\n%s' % (path, out))


def program(path, *args, **more):
    p = subprocess.run([path, *args], capture_output=True, timeout=3600, env=dict(ENV, **more))
    if p.returncode:
        raise Fail((p.stdout + p.stderr).decode('utf-8', 'replace')[-3000:])


# ---- the corpus, where it is at hand ----

def corpus_file(path):
    roundtrip(path)
    no_secret_shown(path)
    kind = path[len(CORPUS) + 1:].replace('more/', '').split('/')[0]
    if kind == 'plain':
        allowed = json.load(open('tests/golden/corpus/plain.json'))
        for f in findings(path):
            if f['rule'] not in allowed.get(os.path.basename(path), []):
                raise Fail('%s:%d: %s %s' % (path, f['line'], f['id'], f['message']))
    if kind == 'notios':
        got = [f['id'] for f in findings(path)]
        if got != ['IC1009']:
            raise Fail('%s: %s' % (path, got))


# ---- command line ----

def manual_has_commands():
    """its synopsis and its sections, each command of --help"""
    page = open('docs/man/ioscc.1.scd').read()
    synopsis, sections = page[page.index('# SYNOPSIS'):page.index('# DESCRIPTION')], page[page.index('# COMMANDS'):page.index('# OPTIONS')]
    for command in re.findall(r'(?m)^  (\w+)  ', run('--help').stdout.decode()):
        if not re.search(r'\*(ioscc )?%s\*' % command, synopsis) or '*%s*' % command not in sections:
            raise Fail('docs/man/ioscc.1.scd lacks %s' % command)


def cli_tests():
    import resource
    tmp = tempfile.mkdtemp(prefix='ioscc-cli-')
    atexit.register(shutil.rmtree, tmp, True)

    def write(name, data):
        p = os.path.join(tmp, name)
        open(p, 'wb').write(data)
        return p
    clean = write('clean.cfg', b'hostname a\ninterface Loopback0\n ip address 10.0.0.1 255.255.255.255\n')
    weak = write('weak.cfg', b'crypto isakmp policy 1\n encr 3des\n hash sha256\n group 14\n')
    broken = write('broken.cfg', b'crypto isakmp polcy 1\n')
    binary = write('binary', bytes(range(256)) * 40)
    empty = write('empty.cfg', b'')
    os.mkdir(os.path.join(tmp, 'dir'))
    os.symlink('.', os.path.join(tmp, 'dir', 'loop'))
    write('dir/x.cfg', b'crypto isakmp polcy 1\n')

    def expect(code, *args, out=None, err=None):
        p = run(*args, ok=None)
        if p.returncode != code:
            raise Fail('ioscc %s: exit %d, not %d' % (args, p.returncode, code))
        for want, got in ((out, p.stdout), (err, p.stderr)):
            if want and want.encode() not in got:
                raise Fail('ioscc %s: no %r in %r' % (args, want, got[-400:]))
    yield 'clean is 0', lambda: expect(0, 'check', clean, out='0 errors, 0 warnings')
    yield 'warnings do not fail', lambda: expect(0, 'check', weak)
    yield 'fail-on warning', lambda: expect(1, 'check', '--fail-on', 'warning', weak)
    yield 'fail-on=warning', lambda: expect(1, 'check', '--fail-on=warning', weak)
    yield 'errors are 1', lambda: expect(1, 'check', broken, out="did you mean 'policy'?")
    yield 'missing file is 2, others checked', lambda: expect(2, 'check', tmp + '/none', broken, out='polcy')
    yield 'binary is 2', lambda: expect(2, 'check', binary, out='not a text file')
    yield 'empty is a note', lambda: expect(0, 'check', empty, out='empty')
    yield 'directory loop', lambda: expect(2, 'check', tmp + '/dir', out='directory loop')
    yield 'unknown option', lambda: expect(2, 'check', '--nonsense', clean, err='unknown option')
    yield 'no path', lambda: expect(2, 'check')
    yield 'the manual has every command', manual_has_commands
    yield 'unknown command', lambda: expect(2, 'frobnicate')
    yield 'no command', lambda: expect(2)
    for option in (b'--pki-dir', b'--master-key-file', b'-m', b'--device'):  # a finding (F5): kept as null, and the next reload took the default
        for command in (b'run', b'reload', b'apply'):
            if command != b'apply' or option in (b'-m', b'--device'):
                yield '%s %s that is not UTF-8' % (command.decode(), option.decode()), lambda command=command, option=option: expect(2, command, option, b'Gi0/0=caf\xe9', clean, err='is not UTF-8')
    yield 'help', lambda: expect(0, 'check', '--help', out='--fail-on')
    yield 'version', lambda: expect(0, '--version', out='ioscc ')
    yield 'compile of a directory', lambda: expect(2, 'compile', tmp)
    yield 'compile needs one file', lambda: expect(2, 'compile')
    yield 'unknown target', lambda: expect(2, 'compile', '--to', 'cobol', clean)
    yield 'show without config', lambda: expect(2, 'show', 'crypto', 'map', '--state-dir', tmp + '/state', err='nothing is applied')
    yield 'ambiguous show', lambda: expect(2, 'show', 'crypto', 'i', 'p', '-c', clean, err='ambiguous')
    def device():
        run('compile', '-o', '/dev/null', clean)
        if not stat.S_ISCHR(os.stat('/dev/null').st_mode):
            raise Fail('/dev/null was replaced by a file')
    yield 'a device is written to', device
    yield 'unwritable output is 3', lambda: expect(3, 'compile', '-o', tmp + '/no/such/file', clean)
    yield 'full disk is 3', lambda: None if subprocess.run('%s compile %s > /dev/full' % (IOSCC, clean), shell=True, env=ENV, stderr=subprocess.DEVNULL).returncode == 3 else (_ for _ in ()).throw(Fail('not 3'))

    def jobs():
        files = sorted(glob.glob('testdata/**/*.cfg', recursive=True))
        for fmt in ('text', 'json'):
            one, four = (run('check', '-f', fmt, '-j', n, *files).stdout for n in ('1', '4'))
            if one != four:
                raise Fail('output differs with threads')
    yield 'threads change nothing', jobs

    def mode():
        out = os.path.join(tmp, 'out.ios')
        run('compile', '--to', 'ios', '--show-secrets', '-o', out, 'testdata/pairs/branch-hq/branch.cfg')
        if os.stat(out).st_mode & 0o777 != 0o600:
            raise Fail('a file with keys is readable by others')
    yield 'keys are written 0600', mode

    def encodings():
        body = 'crypto isakmp policy 1\r\n encr 3des\r\n! \u00e9\r\n'
        forms = [body.encode(), b'\xef\xbb\xbf' + body.encode(), body.encode('latin-1'), body.encode('utf-16'), body.replace('\r\n', '\n').encode()]
        got = {json.dumps([(f['id'], f['line'], f['column']) for f in findings('-', stdin=x)]) for x in forms}
        if len(got) != 1:
            raise Fail(str(got))
    yield 'CRLF, BOM, Latin-1, UTF-16', encodings

    def hostile():
        n = 1_000_000 if QUICK else 10_000_000
        cases = {'one long line': b'crypto map ' + b'a ' * (5 * n) + b'\n', 'nested interfaces': b''.join(b'interface Gi%d\n' % i for i in range(n)),
                 'one word': b'x' * (10 * n), 'nul': b'crypto\0map\n' * 1000}
        for name, data in cases.items():
            p = subprocess.run([IOSCC.replace('asan', 'release'), 'check', '-'], input=data, capture_output=True, env=ENV,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)), timeout=600)
            if p.returncode not in (0, 1, 2):
                raise Fail('%s: exit %d %s' % (name, p.returncode, p.stderr[-300:]))
    yield 'hostile input', hostile

    def linear():
        def seconds(n):
            acl = b''.join(b' permit ip 10.%d.%d.0 0.0.0.255 10.%d.%d.0 0.0.0.255\n' % (i >> 16 & 255, i >> 8 & 255, i & 255, i % 251) for i in range(n * 10))
            maps = b''.join(b'crypto map M %d ipsec-isakmp\n set peer 192.0.%d.%d\n match address A\n set transform-set T\n' % (i + 1, i >> 8 & 255, i & 255) for i in range(n))
            p = write('big.cfg', b'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac\nip access-list extended A\n' + acl + maps)
            # of the processor, whoever else is busy: on the clock it would be theirs too
            child = subprocess.Popen([IOSCC.replace('asan', 'release'), 'check', p], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise Fail('exit %d' % child.returncode)
            return used.ru_utime + used.ru_stime
        a, b = min(seconds(2000) for _ in range(3)), min(seconds(20000) for _ in range(2))
        if b > a * 30 + 1:  # ten times the input: thirty times the time would be a quadratic table
            raise Fail('%.2f s for 2 000 entries, %.2f s for 20 000' % (a, b))
    yield '20 000 entries and 200 000 lines in linear time', linear


# ---- structure ----

def layers():
    rank = {}
    for line in open('tests/layers.txt'):
        if line.strip() and not line.startswith('#'):
            n, d = line.split()
            rank[d] = int(n)

    def folder(path):
        best = max((d for d in rank if path == d or path.startswith(d + '/')), key=len, default=None)
        if best is None:
            raise Fail(path + ' has no layer')
        return best
    for f in glob.glob('compiler/**/*.[ch]', recursive=True) + glob.glob('grammar/*.[chly]') + glob.glob('lint/**/*.[ch]', recursive=True) + glob.glob('backends/**/*.[ch]', recursive=True):
        for inc in re.findall(r'#include "([^"]+)"', open(f).read()):
            if inc.startswith('build/gen/'):
                continue
            if not os.path.exists(inc):
                raise Fail('%s includes %s, which is not there' % (f, inc))
            a, b = folder(f), folder(inc)
            if a != b and rank[b] >= rank[a]:
                raise Fail('%s (layer %d) includes %s (layer %d)' % (f, rank[a], inc, rank[b]))


def headers():
    for h in glob.glob('compiler/**/*.h', recursive=True) + glob.glob('grammar/*.h') + glob.glob('lint/**/*.h', recursive=True) + glob.glob('backends/**/*.h', recursive=True):
        p = subprocess.run(['gcc', '-std=gnu11', '-D_GNU_SOURCE', '-I.', '-fsyntax-only', '-Wall', '-Werror', '-x', 'c', '-include', h, '/dev/null'], capture_output=True)
        if p.returncode:
            raise Fail('%s does not compile alone:\n%s' % (h, p.stderr.decode()[:500]))


def sizes():
    for f in subprocess.run(['git', 'ls-files', '*.c', '*.h', '*.y', '*.l'], capture_output=True, text=True).stdout.split():
        if os.path.exists(f) and sum(1 for _ in open(f)) > 800:
            raise Fail(f + ' has more than 800 lines')


def current(path, *cmd):
    if run(*cmd).stdout != open(path, 'rb').read():
        raise Fail('%s is not current: run ioscc %s > %s' % (path, ' '.join(cmd), path))


def rules_have_fixtures():
    for i in SEVERITY:
        if i.startswith('IC3') and not os.path.isdir('testdata/rules/' + i):
            raise Fail('rule %s has no fixtures' % i)
    for d in os.listdir('testdata/rules'):
        if d not in SEVERITY:
            raise Fail('fixtures for unknown rule ' + d)


def rules_have_pages():
    """a page for each id and no other; its head, its authority and its examples are those of the program"""
    listed = {r['id']: r for r in json.loads(run('rules', '--format', 'json').stdout)}
    pages = []
    for _, i, severity, slug, title in DIAGS:
        path = 'docs/rules/%s.md' % i
        if not os.path.exists(path):
            raise Fail('rule %s has no page' % i)
        page = open(path).read()
        if not page.startswith('# %s %s\n\n%s' % (i, slug, title[0].upper() + title[1:])) or 'Severity: ' + severity.lower() not in page:
            raise Fail('%s: its head is not that of the rule' % path)
        if ('when asked for' in page) != listed[i]['optIn']:
            raise Fail('%s: opt-in or not?' % path)
        for part in ('What', 'Why', 'How to fix', 'Authority'):
            if not re.search(r'^## %s\n\n.{8,}' % part, page, re.M):
                raise Fail('%s has no %s' % (path, part))
        if listed[i].get('authority', '') not in page:
            raise Fail('%s: authority is not %s' % (path, listed[i]['authority']))
        for word, want in re.findall(r'^## (Bad|Good)\n\n```ios\n(.*?)```', page, re.M | re.S):
            if want != open('testdata/rules/%s/%s.cfg' % (i, word.lower())).read():
                raise Fail('%s: the %s example is not the one that is tested' % (path, word.lower()))
        pages.append(page)
    if run('explain', *[d[1] for d in DIAGS]).stdout.decode() != ''.join(pages):
        raise Fail('ioscc explain prints something else than docs/rules')
    for f in os.listdir('docs/rules'):
        if f[:-3] not in SEVERITY:
            raise Fail('a page for unknown rule ' + f)


def readme_is_true():
    """every `$ command` block of the README prints what the README says"""
    blocks = re.findall(r'```console\n(.*?)```', open('README.md').read(), re.S)
    if not blocks:
        raise Fail('README.md shows no command')
    for block in blocks:
        for cmd, want in re.findall(r'^\$ (.*)\n((?:(?!\$ ).*\n)*)', block, re.M):
            if not cmd.startswith('ioscc'):
                continue
            p = subprocess.run([IOSCC] + cmd.split()[1:], capture_output=True, text=True, env=ENV)
            if p.stdout != want:
                raise Fail('README: %s prints\n%s' % (cmd, p.stdout))


# ---- namespaces ----

def namespace_tests():
    """tests/netns and tests/vm, test_*.py: each has tests(), which yields names and functions"""
    sys.path[:0] = ['tests/netns', 'tests/vm']
    import guest, importlib, lab
    quick = 'left out of make check: make test and make check-vm run it' if QUICK else None
    for d, why in (('netns', lab.usable()), ('vm', quick or guest.usable())):
        for p in sorted(glob.glob('tests/%s/test_*.py' % d)):
            for name, f in importlib.import_module(os.path.basename(p)[:-3]).tests():
                def skip(why=why):
                    raise Skip(why)

                def may_skip(f=f):
                    try:
                        f()
                    except Exception as e:
                        if type(e).__name__ == 'Unavailable':
                            raise Skip(str(e))
                        raise
                yield name, skip if why else may_skip


# what these say nobody has to look at: the sentence in their header says why
MAY_BE_IGNORED = {'ike_acquire', 'set_range'}


def state_comparisons():
    """the states of SAs and children are compared in engine/states.c and nowhere else: rows and traits say what holds"""
    bad = []
    for f in sorted(glob.glob('backends/ike/**/*.c', recursive=True)):
        if f == 'backends/ike/engine/states.c':
            continue
        for n, line in enumerate(open(f), 1):
            if re.search(r'(->|\.)state\s*([=!<>]=|[<>](?!=))|switch \((\([a-z_ ]+\))?\w+->state', line):
                bad.append('%s:%d: %s' % (f, n, line.strip()))
    assert not bad, '\n'.join(bad)


def results():
    """what can fail says so in a way that the compiler looks at (compiler/base/must.h)"""
    bad = []
    for p in glob.glob('backends/**/*.h', recursive=True) + glob.glob('compiler/**/*.h', recursive=True):
        for m in re.finditer(r'^(?:bool|int) (\w+)\([^;{}]*;', open(p).read(), re.M):
            if 'MUST_CHECK' not in m[0] and '__attribute__' not in m[0] and m[1] not in MAY_BE_IGNORED:
                bad.append('%s: %s' % (p, m[1]))
    if bad:
        raise Fail('without MUST_CHECK: ' + ', '.join(sorted(bad)))


def lint_tests():
    """tests/lint/test_*.py: each has tests(program, environment)"""
    sys.path.insert(0, 'tests/lint')
    import importlib
    for p in sorted(glob.glob('tests/lint/test_*.py')):
        for name, f, *why in importlib.import_module(os.path.basename(p)[:-3]).tests(EACH_FILE, ENV):
            def skip(why=why):
                raise Skip(why[0])
            yield name, skip if why and why[0] else f


# ---- attacks ----

def attack_tests():
    """each attack of tests/attack on the engine is a test of its own"""
    listed = subprocess.run(['build/asan/tests/attack/attack', '--list'], capture_output=True, text=True).stdout.splitlines()
    if not listed:
        def absent():
            raise Fail('tests/attack lists no attack')
        yield 'attack', absent
    for name in [] if QUICK else listed:
        yield 'attack: ' + name, lambda name=name: program('build/asan/tests/attack/attack', name)
    # all in one program: then each row of the tables of states must have happened
    yield 'attack: all rows of the states', lambda: program('build/release/tests/attack/attack')
    if not QUICK:
        yield 'attack: crowd, ten thousand seeds', lambda: program('build/release/tests/attack/attack', 'crowd', IOSCC_RUNS='5000')
        yield 'attack: mutants', lambda: program(sys.executable, 'tests/attack/mutants.py')


def findings_have_tests():
    """tests/findings.txt: each test that it names is there"""
    sys.path[:0] = ['tests/netns', 'tests/vm']
    import lab
    import test_situations
    quick, lab.QUICK = lab.QUICK, False  # also those that make check leaves out
    known = {name for name, *_ in tests()} | {row[0] for row in test_situations.SITUATIONS}
    lab.QUICK = quick
    for line in open('tests/findings.txt'):
        finding, _, names = line.strip().partition(': ')
        if finding.startswith('#'):
            continue
        missing = [n for n in names.split('; ') if n not in known]
        if missing or not names:
            raise Fail('%s: %s' % (finding, missing))


# ---- running ----

def tests():
    for p in sorted(glob.glob('build/asan/tests/unit/test_*') + glob.glob('build/asan/tests/property/prop_*')):
        if '.' not in os.path.basename(p):
            yield os.path.relpath(p, 'build/asan/tests'), lambda p=p: program(p)
    # ten thousand seeds without sanitizers, some hundred with them
    yield 'sim/sim_exchanges, sanitized', lambda: program('build/asan/tests/sim/sim_exchanges', IOSCC_QUICK='1')
    yield 'sim/sim_exchanges', lambda: program('build/release/tests/sim/sim_exchanges')
    yield 'sim/sim_tamper, sanitized', lambda: program('build/asan/tests/sim/sim_tamper', IOSCC_QUICK='1')
    yield 'sim/sim_tamper', lambda: program('build/release/tests/sim/sim_tamper')
    yield 'sim/sim_load, sanitized', lambda: program('build/asan/tests/sim/sim_load', IOSCC_QUICK='1')
    yield 'sim/sim_load', lambda: program('build/release/tests/sim/sim_load')
    yield from attack_tests()
    yield 'structure: layers', layers
    yield 'structure: headers compile alone', headers
    yield 'structure: files under 800 lines', sizes
    yield 'structure: results must be checked', results
    yield 'structure: states are compared in their tables', state_comparisons
    if not QUICK:  # which leaves out rows
        yield 'structure: findings have tests', findings_have_tests
    yield 'schema is current', lambda: current('docs/ir.schema.json', 'compile', '--schema')
    OPT_IN.update(r['id'] for r in json.loads(run('rules', '--format', 'json').stdout) if r['optIn'])
    yield 'rules have fixtures', rules_have_fixtures
    yield 'rules have pages', rules_have_pages
    yield 'README is true', readme_is_true
    yield 'ir members', ir_members
    for p in sorted(glob.glob('testdata/**/*.facts', recursive=True) + glob.glob('tests/golden/**/*.facts', recursive=True)):
        yield 'facts: ' + p, lambda p=p: facts_test(p)
    for p in sorted(glob.glob('testdata/**/*.alias', recursive=True)):
        yield 'alias: ' + p, lambda p=p: alias_test(p)
    for d in sorted(glob.glob('testdata/rules/*')):
        yield 'rule: ' + os.path.basename(d), lambda d=d: rule_test(d)
    for p in sorted(glob.glob('testdata/show/*/*.out')):
        yield 'show: ' + p, lambda p=p: show_test(p)
    for p in sorted(glob.glob('testdata/commands/*.cfg')):
        yield 'commands: ' + p, lambda p=p: command_file(p)
    configurations = sorted(glob.glob('testdata/**/*.cfg', recursive=True))
    for p in configurations[::3] if QUICK else configurations:
        yield 'round trip: ' + p, lambda p=p: roundtrip(p)
        yield 'schema: ' + p, lambda p=p: valid_json(p)
        yield 'secrets: ' + p, lambda p=p: no_secret_shown(p)
    for name, f in cli_tests():
        yield 'cli: ' + name, f
    yield from lint_tests()
    yield from namespace_tests()
    files = sorted(p for p in glob.glob(CORPUS + '/**/*', recursive=True) if os.path.isfile(p) and '/show/' not in p and not p.endswith('MANIFEST.tsv'))
    if not files:
        def absent():
            raise Skip('../shared/corpus is not here')
        yield 'corpus', absent
    for p in files[::6 if QUICK else 1]:
        yield 'corpus: ' + p[len(CORPUS) + 1:], lambda p=p: corpus_file(p)


def one(item):
    name, f = item
    start = time.monotonic()
    try:
        f()
        verdict, msg = 'passed', ''
    except Skip as e:
        verdict, msg = 'skipped', str(e)
    except (Fail, AssertionError) as e:
        verdict, msg = 'failed', str(e)
    except Exception as e:
        verdict, msg = 'failed', '%s: %s' % (type(e).__name__, e)
    return name, verdict, msg, time.monotonic() - start


# They wait for clocks (names' TTLs, time-outs of a server that is silent, five seconds in which nothing may come), and need
# the processor little: beside the others
WAITING = ('netns: uplinks', 'netns: revocation', 'netns: closed')


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith('--')]
    items = [t for t in tests() if not wanted or any(w in t[0] for w in wanted)]
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    slow = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool, concurrent.futures.ThreadPoolExecutor(max_workers=2) as beside:
        futures = [(beside if t[0].startswith(WAITING) else pool).submit(one, t) for t in items]
        for name, verdict, msg, seconds in (f.result() for f in futures):
            counts[verdict] += 1
            if verdict != 'passed':
                print('%s: %s\n    %s' % (verdict.upper(), name, msg.replace('\n', '\n    ')))
            if seconds > 20:
                slow.append('%s %.0f s' % (name, seconds))
    if slow:
        print('slow: ' + ', '.join(slow))
    print('%(passed)d passed, %(failed)d failed, %(skipped)d skipped' % counts)
    return 1 if counts['failed'] or not counts['passed'] else 0


sys.exit(main())
