# SPDX-License-Identifier: MIT
"""Static files over HTTP/1.1 keep-alive: weft's httpd and nginx on the same tree, by wrk."""

import http.client
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import build, procs

FILES = {"1 KiB": ("1k.bin", 1024), "100 KiB": ("100k.bin", 100 * 1024)}

NGINX = """
worker_processes {workers};
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 16384; }}
http {{
	access_log off;
	types {{ }}
	default_type application/octet-stream;
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	keepalive_timeout 600;
	keepalive_requests 1000000000;
	open_file_cache max=1000 inactive=60s;
	open_file_cache_valid 1s;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	server {{
		listen 127.0.0.1:{port} backlog=4096;
		root {dir}/www;
	}}
}}
"""


def make_tree(scratch):
    www = Path(scratch) / "www"
    www.mkdir()
    Path(scratch).chmod(0o755)
    for name, size in FILES.values():
        (www / name).write_bytes(bytes((i * 7 + i // 251) % 256 for i in range(size)))
    return www


def start(name, scratch, workers, cpus):
    """Either server, on the tree in scratch."""
    port = procs.free_port()
    if name == "nginx":
        build.package("nginx-light")
        conf = Path(scratch) / "nginx.conf"
        conf.write_text(NGINX.format(dir=scratch, port=port, workers=workers))
        argv = ["nginx", "-c", str(conf), "-p", scratch, "-e", f"{scratch}/error.log"]
        return procs.Server(name, [(argv, None)], port, cpus)
    argv = [build.weft_program("httpd"), "--root", f"{scratch}/www", "--port", str(port)]
    return procs.Server(name, [(argv, None)], port, cpus, {"WEFT_WORKERS": str(workers)})


def check_bytes(server, scratch):
    """Every file must come back byte for byte before anything is timed."""
    for name, _ in FILES.values():
        c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        c.request("GET", "/" + name)
        r = c.getresponse()
        body = r.read()
        c.close()
        if r.status != 200 or body != (Path(scratch) / "www" / name).read_bytes():
            raise build.Unavailable(f"{server.name} sent wrong bytes for {name}")


@dataclass
class Http:
    name: str
    what: str

    def run(self, results, opt):
        build.package("wrk")
        self.client, self.server = procs.cores()
        self.results, self.opt = results, opt
        with tempfile.TemporaryDirectory() as scratch:
            make_tree(scratch)
            names = [n for n in ("weft", "nginx") if n == "weft" or opt.peers]
            for r in range(2 if opt.quick else 7):
                for name in list(names):
                    if not self._one_core(name, scratch, r):
                        names.remove(name)
            for r in range(2 if opt.quick else 5):
                for name in names:
                    self._two_cores(name, scratch, r)

    def _started(self, name, scratch, workers, cpus):
        try:
            server = start(name, scratch, workers, cpus)
        except build.Unavailable as e:
            self.opt.missing(self.name, name, e)
            return None
        try:
            check_bytes(server, scratch)
        except (build.Unavailable, OSError) as e:
            self.opt.missing(self.name, name, e)
            server.stop()
            return None
        return server

    def _one_core(self, name, scratch, r):
        server = self._started(name, scratch, 1, [self.server])
        if not server:
            return False
        try:
            for what, (file, _) in FILES.items():
                self._measure(server, f"{what}, 64 connections", file, r, [self.client])
                if r == 0:
                    self._costs(server, f"{what}, 64 connections", file, scratch)
        finally:
            server.stop()
        return True

    def _two_cores(self, name, scratch, r):
        cpus = [self.client, self.server]
        server = self._started(name, scratch, 2, cpus)
        if not server:
            return
        try:
            self._measure(server, "1 KiB, 2 workers, client on the same cores", "1k.bin", r,
                          cpus)
        finally:
            server.stop()

    def _wrk(self, server, file, seconds):
        return ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s",
                str(build.BENCH / "http_report.lua"),
                f"http://127.0.0.1:{server.port}/{file}"]

    def _measure(self, server, case, file, r, cpus):
        pids = server.pids()
        before = procs.cpu_ns(pids)
        _, out, err = procs.output(self._wrk(server, file, 1 if self.opt.quick else 3), cpus)
        spent = procs.cpu_ns(pids) - before
        m = parse(out)
        if not m or m["errors"] or not m["requests"]:
            self.opt.missing(self.name, server.name, f"{case}: wrk: {(err or out)[-300:]}")
            return
        per_request = spent / 1e3 / m["requests"]
        for metric, value in (("rps", m["requests"] / m["us"] * 1e6),
                              ("server_us_per_request", per_request),
                              ("requests_per_server_core_second", 1e6 / per_request),
                              ("p50_us", m["p50"]), ("p99_us", m["p99"]),
                              ("p999_us", m["p999"])):
            self.results.add(self.name, case, server.name, metric, value, r)

    def _costs(self, server, case, file, scratch):
        load = self._wrk(server, file, 1 if self.opt.quick else 2)
        counted = procs.count_syscalls(server.pids(), load, self.client, scratch)
        m = parse(counted[1]) if counted else None
        if m and m["requests"]:
            self.results.add(self.name, case, server.name, "syscalls_per_request",
                             counted[0] / m["requests"])
        self.results.add(self.name, case, server.name, "user_share",
                         procs.user_share(server.pids(), load, self.client, scratch))


def parse(text):
    m = re.search(r"^RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)$", text, re.M)
    keys = ("requests", "us", "p50", "p99", "p999", "errors")
    return dict(zip(keys, (float(x) for x in m.groups()))) if m else None
