#!/usr/bin/env python3
"""clang-format 14 (Debian 12's) would change nothing."""
import re
import shutil
import subprocess

from lint import ROOT, Report, files

report = Report('format')
tool = shutil.which('clang-format-14')
paths = files('.c', '.h')
if not tool:
    report.skip('all', 'clang-format-14 is missing')
    report.close()
out = subprocess.run([tool, '--dry-run', '-Werror', *paths], cwd=ROOT, text=True,
                     stderr=subprocess.PIPE, check=False).stderr
found = {}
for m in re.finditer(r'^([^:\n]+):(\d+):\d+: error: (.*)$', out, re.M):
    found.setdefault(m.group(1), {})[m.group(2)] = 'clang-format-14 would change this'
for path in paths:
    report.case(path, [(path, n, t) for n, t in found.pop(path, {}).items()])
for path in found:
    report.case(path, [(path, 1, 'clang-format-14 cannot read this')])
report.close()
