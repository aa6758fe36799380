# SPDX-License-Identifier: MIT
"""Pingers beside a flooder that nobody reads: how far does it move their p99?"""

from dataclasses import dataclass

from . import build, procs
from .echo import Session, System, with_server
from .results import OURS

# The ratios that count are weft / it: with the flooder over without.
CASES = {OURS: "here", f"{OURS}, flooder elsewhere": "elsewhere",
         f"{OURS}, no flooder": None}


@dataclass
class Flood:
    name: str
    what: str
    conns: int = 1000

    def run(self, results, opt):
        s = Session(self.name, results, opt)
        flooder = build.program("flooder")
        # A quarter of what one core can do: a queue of its own making would hide the rest.
        rate = self._peak(s) // 4
        if not rate:
            return
        for r in range(2 if opt.quick else 10):
            cases = list(CASES.items())
            for name, where in cases if r % 2 else reversed(cases):
                with_server(s, System(name, "weft_echo", ["1", "one", "hole"]),
                            lambda server, n=name, w=where, r=r: self._once(
                                s, server, flooder, n, w, rate, r))

    def _peak(self, s):
        found = []
        with_server(s, System(OURS, "weft_echo", ["1", "one", "hole"]),
                    lambda server: found.append(s.drive(server, self.conns, 1)))
        return int(found[0]["rps"]) if found and found[0] else 0

    def _once(self, s, server, flooder, name, where, rate, r):
        p = None
        if where:
            port = server.port if where == "here" else 0
            p = procs.spawn([flooder, str(port)], [s.client])
        try:
            d = s.drive(server, self.conns, 1 if s.opt.quick else 3, rate=rate)
            if p and p.poll() is not None:
                s.opt.missing(self.name, name, "the flooder died: " + p.stderr.read()[-200:])
                return
        finally:
            if p:
                procs.kill(p)
        for metric in ("p50_us", "p99_us", "p999_us", "server_us_per_request") if d else ():
            s.results.add(s.bench, f"{self.conns} pingers, a quarter of the peak rate", name,
                          metric, d[metric], r)
