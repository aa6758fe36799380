#!/usr/bin/env python3
"""shellcheck finds nothing in the shell scripts."""
import re
import shutil
import subprocess

from lint import ROOT, Report, files, read

report = Report('shell')
scripts = [p for p in files()
           if re.search(r'\A#!.*\b(ba)?sh\n|^# shellcheck shell=', read(p)[:800], re.M)]
if not shutil.which('shellcheck'):
    report.skip('all', 'shellcheck is missing')
    report.close()
for path in scripts:
    out = subprocess.run(['shellcheck', '-f', 'gcc', '-S', 'warning', path], cwd=ROOT, text=True,
                         stdout=subprocess.PIPE, check=False).stdout
    report.case(path, [(path, m.group(1), m.group(2)) for m in
                       re.finditer(r'^[^:\n]+:(\d+):\d+: (.*)$', out, re.M)])
report.close()
