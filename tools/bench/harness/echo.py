# SPDX-License-Identifier: MIT
"""64-byte TCP echo: one server core, one client core, systems in turn in every round."""

import json
import signal
import tempfile
from dataclasses import dataclass, field

from . import build, procs
from .results import OURS

CLOSED = ("rps", "p50_us", "p99_us", "p999_us", "server_us_per_request")


@dataclass
class System:
    name: str
    program: str
    args: list = field(default_factory=list)  # after the port
    env: dict = field(default_factory=dict)
    processes: int = 1  # sharing the port by SO_REUSEPORT, one core each


class Session:
    """What all parts of the benchmark need: programs, options, where results go."""

    def __init__(self, bench, results, opt):
        self.bench, self.results, self.opt = bench, results, opt
        self.load = build.program("load")
        self.client, self.server = procs.cores()

    def available(self, systems):
        found = []
        for s in systems:
            if not s.name.startswith(OURS) and not self.opt.peers:
                continue
            try:
                build.program(s.program)
                found.append(s)
            except build.Unavailable as e:
                self.opt.missing(self.bench, s.name, e)
        return found

    def start(self, system, cpus=None):
        port = procs.free_port()
        path = build.program(system.program)
        cpus = cpus or [self.server]
        commands = [([path, str(port), *system.args],
                     [cpus[i % len(cpus)]] if system.processes > 1 else None)
                    for i in range(system.processes)]
        return procs.Server(system.name, commands, port, cpus, system.env)

    def drive(self, server, conns, seconds, warmup=0.4, rate=0, shared=None):
        """One run of the load generator; its JSON, or None with a note on stderr."""
        argv = [self.load, "--port", str(server.port), "--conns", str(conns), "--seconds",
                str(seconds), "--warmup", str(warmup)]
        for pid in server.pids():
            argv += ["--pid", str(pid)]
        if rate:
            argv += ["--rate", str(rate)]
        if shared:
            argv += ["--block"]
        status, out, err = procs.output(argv, shared or [self.client])
        if status or not server.alive():
            why = err.strip()[-300:] or out.strip() or "the server died"
            self.opt.missing(self.bench, server.name, f"{conns} connections: {why}")
            return None
        return json.loads(out)


@dataclass
class Echo:
    name: str
    what: str
    systems: list
    pairs: list  # two-worker variants
    conns: tuple = (50, 500, 1000)

    def run(self, results, opt):
        s = Session(self.name, results, opt)
        systems = s.available(self.systems)
        for conns in self.conns:
            peaks = self._closed(s, systems, conns)
            if peaks:
                self._open(s, systems, conns, min(peaks))
            self._costs(s, systems, conns)
        self._two_workers(s)

    def _closed(self, s, systems, conns):
        """Closed loop; returns the median requests/s of every system."""
        case, rates = f"{conns} connections", {}
        for r in range(2 if s.opt.quick else 5):
            for system in systems:
                with_server(s, system, lambda server, sys=system, r=r: rates.setdefault(
                    sys.name, []).append(self._closed_once(s, sys, server, conns, case, r)))
        peaks = [sorted(v)[len(v) // 2] for v in
                 ([x for x in v if x] for v in rates.values()) if v]
        return peaks

    @staticmethod
    def _closed_once(s, system, server, conns, case, r):
        d = s.drive(server, conns, 0.5 if s.opt.quick else 2)
        if not d:
            return None
        for metric in CLOSED:
            s.results.add(s.bench, case, system.name, metric, d[metric], r)
        return d["rps"]

    def _open(self, s, systems, conns, peak):
        """Open loop at shares of the slowest system's peak: tails at equal load."""
        for share in (0.5, 0.8):
            rate = int(peak * share)
            case = f"{conns} connections, open loop at {share:.0%} of the slowest peak"
            for r in range(1 if s.opt.quick else 3):
                for system in systems:
                    with_server(s, system, lambda server, sys=system, r=r: self._open_once(
                        s, sys, server, conns, rate, case, r))

    @staticmethod
    def _open_once(s, system, server, conns, rate, case, r):
        d = s.drive(server, conns, 0.7 if s.opt.quick else 2, rate=rate)
        for metric in ("rps", *CLOSED[1:]) if d else ():
            s.results.add(s.bench, case, system.name, metric, d[metric], r)

    def _costs(self, s, systems, conns):
        """System calls and user share, in runs of their own: counting disturbs."""
        case = f"{conns} connections"
        for system in systems:
            with_server(s, system,
                        lambda server, sys=system: self._costs_once(s, sys, server, conns,
                                                                    case))

    @staticmethod
    def _costs_once(s, system, server, conns, case):
        load = [s.load, "--port", str(server.port), "--conns", str(conns), "--seconds",
                "0.4" if s.opt.quick else "2", "--warmup", "0.1"]
        with tempfile.TemporaryDirectory() as scratch:
            counted = procs.count_syscalls(server.pids(), load, s.client, scratch)
            share = procs.user_share(server.pids(), load, s.client, scratch)
        if counted:
            s.results.add(s.bench, case, system.name, "syscalls_per_request",
                          counted[0] / json.loads(counted[1])["requests_total"])
        s.results.add(s.bench, case, system.name, "user_share", share)

    def _two_workers(self, s):
        """Two server workers on both cores, which they share with the client: only CPU
        time a request means anything here."""
        cpus = [s.client, s.server]
        pairs = s.available(self.pairs)
        for conns in (50, 1000):
            case = f"2 workers, {conns} connections, client on the same cores"
            for r in range(2 if s.opt.quick else 5):
                for system in pairs:
                    with_server(s, system, lambda server, sys=system, r=r: self._pair_once(
                        s, sys, server, conns, case, r, cpus), cpus)

    @staticmethod
    def _pair_once(s, system, server, conns, case, r, cpus):
        before = counters(system, server)
        d = s.drive(server, conns, 0.6 if s.opt.quick else 2, warmup=0.1, shared=cpus)
        after = counters(system, server)
        if not d:
            return
        for metric in ("rps", "p99_us", "server_us_per_request"):
            s.results.add(s.bench, case, system.name, metric, d[metric], r)
        if before and after:
            for metric, key in (("remote_msgs_per_request", "remote_msgs"),
                                ("steals_per_request", "steals")):
                s.results.add(s.bench, case, system.name, metric,
                              (after[key] - before[key]) / d["requests_total"], r)


def with_server(s, system, what, cpus=None):
    try:
        server = s.start(system, cpus)
    except build.Unavailable as e:
        s.opt.missing(s.bench, system.name, e)
        return
    try:
        what(server)
    finally:
        server.stop()


def counters(system, server):
    """The runtime's counters, which weft_echo prints on SIGUSR1."""
    if system.program != "weft_echo" or system.processes > 1:
        return None
    server.procs[0].send_signal(signal.SIGUSR1)
    return json.loads(server.procs[0].stdout.readline() or "null")
