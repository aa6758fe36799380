#!/usr/bin/env python3
"""Every source of sched/ and lib/ has a test of its own name in tests/, or a line in
pairing.exceptions that says where it is tested instead; and every test is in a list of
tests/meson.build, so that it runs."""
import os
import re

from lint import Report, files, read

EXCEPTIONS = 'tests/lint/pairing.exceptions'


def exceptions():
    rows = {}
    for n, row in enumerate(read(EXCEPTIONS).splitlines(), 1):
        row = row.split('#')[0].strip()
        if row:
            path, _, reason = row.partition(' ')
            rows[path] = (n, reason.strip())
    return rows


report = Report('pairing')
excepted = exceptions()
tests = {os.path.basename(t) for t in files('_test.c', under='tests')}
sources = files('.c', '.S', under='sched') + files('.c', under='lib')
for path in sources:
    wanted = os.path.splitext(os.path.basename(path))[0] + '_test.c'
    if path in excepted:
        line, reason = excepted.pop(path)
        if wanted in tests:
            report.case(path, [(EXCEPTIONS, line, f'{wanted} exists: no exception is needed')])
        else:
            report.case(path, [] if reason else [(EXCEPTIONS, line, 'an exception without a reason')])
    else:
        report.case(path, [] if wanted in tests else [(path, 1, f'no test {wanted}')])
for path, (line, _) in excepted.items():
    report.case(path, [(EXCEPTIONS, line, f'no such source: {path}')])
listed = set(re.findall(r"'([\w/]+)'", read('tests/meson.build')))
for path in files('_test.c', under='tests'):
    name = os.path.basename(path)[:-len('_test.c')]
    report.case(path, [] if name in listed or os.path.relpath(path, 'tests')[:-len('_test.c')] in listed else [(path, 1, 'not in a list of tests/meson.build')])
report.close()
