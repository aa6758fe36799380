# SPDX-License-Identifier: MIT
"""Memory: a sleeping coroutine, and an idle keep-alive connection of a server."""

import resource
import socket
import tempfile
import time
from dataclasses import dataclass

from . import build, http, procs
from .micro import Cases


@dataclass
class Memory:
    name: str
    what: str
    cases: list

    def run(self, results, opt):
        Cases(self.name, self.what, self.cases, all_cores=True).run(results, opt)
        with tempfile.TemporaryDirectory() as scratch:
            http.make_tree(scratch)
            for name in ("weft", "nginx"):
                if name == "weft" or opt.peers:
                    self._idle(results, opt, name, scratch)

    def _idle(self, results, opt, name, scratch):
        """Connections that got one answer and then stay open; memory of the server process,
        without what the kernel keeps for sockets."""
        try:
            server = http.start(name, scratch, 1, [procs.cores()[1]])
        except build.Unavailable as e:
            opt.missing(self.name, f"{name} (idle connections)", e)
            return
        want, conns = 1000 if opt.quick else 5000, []
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            for i in range(100 + want):
                if i == 100:  # the first ones pay for what is allocated once
                    before = settled(server)
                c = socket.create_connection(("127.0.0.1", server.port), 10)
                c.sendall(b"GET /1k.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while b"" != (got := c.recv(65536)) and len(got) < 1024:
                    pass
                conns.append(c)
            results.add(self.name, "keep-alive connections of an HTTP server", name,
                        "bytes_per_idle_connection", (settled(server) - before) / want)
        except OSError as e:
            opt.missing(self.name, f"{name} (idle connections)", e)
        finally:
            for c in conns:
                c.close()
            server.stop()


def settled(server):
    time.sleep(0.2)
    return procs.memory_bytes(server.pids())
