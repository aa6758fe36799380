#!/usr/bin/env python3
"""The README's program compiles and has at most 20 lines, those that are empty or only a brace
not counted; and the files that the README names exist."""
import os
import re
import subprocess

from lint import ROOT, Report, read

report = Report('readme')
text = read('README.md')
block = re.search(r'^```c\n(.*?)^```', text, re.S | re.M)
at = text.count('\n', 0, block.start()) + 2 if block else 1
program = block.group(1) if block else ''

problems = []
if not block:
    problems.append(('README.md', 1, 'no C program'))
elif len(re.findall(r'^.*[^\s{}].*$', program, re.M)) > 20:
    problems.append(('README.md', at, 'a program of more than 20 lines'))
if block:
    run = subprocess.run(['gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                          '-Ilib', '-xc', '-'], input=program, cwd=ROOT, text=True,
                         stderr=subprocess.PIPE, check=False)
    for m in re.finditer(r'^<stdin>:(\d+):\d+: error: (.*)$', run.stderr, re.M):
        problems.append(('README.md', at + int(m.group(1)) - 1, m.group(2)))
    if run.returncode and not problems:
        problems.append(('README.md', at, run.stderr.strip()[:200]))
report.case('program compiles', problems)

for m in re.finditer(r'`((?:tools|tests|sched|lib)/[\w./-]*)', text):
    path = m.group(1).rstrip('.')
    if not os.path.exists(os.path.join(ROOT, path)):
        report.case(path, [('README.md', text.count('\n', 0, m.start()) + 1, f'no such file: {path}')])
report.close()
