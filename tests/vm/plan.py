"""What runs where: the boots, the cases of each, and what is left out and why."""
import re

SCHED = ('bufs', 'conf', 'depth', 'deque', 'faults', 'fd', 'feat', 'inbox', 'place', 'quota', 'runq',
         'stack', 'stream', 'switch', 'task', 'timer', 'uring', 'wake')
LIB = ('chan', 'checkpoint', 'co', 'errno', 'fair', 'file', 'fork', 'net', 'rt', 'stack', 'stall',
       'sync', 'time')
FAULT = ('completions', 'nth_call')

# (boots, test, reason). Boots as a regular expression for their names.
LEFT_OUT = []

SLOW = 20  # time limits of single tests are so many times what the tests say


class Plan:
    """One boot: a machine, the programs it needs, and its job as lines of shell."""

    def __init__(self, name, arch, kernel, shape, *jobs, limit=240, full=False):
        self.name, self.arch, self.kernel, self.shape = name, arch, kernel, shape
        self.job = ''.join(job(self) for job in jobs)
        self.limit, self.full = limit, full

    def left_out(self):
        """[(suite::name, reason)]"""
        return [(test, why) for boots, test, why in LEFT_OUT if re.fullmatch(boots, self.name)]


def run(name, limit, command):
    return f"run '{name}' {limit} {command}\n"


def units(folder, names):
    """Unit tests: all of each program but what is left out there."""
    def job(plan):
        lines = ''
        for name in names:
            skips = ''.join(f' --skip {test}' for test, _ in plan.left_out()
                            if test.startswith(f'{folder}_{name}::') or test.split('::')[0] == name)
            lines += run(f'{folder}/{name}', 120, f'{folder}_{name}_test --slow {SLOW}{skips}')
        return lines
    return job


def stress(seconds):
    return lambda plan: ''.join(run(f'stress/{name}', 90, f'stress_{name} --seconds {seconds}')
                                for name in ('wake', 'close_race'))


def skynet(leaves, workers):
    return lambda plan: run(f'skynet on {workers} workers', 60, f'skynet {leaves} {workers}')


BOOTS = [
    Plan('6.1', 'amd64', '6.1', 'four nodes',
         units('sched', SCHED), units('lib', LIB), units('fault', FAULT), stress(4), skynet(100000, 8)),
    Plan('6.12', 'amd64', '6.12', 'four nodes',
         units('sched', SCHED), units('lib', LIB), units('fault', ['completions']), stress(4), skynet(100000, 8)),
]
