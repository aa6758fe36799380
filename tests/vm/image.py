"""The initial RAM disk of a guest, written as a cpio archive ("newc") without cpio or root."""
import os
import re
import stat
import subprocess

APPLETS = ('cat cmp cut dmesg echo env grep head ip kill ls mkdir mount poweroff sed sh sleep sync tail timeout '
           'tr true wc wget').split()
FOLDERS = 'bin dev etc lib proc root run sbin sys tmp usr usr/bin usr/lib'.split()


class Image:
    """Files to come; libraries of programs come along by themselves."""

    def __init__(self, library_dirs):
        self.library_dirs = library_dirs
        self.files = {}  # path in the guest: (mode, bytes)
        for name in FOLDERS:
            self.files[name] = stat.S_IFDIR | 0o755, b''
        self.files['tmp'] = stat.S_IFDIR | 0o1777, b''
        self.files['dev/console'] = stat.S_IFCHR | 0o600, (5, 1)
        self.text('usr/lib/os-release', 'ID=weft-test-guest\n')
        self.text('etc/passwd', 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n')
        self.text('etc/group', 'root:x:0:\nnogroup:x:65534:\n')

    def text(self, path, text, mode=0o644):
        self.files[path] = stat.S_IFREG | mode, text.encode()

    def busybox(self, path):
        self.copy(path, 'bin/busybox')
        for name in APPLETS:
            self.files['bin/' + name] = stat.S_IFLNK | 0o777, b'busybox'

    def copy(self, source, path):
        with open(source, 'rb') as f:
            data = f.read()
        self.files[path] = stat.S_IFREG | 0o755, data

    def program(self, source, path=None):
        """A program and the libraries it needs."""
        self.copy(source, path or 'bin/' + os.path.basename(source))
        self._libraries(source)

    def library(self, name):
        """A library that a program loads by itself."""
        if 'lib/' + name in self.files:
            return
        source = next((os.path.join(d, name) for d in self.library_dirs
                       if os.path.exists(os.path.join(d, name))), None)
        if not source:
            raise FileNotFoundError(f'{name}: not in {self.library_dirs}')
        self.copy(source, 'lib/' + name)
        self._libraries(source)

    def _libraries(self, source):
        said = subprocess.run(['readelf', '-d', '-l', source], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
        interpreter = re.search(r'interpreter: (/\S+)\]', said)
        if interpreter:
            path = interpreter.group(1).lstrip('/')
            self.files.setdefault(os.path.dirname(path), (stat.S_IFDIR | 0o755, b''))
            self.library(os.path.basename(path))
            self.files[path] = self.files['lib/' + os.path.basename(path)]
        for name in re.findall(r'\(NEEDED\).*\[(.*)\]', said):
            self.library(name)

    def write(self, path):
        with open(path, 'wb') as f:
            for i, name in enumerate(sorted(self.files)):
                f.write(entry(i + 1, name, *self.files[name]))
            f.write(trailer())


def entry(number, name, mode, data):
    """One file; a folder is written before what is in it, since names are sorted."""
    device, data = (data, b'') if stat.S_ISCHR(mode) else ((0, 0), data)
    fields = number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0
    head = b'070701' + b''.join(b'%08X' % f for f in fields) + name.encode() + b'\0'
    return padded(head) + padded(data)


def padded(data):
    return data + b'\0' * (-len(data) % 4)


def trailer():
    return entry(0, 'TRAILER!!!', 0, b'')


def small(files):
    """A second archive, of texts, to be put behind a written image."""
    return b''.join(entry(100000 + i, name, stat.S_IFREG | 0o755, text.encode())
                    for i, (name, text) in enumerate(files.items())) + trailer()
