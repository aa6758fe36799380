#!/usr/bin/env python3
"""No file over 700 lines, no function over 80."""
import re

from lint import Report, code_only, files, read

FILE_LINES, FUNCTION_LINES = 700, 80


def functions(text):
    """[(line, lines)] of every function body: a brace at depth 0 that follows a ')'."""
    code = code_only(text)
    code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*',  # preprocessor lines
                  lambda m: re.sub(r'[^\n]', ' ', m.group()), code, flags=re.M)
    depth, start, last = 0, None, ''
    line, found = 1, []
    for c in code:
        if c == '\n':
            line += 1
        elif c == '{':
            if depth == 0 and last == ')':
                start = line
            depth += 1
        elif c == '}':
            depth -= 1
            if depth == 0 and start:
                found.append((start, line - start + 1))
                start = None
        if not c.isspace():
            last = c
    return found


report = Report('size')
for path in files('.c', '.h', '.S', '.def', '.py'):
    text = read(path)
    lines = text.count('\n')
    problems = []
    if lines > FILE_LINES:
        problems.append((path, 1, f'{lines} lines, over {FILE_LINES}'))
    if path.endswith(('.c', '.h')):
        problems += [(path, at, f'function of {n} lines, over {FUNCTION_LINES}')
                     for at, n in functions(text) if n > FUNCTION_LINES]
    report.case(path, problems)
report.close()
