"""What runs in the guests, built here: weft's tests and examples, for each architecture."""
import os
import shutil
import subprocess

from debian import Missing
from image import Image

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OPTIONS = '-Dplain_tests=true', '-Doptimization=2', '-Ddebug=false', '-Dwerror=true'
SYSTEM_LIBRARIES = '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64'
TOOLS = 'busybox-static', 'numactl'
ARM_TRIPLE = 'aarch64-linux-gnu'
ARM_LIBRARIES = ('liburing-dev', 'liburing2', 'libnuma-dev', 'libnuma1', 'libhwloc-dev', 'libhwloc15',
                 'libudev1', 'libhttp-parser-dev', 'libhttp-parser2.9')
CROSS = """[binaries]
c = '{triple}-gcc'
ar = '{triple}-ar'
strip = '{triple}-strip'
pkgconfig = 'pkg-config'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
[properties]
sys_root = '{root}'
pkg_config_libdir = '{root}/usr/lib/{triple}/pkgconfig'
[built-in options]
c_args = ['-DWF_SEQ_STORE_XCHG', '-I{root}/usr/include', '-I{root}/usr/include/{triple}']
c_link_args = ['-L{root}/usr/lib/{triple}', '-Wl,-rpath-link,{root}/usr/lib/{triple}']
"""


class Broken(Exception):
    """weft does not build."""


def compile_for(archive, arch):
    """The build folder; made anew when its options are not these."""
    build = os.path.join(archive.where, 'build-' + arch)
    cross = cross_text(archive) if arch == 'arm64' else ''
    options = ' '.join(OPTIONS) + '\n' + cross
    if not os.path.exists(build + '.options') or read(build + '.options') != options:
        shutil.rmtree(build, ignore_errors=True)
        write(build + '.cross', cross)
        call(['meson', 'setup', build, TOP, *OPTIONS, *(['--cross-file', build + '.cross'] if cross else [])])
        write(build + '.options', options)
    call(['ninja', '-C', build])
    return build


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def cross_text(archive):
    if not shutil.which(ARM_TRIPLE + '-gcc'):
        raise Missing(f'{ARM_TRIPLE}-gcc is missing (Debian: gcc-{ARM_TRIPLE} libc6-dev-arm64-cross)')
    return CROSS.format(triple=ARM_TRIPLE, root=archive.packages('arm64', *ARM_LIBRARIES))


def library_folders(archive, arch):
    if arch == 'amd64':
        return SYSTEM_LIBRARIES
    return f'{archive.packages(arch)}/usr/lib/{ARM_TRIPLE}', f'/usr/{ARM_TRIPLE}/lib'


def call(command):
    done = subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Broken(f'{" ".join(command)}\n{done.stdout}')


def image(archive, arch):
    """The path of the RAM disk that all boots of an architecture share."""
    build = compile_for(archive, arch)
    packages = archive.packages(arch, *TOOLS)
    disk = Image((build + '/lib', *library_folders(archive, arch)))
    disk.busybox(packages + '/bin/busybox')
    disk.program(packages + '/usr/bin/numactl')
    for folder in 'tests', 'tests/vm', 'tools/examples':
        for entry in sorted(os.scandir(os.path.join(build, folder)), key=lambda e: e.name):
            if entry.is_file() and os.access(entry.path, os.X_OK):
                disk.program(entry.path)
    disk.library('libgcc_s.so.1')  # what backtrace(3) loads
    for name in sorted(os.listdir(HERE + '/guest')):
        if not name.endswith('.c'):
            disk.text('init' if name == 'init' else 'bin/' + name, read(f'{HERE}/guest/{name}'), 0o755)
    path = os.path.join(archive.where, f'guest-{arch}.img')
    disk.write(path)
    return path
