# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/interop.md, made of what the tests saw: they note their rows in build/interop, `python3 tests/vm/interop.py` writes
the page."""
import json, os

DIR = 'build/interop'


def note(table, rows):
    """rows: (what, passed or failed, words)"""
    os.makedirs(DIR, exist_ok=True)
    json.dump(rows, open('%s/%s.json' % (DIR, table), 'w'), indent=0)
