"""Time: caches, deadlines, limits, drain."""
import contextlib
import os
import signal
import socket
import threading
import time
import unittest

from harness import Reader, SLOW, eventually, file_bytes, running, write


class Life(unittest.TestCase):
    def test_changed_file_within_a_second(self):
        for workers in (1, 2):
            with running(workers=workers) as server:
                for name in ('a.txt', '100k.bin'):
                    path = server.path(name)
                    for i in range(4):
                        new = os.urandom(os.path.getsize(path))  # the same size
                        for _ in range(5):
                            server.get('/' + name)
                        if i % 2:
                            write(path, new)
                        else:
                            write(path + '.new', new)
                            os.rename(path + '.new', path)
                        changed = time.monotonic()
                        while time.monotonic() < changed + 1:
                            server.get('/' + name)
                            time.sleep(0.01)
                        self.assertEqual(server.get('/' + name).body, new, (name, i))

    def test_two_changes_at_once(self):
        """Two writes in the same tick of the file system's clock; the second one counts."""
        with running() as server:
            path = server.path('a.txt')
            for i in range(5):
                write(path, b'first  %d\n' % i)
                server.get('/a.txt')
                write(path, b'second %d\n' % i)
                time.sleep(1)
                self.assertEqual(server.get('/a.txt').body, b'second %d\n' % i)

    def test_appears_and_disappears(self):
        with running() as server:
            self.assertEqual(server.get('/new.txt').status, 404)
            write(server.path('new.txt'), b'new\n')
            self.assertEqual(server.get('/new.txt').body, b'new\n')
            os.unlink(server.path('new.txt'))
            self.assertTrue(eventually(lambda: server.get('/new.txt').status == 404, 1))

    def test_slow_header_dropped(self):
        with running('--header-sec', '1', '--idle-sec', '30') as server:
            start = time.monotonic()
            with server.connect() as s:
                reader = Reader(s)
                with contextlib.suppress(ConnectionError):
                    for c in b'GET /a.txt HTTP/1.1\r\nHost: slow\r\n' * 9:
                        s.sendall(bytes([c]))
                        time.sleep(0.1)
                        if time.monotonic() > start + 3 * SLOW:
                            break
                self.assertEqual(reader.response().status, 408)
                self.assertTrue(reader.ended())
            self.assertGreater(time.monotonic() - start, 0.9)
            start = time.monotonic()
            with server.connect() as s:  # nothing at all
                self.assertEqual(s.recv(100), b'')
            self.assertTrue(0.9 < time.monotonic() - start < 3 * SLOW)

    def test_slow_body_dropped(self):
        with running('--header-sec', '1') as server, server.connect() as s:
            s.sendall(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
            self.assertEqual(Reader(s).response().status, 408)

    def test_long_pipeline_is_not_slow(self):
        """The header deadline is each request's own, though no moment is without one."""
        one = b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n'
        with running('--header-sec', '1') as server, server.connect() as s:
            s.sendall(one[:9])
            reader = Reader(s)
            for _ in range(30):
                s.sendall(one[9:] + one[:9])
                self.assertEqual(reader.response().status, 200)
                time.sleep(0.1)

    def test_idle_dropped(self):
        with running('--idle-sec', '1') as server, server.connect() as s:
            s.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
            reader = Reader(s)
            reader.response()
            start = time.monotonic()
            self.assertTrue(reader.ended())
            self.assertTrue(0.9 < time.monotonic() - start < 3 * SLOW)

    def test_stalled_reader_dropped(self):
        for name, times in (('5m.bin', 4), ('64k.bin', 300)):
            with running('--send-sec', '1') as server, server.connect(rcvbuf=65536) as s:
                request = b'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' % name.encode()
                s.sendall(request * times)
                time.sleep(4.5)  # while the kernel's buffers fill, it does take something
                want = len(file_bytes(server.path(name))) * times
                got = 0
                with contextlib.suppress(ConnectionError):
                    while chunk := s.recv(1 << 20):
                        got += len(chunk)
                self.assertLess(got, want)
                self.assertEqual(server.get('/a.txt').status, 200)

    def test_slow_reader_served(self):
        """One that takes something now and then is not stalled."""
        with running('--send-sec', '1') as server, server.connect(rcvbuf=65536) as s:
            s.sendall(b'GET /5m.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            data, start = b'', time.monotonic()
            while chunk := s.recv(250000):
                data += chunk
                time.sleep(0.1)
            self.assertGreater(time.monotonic() - start, 2)
            self.assertTrue(data.endswith(file_bytes(server.path('5m.bin'))))

    def test_connection_limit(self):
        with running('--max-conns', '5') as server:
            kept = [server.connect() for _ in range(5)]
            for s in kept:  # all are accepted once they are answered
                s.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
                self.assertEqual(Reader(s).response().status, 200)
            for _ in range(3):
                with server.connect() as s:
                    s.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
                    reader = Reader(s)
                    r = reader.response()
                    self.assertEqual((r.status, r.headers['connection']), (503, 'close'))
                    self.assertTrue(int(r.headers['retry-after']) >= 0)
                    self.assertTrue(reader.ended())
            kept.pop().close()
            self.assertTrue(eventually(lambda: server.get('/a.txt').status == 200))
            for s in kept:
                s.close()
            rc, counters, _ = server.stop()
            self.assertEqual(rc, 0)
            self.assertGreaterEqual(counters['refused'], 3)

    def test_flood_of_connections(self):
        """Far over the limit, each is answered, refused or closed, and none hangs."""
        with running('--max-conns', '10', workers=2) as server:
            socks = [server.connect() for _ in range(300)]
            results = set()
            for s in socks:
                with contextlib.suppress(OSError):
                    s.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            for s in socks:
                try:
                    data = s.recv(1000)
                except ConnectionError:
                    data = b''
                results.add(data[9:12])
                s.close()
            self.assertLessEqual(results, {b'200', b'503', b''})
            self.assertTrue(eventually(lambda: server.get('/a.txt').status == 200))

    def test_counters(self):
        with running() as server:
            want = [server.get(t).status
                    for t in ('/a.txt', '/1k.bin', '/sub', '/nothing', '/%zz')]
            self.assertEqual(want, [200, 200, 301, 404, 400])
            server.get('/a.txt', If_None_Match='*')
            rc, counters, _ = server.stop()
            size = counters.pop('bytes')
            self.assertEqual((rc, counters),
                             (0, {'requests': 6, '2xx': 2, '3xx': 2, '4xx': 2, '5xx': 0,
                                  'connections': 6, 'refused': 0}))
            self.assertGreater(size, 1024 + 6 * 80)


class Drain(unittest.TestCase):
    def test_request_in_flight_finishes(self):
        for workers in (1, 2):
            with running(workers=workers) as server:
                slow = server.connect(rcvbuf=65536)
                slow.sendall(b'GET /5m.bin HTTP/1.1\r\nHost: x\r\n\r\n')
                reader = Reader(slow)
                reader.more()
                part = server.connect()
                part.sendall(b'GET /a.txt HTTP/1.1\r\nHo')
                idle = server.connect()
                idle.sendall(b'GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n')
                idle_reader = Reader(idle)
                idle_reader.response()
                time.sleep(0.2)
                server.proc.send_signal(signal.SIGTERM)
                self.assertTrue(idle_reader.ended())  # at once
                self.assertIsNone(server.proc.poll())
                part.sendall(b'st: x\r\n\r\n')
                part_reader = Reader(part)
                r = part_reader.response()
                self.assertEqual((r.status, r.headers['connection']), (200, 'close'))
                self.assertTrue(part_reader.ended())
                with self.assertRaises(OSError):
                    server.get('/a.txt')
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                self.assertEqual(reader.response().body, file_bytes(server.path('5m.bin')))
                self.assertTrue(reader.ended())
                rc, counters, err = server.stop()
                self.assertEqual((rc, counters['2xx']), (0, 3), err)

    def test_deadline(self):
        with running('--drain-sec', '1') as server, server.connect(rcvbuf=65536) as s:
            s.sendall(b'GET /5m.bin HTTP/1.1\r\nHost: x\r\n\r\n' * 10)
            s.recv(100)
            start = time.monotonic()
            rc, _, err = server.stop()
            self.assertEqual(rc, 0, err)
            self.assertTrue(0.9 < time.monotonic() - start < 5 * SLOW)

    def test_idle_server_exits_at_once(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            with running(workers=2) as server:
                socks = [server.connect() for _ in range(20)]
                server.get('/a.txt')
                start = time.monotonic()
                server.proc.send_signal(sig)
                self.assertEqual(server.stop()[0], 0)
                self.assertLess(time.monotonic() - start, 3 * SLOW)
                for s in socks:
                    s.close()

    def test_under_load(self):
        """Whatever answer has begun when SIGTERM comes is whole."""
        with running(workers=2) as server:
            stop, bad, good = threading.Event(), [], [0]

            def client():
                want = file_bytes(server.path('100k.bin'))
                while not stop.is_set():
                    try:
                        with server.connect() as s:
                            reader = Reader(s)
                            for _ in range(20):
                                s.sendall(b'GET /100k.bin HTTP/1.1\r\nHost: x\r\n\r\n')
                                r = reader.response()
                                good[0] += 1
                                if r.body != want:
                                    bad.append('bytes')
                                if r.headers.get('connection') == 'close':
                                    break
                    except EOFError as e:
                        if "after b''" not in str(e):
                            bad.append(str(e))
                        return
                    except OSError:
                        return

            threads = [threading.Thread(target=client) for _ in range(8)]
            for t in threads:
                t.start()
            time.sleep(0.5)
            rc, _, err = server.stop()
            stop.set()
            for t in threads:
                t.join()
            self.assertEqual((rc, bad), (0, []), err)
            self.assertGreater(good[0], 8)
