"""A server under test, the files it serves, and a client that reads responses."""
import contextlib
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest


SEED = int(os.environ.get('HTTPD_TEST_SEED', '0')) or random.SystemRandom().getrandbits(32)
SLOW = float(os.environ.get('HTTPD_TEST_SLOW', '1'))  # stretches what waits for the server
HTTPD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ''


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def make_tree(top):
    """What the tests ask for, below top/www; top/secret must never be served."""
    rng = random.Random(1)
    www = os.path.join(top, 'www')
    for d in ('sub', 'empty', 'indexed', 'od d<&"\' name', 'shut'):
        os.makedirs(os.path.join(www, d))
    write(os.path.join(top, 'secret'), b'the secret\n')
    for name, size in {'0.bin': 0, '1.bin': 1, '1k.bin': 1024, '8k.bin': 8192,
                       '64k.bin': 65536, '64k1.bin': 65537, '100k.bin': 102400,
                       '5m.bin': 5 << 20}.items():
        write(os.path.join(www, name), rng.randbytes(size))
    for name in ('a.html', 'a.css', 'a.js', 'a.json', 'a.svg', 'a.PNG', 'a.txt', 'a.tar.gz',
                 'noext', 'sub/b.txt', 'sub/per%cent.txt', 'sub/space and <b>&.txt',
                 'sub/\u00e9t\u00e9.txt', '...', 'a..b'):
        write(os.path.join(www, name), b'I am ' + name.encode() + b'\n')
    write(os.path.join(www, 'indexed/index.html'), b'<p>the index</p>\n')
    os.mkfifo(os.path.join(www, 'fifo'))
    os.symlink('a.txt', os.path.join(www, 'link-in'))
    os.symlink('../secret', os.path.join(www, 'link-out'))
    os.symlink('/etc/passwd', os.path.join(www, 'link-abs'))
    os.symlink('..', os.path.join(www, 'dir-out'))
    os.symlink('loop', os.path.join(www, 'loop'))
    old = time.time() - 1000
    for d, _, names in os.walk(www):
        for name in names:
            os.utime(os.path.join(d, name), (old, old), follow_symlinks=False)
    return www


class Server:
    def __init__(self, top, *args, workers=None, nofile=None):
        env = dict(os.environ)
        if workers:
            env['WEFT_WORKERS'] = str(workers)
        self.www = os.path.join(top, 'www')

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        self.proc = subprocess.Popen(
            [HTTPD, '--root', self.www, '--port', '0', *args], env=env,
            preexec_fn=limit if nofile else None,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.proc.stdout.readline()
        m = re.fullmatch(r'listening on http://127\.0\.0\.1:(\d+)/\n', line)
        if not m:
            self.proc.kill()
            raise AssertionError(f'said {line!r}, {self.proc.communicate()[1]!r}')
        self.port = int(m.group(1))

    def path(self, name):
        return os.path.join(self.www, name)

    def connect(self, timeout=10, rcvbuf=None):
        s = socket.socket()
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.settimeout(timeout * SLOW)
        s.connect(('127.0.0.1', self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def ask(self, request, method='GET'):
        """One request on a connection of its own; the first response."""
        with self.connect() as s:
            s.sendall(request)
            return Reader(s).response(method)

    def get(self, target, method='GET', **headers):
        rows = ''.join(f'{k.replace("_", "-")}: {v}\r\n' for k, v in headers.items())
        return self.ask(f'{method} {target} HTTP/1.1\r\nHost: x\r\n{rows}\r\n'.encode(), method)

    def stop(self):
        """SIGTERM; the exit status and the counters as a dict."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            out, err = self.proc.communicate(timeout=30 * SLOW)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.communicate()
            raise AssertionError('did not exit on SIGTERM') from None
        if self.proc.returncode:
            print(f'exit status {self.proc.returncode}: {err}')
        words = out.split()
        return self.proc.returncode, dict(zip(words[::2], map(int, words[1::2]))), err


class Reader:
    """Takes responses from a socket, one after the other."""

    def __init__(self, sock):
        self.sock, self.data = sock, b''

    def more(self):
        chunk = self.sock.recv(65536)
        self.data += chunk
        return bool(chunk)

    def response(self, method='GET'):
        while b'\r\n\r\n' not in self.data:
            if not self.more():
                raise EOFError(f'connection ended after {self.data[:100]!r}')
        head, _, self.data = self.data.partition(b'\r\n\r\n')
        r = Response(head.decode('latin-1'))
        size = 0 if method == 'HEAD' or r.status == 304 else int(r.headers['content-length'])
        while len(self.data) < size:
            if not self.more():
                raise EOFError(f'body ended after {len(self.data)} of {size}')
        r.body, self.data = self.data[:size], self.data[size:]
        return r

    def ended(self):
        """True once the server has closed, with nothing left over."""
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        return self.data == b''


class Response:
    def __init__(self, head):
        lines = head.split('\r\n')
        self.status = int(re.fullmatch(r'HTTP/1\.1 (\d{3}) [A-Z][\w \'-]*', lines[0]).group(1))
        rows = [line.split(': ', 1) for line in lines[1:]]
        self.headers = {k.lower(): v for k, v in rows}
        assert len(self.headers) == len(rows), head
        self.body = b''


@contextlib.contextmanager
def running(*args, **kw):
    with tempfile.TemporaryDirectory() as top:
        make_tree(top)
        server = Server(top, *args, **kw)
        try:
            yield server
        finally:
            died = server.proc.poll()
            if died is None:
                server.proc.kill()
            said = '' if server.proc.stderr.closed else server.proc.communicate()[1]
            if died:
                print(f'the server has died: {died} {said}')


def file_bytes(path):
    with open(path, 'rb') as f:
        return f.read()


def eventually(fn, seconds=5):
    """Wait until fn() is true; whether it was."""
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.02)
    return False


class Shared(unittest.TestCase):
    """All of the class against one server, which must exit well at the end."""
    workers = 1

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp()
        make_tree(cls.top)
        cls.server = Server(cls.top, '--header-sec', '20', workers=cls.workers)

    @classmethod
    def tearDownClass(cls):
        try:
            rc, counters, err = cls.server.stop()
            assert rc == 0, (rc, err)
            assert counters['requests'] > 0, counters
        finally:
            shutil.rmtree(cls.top, ignore_errors=True)

    def setUp(self):
        if self.server.proc.poll() is not None:
            said = '' if self.server.proc.stderr.closed else self.server.proc.communicate()[1]
            self.fail(f'the server has died: {said}')
