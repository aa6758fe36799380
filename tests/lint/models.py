#!/usr/bin/env python3
"""Every pairing of atomics that needs a StoreLoad order has a model, named in its definition
(`model: tests/model/X.pml`), or a line in models.exceptions that says why not; what a definition
names is there and speaks of it; and each model is named by the pairing that it is about."""
import os
import re

from lint import ROOT, Report, comments, files, read

EXCEPTIONS = 'tests/lint/models.exceptions'
DEFINITION = re.compile(r'^[ \t]*(?:/\*|\*)[ \t]+([A-Z]{2}\d)  +\S', re.M)
MODEL = re.compile(r'tests/model/(\w+)\.pml')


def definitions():
    """(path, line, tag, text) of each."""
    for path in files('.c', '.h', under='sched') + files('.c', '.h', under='lib'):
        for line, comment in comments(read(path)):
            found = list(DEFINITION.finditer(comment))
            for m, after in zip(found, found[1:] + [None]):
                yield (path, line + comment.count('\n', 0, m.start()), m[1],
                       comment[m.start():after.start() if after else None])


report = Report('models')
excepted = {row[:3]: (n, row[3:].strip()) for n, row in enumerate(read(EXCEPTIONS).splitlines(), 1)
            if row and row[0] != '#'}
named = set()
for path, line, tag, text in definitions():
    problems = []
    models = MODEL.findall(text)
    for name in models:
        model = f'tests/model/{name}.pml'
        if not os.path.exists(os.path.join(ROOT, model)):
            problems.append((path, line, f'no such file: {model}'))
        elif tag not in read(model):
            problems.append((path, line, f'{model} does not speak of {tag}'))
    named.update(models)
    at, reason = excepted.pop(tag, (0, ''))
    if models and at:
        problems.append((EXCEPTIONS, at, f'{tag} has a model: no exception is needed'))
    elif at and not reason:
        problems.append((EXCEPTIONS, at, 'an exception without a reason'))
    elif 'StoreLoad' in text and not models and not at:
        problems.append((path, line, f'{tag} has no model, nor a reason in {EXCEPTIONS}'))
    report.case(f'{path} {tag}', problems)
for tag, (at, _) in excepted.items():
    report.case(tag, [(EXCEPTIONS, at, f'{tag} is defined nowhere')])
for path in files('.pml', under='tests/model'):
    name = os.path.basename(path)[:-len('.pml')]
    report.case(path, [] if name in named else [(path, 1, 'no pairing in sched/ or lib/ names this model')])
report.close()
