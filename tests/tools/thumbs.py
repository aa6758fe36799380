#!/usr/bin/env python3
"""thumbs.py THUMBS MAKE_JPEG: the thumbnail service with real pictures, hostile ones, and both at once."""
import contextlib
import http.client
import subprocess
import sys
import threading
import time

THUMBS, MAKE_JPEG = sys.argv[1:3]
results = []


def check(name, good, seen=''):
    """Count one test."""
    results.append(good)
    if not good:
        print(f'FAIL tools/thumbs {name}: {seen}')


@contextlib.contextmanager
def served(*args):
    """A server on a port of its own."""
    p = subprocess.Popen([THUMBS, '-p', '0', *args], stdout=subprocess.PIPE, text=True)
    try:
        yield int(p.stdout.readline().split()[3].rstrip(','))
    finally:
        p.terminate()
        p.wait(20)


def ask(port, method, path, body=None):
    """(status, body) of one request."""
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    c.request(method, path, body)
    r = c.getresponse()
    return r.status, r.read()


def sizes(jpeg):
    """Where its header says how large it is, and that: (offset, height, width)."""
    at = 2
    while jpeg[at + 1] not in (0xc0, 0xc2):
        at += 2 + int.from_bytes(jpeg[at + 2:at + 4], 'big')
    return at + 5, int.from_bytes(jpeg[at + 5:at + 7], 'big'), int.from_bytes(jpeg[at + 7:at + 9], 'big')


def noise(width, height):
    return subprocess.run([MAKE_JPEG, str(width), str(height)], capture_output=True, check=True).stdout


picture, small = noise(1600, 1200), noise(64, 32)
at = sizes(picture)[0]
bomb = picture[:at] + b'\xff\xdc\xff\xdc' + picture[at + 4:]

with served() as port:
    status, thumb = ask(port, 'POST', '/thumb', picture)
    check('makes_a_thumbnail', status == 200 and sizes(thumb)[1:] == (120, 160), (status, thumb[:80]))
    status, thumb = ask(port, 'POST', '/thumb', small)
    check('leaves_small_ones_small', status == 200 and sizes(thumb)[1:] == (32, 64), (status, thumb[:80]))
    check('says_what_is_no_picture', ask(port, 'POST', '/thumb', b'no picture at all')[0] == 422)
    check('says_what_is_cut_off', ask(port, 'POST', '/thumb', picture[:200])[0] == 422)
    check('refuses_what_is_too_large', ask(port, 'POST', '/thumb', bytes(17 << 20))[0] == 413)
    check('knows_its_paths', ask(port, 'GET', '/other')[0] == 404 and ask(port, 'GET', '/thumb')[0] == 404)
    begun = time.monotonic()
    status, text = ask(port, 'POST', '/thumb', bomb)
    check('survives_a_bomb', status == 422, (status, text[:80]))
    check('and_bounds_it', time.monotonic() - begun < 30)
    check('and_goes_on', ask(port, 'POST', '/thumb', small)[0] == 200)

    answers, over = [], threading.Event()

    def upload():
        while not over.is_set():
            answers.append(ask(port, 'POST', '/thumb', picture)[0])

    uploads = [threading.Thread(target=upload) for _ in range(3)]
    for t in uploads:
        t.start()
    light = [ask(port, 'GET', '/light') for _ in range(200)]
    over.set()
    for t in uploads:
        t.join()
    check('answers_others_meanwhile', set(light) == {(200, b'ok\n')}, set(light))
    check('and_all_uploads', set(answers) == {200}, answers)

with served('--in-process') as port:
    check('works_in_process_too', ask(port, 'POST', '/thumb', picture)[0] == 200)

print(f'{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped')
sys.exit(not all(results))
