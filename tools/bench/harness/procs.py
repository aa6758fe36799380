# SPDX-License-Identifier: MIT
"""Child processes: started pinned, killed on every way out, and measured from outside."""

import atexit
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from .build import Unavailable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_live = []


def cores():
    """(client, server): the two cores to use; the same one twice if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1] if len(allowed) > 1 else allowed[0]


def _in_child():
    # Should the harness be killed outright, the kernel takes its children along.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(argv, cpus=None, env=None, **kw):
    """Start a process in a group of its own, pinned to cpus, noted for killing."""
    if cpus is not None:
        argv = ["taskset", "-c", ",".join(str(c) for c in cpus), *argv]
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", subprocess.PIPE)
    kw.setdefault("stderr", subprocess.PIPE)
    p = subprocess.Popen(argv, env=dict(os.environ, **(env or {})), text=True,
                         start_new_session=True, preexec_fn=_in_child, **kw)
    _live.append(p)
    return p


def kill(p, sig=signal.SIGKILL, grace=3):
    try:
        os.killpg(p.pid, sig)
    except ProcessLookupError:
        pass
    try:
        p.wait(grace)
    except subprocess.TimeoutExpired:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        p.wait()
    for f in (p.stdout, p.stderr):
        if f:
            f.close()
    if p in _live:
        _live.remove(p)


@atexit.register
def kill_all():
    for p in list(_live):
        kill(p)


def exit_on_signals():
    def stop(number, _frame):
        raise SystemExit(128 + number)

    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(s, stop)


def output(argv, cpus=None, env=None, timeout=300):
    """Run to the end and return (status, stdout, stderr)."""
    p = spawn(argv, cpus, env)
    try:
        out, err = p.communicate(timeout=timeout)
        return p.returncode, out, err
    except subprocess.TimeoutExpired:
        return -1, "", f"no end after {timeout} s"
    finally:
        kill(p)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One or more processes behind one port on 127.0.0.1."""

    def __init__(self, name, commands, port, cpus, env=None):
        """commands: list of (argv, cpus) where cpus None means `cpus`."""
        self.name, self.port = name, port
        self.procs = [spawn(argv, own or cpus, env) for argv, own in commands]
        try:
            self._wait_listening()
            self._check_cores(set(cpus))
        except Unavailable:
            self.stop()
            raise

    def _wait_listening(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for p in self.procs:
                if p.poll() is not None:
                    text = (p.stderr.read() or "").strip().splitlines()[-3:]
                    raise Unavailable(f"{self.name} ended at start: {' / '.join(text)}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.05)  # the other process of a pair, too
                return
            except OSError:
                time.sleep(0.02)
        raise Unavailable(f"{self.name} does not listen on port {self.port}")

    def _check_cores(self, cpus):
        """A server that left its cores would share the client's: its figures are void."""
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                strayed = os.sched_getaffinity(int(task.name)) - cpus
                if strayed:
                    name = (task / "comm").read_text().strip()
                    raise Unavailable(f"{self.name}: thread {name} went to CPU "
                                      f"{min(strayed)}, outside of the cores it was given")

    def alive(self):
        return all(p.poll() is None for p in self.procs)

    def pids(self):
        """Its processes with all their descendants (nginx keeps its work in a child)."""
        found, todo = [], [p.pid for p in self.procs]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for t in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += [int(c) for c in t.read_text().split()]
                except OSError:
                    pass
        return found

    def stop(self):
        for p in self.procs:
            kill(p)


def cpu_ns(pids):
    """CPU time of processes, all threads, from their CPU clocks: exact to the nanosecond."""
    total = 0
    for pid in pids:
        try:
            total += time.clock_gettime_ns((~pid << 3) | 2)
        except OSError:
            pass
    return total


def memory_bytes(pids):
    """Resident memory and page tables."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/status").read_text()
        for field in ("VmRSS", "VmPTE"):
            total += 1024 * int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))
    return total


def _pinned(argv, cpu):
    return ["taskset", "-c", str(cpu), *argv]


def count_syscalls(pids, load, cpu, scratch):
    """(system calls that pids make while the command `load` runs on cpu, its output), or
    None where nothing can count them.

    By the kernel's tracepoint where perf may use it; else under strace, which slows the
    server down many times, yet calls a request come out right.
    """
    plist = ",".join(str(p) for p in pids)
    note = Path(scratch) / "syscalls"
    if shutil.which("perf"):
        status, out, _ = output(["perf", "stat", "-x;", "-o", str(note), "-e",
                                 "raw_syscalls:sys_enter", "-p", plist, "--",
                                 *_pinned(load, cpu)])
        m = re.search(r"^(\d+);", note.read_text(), re.M) if note.exists() else None
        if m and not status:
            return int(m.group(1)), out
    if not shutil.which("strace"):
        return None
    args = [a for p in pids for a in ("-p", str(p))]
    tracer = spawn(["strace", "-c", "-f", "-o", str(note), *args])
    try:
        time.sleep(0.5)
        status, out, _ = output(load, [cpu])
        os.killpg(tracer.pid, signal.SIGINT)
        tracer.wait(10)
    except subprocess.TimeoutExpired:
        return None
    finally:
        kill(tracer)
    m = re.search(r"^100\.00\s.*?\s(\d+)(?:\s+\d+)?\s+total", note.read_text(), re.M)
    return (int(m.group(1)), out) if m and not status else None


def user_share(pids, load, cpu, scratch):
    """Share of the CPU time of pids spent in user mode while `load` runs, sampled by perf's
    CPU clock (finer than utime and stime, which count ticks); None without perf."""
    if not shutil.which("perf"):
        return None
    data = str(Path(scratch) / "perf.data")
    plist = ",".join(str(p) for p in pids)
    status, _, _ = output(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4999", "-o",
                           data, "-p", plist, "--", *_pinned(load, cpu)])
    if status:
        return None
    _, out, _ = output(["perf", "script", "-i", data, "-F", "ip"])
    ips = [int(x, 16) for x in out.split() if re.fullmatch(r"[0-9a-f]+", x)]
    if len(ips) < 200:
        return None
    return sum(ip < 1 << 63 for ip in ips) / len(ips)
