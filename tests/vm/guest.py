# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a directory in the guest (tests/vm/run); what is needed for it, and why it cannot run."""
import os, shutil, subprocess, tempfile


def usable():
    if os.geteuid() != 0:
        return 'needs root (to download the kernel package)'
    for t in ('qemu-system-x86_64', 'busybox', 'cpio', 'kmod', 'tcpdump', 'nft'):
        if not shutil.which(t):
            return '%s is not installed' % t
    return None


def run(files, seconds=3600):
    """files: name -> text, or a path to copy ('@path'). Returns (exit status, console text). `seconds` is for a guest that hangs:
    how long one takes depends on who else is busy on this machine."""
    files = dict(files, **{'words.sh': '@tests/vm/words.sh'})
    d = tempfile.mkdtemp(prefix='ioscc-vm-')
    try:
        for name, text in files.items():
            p = os.path.join(d, name)
            if text.startswith('@'):
                shutil.copy(text[1:], p)
            else:
                open(p, 'w').write(text)
        p = subprocess.run(['tests/vm/run', d], capture_output=True, text=True, timeout=seconds + 3600, env=dict(os.environ, VM_SECONDS=str(seconds)))
        return p.returncode, p.stdout + p.stderr
    finally:
        shutil.rmtree(d)


def passes(files, cases, seconds=3600):
    """Runs the guest with one line for each case; its console text, or what failed."""
    status, text = run(dict(files, cases='\n'.join(cases) + '\n'), seconds)
    if status:
        raise AssertionError('status %d\n%s' % (status, text[-8000:]))
    return text
