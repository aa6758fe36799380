"""What the lint scripts share: the list of files, a reader of C, and the report.

Each script checks one kind of rule, prints FILE:LINE: what is wrong, and closes with
"N passed, N failed, N skipped". A case is one rule on one file.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED_DIRS = re.compile(r'^(\.git|build.*|out|__pycache__|subprojects)$')


def files(*suffixes, under=''):
    """Paths relative to the root, sorted; all files when no suffix is given."""
    found = []
    for where, dirs, names in os.walk(os.path.join(ROOT, under)):
        dirs[:] = [d for d in dirs if not SKIPPED_DIRS.match(d)]
        found += [os.path.relpath(os.path.join(where, n), ROOT) for n in names
                  if not suffixes or n.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8', errors='replace') as f:
        return f.read()


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """The text with comments, strings and characters blanked; lines stay where they are."""
    def blank(m):
        kept = re.sub(r'[^\n]', ' ', m.group())
        return kept if m.group()[0] == '/' else '"' + kept[1:-1] + '"'
    return TOKEN.sub(blank, text)


def comments(text):
    """[(line number, text)] of every comment, with its marks."""
    return [(text.count('\n', 0, m.start()) + 1, m.group())
            for m in TOKEN.finditer(text) if m.group()[0] == '/']


class Report:
    def __init__(self, title):
        self.title, self.passed, self.failed, self.skipped = title, 0, 0, 0

    def case(self, name, problems):
        """One case; problems is a list of (path, line, text)."""
        for path, line, text in problems:
            print(f'{path}:{line}: {text}')
        if problems:
            print(f'FAIL {self.title} {name}')
            self.failed += 1
        else:
            self.passed += 1

    def skip(self, name, why):
        print(f'skip: {self.title} {name}: {why}')
        self.skipped += 1

    def close(self):
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        sys.exit(1 if self.failed else 0)
