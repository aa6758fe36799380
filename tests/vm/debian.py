"""Debian packages of other suites and other processors, in a folder of our own.

apt runs here with its own sources, lists and state, so the system's are neither used nor
changed, and no rights are needed. Only what is asked for is downloaded, and only once.
"""
import glob
import os
import re
import subprocess
import tempfile

MIRROR = 'http://deb.debian.org/debian/'
KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'
SUITES = 'bookworm', 'bookworm-backports'
CONF = '''Dir::State "{0}";
Dir::State::status "{0}/status";
Dir::Cache "{0}";
Dir::Etc::SourceList "{0}/sources.list";
Dir::Etc::SourceParts "{0}/none";
Dir::Etc::Preferences "{0}/none/none";
Dir::Etc::PreferencesParts "{0}/none";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; "arm64"; }};
Acquire::Languages "none";
APT::Sandbox::User "";
'''


class Missing(Exception):
    """Something that a boot needs cannot be had; the text says what and why."""


class Archive:
    def __init__(self, where):
        self.where = os.path.abspath(where)
        self.apt_dir = os.path.join(self.where, 'apt')
        self.fresh, self.trouble = False, ''

    def kernel(self, series, arch):
        """The path of the cloud kernel of a series ('6.1') for an architecture."""
        into = os.path.join(self.where, f'kernel-{series}-{arch}')

        def newest():
            shown = self._apt('apt-cache', 'show', f'linux-image-cloud-{arch}:{arch}', check=False)
            found = re.search(rf'^Depends: (linux-image-{re.escape(series)}\.\S+)', shown, re.M)
            if not found:
                raise Missing(f'no cloud kernel {series} for {arch} in {", ".join(SUITES)}{self.trouble}')
            return found.group(1)
        self._unpack('kernel', newest, arch, into, './boot/vmlinuz-*')
        return glob.glob(into + '/boot/vmlinuz-*')[0]

    def packages(self, arch, *names):
        """The folder into which packages of an architecture are unpacked."""
        into = os.path.join(self.where, 'packages-' + arch)
        for name in names:
            self._unpack(name, lambda name=name: name, arch, into)
        return into

    def _unpack(self, name, package, arch, into, *only):
        stamp = os.path.join(into, f'.have-{name}')
        if os.path.exists(stamp):
            return
        self._refresh()
        os.makedirs(into, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into) as part:
            wanted = f'{package()}:{arch}'
            self._apt('apt-get', '-q', 'download', wanted, cwd=part)
            deb, = glob.glob(part + '/*.deb')
            with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb], stdout=subprocess.PIPE) as tar:
                subprocess.run(['tar', '-x', '-C', into, '--no-same-owner', '--wildcards', *only],
                               stdin=tar.stdout, check=True)
        with open(stamp, 'w', encoding='utf-8'):
            pass

    def _refresh(self):
        """Read the lists of packages, once a run."""
        if self.fresh:
            return
        for name in 'lists/partial', 'archives/partial', 'none':
            os.makedirs(os.path.join(self.apt_dir, name), exist_ok=True)
        self._write('status', '')
        self._write('conf', CONF.format(self.apt_dir))
        self._write('sources.list', ''.join(
            f'deb [signed-by={KEYS}] {mirror()} {suite} main\n' for suite in SUITES))
        try:
            self._apt('apt-get', '-q', 'update', '-o', 'APT::Update::Error-Mode=any')
        except Missing as e:  # of one suite, perhaps; what is not found will tell
            self.trouble = f'; {e}'
        self.fresh = True

    def _write(self, name, text):
        with open(os.path.join(self.apt_dir, name), 'w', encoding='utf-8') as f:
            f.write(text)

    def _apt(self, *command, cwd=None, check=True):
        env = dict(os.environ, APT_CONFIG=os.path.join(self.apt_dir, 'conf'))
        try:
            return subprocess.run(command, cwd=cwd, env=env, text=True, timeout=300, check=check,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
        except FileNotFoundError as e:
            raise Missing(f'{command[0]} is missing') from e
        except subprocess.SubprocessError as e:
            said = (getattr(e, 'stderr', '') or str(e)).strip().split('\n')[-1]
            raise Missing(f'{" ".join(command[:3])}: {said}{self.trouble}') from e


def mirror():
    """Where this machine has its own packages from."""
    try:
        out = subprocess.run(['apt-get', 'indextargets', '--format', '$(REPO_URI)',
                              'Created-By: Packages', 'Codename: bookworm', 'Component: main'],
                             text=True, check=False, stdout=subprocess.PIPE).stdout
    except FileNotFoundError:
        out = ''
    return (out.split() or [MIRROR])[0]
