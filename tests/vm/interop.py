# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/interop.md, made of what the tests saw: they note their rows in build/interop, `make interop` runs them and writes the
page."""
import json, os, subprocess

DIR = 'build/interop'
TABLES = [('matrix-2', 'IKEv2, against strongSwan in namespaces'), ('matrix-1', 'IKEv1, against strongSwan in namespaces'),
          ('certificates-2', 'Certificates, IKEv2'), ('certificates-1', 'Certificates, IKEv1'),
          ('situations-IKEv2', 'Situations with real ESP and AH, IKEv2'), ('situations-IKEv1', 'Situations with real ESP and AH, IKEv1')]
HEAD = '''# Interoperability

What the tests saw, written by them (`make interop`). The other end is Debian's strongSwan %s, libreswan %s or OpenIKED %s where
its name stands there; situations run in a guest with Debian's kernel %s, between hosts behind the two routers. In each of
them nothing may leave in the clear, and no SA may be left when the daemon has ended. "As expected" is a tunnel, or where the row
says so a refusal.

Of ciphers, groups and hashes every combination is tried that both have; the ends take turns in calling, and transform sets and
groups of PFS go round. In IKEv2 the hash is integrity and PRF, with AES-GCM the PRF. Rekeying and deletes of both kinds by both
ends, and refusals, are tests of their own.
'''


def note(table, rows):
    """rows: (what, passed or failed, words)"""
    os.makedirs(DIR, exist_ok=True)
    json.dump(rows, open('%s/%s.json' % (DIR, table), 'w'), indent=0)


def read(table):
    path = '%s/%s.json' % (DIR, table)
    return json.load(open(path)) if os.path.exists(path) else []


def version(package):
    p = subprocess.run('apt-cache policy %s | sed -n "s/.*Candidate: //p"' % package, shell=True, capture_output=True, text=True)
    return p.stdout.strip().split('-')[0] or '?'


def page():
    out = [HEAD % (version('strongswan-charon'), version('libreswan'), version('openiked'), os.listdir('build/vm/kernel/lib/modules')[0] if os.path.isdir('build/vm/kernel/lib/modules') else '?')]
    for table, title in TABLES:
        rows = read(table)
        out += ['## ' + title, '', '%d of %d as expected.' % (sum(r[1] == 'passed' for r in rows), len(rows)), '', '| | |', '|---|---|']
        out += ['| %s | %s |' % (r[0], 'as expected' if r[1] == 'passed' else 'fails: ' + r[2].replace('|', '/')) for r in rows]
        out.append('')
    return '\n'.join(out)


if __name__ == '__main__':
    open('docs/interop.md', 'w').write(page())
