"""What runs in the guests, built here: weft's tests and examples, for each architecture."""
import os
import subprocess

from debian import Missing
from image import Image

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OPTIONS = '-Dplain_tests=true', '-Doptimization=2', '-Ddebug=false', '-Dwerror=true'
SYSTEM_LIBRARIES = '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64'


def compile_for(where, arch):
    """The build folder."""
    build = os.path.join(where, 'build-' + arch)
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        call(['meson', 'setup', '--wipe', build, TOP, *OPTIONS] if os.path.isdir(build) else
             ['meson', 'setup', build, TOP, *OPTIONS])
    call(['ninja', '-C', build])
    return build


def call(command):
    done = subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout)
        raise Missing(f'{" ".join(command[:2])} failed')


def image(archive, arch):
    """The path of the RAM disk that all boots of an architecture share."""
    build = compile_for(archive.where, arch)
    packages = archive.packages(arch, 'busybox-static', 'numactl')
    disk = Image((build + '/lib', *SYSTEM_LIBRARIES))
    disk.busybox(packages + '/bin/busybox')
    disk.program(packages + '/usr/bin/numactl')
    for folder in 'tests', 'tests/vm', 'tools/examples':
        for entry in sorted(os.scandir(os.path.join(build, folder)), key=lambda e: e.name):
            if entry.is_file() and os.access(entry.path, os.X_OK):
                disk.program(entry.path)
    disk.library('libgcc_s.so.1')  # what backtrace(3) loads
    for name in sorted(os.listdir(HERE + '/guest')):
        if not name.endswith('.c'):
            with open(f'{HERE}/guest/{name}', encoding='utf-8') as f:
                disk.text('init' if name == 'init' else 'bin/' + name, f.read(), 0o755)
    path = os.path.join(archive.where, f'guest-{arch}.img')
    disk.write(path)
    return path
