"""What runs where: the boots, the cases of each, and what is left out and why."""
import os
import re

from machine import SHAPES
from places import Places

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def names(folder):
    """The unit tests of a folder."""
    return sorted(name[:-len('_test.c')] for name in os.listdir(os.path.join(TESTS, folder))
                  if name.endswith('_test.c'))


SCHED, LIB, FAULT = names('sched'), names('lib'), names('fault')

# (boots as a regular expression, program, reason)
LEFT_OUT = [
    (r'6\.1|6\.12|aarch64', 'fault/nth_call', 'a minute here, 20 s on one core, where it runs'),
    (r'6\.1|6\.12|aarch64|one core', 'lib/sim', 'virtual time, and no kernel: 10 s for what runs the same outside'),
    *((r'6\.1|6\.12|one core', f'lib/random_{what}', 'half a minute; on aarch64, with the other memory model, it runs')
      for what in ('chan', 'lock', 'sync')),
    (r'6\.1|6\.12|one core', 'lib/shm_death', 'minutes: each instruction is a step of the debugger; on aarch64 it runs'),
    (r'.*', 'lib/mpi', 'mpirun and all that it loads are not in the guests'),
    (r'one core', 'lib/stack', '20 s for what has nothing to do with the number of cores'),
]
SLOW = 20  # time limits of single tests are so many times what the tests say


class Plan:
    """One boot: a machine, and a job as lines of shell made by functions of this plan."""

    def __init__(self, name, arch, kernel, shape, *jobs, limit=1500):
        self.name, self.arch, self.kernel, self.shape, self.limit = name, arch, kernel, shape, limit
        self.checks = {}  # case: a function of its output, which returns what is wrong
        self.job = ''.join(job(self) for job in jobs)

    def left_out(self):
        """{program: reason}"""
        return {program: why for boots, program, why in LEFT_OUT if re.fullmatch(boots, self.name)}


def run(name, limit, command):
    return f"run '{name}' {limit} {command}\n"


def case(name, command, limit=60):
    return lambda plan: run(name, limit, command)


def places(command, **expected):
    """`where` in a surrounding, and what must come of it: see places.py."""
    def job(plan):
        plan.checks[command] = Places(SHAPES[plan.shape], **expected).wrong
        return run(command, 60, 'env ' + command)
    return job


def units(folder, programs):
    """Unit tests, but those that are left out there."""
    def job(plan):
        return ''.join(run(f'{folder}/{name}', 300, f'{folder}_{name}_test --slow {SLOW}')
                       for name in programs if f'{folder}/{name}' not in plan.left_out())
    return job


def policy(name, command, **expected):
    return places(f'WEFT_PLACE={name} {command}', **expected)


def stress(seconds):
    return lambda plan: ''.join(run(f'stress/{name}', 90, f'stress_{name} --seconds {seconds}')
                                for name in ('wake', 'close_race'))


def skynet(leaves, workers):
    return case(f'skynet on {workers} workers', f'skynet {leaves} {workers}')


SERVER = case('web server', 'serve')

BOOTS = [
    Plan('6.1', 'amd64', '6.1', 'four nodes',
         units('sched', SCHED), units('lib', LIB), units('fault', FAULT), stress(4), skynet(100000, 8)),
    Plan('6.12', 'amd64', '6.12', 'four nodes',
         units('sched', SCHED), units('lib', LIB), units('fault', FAULT), stress(4),
         skynet(100000, 8)),
    Plan('aarch64', 'arm64', '6.1', 'four nodes',
         units('sched', SCHED), units('lib', LIB), units('fault', FAULT), stress(4),
         skynet(100000, 8), SERVER, places('where', workers=8, nodes=4)),
    Plan('nodes', 'amd64', '6.12', 'four nodes',
         places('where', workers=8, nodes=4),
         places('where 2', workers=2, nodes=1),
         places('where 20', workers=20, cpus='0-7', nodes=4),
         places('numactl -N 1 where', cpus='2-3', workers=2),
         places('numactl -N 1,3 where 2', cpus='2-3,6-7', workers=2, nodes=1),
         places('numactl -C 2,5 where', cpus='2,5', workers=2),
         places('numactl -m 2 where', workers=8, memory='2'),
         places('numactl -N 0 -m 3 where', workers=2, cpus='0-1', memory='3'),
         places('numactl -i 0,1 where', workers=8, memory='0-1'),
         places('numactl -p 3 where', workers=8, memory='3'),
         places('cpuset 2-5 0-3 where', workers=4, cpus='2-5', nodes=2),
         places('cpuset 2-5 3 where', workers=4, cpus='2-5', memory='3'),
         places('cpuset 6 1-2 where', workers=1, cpus='6', memory='1-2'),
         places('offline 3 6 -- where', workers=6, cpus='0-2,4-5,7', nodes=4),
         places('offline 2 3 -- where', workers=6, cpus='0-1,4-7', nodes=3),
         case('width follows cpuset and quota', f'offline 2 3 4 5 6 7 -- lib_adapt_test --slow {SLOW}'),
         policy('auto', 'where 4', workers=4, nodes=2),
         policy('compact', 'where 2', workers=2, nodes=1),
         policy('compact', 'where 6', workers=6, nodes=3),
         policy('spread', 'where 2', workers=2, nodes=2),
         policy('spread', 'where 4', workers=4, nodes=4),
         policy('core', 'where', workers=8, nodes=4),
         policy('llc', 'where', workers=8, nodes=4, bound=2),
         policy('llc', 'where 2', workers=2, nodes=1, bound=2),
         policy('node:2', 'where', workers=2, cpus='4-5'),
         policy('node:2', 'where 3', workers=3, cpus='4-5'),
         policy('cpus:5,0-2', 'where', workers=4, cpus='5,0-2', order=[5, 0, 1, 2]),
         policy('spread', 'numactl -N 1,2 where 2', workers=2, cpus='2-5', nodes=2),
         policy('spread', 'numactl -m 1 where 4', workers=4, nodes=4, memory='1'),
         policy('compact', 'cpuset 1-4 3 where 3', workers=3, cpus='1-4', memory='3'),
         policy('spread', 'offline 4 5 -- where 3', workers=3, cpus='0-3,6-7', nodes=3),
         SERVER),
    Plan('siblings', 'amd64', '6.12', 'siblings',
         places('where', workers=8, nodes=2),
         places('where 2', workers=2, nodes=1, cores=2),
         places('numactl -m 2 where', workers=8, memory='2'),
         places('numactl -i 2,3 where', workers=8, memory='2-3'),
         places('offline 1 3 -- where', workers=6, cpus='0,2,4-7', cores=4),
         policy('auto', 'where 4', workers=4, nodes=1, cores=2),
         policy('compact', 'where 2', workers=2, nodes=1, cores=1),
         policy('compact', 'where 4', workers=4, nodes=1, cores=2),
         policy('spread', 'where 2', workers=2, nodes=2, cores=2),
         policy('spread', 'where 4', workers=4, nodes=2, cores=4),
         policy('core', 'where', workers=4, nodes=2, cores=4),
         policy('llc', 'where', workers=8, nodes=2, bound=4),
         policy('node:1', 'where', workers=4, cpus='4-7'),
         units('sched', ['place', 'stack']), units('lib', ['rt', 'co', 'job_place'])),
    Plan('uneven', 'amd64', '6.1', 'uneven',
         places('where', workers=8, nodes=4),
         places('numactl -C 6,7 where', workers=2, cpus='6-7'),
         places('numactl -C 6-7 -m 0 where', workers=2, cpus='6-7', memory='0'),
         places('cpuset 6-7 1 where', workers=2, cpus='6-7', memory='1'),
         policy('node:3', 'where', workers=2, cpus='6-7'),
         policy('spread', 'where 4', workers=4, nodes=4),
         units('sched', ['place', 'stack']), units('lib', ['rt', 'co', 'job_place'])),
    Plan('one core', 'amd64', '6.1', 'one core',
         places('where', workers=1, cpus='0'),
         places('where 3', workers=3, cpus='0'),
         units('sched', ['place', 'wake', 'uring', 'timer']),
         units('lib', LIB), units('fault', ['nth_call']), stress(2),
         SERVER),
]
