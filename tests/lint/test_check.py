# SPDX-License-Identifier: GPL-3.0-or-later
"""check as teams live with it: report formats judged by validators of others, settings, ignore comments, baselines,
new findings only, fixes, profiles; and the fleet: facts joined apart, the page in a browser."""
import glob, json, os, re, shutil, subprocess, tempfile, xml.dom.minidom

WEAK = 'crypto isakmp policy 1\n encr 3des\n hash sha256\n authentication pre-share\n group 14\n'


class Box:
    """a directory and the program"""

    def __init__(self, ioscc, env):
        self.ioscc, self.env = ioscc, env
        self.dir = tempfile.mkdtemp(prefix='ioscc-check-')

    def __enter__(self):
        return self

    def __exit__(self, *a):
        shutil.rmtree(self.dir)

    def write(self, name, text):
        p = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        open(p, 'wb').write(text if isinstance(text, bytes) else text.encode())
        return p

    def run(self, *args, code=None, cwd=None):
        p = subprocess.run([os.path.abspath(self.ioscc), *args], capture_output=True, text=True, env=self.env, cwd=cwd or self.dir)
        assert code is None or p.returncode == code, 'ioscc %s: exit %d, not %d\n%s%s' % (' '.join(args), p.returncode, code, p.stdout[-800:], p.stderr[-800:])
        return p

    def ids(self, *args):
        return [f['id'] for f in json.loads(self.run('check', '-f', 'json', *args).stdout)['findings']]


def need(program):
    return None if shutil.which(program) else '%s is not installed' % program


# ---- formats ----

def every_kind(b):
    """files with findings of all severities, in awkward encodings and with awkward names"""
    b.write('weak.cfg', WEAK)
    b.write('sub/a b,c:d%20&<x>.cfg', WEAK.encode() + b'! \xe9\ncrypto isakmp key \xff<k>&"x address 192.0.2.1\ncrypto isakmp polcy 3\n')
    b.write('clean.cfg', 'hostname clean\n')
    b.write('binary', bytes(range(256)) * 40)
    shutil.copy('testdata/rules/IC3605/bad.cfg', b.dir)
    shutil.copy('testdata/rules/IC3215/bad.cfg', b.dir + '/note.cfg')
    return b.dir


def sarif(ioscc, env):
    with Box(ioscc, env) as b:
        every_kind(b)
        out = b.write('r.sarif', b.run('check', '-f', 'sarif', '.').stdout)
        doc = json.load(open(out))
        results = doc['runs'][0]['results']
        assert results and all(len(x['partialFingerprints']['ioscc/v1']) == 32 for x in results)
        rules = doc['runs'][0]['tool']['driver']['rules']
        for x in results:
            assert rules[x['ruleIndex']]['id'] == x['ruleId'] and 'helpUri' in rules[x['ruleIndex']]
            assert rules[x['ruleIndex']]['help']['markdown'].startswith('# ' + x['ruleId'])
        tool = multitool()
        p = subprocess.run([tool, 'validate', out, '--output', b.dir + '/verdict.sarif', '--log', 'ForceOverwrite', '--level', 'Error'], capture_output=True, text=True)
        verdict = json.load(open(b.dir + '/verdict.sarif'))['runs'][0]['results']
        errors = [x for x in verdict if x.get('level', 'warning') == 'error']
        assert p.returncode == 0 and not errors, (p.stdout + p.stderr)[-500:] + json.dumps(errors[:3])[:1500]


def multitool():
    for p in (os.environ.get('SARIF_MULTITOOL'), shutil.which('sarif-multitool'), 'build/npm/node_modules/.bin/sarif-multitool'):
        if p and os.path.exists(p):
            return os.path.abspath(p)


def xsd(name):
    def test(ioscc, env):
        with Box(ioscc, env) as b:
            every_kind(b)
            out = b.write('r.xml', b.run('check', '-f', name, '.').stdout)
            p = subprocess.run(['xmllint', '--noout', '--schema', os.path.abspath('tests/schemas/%s.xsd' % name), out], capture_output=True, text=True)
            assert p.returncode == 0, p.stderr
            assert 'polcy' in open(out).read()
    return test


def schema(name):
    def test(ioscc, env):
        import jsonschema
        v = jsonschema.Draft202012Validator(json.load(open('tests/schemas/%s.schema.json' % name)))
        with Box(ioscc, env) as b:
            every_kind(b)
            text = b.run('check', '-f', name, '.').stdout
            docs = [json.loads(x) for x in text.splitlines()] if name == 'rdjsonl' else [json.loads(text)]
            assert docs
            for d in docs:
                for e in v.iter_errors(d):
                    raise AssertionError(e.message)
            if name == 'gitlab':
                prints = [x['fingerprint'] for x in docs[0]]
                assert len(prints) == len(set(prints)), 'fingerprints are not unique'
    return test


def github(ioscc, env):
    """workflow commands: properties escaped so that the runner reads them back (docs: workflow commands)"""
    with Box(ioscc, env) as b:
        every_kind(b)
        lines = b.run('check', '-f', 'github', '.').stdout.splitlines()
        assert lines
        for l in lines:
            m = re.fullmatch(r'::(error|warning|notice) ([^:]*)::(.*)', l)
            assert m, l
            props = dict(x.split('=', 1) for x in m[2].split(','))
            path = props['file'].replace('%3A', ':').replace('%2C', ',').replace('%0D', '\r').replace('%0A', '\n').replace('%25', '%')
            assert os.path.exists(os.path.join(b.dir, path)), path


def gcc(ioscc, env):
    with Box(ioscc, env) as b:
        every_kind(b)
        for l in b.run('check', '-f', 'gcc', '.').stdout.splitlines():
            assert re.match(r'.+:\d+:\d+: (error|warning|note): .+ \[IC\d{4}\]$', l), l


def no_key_in_reports(ioscc, env):
    secret = 'Zq8-horse-battery-77'
    with Box(ioscc, env) as b:
        b.write('a.cfg', WEAK + 'crypto isakmp key %s address 192.0.2.1\ncrypto isakmp key %s address 192.0.2.2\ncrypto isakmp key %s adress 1\n' % ((secret,) * 3))
        for f in 'text json sarif junit checkstyle github gitlab rdjsonl gcc'.split():
            assert secret not in b.run('check', '-p', 'all', '-f', f, '.').stdout, f
        assert secret not in b.run('check', '--fix', '-n', '.').stdout
        b.run('check', '--write-baseline', 'base.json', '.')
        assert secret not in open(b.dir + '/base.json').read()
        for args in (['facts', 'a.cfg'], ['fleet', '--to', 'json', '.'], ['fleet', '--to', 'html', '.']):
            assert secret not in b.run(*args).stdout, args


# ---- living with it ----

def settings(ioscc, env):
    with Box(ioscc, env) as b:
        b.write('a.cfg', WEAK)
        b.write('lab/x/b.cfg', WEAK)
        assert b.ids('.') == ['IC3001', 'IC3001']
        b.write('.ioscc.yaml', 'rules:\n  weak-encryption: error\npaths:\n  - match: lab/*\n    rules: {IC3001: off}\n')
        assert b.ids('.') == ['IC3001']
        assert b.run('check', '.').returncode == 1  # it is an error now
        assert b.ids('--rule', 'IC3001=note', '.') == ['IC3001', 'IC3001'], 'options win'
        assert b.run('check', '--rule', 'IC3001=off', '.').returncode == 0
        assert b.ids('--no-settings', '.') == ['IC3001', 'IC3001']
        b.write('lab/x/.ioscc.yaml', 'profile: [cisco-nge, rfc8247]\n')  # the nearest file counts alone
        assert b.ids('lab') == ['IC3001']
        for bad, why in (('rulez: 1\n', "unknown key 'rulez'"), ('rules: {IC9: off}\n', "no rule is called 'IC9'"), ('rules: {IC3001: maybe}\n', 'off, note'), ('a: [\n', '.ioscc.yaml:'),
                         ('profile: nobody\n', "no built-in profile is called 'nobody'"), ('- 1\n', 'mapping'), ('paths: [{rules: {}}]\n', "needs 'match'")):
            b.write('.ioscc.yaml', bad)
            p = b.run('check', 'a.cfg', code=2)
            assert why in p.stderr, (bad, p.stderr)


def profiles(ioscc, env):
    with Box(ioscc, env) as b:
        b.write('a.cfg', 'crypto ikev2 proposal P\n encryption aes-cbc-128\n integrity sha1\n group 14\ncrypto ikev2 policy X\n proposal P\n')
        def said(*p):
            return sorted((f['id'], f['severity']) for f in json.loads(b.run('check', '-f', 'json', *p, 'a.cfg').stdout)['findings'])
        assert said() == []
        assert said('-p', 'rfc8247') == [('IC3002', 'note')]
        assert said('-p', 'nist-800-77r1') == [('IC3002', 'warning')]
        assert said('-p', 'cnsa') == [('IC3001', 'error'), ('IC3002', 'error'), ('IC3003', 'error')]
        assert said('-p', 'bsi-tr-02102-3') == [('IC3002', 'error'), ('IC3003', 'warning')]
        assert said('-p', 'all') == said('-p', 'cnsa')
        b.write('ours.yaml', 'profile: ours\nextends: rfc8247\nike-hash:\n  authority: "our rule 7"\n  sha-1: forbidden\n')
        assert said('-p', 'ours.yaml') == [('IC3002', 'error')]
        assert 'our rule 7' in b.run('check', '-p', 'ours.yaml', 'a.cfg').stdout
        b.write('bad.yaml', 'ike-hash:\n  sha-9: forbidden\n')
        assert "'sha-9' is not known under ike-hash" in b.run('check', '-p', 'bad.yaml', 'a.cfg', code=2).stderr


def ignores(ioscc, env):
    with Box(ioscc, env) as b:
        b.write('a.cfg', '! ioscc: ignore=IC3001 old peer, gone in May\n' + WEAK)
        assert b.ids('.') == []
        b.write('a.cfg', WEAK.replace(' encr', ' ! ioscc: ignore=weak-encryption old peer\n encr'))
        assert b.ids('.') == []
        b.write('a.cfg', '! ioscc: ignore-file=IC3001,IC3002 a lab\n!\n' + WEAK)
        assert b.ids('.') == []
        b.write('a.cfg', '! ioscc: ignore=IC3001\n' + WEAK)
        assert b.ids('.') == ['IC0003', 'IC3001'], 'a reason is needed'
        b.write('a.cfg', '! ioscc: ignore=IC3002 not there\n' + WEAK)
        assert b.ids('.') == ['IC0002', 'IC3001'], 'unused'
        b.write('a.cfg', '! ioscc: ignore=nonsense x\nbanner motd ^C\nioscc: ignore=IC3001 x\n^C\n' + WEAK)
        assert b.ids('.') == ['IC0003', 'IC3001']
        b.write('a.cfg', '! ioscc: ignore=IC3002 not there\n' + WEAK)
        b.run('check', '--fix', '.')
        assert open(b.dir + '/a.cfg').read() == WEAK


def baseline(ioscc, env):
    with Box(ioscc, env) as b:
        b.write('a.cfg', WEAK)
        b.run('check', '--write-baseline', 'known.json', '.', code=0)
        assert b.ids('--baseline', 'known.json', '.') == []
        b.write('a.cfg', 'hostname x\n!\nip access-list extended Q\n permit ip any any\n' + WEAK.replace('hash sha256', 'hash md5'))
        assert b.ids('--baseline', 'known.json', '.') == ['IC3002'], 'fingerprints survive edits elsewhere'
        assert '1 known finding not shown' in b.run('check', '--baseline', 'known.json', './.').stdout
        assert 'is not a baseline' in b.run('check', '--baseline', 'a.cfg', '.', code=2).stderr
        b.run('check', '--baseline', 'none.json', '.', code=2)


def diff_base(ioscc, env):
    with Box(ioscc, env) as b:
        git = lambda *a: subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@t', *a], cwd=b.dir, check=True, capture_output=True)
        b.write('a.cfg', WEAK)
        git('init', '-q')
        git('add', '-A')
        git('commit', '-qm', 'one')
        b.write('a.cfg', '! a line more\n' + WEAK.replace('hash sha256', 'hash md5'))
        b.write('new.cfg', WEAK)
        assert b.ids('--diff-base', 'HEAD', 'a.cfg') == ['IC3002']
        assert b.ids('--diff-base', 'HEAD', '.') == ['IC3002', 'IC3001'], 'a new file has no past'
        assert 'no such commit' in b.run('check', '--diff-base', 'nonsense', '.', code=2).stderr
        b.run('check', '--diff-base', '--output=x', '.', code=2)


def fix(ioscc, env):
    with Box(ioscc, env) as b:
        text = open('testdata/rules/IC3603/bad.cfg').read()
        path = b.write('a.cfg', text.replace('\n', '\r\n'))
        os.chmod(path, 0o640)
        diff = b.run('check', '--fix', '--dry-run', 'a.cfg').stdout
        assert open(path, newline='').read() == text.replace('\n', '\r\n'), 'a dry run changes nothing'
        b.write('plain.cfg', text)
        diff = b.run('check', '--fix', '-n', '-q', 'plain.cfg').stdout
        p = subprocess.run(['patch', '-p1', '--dry-run'], input=diff.replace('<key>', 'x7Kq-9mPz-4tRw-2bNc'), cwd=b.dir, capture_output=True, text=True) if shutil.which('patch') else None
        assert p is None or p.returncode == 0, p.stdout + diff
        b.run('check', '--fix', 'a.cfg', code=0)
        now = open(path, newline='').read()
        assert '10.1.4.0' not in now and now.count('\r\n') == text.count('\n') - 1 and os.stat(path).st_mode & 0o777 == 0o640
        assert b.ids('a.cfg') == []
        for d in glob.glob('testdata/rules/*/bad.cfg'):  # a fix brings nothing new
            b.write('all/%s.cfg' % d.split('/')[2], open(d).read())
        for name in ('static-map', 'manual-misprint'):  # what the guide misprints
            shutil.copy('testdata/guide/%s.cfg' % name, b.dir)
            assert 'IC1012' in b.ids(name + '.cfg')
            b.run('check', '--fix', name + '.cfg')
            assert not {'IC1012', 'IC1001', 'IC1004'} & set(b.ids(name + '.cfg')), open(b.dir + '/%s.cfg' % name).read()

        def found():
            return {(f['file'], f['id']) for f in json.loads(b.run('check', '-f', 'json', 'all').stdout)['findings']}
        before = found()
        b.run('check', '--fix', 'all')
        after = found()
        assert after < before, after - before


def summary(ioscc, env):
    with Box(ioscc, env) as b:
        b.write('a.cfg', WEAK)
        b.write('b.cfg', WEAK)
        out = b.run('check', '--summary', '.').stdout
        assert re.search(r'IC3001 +weak-encryption +warning +2 +2', out), out


# ---- fleet ----

def joined(ioscc, env):
    """facts made apart, in any grouping, give the same as one run"""
    with Box(ioscc, env) as b:
        salt = b.write('salt', os.urandom(32))
        files = sorted(os.path.abspath(p) for p in glob.glob('testdata/fleet/*/*.cfg'))
        one = b.run('fleet', '--to', 'json', *files).stdout
        facts = [b.write('facts%d' % i, b.run('facts', '-s', salt, f, code=0).stdout) for i, f in enumerate(files)]
        assert b.run('fleet', '--facts', '--to', 'json', *facts).stdout == one
        all_in_one = b.write('all', ''.join(open(f).read() for f in facts))
        assert b.run('fleet', '--facts', '--to', 'json', all_in_one).stdout == one
        assert b.run('fleet', '-j', '4', '--to', 'json', *files).stdout == one
        assert 'x7Kq' not in open(all_in_one).read()
        bare = json.loads(b.run('facts', files[0]).stdout)
        assert bare['tunnels'][0]['peers'][0]['localKey'] == '', 'without a salt keys are left out'
        b.run('facts', '-s', b.write('short', 'x'), files[0], code=2)
        good = json.load(open(facts[0]))
        for spoil in (lambda d: d.pop('tunnels'), lambda d: d.update(schema='x'), lambda d: d['tunnels'][0].update(line=-1), lambda d: d['tunnels'][0].update(pfs='group 99'),
                      lambda d: d['tunnels'][0]['lines'][0].update(boxes=[['zz/ff', '', 1, [0, 1], [0, 1]]]), lambda d: d['tunnels'][0].update(peers=7)):
            d = json.loads(json.dumps(good))
            spoil(d)
            assert 'no facts' in b.run('fleet', '--facts', b.write('spoilt', json.dumps(d)), code=2).stderr
        assert 'no facts' in b.run('fleet', '--facts', b.write('spoilt', '{]\n'), code=2).stderr


def both_wait(ioscc, env):
    """dynamic entries for one another on both sides: nobody calls (IC5012)"""
    with Box(ioscc, env) as b:
        for f, peer in (('a', '203.0.113.1'), ('b', '198.51.100.2')):
            text = open('testdata/fleet/v1/%s.cfg' % f).read()
            text = text.replace('crypto map VPN 10 ipsec-isakmp', 'crypto dynamic-map WAIT 10').replace('\ninterface GigabitEthernet0/0\n', '\ncrypto map VPN 65535 ipsec-isakmp dynamic WAIT\ninterface GigabitEthernet0/0\n')
            assert ' set peer ' + peer in text
            b.write(f + '.cfg', text)
        found = [f for f in json.loads(b.run('check', '--fleet', '-f', 'json', '.').stdout)['findings']]
        assert [f['id'] for f in found] == ['IC5012'], found
        assert 'a dynamic entry never calls' in found[0]['message']


def dot(ioscc, env):
    out = subprocess.run([ioscc, 'fleet', '--to', 'dot', 'testdata/fleet/hub'], capture_output=True, text=True, env=env).stdout
    assert '"spoke" -- "hub" [color=darkgreen' in out and out.rstrip().endswith('}')


def type7(ioscc, env):
    """a type 7 key is compared with the clear one behind it"""
    with Box(ioscc, env) as b:
        def type_7(key, at=8):
            x = b'dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87'
            return '%02d' % at + ''.join('%02X' % (c ^ x[(at + i) % len(x)]) for i, c in enumerate(key.encode()))
        for f in 'ab':
            text = open('testdata/fleet/v2/%s.cfg' % f).read()
            b.write(f + '.cfg', text.replace('key x7Kq-9mPz-4tRw-2bNc', 'key 7 ' + type_7('x7Kq-9mPz-4tRw-2bNc', 3)) if f == 'a' else text)
        doc = json.loads(b.run('fleet', '--to', 'json', '.').stdout)
        assert [t['state'] for t in doc['tunnels']] == ['up', 'up'], doc


def type6(ioscc, env):
    """type 6 keys of two routers, each with its own salt, are compared under the master key, and judged"""
    with Box(ioscc, env) as b:
        master = b.write('master', 'Cisco123\n')
        key = 'fe_a`iJYE\\DZYJhDhTP[`MYaTgRH_MAAB'  # Cisco123, made by a router
        for f, k in (('a', '6 ' + key), ('b', 'Cisco123')):
            b.write(f + '.cfg', open('testdata/fleet/v1/%s.cfg' % f).read().replace('key x7Kq-9mPz-4tRw-2bNc', 'key ' + k))
        def state(*args):
            return [t['state'] for t in json.loads(b.run('fleet', '--to', 'json', *args, 'a.cfg', 'b.cfg').stdout)['tunnels']]
        assert state() == ['up'], 'not compared'
        assert state('--master-key-file', master) == ['up']
        b.write('b.cfg', open(b.dir + '/b.cfg').read().replace('Cisco123', 'Cisco124'))
        assert state('--master-key-file', master) == ['down']
        assert 'IC3704' not in b.ids('a.cfg') and 'IC3704' in b.ids('--master-key-file', master, 'a.cfg')
        assert 'IC3710' in b.ids('--master-key-file', b.write('other', 'x'), 'a.cfg')


PAGE = r'''
const { chromium } = require('playwright-core');
(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[3], args: ['--no-sandbox'] });
  const page = await browser.newPage(), bad = [];
  page.on('pageerror', e => bad.push(String(e)));
  page.on('console', m => { if (m.type() === 'error') bad.push(m.text()); });
  page.on('request', r => { if (!r.url().startsWith('file:') && !r.url().startsWith('data:')) bad.push('asks for ' + r.url()); });
  await page.goto('file://' + process.argv[2]);
  const out = { sum: await page.textContent('#sum'), rows: await page.$$eval('tbody tr[data-i]', x => x.map(r => r.innerText)), nodes: await page.$$eval('#map circle', x => x.length) };
  for (let i = 0; i < 20; i++) { await page.keyboard.press('Tab'); if (await page.evaluate(() => document.activeElement.matches('tr[data-i]'))) break; }
  await page.keyboard.press('Enter');
  out.detail = await page.textContent('tr.detail');
  await page.keyboard.press('ArrowDown');
  out.second = await page.evaluate(() => document.activeElement.dataset.i !== undefined);
  await page.fill('#q', 'no such thing');
  out.none = await page.$$eval('tbody tr[data-i]', x => x.length);
  out.bad = bad;
  console.log(JSON.stringify(out));
  await browser.close();
})();
'''


def browser(ioscc, env):
    with Box(ioscc, env) as b:
        files = [os.path.abspath('testdata/fleet/%s' % d) for d in ('hub',)]
        b.write('bad/z.cfg', open('testdata/fleet/hub/c.cfg').read().replace('hostname gre', 'hostname <script>alert(1)</script>').replace('203.0.113.9', '203.0.113.10').replace('198.51.100.2', '198.51.100.66'))
        page = b.write('fleet.html', b.run('fleet', '--to', 'html', *files, b.dir + '/bad').stdout)
        script = b.write('t.js', PAGE)
        p = subprocess.run(['node', script, page, shutil.which('chromium')], capture_output=True, text=True, env=dict(os.environ, NODE_PATH=npm() + '/node_modules'), timeout=600)
        assert p.returncode == 0, p.stderr[-1500:]
        out = json.loads(p.stdout)
        assert out['sum'].startswith('4 routers, 2 tunnels: 2 up.'), out
        assert len(out['rows']) == 2 and out['nodes'] == 3 and not out['bad'], out
        assert 'calls' in out['detail'] and 'IKEv1' in out['detail'] and out['second'] and out['none'] == 0, out


def npm():
    for p in (os.environ.get('IOSCC_NPM'), 'build/npm'):
        if p and os.path.isdir(p + '/node_modules/playwright-core'):
            return os.path.abspath(p)


def interfaces(ioscc, env):
    """an interface map from a file; where an interface has no device nothing is printed that could be piped on"""
    with Box(ioscc, env) as b:
        text = b.write('r.cfg', open('testdata/linux/wide.cfg').read())
        names = re.findall(r'^interface (\S+)', open('testdata/linux/wide.cfg').read(), re.M)
        pairs = ['%s=eth%d' % (n, i) for i, n in enumerate(names)]
        map_file = b.write('map', '# ours\n' + '\n'.join(pairs) + '\n')
        for to in ('xfrm', 'nftables'):
            p = b.run('compile', '--to', to, '-M', map_file, text)
            assert p.stdout == b.run('compile', '--to', to, *[x for pair in pairs for x in ('-m', pair)], text).stdout and len(p.stdout) > 500, p.stderr
            p = b.run('compile', '--to', to, text, code=1)
            assert p.stdout == '' and 'IC4001' in p.stderr, p.stdout[:500] + p.stderr
        b.run('compile', '--to', 'xfrm', '-M', 'not-there', text, code=2)


def tests(ioscc, env):
    t = lambda f: lambda: f(ioscc, env)
    yield 'check: sarif', t(sarif), None if multitool() else 'sarif-multitool is not installed (make npm)'
    yield 'check: junit', t(xsd('junit')), need('xmllint')
    yield 'check: checkstyle', t(xsd('checkstyle')), need('xmllint')
    yield 'check: gitlab', t(schema('gitlab'))
    yield 'check: rdjsonl', t(schema('rdjsonl'))
    for f in (github, gcc, no_key_in_reports, settings, profiles, ignores, baseline, fix, summary, joined, both_wait, dot, type7, type6, interfaces):
        yield 'check: ' + f.__name__.replace('_', ' '), t(f)
    yield 'check: diff base', t(diff_base), need('git')
    why = need('chromium') or need('node') or (None if npm() else 'playwright-core is not installed (make npm)')
    yield 'check: fleet page in a browser', t(browser), why
