# SPDX-License-Identifier: MIT
"""Builds what a benchmark needs, into build-bench/, and only when something changed.

PROGRAMS is the table: a new program is one line here. Whatever cannot be built raises
Unavailable with a reason; the caller reports it by name and goes on without it.
"""

import functools
import os
import shutil
import subprocess
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent.parent
OUT = ROOT / "build-bench"
BIN = OUT / "bin"

CFLAGS = ["-std=gnu11", "-O2", "-g", "-D_GNU_SOURCE", "-Wall", "-Wextra"]
CXXFLAGS = ["-std=c++17", "-O2", "-DNDEBUG"]


class Unavailable(Exception):
    """Cannot be had on this machine; the text says why."""


# name: (language, source, Debian packages, link flags)
PROGRAMS = {
    "load": ("c", "load.c", [], []),
    "flooder": ("c", "flooder.c", [], []),
    "weft_switch": ("weft", "weft_switch.c", [], []),
    "weft_yield": ("weft", "weft_yield.c", [], []),
    "weft_spawn": ("weft", "weft_spawn.c", [], []),
    "weft_skynet": ("weft", "weft_skynet.c", [], []),
    "weft_fib": ("weft", "weft_fib.c", [], []),
    "weft_across": ("weft", "weft_across.c", [], []),
    "weft_idle": ("weft", "weft_idle.c", [], []),
    "across_threads": ("c", "peers/across_threads.c", [], ["-pthread"]),
    "weft_chan": ("weft", "weft_chan.c", [], []),
    "weft_scale": ("weft", "weft_scale.c", [], []),
    "weft_mutex": ("weft", "weft_mutex.c", [], []),
    "weft_class": ("weft", "weft_class.c", [], []),
    "weft_clump": ("weft", "weft_clump.c", [], ["-pthread"]),
    "weft_wake": ("weft", "weft_wake.c", [], ["-pthread"]),
    "weft_width": ("weft", "weft_width.c", [], []),
    "weft_rescue": ("weft", "weft_rescue.c", [], ["-pthread"]),
    "weft_queue": ("weft", "weft_queue.c", [], []),
    "queue_pipe": ("c", "peers/queue_pipe.c", [], []),
    "queue_futex": ("c", "peers/queue_futex.c", [], []),
    "queue_mp": ("python", "peers/queue_mp.py", ["python3"], []),
    "weft_memory": ("weft", "weft_memory.c", [], []),
    "weft_recycle": ("weft", "weft_recycle.c", [], []),
    "weft_timer": ("weft", "weft_timer.c", [], []),
    "guard_touch": ("c", "peers/guard_touch.c", [], []),
    "timer_epoll": ("c", "peers/timer_epoll.c", [], []),
    "weft_echo": ("weft", "weft_echo.c", [], []),
    "weft_job": ("weft-proc", "weft_job.c", [], []),
    "weft_far": ("weft-mpi", "weft_far.c", [], []),
    "mpi_messages": ("c", "peers/mpi_messages.c", ["libopenmpi-dev", "openmpi-bin"], ["pkg:mpi-c"]),
    "mpi_executor": ("python", "peers/mpi_executor.py", ["python3-mpi4py", "openmpi-bin"], []),
    "job_processes": ("c", "peers/job_processes.c", [], []),
    "job_executor": ("python", "peers/job_executor.py", ["python3"], []),
    "switch_fcontext": ("c", "peers/switch_fcontext.c", ["libboost-context-dev"],
                        ["-l:libboost_context.a"]),
    "switch_ucontext": ("c", "peers/switch_ucontext.c", [], []),
    "spawn_pthread": ("c", "peers/spawn_pthread.c", [], ["-pthread"]),
    "fiber": ("c++", "peers/fiber.cc", ["libboost-fiber-dev"],
              ["-lboost_fiber", "-lboost_context", "-pthread"]),
    "weft_select": ("weft", "weft_select.c", [], []),
    "weft_executor": ("weft", "weft_executor.c", [], []),
    "executor_pthread": ("c", "peers/executor_pthread.c", [], ["-pthread"]),
    "executor_python": ("python", "peers/executor_python.py", ["python3"], []),
    "weft_wg": ("weft", "weft_wg.c", [], []),
    "sync_pthread": ("c", "peers/sync_pthread.c", [], ["-pthread"]),
    "sync_asyncio": ("python", "peers/sync_asyncio.py", ["python3"], []),
    "micro_go": ("go", "peers/micro.go", ["golang-go"], []),
    "micro_tokio": ("rust", "peers/tokio", ["librust-tokio-dev"], []),
    "echo_epoll": ("c", "peers/echo_epoll.c", [], []),
    "echo_oneshot": ("c", "peers/echo_oneshot.c", ["liburing-dev"], ["-l:liburing.a"]),
    "echo_multishot": ("c", "peers/echo_multishot.c", ["liburing-dev"],
                       ["-l:liburing.a"]),
    "echo_uv": ("c", "peers/echo_uv.c", ["libuv1-dev"], ["-luv"]),
    "echo_asio": ("c++", "peers/echo_asio.cc", ["libboost-dev"], ["-pthread"]),
    "echo_go": ("go", "peers/echo.go", ["golang-go"], []),
    "echo_tokio": ("rust", "peers/tokio", ["librust-tokio-dev"], []),
}


def run_quiet(argv, what, cwd=None, env=None, timeout=900):
    """Run to the end; on failure raise Unavailable with the last lines it printed."""
    try:
        r = subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                           text=True, timeout=timeout, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Unavailable(f"{what}: {e}") from e
    if r.returncode:
        tail = "\n    ".join(r.stdout.strip().splitlines()[-6:])
        raise Unavailable(f"{what} failed:\n    {tail}")
    return r.stdout


def installed(package):
    r = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package],
                       capture_output=True, text=True)
    return r.returncode == 0 and "ok installed" in r.stdout


@functools.lru_cache(None)
def apt_update():
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run_quiet(["apt-get", "update", "-q"], "apt-get update", env=env)


@functools.lru_cache(None)
def package(name):
    """Make sure that a Debian package is here."""
    if shutil.which("dpkg-query") is None:
        return  # not Debian: the compiler will tell
    if installed(name):
        return
    if os.geteuid() != 0:
        raise Unavailable(f"Debian package {name} is not installed")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt_update()
    run_quiet(["apt-get", "install", "-q", "-y", "--no-install-recommends", name],
              f"apt-get install {name}", env=env)


@functools.lru_cache(None)
def weft():
    """Build the library of this checkout, optimised; returns the static archive."""
    for name in ("meson", "ninja-build", "pkg-config", "liburing-dev"):
        package(name)
    build = OUT / "weft"
    if not (build / "build.ninja").exists():
        run_quiet(["meson", "setup", "--buildtype=release", str(build), str(ROOT)],
                  "meson setup of weft")
    run_quiet(["meson", "compile", "-C", str(build)], "building weft")
    archives = sorted(build.rglob("libweft.a"))
    if not archives:
        raise Unavailable("the weft build made no libweft.a")
    return archives[0]


def pkg_config(*args):
    return subprocess.run(["pkg-config", *args], capture_output=True, text=True).stdout.split()


def flags(text):
    """A link flag itself, or all that `pkg:NAME` stands for."""
    return pkg_config("--cflags", "--libs", text[4:]) if text.startswith("pkg:") else [text]


def weft_libs(*more):
    libs = [flag for lib in ("liburing", "numa", "hwloc", *more) for flag in pkg_config("--libs", lib)]
    return libs + ["-pthread", "-lm"]


def weft_program(name):
    """A program that the weft build itself makes, such as the httpd example."""
    weft()
    for path in sorted((OUT / "weft").rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise Unavailable(f"the weft build made no {name}")


def is_fresh(target, command, inputs):
    note = target.with_suffix(".cmd")
    return (target.exists() and note.exists() and note.read_text() == " ".join(command)
            and all(os.stat(i).st_mtime <= target.stat().st_mtime for i in inputs))


def cargo_build(directory, target):
    """tokio from Debian's crates, without the network."""
    build = OUT / "tokio"
    home = OUT / "cargo-home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "debian"\n'
        '[source.debian]\ndirectory = "/usr/share/cargo/registry"\n')
    for tool in ("cargo", "rustc"):
        if shutil.which(tool) is None:
            package(tool)
    shutil.copytree(BENCH / directory, build, dirs_exist_ok=True)
    env = dict(os.environ, CARGO_HOME=str(home), CARGO_NET_OFFLINE="true")
    run_quiet(["cargo", "build", "--release", "--offline", "--target-dir",
               str(build / "target")], "cargo build", cwd=build, env=env)
    shutil.copy2(build / "target" / "release" / target.name, target)


@functools.lru_cache(None)
def program(name):
    """Path of a program of the table, built if need be."""
    language, source, packages, link = PROGRAMS[name]
    for p in packages:
        package(p)
    BIN.mkdir(parents=True, exist_ok=True)
    target, src = BIN / name, BENCH / source
    if not src.exists():
        raise Unavailable(f"no {source} in this checkout")
    if language == "python":
        return str(src)
    inputs = [p for p in BENCH.rglob("*") if p.suffix in (".h", ".rs", ".toml")] + [src]
    env = dict(os.environ)
    if language == "c":
        cmd = ["gcc", *CFLAGS, "-o", str(target), str(src), *[f for text in link for f in flags(text)]]
    elif language == "c++":
        cmd = ["g++", *CXXFLAGS, "-o", str(target), str(src), *link]
    elif language == "go":
        cmd = ["go", "build", "-o", str(target), str(src)]
        env.update(GOFLAGS="-mod=mod", GO111MODULE="off", GOCACHE=str(OUT / "go-cache"))
    elif language == "weft":
        archive = weft()
        inputs += [archive]
        cmd = ["gcc", *CFLAGS, "-I" + str(ROOT / "lib"), "-I" + str(ROOT),
               "-o", str(target), str(src), str(archive), *weft_libs()]
    elif language == "weft-proc":  # the job pool is a library of its own
        package("libseccomp-dev")
        archive = weft()
        jobs = archive.parent / "proc" / "libweft-proc.a"
        inputs += [archive, jobs]
        cmd = ["gcc", *CFLAGS, "-I" + str(ROOT / "lib"), "-o", str(target), str(src), str(jobs),
               str(archive), *weft_libs("libseccomp")]
    elif language == "weft-mpi":
        for name in ("libseccomp-dev", "libopenmpi-dev", "openmpi-bin"):
            package(name)
        archive = weft()
        far = [archive.parent / folder / f"libweft-{folder}.a" for folder in ("mpi", "proc")]
        inputs += [archive, *far]
        cmd = ["gcc", *CFLAGS, "-I" + str(ROOT / "lib"), "-o", str(target), str(src), *map(str, far),
               str(archive), *weft_libs("libseccomp"), *flags("pkg:mpi-c")]
    elif language == "python":
        return str(src)
    else:
        cmd = ["cargo", str(src)]
    if not is_fresh(target, cmd, inputs):
        if language == "rust":
            cargo_build(source, target)
        else:
            run_quiet(cmd, f"compiling {source}", env=env)
        target.with_suffix(".cmd").write_text(" ".join(cmd))
    return str(target)
