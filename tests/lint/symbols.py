#!/usr/bin/env python3
"""symbols.py BUILD: the shared library exports the public functions and nothing else, with
versions; the static one has globals of our two prefixes only."""
import glob
import re
import subprocess
import sys

from lint import Report, code_only, files, read


def nm(*args):
    return subprocess.run(['nm', *args], text=True, stdout=subprocess.PIPE, check=True).stdout


BETWEEN_OURS = ['lib/proc/far.h', 'lib/shm/futex.h']  # what one of our libraries exports for another


def declared():
    """Names of the functions that the public headers declare, and those between our libraries."""
    names = {}
    for path in ['lib/weft.h'] + files('.h', under='lib/weft') + BETWEEN_OURS:
        text = code_only(read(path))
        for m in re.finditer(r'^WEFT_API\b[^;{]*?\b(\w+)\s*\(', text, re.M):
            names[m.group(1)] = (path, text.count('\n', 0, m.start()) + 1)
    return names


if len(sys.argv) != 2:
    sys.exit(__doc__)
build = sys.argv[1]
report = Report('symbols')

# libweft and the smaller ones beside it.
shared = sorted(glob.glob(f'{build}/**/libweft*.so.*[0-9]', recursive=True))
if shared:
    exported, problems = set(), []
    rows = [row for so in shared for row in
            nm('-D', '--defined-only', '--with-symbol-versions', so).splitlines()]
    for row in rows:
        kind, name = row.split()[1:3]
        base, _, version = name.partition('@@')
        if kind == 'A':
            continue
        exported.add(base)
        if not base.startswith('weft_'):
            problems.append((shared[0], 1, f'exports {base}'))
        elif not re.match(r'WEFT_\d+$', version):
            problems.append((shared[0], 1, f'{base} has no version'))
    report.case('exports have our name and a version', problems)
    wanted = declared()
    report.case('every declared function is exported',
                [(*wanted[n], f'{n} is not in the shared library') for n in sorted(set(wanted) - exported)])
    report.case('every export is declared',
                [(shared[0], 1, f'{n} is in no header that exports') for n in sorted(exported - set(wanted))])
else:
    report.case('shared library', [(build, 1, 'no libweft.so.* here')])

static = sorted(glob.glob(f'{build}/**/libweft*.a', recursive=True))
if static:
    names = set()
    for row in [row for a in static for row in nm('-g', '--defined-only', a).splitlines()]:
        if len(row.split()) == 3:
            names.add(row.split()[2])
    report.case('static library', [(static[0], 1, f'global {n}') for n in sorted(names)
                                   if not n.startswith(('weft_', 'wf_', '__start_wf_', '__stop_wf_'))])
else:
    report.case('static library', [(build, 1, 'no libweft.a here')])
report.close()
