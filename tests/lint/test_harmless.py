#!/usr/bin/env python3
"""What a terminal obeys never comes out: control characters of a configuration, of arguments and of file names, in every format, on standard output and standard error; text stays what it is."""
import itertools
import json
import os
import re
import subprocess
import tempfile

# C0 but newline and tab, DEL, C1 as UTF-8 and as bytes, and what turns the direction of writing
OBEYED = re.compile(rb'[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|(?<![\xc2-\xf4\x80-\xbf])[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c')
HOSTILE = [b'\x1b[2J', b'\x1b]0;title\x07', b'\xc2\x9b2J', b'\x9b2J', b'\xe2\x80\xae', b'\xe2\x81\xa6', b'\x7f', b'\x08\x08', b'\r', b'\x1b[8m', b'\xd8\x9c']
PLACES = [b'hostname x%b', b'crypto map %b 10 ipsec-isakmp', b'crypto isakmp key a%b address 192.0.2.1', b'crypto ipsec transform-set %b esp-aes', b'interface Gi0/0\n description %b\n crypto map %b', b'ip access-list extended %b\n remark %b\n permit ip any any %b', b'%b', b'crypto pki trustpoint %b\n subject-name cn=%b', b'! %b', b'crypto isakmp %b policy']
OWN = re.compile(rb'\x1b\[(?:[01]|1;3[124-6])m')


def shown(what, p, is_coloured=False):
    for name, out in (('stdout', p.stdout), ('stderr', p.stderr)):
        out = OWN.sub(b'', out) if is_coloured else out
        m = OBEYED.search(out)
        assert not m, '%s, %s: %r in %r' % (what, name, m[0], out[max(0, m.start() - 60):m.end() + 40])


def configurations(program, env):
    """each hostile sequence at each place, in each format"""
    with tempfile.TemporaryDirectory(prefix='ioscc-harmless-') as d:
        path = d + '/c.cfg'
        with open(path, 'wb') as f:
            f.write(b'\n'.join(place.replace(b'%b', hostile) for place, hostile in itertools.product(PLACES, HOSTILE)) + b'\n')
        run = lambda *words: subprocess.run([os.path.abspath(program), *words], env=env, capture_output=True, cwd=d)
        for f in ('text', 'json', 'sarif', 'junit', 'checkstyle', 'github', 'gitlab', 'rdjsonl', 'gcc'):
            p = run('check', '--no-settings', '-f', f, path)
            shown('check -f ' + f, p)
            if f in ('json', 'sarif', 'gitlab'):
                json.loads(p.stdout)
        shown('check in colours', run('check', '--no-settings', '--color', 'always', path), True)
        shown('check --fix -n', run('check', '--no-settings', '--fix', '-n', path))
        for to in ('json', 'ios', 'xfrm', 'nftables'):
            shown('compile --to ' + to, run('compile', '--to', to, path))
        for words in (('plan', '-l', '--state-dir', d + '/s'), ('facts',), ('fleet',), ('fleet', '-t', 'json'), ('fleet', '-t', 'dot'), ('fleet', '-t', 'html'), ('show', 'crypto', 'map', '--config')):
            shown(' '.join(words), run(*words, path))


def arguments(program, env):
    """of commands, options, values and file names"""
    with tempfile.TemporaryDirectory(prefix='ioscc-harmless-') as d:
        for hostile in HOSTILE:
            run = lambda *words: subprocess.run([os.path.abspath(program), *words], env=env, capture_output=True, cwd=d)
            name = b'a' + hostile + b'.cfg'
            with open(os.path.join(d.encode(), name), 'wb') as f:
                f.write(b'hostname x\ncrypto map M\n')
            for words in ((b'x' + hostile,), (b'check', b'--x' + hostile), (b'check', b'no' + hostile), (b'check', name), (b'explain', hostile), (b'check', b'--rule', hostile, name), (b'check', b'-p', hostile, name), (b'plan', b'-m', hostile, name),
                          (b'compile', b'--to', hostile, name), (b'plan', b'--only', hostile, name), (b'plan', b'--host-has', hostile, name), (b'facts', name), (b'fleet', name), (b'show', hostile), (b'status', b'--state-dir', d.encode() + b'/' + hostile)):
                shown(repr(words), run(*words))


def text_stays(program, env):
    """letters of any language, and Latin-1, are what they were"""
    with tempfile.TemporaryDirectory(prefix='ioscc-harmless-') as d:
        words = 'Zürich Łódź Київ 東京 עברית'.split()
        with open(d + '/c.cfg', 'w') as f:
            f.write('hostname r\n' + ''.join('crypto map %s 10 ipsec-isakmp\n' % w for w in words))
        p = subprocess.run([program, 'compile', '--to', 'ios', d + '/c.cfg'], env=env, capture_output=True, text=True)
        for w in words:
            assert 'crypto map %s 10' % w in p.stdout, p.stdout


def tests(program, env):
    yield 'harmless: configurations', lambda: configurations(program, env)
    yield 'harmless: arguments', lambda: arguments(program, env)
    yield 'harmless: text stays', lambda: text_stays(program, env)
