"""Files, ranges, conditions, listings."""
import email.utils
import os
import re
import subprocess
import time

from harness import Reader, Shared, file_bytes, write


class ContentOne(Shared):
    """Files, ranges, conditions, listings."""

    def test_bytes_equal(self):
        for name in ('0.bin', '1.bin', '1k.bin', '8k.bin', '64k.bin', '64k1.bin', '100k.bin',
                     '5m.bin'):
            for _ in range(2):  # the second time from the cache
                r = self.server.get('/' + name)
                self.assertEqual(r.status, 200)
                self.assertEqual(r.body, file_bytes(self.server.path(name)), name)

    def test_curl(self):
        for name in ('1k.bin', '100k.bin', '5m.bin'):
            out = subprocess.run(
                ['curl', '-fsS', '--max-time', '60',
                 f'http://127.0.0.1:{self.server.port}/{name}'],
                stdout=subprocess.PIPE, check=True).stdout
            self.assertEqual(out, file_bytes(self.server.path(name)))

    def test_curl_resume_and_parallel(self):
        url = f'http://127.0.0.1:{self.server.port}/'
        whole = file_bytes(self.server.path('5m.bin'))
        out = os.path.join(self.top, 'out')
        write(out, whole[:1234567])
        subprocess.run(['curl', '-fsS', '-C', '-', '-o', out, url + '5m.bin'], check=True)
        self.assertEqual(file_bytes(out), whole)
        procs = [subprocess.Popen(['curl', '-fsS'] + [url + '100k.bin'] * 5,
                                  stdout=subprocess.PIPE) for _ in range(8)]
        outs = [p.communicate(timeout=60)[0] for p in procs]
        self.assertEqual(set(outs), {file_bytes(self.server.path('100k.bin')) * 5})

    def test_mime_types(self):
        for name, want in {'a.html': 'text/html; charset=utf-8',
                           'a.css': 'text/css; charset=utf-8',
                           'a.js': 'text/javascript; charset=utf-8',
                           'a.json': 'application/json', 'a.svg': 'image/svg+xml',
                           'a.PNG': 'image/png', 'a.txt': 'text/plain; charset=utf-8',
                           'a.tar.gz': 'application/gzip',
                           'noext': 'application/octet-stream',
                           '1k.bin': 'application/octet-stream'}.items():
            self.assertEqual(self.server.get('/' + name).headers['content-type'], want)

    def test_head(self):
        for name in ('1k.bin', '100k.bin', 'empty/', 'nothing', 'sub'):
            get, head = self.server.get('/' + name), self.server.get('/' + name, 'HEAD')
            get.headers.pop('date')
            head.headers.pop('date')
            self.assertEqual((head.status, head.headers), (get.status, get.headers))
        with self.server.connect() as s:  # and no body follows
            s.sendall(b'HEAD /1k.bin HTTP/1.1\r\nHost: x\r\n\r\n'
                      b'GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            reader = Reader(s)
            reader.response('HEAD')
            self.assertEqual(reader.response().body, b'I am a.txt\n')
            self.assertTrue(reader.ended())

    def test_date(self):
        r = self.server.get('/a.txt')
        age = time.time() - email.utils.parsedate_to_datetime(r.headers['date']).timestamp()
        self.assertTrue(-1.5 < age < 2.5, age)

    def test_ranges(self):
        for name in ('1k.bin', '100k.bin'):
            data = file_bytes(self.server.path(name))
            n = len(data)
            for spec, a, b in (('0-0', 0, 1), ('0-99', 0, 100), ('100-', 100, n),
                               ('-1', n - 1, n), ('-100', n - 100, n), ('-999999', 0, n),
                               (f'{n - 1}-{n - 1}', n - 1, n), ('5-99999999999', 5, n),
                               ('0-', 0, n), ('7-99999999999999999999999999', 7, n)):
                r = self.server.get('/' + name, Range='bytes=' + spec)
                self.assertEqual((r.status, r.headers['content-range']),
                                 (206, f'bytes {a}-{b - 1}/{n}'), spec)
                self.assertEqual(r.body, data[a:b], spec)

    def test_ranges_refused(self):
        for spec in ('1024-', '1024-2000', '99999999999999999999-', '-0'):
            r = self.server.get('/1k.bin', Range='bytes=' + spec)
            self.assertEqual((r.status, r.headers['content-range'], r.body),
                             (416, 'bytes */1024', b''), spec)
        self.assertEqual(self.server.get('/0.bin', Range='bytes=0-').status, 416)

    def test_ranges_ignored(self):
        for spec in ('bytes=5-3', 'bytes=', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'bytes=1-2x',
                     'bytes=0-1,5-6', 'bytes', 'bytes=--1', 'x'):
            r = self.server.get('/1k.bin', Range=spec)
            self.assertEqual((r.status, len(r.body)), (200, 1024), spec)
        self.assertEqual(self.server.get('/1k.bin', 'HEAD', Range='bytes=0-1').status, 200)

    def test_if_range(self):
        r = self.server.get('/1k.bin')
        for value, status in ((r.headers['last-modified'], 206), (r.headers['etag'], 206),
                              ('"other"', 200), ('Sun, 06 Nov 1994 08:49:37 GMT', 200)):
            got = self.server.get('/1k.bin', Range='bytes=0-9', If_Range=value)
            self.assertEqual(got.status, status, value)

    def test_not_modified(self):
        r = self.server.get('/1k.bin')
        modified = email.utils.parsedate_to_datetime(r.headers['last-modified'])
        self.assertEqual(int(modified.timestamp()),
                         int(os.stat(self.server.path('1k.bin')).st_mtime))
        later = email.utils.formatdate(modified.timestamp() + 5, usegmt=True)
        earlier = email.utils.formatdate(modified.timestamp() - 1, usegmt=True)
        rfc850 = modified.strftime('%A, %d-%b-%y %H:%M:%S GMT')
        for value, status in ((r.headers['last-modified'], 304), (later, 304), (earlier, 200),
                              (rfc850, 304), (modified.strftime('%a %b %d %H:%M:%S %Y'), 304),
                              ('yesterday', 200), ('', 200), ('x' * 300, 200)):
            got = self.server.get('/1k.bin', If_Modified_Since=value)
            self.assertEqual(got.status, status, value)
            self.assertEqual(got.headers['etag'], r.headers['etag'])
        for value, status in ((r.headers['etag'], 304), ('W/"x", ' + r.headers['etag'], 304),
                              ('*', 304), ('"x"', 200)):
            got = self.server.get('/1k.bin', If_None_Match=value, If_Modified_Since=later)
            self.assertEqual(got.status, status, value)

    def test_index(self):
        self.assertEqual(self.server.get('/indexed/').body, b'<p>the index</p>\n')

    def test_listing(self):
        body = self.server.get('/').body.decode()
        for name in ('a.html', 'sub/', '1k.bin', 'od%20d%3C%26%22%27%20name/'):
            self.assertIn(f'href="{name}"', body)
        self.assertIn('od d&lt;&amp;&quot;&#39; name/</a>', body)
        self.assertNotIn('href="../"', body)
        self.assertEqual(self.server.get('/empty/').status, 200)
        title = self.server.get('/od%20d%3C%26%22%27%20name/').body.decode()
        self.assertIn('<title>/od d&lt;&amp;&quot;&#39; name/</title>', title)

    def test_listing_links_work(self):
        body = self.server.get('/sub/').body.decode()
        links = re.findall(r'href="([^"]*)"', body)
        self.assertEqual(links[0], '../')
        self.assertEqual(len(links), 5)
        for link in links[1:]:
            r = self.server.get('/sub/' + link)
            self.assertEqual((r.status, r.body[:9]), (200, b'I am sub/'), link)

    def test_redirect(self):
        for target, want in (('/sub', '/sub/'), ('/sub?a=b', '/sub/?a=b'), ('//sub', '/sub/'),
                             ('/od%20d%3C%26%22%27%20name', '/od%20d%3C%26%22%27%20name/'),
                             ('http://x/sub?q', '/sub/?q')):
            r = self.server.get(target)
            self.assertEqual((r.status, r.headers['location']), (301, want), target)

    def test_targets(self):
        for target in ('/a.txt', '/a.txt?x=1', '/./a.txt', '/%61.txt', 'http://x/a.txt',
                       '/link-in', '//a.txt'):
            r = self.server.get(target)
            self.assertEqual((r.status, r.body), (200, b'I am a.txt\n'), target)
        self.assertEqual(self.server.get('/sub/per%25cent.txt').status, 200)
        for name in ('...', 'a..b'):
            self.assertEqual(self.server.get('/' + name).status, 200, name)

    def test_not_found(self):
        for target in ('/nothing', '/a.txt/', '/a.txt/x', '/loop', '/' + 'n' * 300, '*',
                       '/sub/nothing/', '/sub%2Fnothing'):
            self.assertEqual(self.server.get(target).status, 404, target)

    def test_not_a_file(self):
        self.assertEqual(self.server.get('/fifo').status, 403)


class ContentTwo(ContentOne):
    workers = 2
