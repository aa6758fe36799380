#!/usr/bin/env python3
"""tutorial.py PROGRAM SCRIPT: whether a row of the tutorial prints what its Python program prints."""
import difflib
import subprocess
import sys


def output(*command):
    """What it prints; it must not fail."""
    p = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if p.returncode or p.stderr:
        sys.exit(f'FAIL {command}: exit status {p.returncode}\n{p.stderr}')
    return p.stdout


ours, theirs = output(sys.argv[1]), output(sys.executable, sys.argv[2])
if not ours or ours != theirs:
    print(*difflib.unified_diff(theirs.splitlines(), ours.splitlines(), 'python', 'weft', lineterm=''), sep='\n')
    sys.exit('FAIL they print different things, or nothing')
print(ours, end='')
