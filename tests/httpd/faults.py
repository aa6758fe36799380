"""What goes wrong: descriptors, peers, files, the command line."""
import contextlib
import os
import random
import resource
import select
import socket
import struct
import subprocess
import time
import unittest

from harness import Reader, SEED, eventually, file_bytes, running
import harness


class Faults(unittest.TestCase):
    def flood(self, server, n):
        socks = []
        with contextlib.suppress(OSError):
            for _ in range(n):
                s = socket.socket()
                s.settimeout(1)
                socks.append(s)
                s.connect(('127.0.0.1', server.port))
        return socks

    def test_low_nofile(self):
        """Few descriptors from the start: the limit on connections follows."""
        with running(nofile=64, workers=2) as server:
            for _ in range(3):
                socks = self.flood(server, 150)
                time.sleep(0.3)
                for s in socks:
                    s.close()
                for name in ('a.txt', '100k.bin'):
                    self.assertTrue(eventually(
                        lambda n=name: server.get('/' + n).body ==
                        file_bytes(server.path(n)), 10))
            self.assertEqual(server.stop()[0], 0)

    def test_emfile(self):
        """Descriptors run out below the server's own limit: accept() meets EMFILE."""
        for workers in (1, 2):
            with running(workers=workers) as server:
                self.assertEqual(server.get('/100k.bin').status, 200)
                fds = os.listdir(f'/proc/{server.proc.pid}/fd')
                limit = max(map(int, fds)) + 20
                resource.prlimit(server.proc.pid, resource.RLIMIT_NOFILE, (limit, limit))
                socks = self.flood(server, 100)
                self.assertIn(self.first_answer(socks), (200, 503))
                time.sleep(0.5)
                self.assertIsNone(server.proc.poll())
                cpu = self.cpu_seconds(server.proc.pid)
                time.sleep(1)
                self.assertLess(self.cpu_seconds(server.proc.pid) - cpu, 0.5, 'it spins')
                for s in socks:
                    s.close()
                self.assertTrue(eventually(lambda: self.works(server), 10))
                self.assertEqual(server.stop()[0], 0)

    @staticmethod
    def first_answer(socks):
        """Of those that are served: which are, is up to the workers, each has a listener of its own."""
        for s in socks:
            s.sendall(b'GET /5m.bin HTTP/1.1\r\nHost: x\r\n\r\n')
        ready, _, _ = select.select(socks, [], [], 10)
        return Reader(ready[0]).response().status

    @staticmethod
    def works(server):
        with contextlib.suppress(OSError, EOFError):
            return server.get('/64k1.bin').body == file_bytes(server.path('64k1.bin'))
        return False

    @staticmethod
    def cpu_seconds(pid):
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            fields = f.read().rsplit(') ', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def test_resets(self):
        """Peers that vanish in the middle of an answer or of a request."""
        rng = random.Random(SEED)
        with running(workers=2) as server:
            for i in range(200):
                s = server.connect(rcvbuf=65536 if i % 2 else None)
                s.sendall(rng.choice((b'GET /5m.bin HTTP/1.1\r\nHost: x\r\n\r\n' * 3,
                                      b'GET /64k.bin HTTP/1.1\r\nHost: x\r\n\r\n' * 50,
                                      b'GET /a.txt HTTP/1.1\r\nHo', b'')))
                if rng.random() < 0.5:
                    with contextlib.suppress(TimeoutError):
                        s.settimeout(0.01)
                        s.recv(rng.randint(1, 100000))
                if rng.random() < 0.7:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                s.close()
            self.assertEqual(server.get('/a.txt').status, 200)
            fds = lambda: len(os.listdir(f'/proc/{server.proc.pid}/fd'))
            self.assertTrue(eventually(lambda: fds() < 40), f'{fds()} descriptors left')
            self.assertEqual(server.stop()[0], 0)

    def test_file_shrinks_while_it_is_sent(self):
        with running() as server, server.connect(rcvbuf=65536) as s:
            s.sendall(b'GET /5m.bin HTTP/1.1\r\nHost: x\r\n\r\n')
            s.recv(100)
            os.truncate(server.path('5m.bin'), 1000)
            got = 100
            with contextlib.suppress(ConnectionError):
                while chunk := s.recv(1 << 20):
                    got += len(chunk)
            self.assertLess(got, 5 << 20)  # it was cut off, not padded
            self.assertEqual(server.get('/a.txt').status, 200)

    def test_bad_usage(self):
        for args in ([], ['--root', '/nonexistent'], ['--root', '/', '--port', '99999'],
                     ['--root', '/', '--what'], ['--root', '/', '--port', 'x'],
                     ['--root', '/', 'extra'], ['--root', '/', '--host', 'not an address']):
            p = subprocess.run([harness.HTTPD, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               timeout=20, check=False)
            self.assertNotEqual(p.returncode, 0, args)
            self.assertTrue(p.stderr, args)
        p = subprocess.run([harness.HTTPD, '--help'], stdout=subprocess.PIPE, timeout=20, check=True)
        self.assertIn(b'--root', p.stdout)

    def test_port_taken(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            s.listen()
            p = subprocess.run([harness.HTTPD, '--root', '/', '--port', str(s.getsockname()[1])],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
                               check=False)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b'in use', p.stderr)
