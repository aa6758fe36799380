"""What must be true of the lines that guest/where.c prints."""
import re

from machine import numbers

MEMORY = 'stacks', 'worker', 'ring', 'buffers', 'timers'


class Places:
    """Expected of a run on a machine of a shape:

    workers  how many there are
    cpus     where they are, as a list: all of it when there are at least as many workers
    order    the CPUs of workers 0, 1, ...
    nodes    how many nodes they are spread over
    cores    how many cores
    bound    to how many CPUs each is
    memory   the nodes on which their memory is, as a list; else each one's own
    """

    def __init__(self, shape, workers, cpus=None, order=None, nodes=None, cores=None, bound=1, memory=None):
        self.shape, self.workers, self.order = shape, workers, order
        self.cpus = numbers(cpus) if cpus else set(range(shape.cpus))
        self.nodes, self.cores, self.bound = nodes, cores, bound
        self.memory = memory and numbers(memory)

    def wrong(self, output):
        """What is not as it should be, a line each."""
        rows = [{key: numbers(value) for key, value in re.findall(r'(\w+)=(\S*)', line)}
                for line in output if line.startswith('WORKER ')]
        if len(rows) != self.workers:
            return [f'{len(rows)} workers, not {self.workers}']
        return [*self._wrong_together(rows),
                *(f'worker {i}: {what}' for i, row in enumerate(rows) for what in self._wrong_alone(row))]

    def _wrong_alone(self, row):
        if not row['ran'] <= row['cpus'] <= self.cpus:
            yield f'ran on {row["ran"]}, bound to {row["cpus"]}, may be on {self.cpus}'
        if len(row['cpus']) != self.bound:
            yield f'bound to {len(row["cpus"])} CPUs, not {self.bound}'
        nodes = {self.shape.node(cpu) for cpu in row['cpus']}
        if row.get('told') != nodes:
            yield f'weft_place_get() gives node {row.get("told")}, not {nodes}'
        own = {self.shape.memory(node) for node in nodes}
        for what in MEMORY:
            if not row[what]:
                yield f'{what}: nothing is known of its pages'
            if not row[what] <= (self.memory or own):
                yield f'{what} on {row[what]}, not on {self.memory or own}'

    def _wrong_together(self, rows):
        used = set().union(*(row['cpus'] for row in rows))
        if len(rows) >= len(self.cpus) and used != self.cpus:
            yield f'they use {used}, not all of {self.cpus}'
        if self.bound == 1 and len(rows) <= len(self.cpus) and len(used) != len(rows):
            yield f'{len(rows)} workers on {len(used)} CPUs'
        if self.order and [row['cpus'] for row in rows] != [{cpu} for cpu in self.order]:
            yield f'not in the order {self.order}'
        nodes, cores = {self.shape.node(cpu) for cpu in used}, {cpu // self.shape.threads for cpu in used}
        if self.nodes and len(nodes) != self.nodes:
            yield f'on {len(nodes)} nodes, not {self.nodes}'
        if self.cores and len(cores) != self.cores:
            yield f'on {len(cores)} cores, not {self.cores}'
