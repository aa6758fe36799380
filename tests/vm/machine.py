"""Emulated machines: their shapes, one boot, and what a guest said."""
import os
import re
import subprocess
import time

MEMORY = 2304  # MiB, of which each node that has memory gets an equal part: 2, 3 or 4 of them


def numbers(text):
    """The set that a list such as "0-3,8" stands for."""
    found = set()
    for part in filter(None, text.split(',')):
        first, _, last = part.partition('-')
        found |= set(range(int(first), int(last or first) + 1))
    return found


class Shape:
    """Sockets, cores and threads, and NUMA nodes: their CPUs ('' for none), whether they have
    memory, and distances as rows (None: the default, 20 between any two)."""

    def __init__(self, sockets, cores, threads, node_cpus=('',), no_memory=(), distances=None):
        self.cpus, self.threads = sockets * cores * threads, threads
        self.smp = f'{self.cpus},sockets={sockets},cores={cores},threads={threads}'
        self.node_cpus, self.no_memory, self.distances = node_cpus, no_memory, distances

    def node(self, cpu):
        return next((node for node, cpus in enumerate(self.node_cpus) if cpu in numbers(cpus)), 0)

    def memory(self, node):
        """Where the pages of a node lie: there, or on the nearest node that has memory."""
        if node not in self.no_memory:
            return node
        row = self.distances[node]
        return min((n for n in range(len(row)) if n not in self.no_memory), key=lambda n: row[n])

    def arguments(self):
        with_memory = [n for n in range(len(self.node_cpus)) if n not in self.no_memory]
        args = ['-smp', self.smp, '-m', f'{MEMORY}M']
        if len(self.node_cpus) == 1:
            return args
        for node in with_memory:
            size = f'{MEMORY // len(with_memory)}M'
            args += ['-object', f'memory-backend-ram,id=m{node},size={size}']
        for node, cpus in enumerate(self.node_cpus):
            args += ['-numa', f'node,nodeid={node}' + (f',cpus={cpus}' if cpus else '') +
                     (f',memdev=m{node}' if node in with_memory else '')]
        for a, row in enumerate(self.distances or ()):
            for b, distance in enumerate(row):
                args += ['-numa', f'dist,src={a},dst={b},val={distance}']
        return args


EVERY_TWO = '0-1', '2-3', '4-5', '6-7'
SHAPES = {
    'four nodes': Shape(4, 2, 1, EVERY_TWO,
                        distances=[[10 if a == b else 21 for b in range(4)] for a in range(4)]),
    # Two nodes of two cores with two threads each; two more that are memory alone.
    'siblings': Shape(2, 2, 2, ('0-3', '4-7', '', '')),
    # Node 3 has CPUs and no memory; there and back is not equally far.
    'uneven': Shape(4, 2, 1, EVERY_TWO, no_memory=(3,),
                    distances=[[10, 15, 30, 40], [17, 10, 25, 12], [33, 27, 10, 20], [22, 16, 14, 10]]),
    'one core': Shape(1, 1, 1),
}

# No 16-byte compare-and-swap: qemu 7.2 corrupts flags on it. KVM may be there and not work.
X86 = ['qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg,thread=multi',
       '-cpu', 'qemu64,vendor=GenuineIntel,-cx16,+rdtscp,+ssse3,+sse4.1,+sse4.2,+popcnt',
       '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04']
ARM = ['qemu-system-aarch64', '-machine', 'virt', '-accel', 'tcg,thread=multi',
       '-cpu', 'cortex-a76']
BOTH = ['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-no-reboot']
APPEND = ('panic=-1 quiet nokaslr mitigations=off cryptomgr.notests audit=0 apparmor=0 '
          'rcupdate.rcu_expedited=1')


class Case:
    """What one command in a guest came to."""

    def __init__(self, name):
        self.name, self.output, self.status, self.seconds = name, [], None, 0


class Boot:
    """One run of one machine."""

    def __init__(self, arch, kernel, image, shape, limit):
        self.limit = limit
        amd64 = arch == 'amd64'
        append = APPEND + (' console=ttyS0 tsc=reliable no_timer_check' if amd64 else ' console=ttyAMA0')
        self.expected = 1 if amd64 else 0
        self.command = [*(X86 if amd64 else ARM), *BOTH, *SHAPES[shape].arguments(),
                        '-kernel', kernel, '-initrd', image, '-append', append]

    def run(self):
        start = time.monotonic()
        self.status = None
        try:
            done = subprocess.run(self.command, stdin=subprocess.DEVNULL, timeout=self.limit, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            out, self.status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as e:
            out = e.stdout or b''
        self.text = out.decode('utf-8', 'replace').replace('\r', '')
        self.seconds = time.monotonic() - start

    def emulator_broke(self):
        """What shows that the emulator is to blame for a failure, or None. One of its CPUs ran the breakpoint with which
        the kernel patches its own code after that was over; or there are pages that it is slow to write to."""
        if self.status != self.expected and 'Oops: int3' in self.text:
            return 'it lost a patch of kernel code (Oops: int3)'
        slow = [n for n in re.findall(r'^SLOW-PAGES (\d+)$', self.text, re.M) if n != '0']
        return f'{slow[0]} pages had stale translations of code' if slow else None

    def cases(self):
        found, case = [], None
        for line in self.text.split('\n'):
            begin = re.match(r'VM-CASE (.*)$', line)
            end = re.match(r'VM-DONE (\d+) ([\d.]+) ([\d.]+)$', line)
            if begin:
                case = Case(begin.group(1))
                found.append(case)
            elif end and case:
                case.status = int(end.group(1))
                case.seconds = float(end.group(3)) - float(end.group(2))
                case = None
            elif case:
                case.output.append(line)
        return found

    def wrong(self):
        """What went wrong with the machine itself, or None."""
        if self.status is None:
            return f'did not end within {self.limit} s'
        if 'VM-EXIT 0' not in self.text:
            return f'ended early, status {self.status}'
        if self.status != self.expected:
            return f'left with status {self.status}, not {self.expected}'
        return None
