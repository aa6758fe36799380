#!/usr/bin/env python3
"""Every atomic operation names its pairing.

A tag is two capital letters and a digit. It is defined once, as a line of a comment that
begins with the tag and two spaces, and is repeated at every atomic operation: in a comment on
the line before it, in its own statement, or at the declaration of the field it works on.
A tag needs at least two sites, and `relaxed` needs a word on why it is enough: a comment with
"relaxed" in one of those places. Where the file's first comment says "relaxed" for all of
them, or the comment at hand says "statistics", neither is needed; nor does wf_count() need
them, a counter with one writer. The rings shared with the kernel are liburing's."""
import re

from lint import Report, code_only, comments, files, read

OP = re.compile(r'\b(wf_atomic_\w+|__atomic_\w+|__sync_\w+|atomic_\w+_explicit)\s*\(')
TAG = re.compile(r'\b([A-Z]{2}\d)\b')
DEFINITION = re.compile(r'^[ \t]*(?:/\*|\*)[ \t]+([A-Z]{2}\d)  +\S')
EXEMPT = 'sched/base/atomic.h'  # defines the operations


def comment_lines(text):
    """{line number: text of the comments on it}."""
    rows = {}
    for line, comment in comments(text):
        for i, row in enumerate(comment.split('\n')):
            rows[line + i] = rows.get(line + i, '') + ' ' + row
    return rows


def field_comments(code, rows):
    """{field or variable name: comments at its declarations}, where they carry a tag."""
    found = {}
    for n, row in enumerate(code.split('\n'), 1):
        m = re.match(r'[\s\w*]+?\b\w+[\s*]+(\w+)(?:\[[^\]]*\])?(?:\s*,\s*\w+)*\s*(?:=.*)?;', row)
        note = rows.get(n, '')
        if m and TAG.search(note):
            for name in re.findall(r'(\w+)(?:\[[^\]]*\])?\s*(?=[,;=])', row):
                found[name] = found.get(name, '') + note
    return found


def operations(code):
    """[(first and last line of the statement, operation, field)] of the atomics."""
    for m in OP.finditer(code):
        depth, end = 0, m.end() - 1
        while end < len(code):
            depth += {'(': 1, ')': -1}.get(code[end], 0)
            if depth == 0:
                break
            end += 1
        arguments = code[m.end():end]
        field = re.findall(r'\w+', re.sub(r'\[[^\]]*\]', '', arguments.split(',')[0]))
        while end < len(code) and code[end] not in ';{':
            end += 1
        first = code.count('\n', 0, m.start()) + 1
        yield first, code.count('\n', 0, end) + 1, m.group(1), field[-1] if field else ''


paths = [p for p in files('.c', '.h', under='sched') + files('.c', '.h', under='lib')
         if p != EXEMPT]
text = {p: read(p) for p in paths}
code = {p: code_only(text[p]) for p in paths}
rows = {p: comment_lines(text[p]) for p in paths}

problems = {p: [] for p in paths}
defined, uses, fields = {}, {}, {}
for p in paths:
    for n, row in rows[p].items():
        d = DEFINITION.match(row)
        if d and d.group(1) in defined:
            problems[p].append((p, n, f'{d.group(1)} is defined in {defined[d.group(1)][0]} too'))
        elif d:
            defined[d.group(1)] = (p, n)
        elif code[p].split('\n')[n - 1].strip():  # beside code
            for tag in TAG.findall(row):
                uses.setdefault(tag, []).append((p, n))
    for name, note in field_comments(code[p], rows[p]).items():
        fields[name] = fields.get(name, '') + note

for p in paths:
    head = comments(text[p])
    intro = ' '.join(c for n, c in head if n <= 3)
    for first, last, op, field in operations(code[p]):
        near = ' '.join(rows[p].get(n, '') for n in range(first - 1, last + 1))
        note = near + fields.get(field, '')
        if 'relaxed' in op and ('relaxed' in intro or 'statistics' in near):
            continue
        if not TAG.search(note):
            problems[p].append((p, first, f'{op}({field}) without the tag of its pairing'))
        if 'relaxed' in op and 'relaxed' not in note:
            problems[p].append((p, first, f'{op}({field}): why is relaxed enough?'))
        if not TAG.search(near):
            for tag in TAG.findall(note):
                uses.setdefault(tag, []).append((p, first))

for tag, places in uses.items():
    if tag not in defined:
        p, n = places[0]
        problems[p].append((p, n, f'{tag} is defined nowhere'))
for tag, (p, n) in defined.items():
    if len(set(uses.get(tag, []))) < 2:
        problems[p].append((p, n, f'{tag} has fewer than two sites'))

report = Report('atomics')
for p in paths:
    report.case(p, sorted(problems[p]))
report.close()
