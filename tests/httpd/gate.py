"""What does not get through, and how requests are told apart."""
import contextlib
import os
import random
import socket
import struct
import threading
import time

from harness import Reader, SEED, Shared, eventually, file_bytes, write


class GateOne(Shared):
    """Traversal, limits, malformed requests; framing of requests."""

    def test_traversal(self):
        secret, passwd = b'the secret', b'root:'
        for target in ('/../../etc/passwd', '/../secret', '/%2e%2e/secret', '/..%2fsecret',
                       '/%2e%2e%2fsecret', '/sub/../../secret', '/.%2e/.%2e/etc/passwd',
                       '//etc/passwd', '/%2fetc/passwd', '/%2Fetc%2Fpasswd', '/..', '/sub/..',
                       '/link-out', '/link-abs', '/dir-out/secret', '/dir-out/',
                       '/dir-out/www/a.txt', '/..\\secret', '/%252e%252e/secret',
                       '/%c0%ae%c0%ae/secret', '/a.txt%00/../../secret', '/../www/a.txt',
                       'http://x/../secret', '/sub/%2e%2e/%2e%2e/secret',
                       '/proc/self/root/etc/passwd', '/....//secret'):
            r = self.server.get(target)
            self.assertIn(r.status, (400, 403, 404), target)
            self.assertNotIn(secret, r.body, target)
            self.assertNotIn(passwd, r.body, target)

    def test_bad_escapes(self):
        for target in ('/%', '/%1', '/%zz', '/a%0', '/%00', '/a.txt%00'):
            self.assertEqual(self.server.get(target).status, 400, target)

    def test_symlink_swapped_in(self):
        """A cached file that becomes a link to the outside is not followed."""
        path = self.server.path('swapped.txt')
        write(path, b'inside\n')
        self.assertEqual(self.server.get('/swapped.txt').body, b'inside\n')
        os.unlink(path)
        os.symlink('../secret', path)
        self.assertTrue(eventually(lambda: self.server.get('/swapped.txt').status == 404, 2))

    def refused(self, request, status, closes=True):
        with self.server.connect() as s:
            with contextlib.suppress(ConnectionError):
                s.sendall(request)
            reader = Reader(s)
            r = reader.response()
            self.assertEqual(r.status, status, request[:80])
            if closes:
                self.assertEqual(r.headers['connection'], 'close')
                self.assertTrue(reader.ended())
            return r

    def test_malformed(self):
        for request in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'get / HTTP/1.1\r\n',
                        b'GET /\x01 HTTP/1.1\r\n', b'GET / HTTP/1.1\r\nHo st: x\r\n\r\n',
                        b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
                        b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
                        b'GET / FTP/1.1\r\n', b'GET / HTTP/1.1\r\n\r\n', b'GET a HTTP/1.1\r\n',
                        b'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', b'\0' * 100,
                        b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n'
                        b'Content-Length: 4\r\n\r\nabcd',
                        b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n'
                        b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'):
            self.refused(request, 400)

    def test_unsupported(self):
        self.refused(b'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 501)
        self.refused(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 501)
        self.refused(b'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n', 501)
        self.refused(b'GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505)

    def test_methods(self):
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'):
            r = self.server.get('/a.txt', method)
            self.assertEqual((r.status, r.headers['allow']), (405, 'GET, HEAD'), method)
        r = self.server.ask(b'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(r.status, 405)

    def test_too_large(self):
        self.refused(b'GET /' + b'a' * 5000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', 414)
        self.refused(b'GET /' + b'a' * 100000, 414)
        self.refused(b'GET / HTTP/1.1\r\nHost: x\r\nA: ' + b'a' * 9000 + b'\r\n\r\n', 431)
        self.refused(b'GET / HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 50000, 431)
        r = self.server.ask(b'GET /' + b'a/' * 1900 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(r.status, 404)
        r = self.server.ask(b'GET /a.txt HTTP/1.1\r\nHost: x\r\nA: ' + b'a' * 7900 +
                            b'\r\n\r\n')
        self.assertEqual(r.status, 200)

    def test_body_too_large(self):
        head = b'POST / HTTP/1.1\r\nHost: x\r\n'
        self.refused(head + b'Content-Length: 65537\r\n\r\n' + b'b' * 65537, 413)
        self.refused(head + b'Content-Length: 99999999999\r\n\r\n' + b'b' * 500000, 413)
        chunk = b'1000\r\n' + b'c' * 4096 + b'\r\n'
        self.refused(head + b'Transfer-Encoding: chunked\r\n\r\n' + chunk * 100, 413)

    def test_body_is_dropped(self):
        """A body that is small enough is read, and the connection goes on."""
        big = b'b' * 60000
        chunks = b''.join(b'%x\r\n%s\r\n' % (n, b'c' * n) for n in (1, 4096, 30000)) + b'0\r\n\r\n'
        with self.server.connect() as s:
            s.sendall(b'POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n' + big +
                      b'GET /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /' +
                      b'GET /1k.bin HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n' +
                      chunks + b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
            reader = Reader(s)
            self.assertEqual([reader.response().status for _ in range(4)],
                             [405, 200, 200, 200])

    def test_expect(self):
        r = self.refused(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n'
                         b'Expect: 100-continue\r\n\r\n', 405)
        self.assertEqual(r.headers['allow'], 'GET, HEAD')
        self.refused(b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n'
                     b'Expect: 100-continue\r\n\r\n', 417)

    def test_upgrade_is_ignored(self):
        with self.server.connect() as s:
            s.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n'
                      b'Upgrade: websocket\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
            reader = Reader(s)
            self.assertEqual([reader.response().status for _ in range(2)], [200, 200])

    def test_keep_alive(self):
        one = b'GET /a.txt HTTP/1.%d\r\nHost: x\r\n%s\r\n'
        for minor, header, kept in ((1, b'', True), (1, b'Connection: close\r\n', False),
                                    (0, b'', False), (0, b'Connection: keep-alive\r\n', True)):
            with self.server.connect() as s:
                reader = Reader(s)
                s.sendall(one % (minor, header))
                r = reader.response()
                if kept:
                    for _ in range(50):
                        s.sendall(one % (minor, header))
                        self.assertEqual(reader.response().body, b'I am a.txt\n')
                    self.assertEqual(r.headers.get('connection'),
                                     None if minor else 'keep-alive')
                else:
                    self.assertEqual(r.headers['connection'], 'close')
                    self.assertTrue(reader.ended())

    def test_no_host_in_1_0(self):
        self.assertEqual(self.server.ask(b'GET /a.txt HTTP/1.0\r\n\r\n').status, 200)

    def test_pipelining(self):
        names = ['a.txt', '1k.bin', '100k.bin', 'nothing', '64k.bin', '0.bin', 'sub/', 'sub'] * 40
        requests = b''.join(b'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' % n.encode() for n in names)
        with self.server.connect() as s:
            sender = threading.Thread(target=s.sendall, args=(requests,))
            sender.start()
            reader = Reader(s)
            for name in names:
                r = reader.response()
                if os.path.isfile(self.server.path(name)):
                    self.assertEqual(r.body, file_bytes(self.server.path(name)))
                else:
                    self.assertEqual(r.status, {'nothing': 404, 'sub/': 200, 'sub': 301}[name])
            sender.join()

    def test_pipelining_then_half_close(self):
        with self.server.connect() as s:
            s.sendall(b'GET /1k.bin HTTP/1.1\r\nHost: x\r\n\r\n' * 1000)
            s.shutdown(socket.SHUT_WR)
            reader = Reader(s)
            for _ in range(1000):
                self.assertEqual(len(reader.response().body), 1024)
            self.assertTrue(reader.ended())

    def test_byte_by_byte(self):
        with self.server.connect() as s:
            request = (b'\r\n\r\nGET /a.txt?x HTTP/1.1\r\nHost: x\r\nRange: bytes=2-4\r\n'
                       b'If-Range: "x"\r\n\r\n')
            reader = Reader(s)
            for _ in range(3):
                for i in range(len(request)):
                    s.sendall(request[i:i + 1])
                    if i % 16 == 0:
                        time.sleep(0.002)
                self.assertEqual(reader.response().body, b'I am a.txt\n')

    def test_split_everywhere(self):
        request = (b'GET /1k.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=1-3\r\n\r\n'
                   b'HEAD /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
        want = file_bytes(self.server.path('1k.bin'))[1:4]
        with self.server.connect() as s:
            reader = Reader(s)
            for i in range(1, len(request)):
                s.sendall(request[:i])
                time.sleep(0.001)
                s.sendall(request[i:])
                self.assertEqual(reader.response().body, want)
                self.assertEqual(reader.response('HEAD').status, 200)

    def test_folded_header_refused(self):
        self.refused(b'GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0\r\n -5\r\n\r\n', 400)

    def test_fuzz(self):
        """Garbage for a while; the server lives and still answers."""
        rng = random.Random(SEED)
        seeds = [b'GET /1k.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\n\r\n',
                 b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n'
                 b'0\r\n\r\n', b'GET /sub HTTP/1.0\r\nIf-None-Match: "x"\r\n\r\n',
                 b'HEAD /%41%42?q HTTP/1.1\r\nHost: y\r\nIf-Modified-Since: Sun, 06 Nov 1994 '
                 b'08:49:37 GMT\r\nConnection: keep-alive\r\n\r\n']
        end = time.monotonic() + 4
        while time.monotonic() < end:
            data = bytearray(b''.join(rng.choices(seeds, k=rng.randint(1, 5))))
            for _ in range(rng.choice((0, 1, 1, 2, 5, 50))):
                at = rng.randrange(len(data))
                rng.choice((lambda: data.__setitem__(at, rng.randrange(256)),
                            lambda: data.__delitem__(slice(at, at + rng.randint(1, 20))),
                            lambda: data.insert(at, rng.randrange(256)),
                            lambda: data.extend(data[at:at + 30])))()
                if not data:
                    data = bytearray(b'x')
            with self.server.connect() as s, contextlib.suppress(OSError):
                for part in (data[:len(data) // 2], data[len(data) // 2:]):
                    s.sendall(part)
                    if rng.random() < 0.3:
                        s.settimeout(0.005)
                        with contextlib.suppress(TimeoutError):
                            s.recv(100000)
                if rng.random() < 0.3:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.assertIsNone(self.server.proc.poll(), f'died; seed {SEED}')
        self.assertEqual(self.server.get('/a.txt').body, b'I am a.txt\n', f'seed {SEED}')


class GateTwo(GateOne):
    workers = 2
