#!/usr/bin/env python3
"""Nothing unfinished, no commented-out code, and no X-macro that outlives its table."""
import re

from lint import Report, code_only, comments, files, read

MARK = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK|W' r'IP)\b')
# A comment line that is a statement. Examples in documentation are indented by a tab or by
# four spaces and are not looked at.
CODE = re.compile(r'^(?:(?:if|for|while|switch|else|do)\b.*[;{]|return\b[^.]*;|goto \w+;|'
                  r'#\s*(?:if|define|include)\b.*|\w+(?:(?:->|\.)\w+)*\(.*\);|'
                  r'[\w\s*>.\[\]-]+ [-+|&]?= \S.*;|\}|\{)$')
IGNORED = re.compile(r'\.(png|svg|gz|json|html)$')


def dead_code(path, text):
    problems = []
    for line, comment in comments(text):
        if comment.startswith('//'):
            problems.append((path, line, '// comment: these are for local work'))
            continue
        for i, row in enumerate(comment.split('\n')):
            row = re.sub(r'^\s*/?\*+ ?', '', row) if i or row.startswith('/*') else row
            row = row.replace('*/', '').rstrip()
            if not row.startswith(('\t', '    ')) and CODE.match(row.strip()):
                problems.append((path, line + i, f'commented-out code: {row.strip()}'))
    for m in re.finditer(r'^[ \t]*#[ \t]*if[ \t]+0\b', text, re.M):
        problems.append((path, text.count('\n', 0, m.start()) + 1, 'commented-out code: #if 0'))
    return problems


def macros_kept(path, text):
    """A .def file names its macros at the start of lines and undefines them at its end."""
    used = set(re.findall(r'^([A-Z][A-Z0-9_]+)\(', code_only(text), re.M))
    undefined = set(re.findall(r'^[ \t]*#[ \t]*undef[ \t]+(\w+)', text, re.M))
    return [(path, 1, f'{name} is not undefined at the end') for name in sorted(used - undefined)]


report = Report('text')
for path in files():
    if IGNORED.search(path):
        continue
    text = read(path)
    problems = [(path, text.count('\n', 0, m.start()) + 1, f'unfinished mark: {m.group()}')
                for m in MARK.finditer(text)]
    if path.endswith(('.c', '.h', '.S', '.def')):
        problems += dead_code(path, text)
    if path.endswith('.def'):
        problems += macros_kept(path, text)
    report.case(path, problems)
report.close()
