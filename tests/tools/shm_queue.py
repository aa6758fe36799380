#!/usr/bin/env python3
"""shm_queue.py PROGRAM: the example prints what the other process put, in order, and ends."""
import re
import subprocess
import sys

p = subprocess.run([sys.argv[1]], capture_output=True, text=True, timeout=60, check=False)
lines = [re.fullmatch(r'got item (\d) from process (\d+)', line) for line in p.stdout.splitlines()]
good = (p.returncode == 0 and not p.stderr and all(lines) and
        [m.group(1) for m in lines] == list('01234') and len({m.group(2) for m in lines}) == 1)
if not good:
    print(f'FAIL shm_queue: status {p.returncode}: {p.stdout}{p.stderr}')
print(f'{int(good)} passed, {int(not good)} failed, 0 skipped')
sys.exit(not good)
