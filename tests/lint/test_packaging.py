# SPDX-License-Identifier: GPL-3.0-or-later
"""The files under packaging, run the way their platforms run them."""
import json, os, re, shutil, subprocess, tempfile

import yaml

WEAK = 'crypto isakmp policy 1\n encr 3des\n hash sha256\n authentication pre-share\n group 14\n'
WRONG = WEAK + 'crypto isakmp polcy 2\n'


def place(ioscc):
    """a repository with a wrong router and a bin directory with the program"""
    d = tempfile.mkdtemp(prefix='ioscc-packaging-')
    os.makedirs(d + '/repo/routers')
    os.makedirs(d + '/bin')
    os.symlink(os.path.abspath(ioscc), d + '/bin/ioscc')
    open(d + '/repo/routers/a.cfg', 'w').write(WRONG)
    return d


def gitlab(ioscc, env):
    job = yaml.safe_load(open('packaging/gitlab/ioscc.gitlab-ci.yml'))
    d = place(ioscc)
    try:
        # the runner joins the lines of `script` into one shell script that ends at the first failure
        script = 'set -eo pipefail\n' + '\n'.join(job['ioscc']['script'])
        e = dict(env, PATH=d + '/bin:' + os.environ['PATH'], **{k: v for k, v in job['variables'].items()})
        p = subprocess.run(['bash', '-c', script], cwd=d + '/repo', env=e, capture_output=True, text=True)
        assert p.returncode == 1, p.stdout + p.stderr
        reports = job['ioscc']['artifacts']['reports']
        found = json.load(open(os.path.join(d, 'repo', reports['codequality'])))
        assert [x['check_name'] for x in found] == ['IC3001', 'IC1001'] and found[0]['location']['path'] == 'routers/a.cfg', found
        assert 'failures="2"' in open(os.path.join(d, 'repo', reports['junit'])).read()
        assert 'unknown-command' in p.stdout
        open(d + '/repo/routers/a.cfg', 'w').write(WEAK)
        os.remove(os.path.join(d, 'repo', reports['junit']))
        assert subprocess.run(['bash', '-c', script], cwd=d + '/repo', env=e, capture_output=True).returncode == 0
    finally:
        shutil.rmtree(d)


def action(ioscc, env):
    doc = yaml.safe_load(open('packaging/github-action/action.yml'))
    assert doc['runs']['using'] == 'composite' and all('shell' in s for s in doc['runs']['steps'])
    step = doc['runs']['steps'][-1]
    d = place(ioscc)
    try:
        e = dict(env, GITHUB_ACTION_PATH=os.path.abspath('packaging/github-action'), IOSCC_BIN=d + '/bin/ioscc', GITHUB_STEP_SUMMARY=d + '/summary')
        given = {'paths': 'routers', 'args': '--fail-on warning', 'diff-base': '', 'sarif': 'out.sarif'}
        for k, v in step['env'].items():  # as the runner fills in ${{ inputs.x }}
            e[k] = given[re.fullmatch(r'\$\{\{ inputs\.([\w-]+) \}\}', v)[1]]
        p = subprocess.run(['bash', '-c', step['run']], cwd=d + '/repo', env=e, capture_output=True, text=True)
        assert p.returncode == 1 and '::error file=routers/a.cfg,line=6' in p.stdout, p.stdout + p.stderr
        assert json.load(open(d + '/repo/out.sarif'))['version'] == '2.1.0'
        assert 'IC3001' in open(d + '/summary').read()
    finally:
        shutil.rmtree(d)


def hook(ioscc, env):
    h = yaml.safe_load(open('.pre-commit-hooks.yaml'))[0]
    d = place(ioscc)
    try:
        e = dict(env, PATH=d + '/bin:' + os.environ['PATH'])
        files = [f for f in ('routers/a.cfg', 'README.md') if re.search(h['files'], f)]
        p = subprocess.run(h['entry'].split() + files, cwd=d + '/repo', env=e, capture_output=True, text=True)  # pre-commit appends the files
        assert files == ['routers/a.cfg'] and p.returncode == 1 and 'polcy' in p.stdout
    finally:
        shutil.rmtree(d)


def tests(ioscc, env):
    for f in (gitlab, action, hook):
        yield 'packaging: ' + f.__name__, lambda f=f: f(ioscc, env)
