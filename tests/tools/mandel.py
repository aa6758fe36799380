#!/usr/bin/env python3
"""mandel.py MANDEL: one rank and three draw the same picture, and the other two had a part in it."""
import os
import re
import subprocess
import sys

TOLERANT = {'OMPI_ALLOW_RUN_AS_ROOT': '1', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM': '1',
            'OMPI_MCA_rmaps_base_oversubscribe': '1', 'ASAN_OPTIONS': 'detect_leaks=0'}


def draw(*command):
    """The picture, and how many rows were drawn elsewhere."""
    done = subprocess.run([*command, '300'], env={**os.environ, **TOLERANT}, check=True, timeout=100,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    rows = re.search(rb'300 rows in [\d.]+ s, (\d+) of them elsewhere', done.stderr)
    assert rows, done.stderr
    return done.stdout, int(rows.group(1))


picture, elsewhere = draw(sys.argv[1])
assert picture.startswith(b'P5 300 300 255\n') and len(picture) == 15 + 300 * 300
assert len(set(picture[15:])) > 20 and elsewhere == 0
shared, elsewhere = draw('mpirun', '-n', '3', sys.argv[1])
assert shared == picture
assert elsewhere > 4, elsewhere
wrong = subprocess.run([sys.argv[1], '0'], stderr=subprocess.PIPE, check=False)
assert wrong.returncode == 2 and b'usage' in wrong.stderr
print('ok')
