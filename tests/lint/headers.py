#!/usr/bin/env python3
"""Each public header compiles alone, as C11 and C++17, with gcc and clang, without warnings."""
import re
import shutil
import subprocess

from lint import ROOT, Report, files

COMPILERS = {'gcc': ['-std=c11', '-xc'], 'clang': ['-std=c11', '-xc'],
             'g++': ['-std=c++17', '-xc++'], 'clang++': ['-std=c++17', '-xc++']}
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Werror']

report = Report('headers')
for compiler, flags in COMPILERS.items():
    if not shutil.which(compiler):
        report.skip(f'with {compiler}', f'{compiler} is missing')
        continue
    for path in ['lib/weft.h'] + files('.h', under='lib/weft'):
        include = path[len('lib/'):]
        run = subprocess.run([compiler, *flags, *WARNINGS, '-fsyntax-only', '-Ilib', '-'],
                             input=f'#include <{include}>\n', cwd=ROOT, text=True,
                             stderr=subprocess.PIPE, check=False)
        problems = [(m.group(1), m.group(2), f'{compiler}: {m.group(3)}') for m in
                    re.finditer(r'^([^:\n]+):(\d+):\d+: (?:fatal )?(?:error|warning): (.*)$',
                                run.stderr, re.M)]
        if run.returncode and not problems:
            problems = [(path, 1, f'{compiler}: {run.stderr.strip()[:200]}')]
        report.case(f'{include} with {compiler}', problems)
report.close()
