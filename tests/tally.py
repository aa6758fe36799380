#!/usr/bin/env python3
"""tally.py LOGS REPORTS: count the single tests of a `meson test --logbase check`.

A Criterion program counts as its tests; a program that closes with "N passed, N failed, N
skipped" as what it says; any other one as one test (exit status 77: skipped). A program that
fails without naming a failed test adds one failure, and so does each file in the folder
REPORTS (where a sanitizer or valgrind writes) that is not empty. Prints what failed, and what
was skipped and why, and closes with the same kind of line."""
import glob
import json
import os
import re
import sys

CRITERION = re.compile(r'\[(PASS|FAIL|SKIP)\] (\w+::[^:\s]+): ?(.*)')
CLOSING = re.compile(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', re.M)


def single_tests(out):
    """(passed, [failed names], [(skipped name, reason)]) of one program's output."""
    seen = CRITERION.findall(out)
    return (sum(1 for kind, _, _ in seen if kind == 'PASS'),
            [name for kind, name, _ in seen if kind == 'FAIL'],
            [(name, why) for kind, name, why in seen if kind == 'SKIP'])


def count(row):
    """(passed, failed, skipped) of one program; prints its failures and skips."""
    name, result = row['name'].split(' / ')[-1], row['result']
    good = result in ('OK', 'EXPECTEDFAIL')
    out = row.get('stdout', '') + '\n' + row.get('stderr', '')
    passed, failed, skipped = single_tests(out)
    n_failed, n_skipped = len(failed), len(skipped)
    closing = CLOSING.findall(out)
    if closing:
        passed, n_failed, n_skipped = map(int, closing[-1])
        for line in re.findall(r'^(?:FAIL|skip:) .*', out, re.M):
            print(line)
    for test in failed:
        print(f'FAIL {name} {test}')
    for test, why in skipped:
        print(f'skip: {name} {test}: {why}')
    if result == 'SKIP' and not n_skipped:
        why = ([s for s in out.strip().splitlines() if s.strip()] or ['it does not say why'])[-1]
        print(f'skip: {name}: {why.strip()}')
        n_skipped = 1
    elif not good and result != 'SKIP' and not n_failed:
        print(f'FAIL {name}: {result.lower()}, exit status {row.get("returncode")}')
        n_failed = 1
    elif good and not passed + n_failed + n_skipped:
        passed = 1
    return passed, n_failed, n_skipped


def criterions_own(report):
    """Whether a report is of leaks that no code of ours had a part in: now and then Criterion's
    parent process loses a few bytes."""
    leaks = re.split(r'^(?:Direct|Indirect) leak of', report, flags=re.M)
    if 'LeakSanitizer' not in leaks[0] or len(leaks) < 2:
        return False
    return all('libcriterion' in frame for leak in leaks[1:]
               for frame in re.findall(r'^ +#[1-9]\d* .*', leak, re.M))


def main():
    totals = [0, 0, 0]
    for log in glob.glob(os.path.join(sys.argv[1], 'check*.json')):
        with open(log, encoding='utf-8') as f:
            for line in f:
                totals = [a + b for a, b in zip(totals, count(json.loads(line)))]
    if not any(totals):
        print('FAIL no test was run')
        totals[1] = 1
    for path in sorted(glob.glob(os.path.join(sys.argv[2], '*'))):
        if os.path.getsize(path):
            with open(path, encoding='utf-8', errors='replace') as f:
                report = f.read()
            if criterions_own(report):
                continue
            print(report[:4000])
            print(f'FAIL {os.path.basename(path)}: reported above')
            totals[1] += 1
    print('%d passed, %d failed, %d skipped' % tuple(totals))
    sys.exit(1 if totals[1] else 0)


main()
