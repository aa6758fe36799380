#!/usr/bin/env python3
"""Includes go downward only: tools -> public headers <- lib -> sched.h <- sched, and inside
sched from the higher folder to the lower; sched.h stands where the highest folder that it
includes does. Public headers include libc and each other. Only the code that chooses a
fallback asks wf_has()."""
import os
import re

from lint import Report, files, read

ORDER = ['base', 'arch', 'place', 'co', 'ring', 'sim', 'run', 'obs']
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
LIBC = re.compile(r'(assert|errno|fcntl|limits|netdb|poll|signal|stdarg|stdbool|stddef|stdint|'
                  r'stdio|stdlib|string|time|unistd|arpa/inet|netinet/(in|tcp)|'
                  r'sys/(random|socket|stat|time|types|uio|un|wait))\.h$')
SUFFIXES = ('.c', '.h', '.S', '.def', '.inc')


def public(path):
    return re.match(r'lib/(weft\.h|weft/[^/]+\.h)$', path) is not None


def resolve(path, bracket, name):
    """The file of this repository that an include means, or None."""
    bases = ('lib',) if bracket == '<' else (os.path.dirname(path), '', 'lib')
    for base in bases:
        candidate = os.path.normpath(os.path.join(base, name))
        if candidate in KNOWN:
            return candidate
    return None


def sched_rank(path):
    parts = path.split('/')
    if path == 'sched/sched.h':
        return max(sched_rank(f'sched/{name}') for bracket, name in INCLUDE.findall(read(path))
                   if bracket == '"')
    return ORDER.index(parts[1]) if parts[1] in ORDER else None


def wrong(path, bracket, name):
    """Why path must not include name, or None."""
    target = resolve(path, bracket, name)
    if public(path):
        if target:
            return None if public(target) else 'a public header includes a private one'
        return None if bracket == '<' and LIBC.match(name) else \
            'a public header includes more than libc and other public headers'
    if target is None:
        return None if bracket == '<' else 'no such file in the repository'
    layer = path.split('/')[0]
    to = target.split('/')[0]
    if layer == 'sched':
        if to != 'sched':
            return f'sched includes from {to}'
        mine, its = sched_rank(path), sched_rank(target)
        if mine is None or its is None:
            return 'a folder of sched that is not in the order of layers'
        return None if its <= mine else f'{ORDER[mine]} includes upward: {target}'
    if layer == 'lib':
        if to == 'lib' or target == 'sched/sched.h':
            return None
        return 'lib includes from sched only sched.h'
    if layer == 'tools':
        if to == 'tools' or public(target) or (path, target) == RAW_SWITCH:
            return None
        return 'tools include public headers only'
    return None


# The one benchmark of something that has no public call.
RAW_SWITCH = ('tools/bench/weft_switch.c', 'sched/arch/arch.h')

# Besides the rings: the start, which opens the stacks, and the list for users.
MAY_ASK = re.compile(r'sched/(ring/|sim/engine\.c$)|sched/run/rt\.c$|sched/obs/stats\.c$')

KNOWN = set(files(*SUFFIXES))
report = Report('layers')
for path in sorted(KNOWN):
    text = read(path)
    problems = []
    for m in INCLUDE.finditer(text):
        why = wrong(path, *m.groups())
        if why:
            problems.append((path, text.count('\n', 0, m.start()) + 1, f'{why} ({m.group(2)})'))
    if path.startswith('sched/') and not MAY_ASK.match(path):
        problems += [(path, text.count('\n', 0, m.start()) + 1, 'wf_has() outside the rings')
                     for m in re.finditer(r'\bwf_has\(', text)]
    report.case(path, problems)
report.close()
