#!/usr/bin/env python3
"""tidy.py BUILD: clang-tidy 14 finds nothing that .clang-tidy asks it to look for."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

from lint import ROOT, Report, files, read

TOOL = 'clang-tidy-14'


def problems_of(path, build):
    out = subprocess.run([TOOL, '-p', build, '--quiet', path], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return [(os.path.relpath(os.path.join(ROOT, build, m.group(1)), ROOT), m.group(2), m.group(3))
            for m in re.finditer(r'^([^:\n]+):(\d+):\d+: (?:error|warning): (.*)$', out, re.M)]


if len(sys.argv) != 2:
    sys.exit(__doc__)
report = Report('tidy')
if not shutil.which(TOOL):
    report.skip('all', f'{TOOL} is missing')
    report.close()
# What this machine's build compiles: other architectures are not in its commands.
commands = read(os.path.join(sys.argv[1], 'compile_commands.json'))
paths = [p for p in files('.c') if not p.startswith('tests/') and f'/{p}"' in commands]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    found = list(pool.map(lambda p: problems_of(p, sys.argv[1]), paths))
seen = set()
for path, problems in zip(paths, found):
    report.case(path, [p for p in problems if p not in seen and not seen.add(p)])
report.close()
