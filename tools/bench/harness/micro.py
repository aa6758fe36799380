# SPDX-License-Identifier: MIT
"""Micro-benchmarks: programs that take N and print "METRIC VALUE" lines (micro.h)."""

import re
import shutil
from dataclasses import dataclass, field

from . import build, procs
from .results import OURS


@dataclass
class System:
    name: str
    program: str
    n: int
    args: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    instructions: bool = False  # count them with callgrind: one thread, compiled code


@dataclass
class Micro:
    name: str
    what: str
    systems: list
    rounds: int = 9
    all_cores: bool = False
    case: str = ""

    def run(self, results, opt):
        systems = []
        for s in self.systems:
            if not s.program.startswith(OURS) and not opt.peers:
                continue
            try:
                systems.append((s, build.program(s.program)))
            except build.Unavailable as e:
                opt.missing(self.name, s.name, e)
        _, server = procs.cores()
        failed = set()
        for r in range(3 if opt.quick else self.rounds):
            for s, path in systems:
                if s.name not in failed and not self._once(results, opt, s, path, r, server):
                    failed.add(s.name)
        for s, path in systems:
            if s.instructions and s.name not in failed:
                counted = instructions(s, path, server)
                if counted is None:
                    opt.missing(self.name, f"instructions of {s.name}",
                                "no valgrind, or the program does not end under it")
                results.add(self.name, self.case, s.name, "instructions_per_op", counted)

    def _once(self, results, opt, s, path, r, core):
        n = s.n // (10 if opt.quick and s.n > 200000 else 1)  # trees want powers of ten
        status, out, err = procs.output([path, str(n), *s.args],
                                        None if self.all_cores else [core], s.env)
        if status:
            opt.missing(self.name, s.name, f"status {status}: {err.strip()[-300:]}")
            return False
        for metric, value in re.findall(r"^(\w+) ([\d.]+)$", out, re.M):
            results.add(self.name, self.case, s.name, metric, float(value), r)
        return True


def instructions(s, path, core):
    """Instructions an operation: the difference of two counts, so start-up cancels out."""
    if not shutil.which("valgrind"):
        return None
    counts, few, many = [], 2000, 22000
    for n in (few, many):
        _, _, err = procs.output(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", path, str(n),
             *s.args], [core], s.env, timeout=40)
        m = re.search(r"Collected : (\d+)", err)
        if not m:
            return None
        counts.append(int(m.group(1)))
    return (counts[1] - counts[0]) / (many - few)


@dataclass
class Cases:
    """One benchmark of several cases: (case, rounds, systems), each a Micro."""
    name: str
    what: str
    cases: list
    all_cores: bool = False

    def run(self, results, opt):
        for case, rounds, systems in self.cases:
            Micro(self.name, self.what, systems, rounds, self.all_cores, case).run(results, opt)
