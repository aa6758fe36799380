# SPDX-License-Identifier: MIT
"""THE table of benchmarks. A new one is an entry here, plus its programs in build.py."""

import os

from .echo import Echo, System as EchoServer
from .flood import Flood
from .http import Http
from .memory import Memory
from .micro import Cases, Micro, System

GO, GO2 = {"GOMAXPROCS": "1"}, {"GOMAXPROCS": "2"}


def trees(what, n):
    """A tree of coroutines on one worker and on two."""
    return [
        System("weft", f"weft_{what}", n, ["1"]),
        System("weft, 2 workers", f"weft_{what}", n, ["2"]),
        System("tokio", "micro_tokio", n, [what, "1"]),
        System("tokio, 2 workers", "micro_tokio", n, [what, "2"]),
        System("go", "micro_go", n, [what], GO),
        System("go, 2 workers", "micro_go", n, [what], {"GOMAXPROCS": "2"}),
    ]


def widths():
    """1, 2, 4 ... workers, as many as there are CPUs, and these at last."""
    cpus = len(os.sched_getaffinity(0))
    return sorted({*(1 << i for i in range(cpus.bit_length()) if 1 << i <= cpus), cpus})


def scale(what, n, peers=()):
    """One workload on more and more workers; counters beside the time are weft's."""
    for w in widths():
        go = {"GOMAXPROCS": str(w)}
        program = ("weft_scale", [str(w), what]) if not peers else (f"weft_{what}", [str(w)])
        yield f"{what}, workers: {w}", 5, [
            System("weft", program[0], n, program[1]),
            System("go", "micro_go", n, [what], go),
            *([System("tokio", "micro_tokio", n, [what, str(w)])] if "tokio" in peers else []),
        ]


BENCHES = [
    Micro("switch", "raw context switch, one way", [
        System("weft", "weft_switch", 20_000_000, instructions=True),
        System("boost.context", "switch_fcontext", 20_000_000, instructions=True),
        System("ucontext", "switch_ucontext", 1_000_000, instructions=True),
    ]),
    Micro("yield", "yield through the scheduler, two coroutines on one worker", [
        System("weft", "weft_yield", 5_000_000, instructions=True),
        System("boost.fiber", "fiber", 2_000_000, ["yield"], instructions=True),
        System("go", "micro_go", 2_000_000, ["yield"], GO),
        System("tokio", "micro_tokio", 2_000_000, ["yield"]),
    ]),
    Micro("spawn", "start an empty coroutine and join it", [
        System("weft", "weft_spawn", 2_000_000, instructions=True),
        System("boost.fiber", "fiber", 500_000, ["spawn"], instructions=True),
        System("go", "micro_go", 500_000, ["spawn"], GO),
        System("tokio", "micro_tokio", 1_000_000, ["spawn"]),
        System("pthread", "spawn_pthread", 5_000),
    ]),
    Micro("skynet", "a tree of 1,000,000 leaves, ten children each", trees("skynet", 1_000_000),
          rounds=5, all_cores=True),
    Micro("fib", "fork and join: fib(27), 832,039 coroutines", trees("fib", 27),
          rounds=5, all_cores=True),
    Cases("scale", "what more workers are worth, with thefts and wake-ups", [
        *scale("skynet", 1_000_000, ["tokio"]), *scale("fib", 27, ["tokio"]),
        *scale("pairs", 1_000_000), *scale("pieces", 100_000),
    ], all_cores=True),
    Cases("channel", "channels of one word", [
        ("a round trip over two that hold nothing, one worker", 9, [
            System("weft", "weft_chan", 1_000_000, instructions=True),
            System("go", "micro_go", 1_000_000, ["chan"], GO),
            System("boost.fiber", "fiber", 500_000, ["chan"], instructions=True),
            System("tokio, holding one", "micro_tokio", 1_000_000, ["chan"]),
            System("pthread", "sync_pthread", 20_000, ["chan"]),
            System("asyncio", "sync_asyncio", 20_000, ["chan"]),
        ]),
        ("8 send to one, 64 held, one worker", 9, [
            System("weft", "weft_chan", 2_000_000, ["many"], instructions=True),
            System("go", "micro_go", 2_000_000, ["many"], GO),
            System("boost.fiber", "fiber", 1_000_000, ["many"], instructions=True),
            System("tokio", "micro_tokio", 2_000_000, ["many"]),
            System("pthread", "sync_pthread", 100_000, ["many"]),
            System("asyncio", "sync_asyncio", 40_000, ["many"]),
        ]),
        ("one sends to 8, 64 held, one worker", 9, [
            System("weft", "weft_chan", 2_000_000, ["one"], instructions=True),
            System("go", "micro_go", 2_000_000, ["one"], GO),
            System("boost.fiber", "fiber", 1_000_000, ["one"], instructions=True),
            System("pthread", "sync_pthread", 100_000, ["one"]),
            System("asyncio", "sync_asyncio", 40_000, ["one"]),
        ]),
    ]),
    Cases("channel", "channels of one word, on two workers", [
        ("a round trip across, idle workers", 5, [
            System("weft", "weft_chan", 20_000, ["across", "2"]),
            System("go", "micro_go", 20_000, ["across"], GO2),
            System("pthread", "sync_pthread", 20_000, ["chan"]),
        ]),
        *[(f"{case}, 64 held, two workers", 5, [
            System("weft", "weft_chan", 2_000_000, [arg, "2"]),
            System("go", "micro_go", 2_000_000, [arg], GO2),
            System("pthread", "sync_pthread", 200_000, [arg]),
        ]) for case, arg in (("8 send to one", "many"), ("one sends to 8", "one"))],
    ], all_cores=True),
    Cases("select", "an element over one of so many channels, received by select, one worker", [
        ("2 channels", 9, [
            System("weft", "weft_select", 1_000_000, ["2"], instructions=True),
            System("go", "micro_go", 1_000_000, ["select", "2"], GO),
            System("tokio, holding one", "micro_tokio", 1_000_000, ["select"]),
        ]),
        ("16 channels", 9, [
            System("weft", "weft_select", 1_000_000, ["16"], instructions=True),
            System("go", "micro_go", 500_000, ["select", "16"], GO),
        ]),
    ]),
    Cases("mutex", "lock and unlock; contenders yield after each hundredth", [
        ("uncontended", 9, [
            System("weft", "weft_mutex", 5_000_000, ["1", "1"], instructions=True),
            System("go", "micro_go", 5_000_000, ["mutex", "1"], GO),
            System("pthread", "sync_pthread", 5_000_000, ["mutex", "1"], instructions=True),
            System("boost.fiber", "fiber", 2_000_000, ["mutex", "1"]),
            System("tokio", "micro_tokio", 2_000_000, ["mutex", "1"]),
            System("asyncio", "sync_asyncio", 50_000, ["mutex", "1"]),
        ]),
        *[(f"{n} contenders, two workers", 5, [
            System("weft", "weft_mutex", 2_000_000, [n, "2"]),
            System("go", "micro_go", 2_000_000, ["mutex", n], GO2),
            System("pthread", "sync_pthread", 2_000_000, ["mutex", n]),
            System("tokio", "micro_tokio", 500_000, ["mutex", n, "2"]),
        ]) for n in ("2", "8", "64")],
        *[(f"waits of {n} contenders, two workers", 5, [
            System("weft", "weft_mutex", 1_000_000, [n, "2", "wait"]),
            System("go", "micro_go", 1_000_000, ["mutex", n, "wait"], GO2),
            System("pthread", "sync_pthread", 1_000_000, ["mutex", n, "wait"]),
        ]) for n in ("2", "8", "64")],
    ], all_cores=True),
    Cases("waitgroup", "100,000 coroutines, each done at once; one waits", [
        (case, 5, [
            System("weft", "weft_wg", 100_000, [str(workers)]),
            System("go", "micro_go", 100_000, ["wg"], {"GOMAXPROCS": str(workers)}),
            *([System("boost.fiber", "fiber", 100_000, ["wg"]),
               System("tokio", "micro_tokio", 100_000, ["wg"]),
               System("asyncio", "sync_asyncio", 100_000, ["wg"])] if workers == 1 else []),
        ]) for case, workers in (("one worker", 1), ("two workers", 2))
    ], all_cores=True),
    Cases("executor", "empty tasks at an executor, and their futures", [
        ("a round trip with a coroutine, one worker", 9, [
            System("weft", "weft_executor", 500_000, ["trip", "coroutines", "1"],
                   instructions=True),
            System("go", "micro_go", 500_000, ["executor", "trip", "go"], GO),
            System("tokio", "micro_tokio", 500_000, ["executor", "trip", "tasks", "1"]),
            System("boost.fiber", "fiber", 200_000, ["executor", "trip"], instructions=True),
            System("asyncio", "executor_python", 20_000, ["trip", "tasks"]),
        ]),
        ("512 coroutines at once, one worker", 9, [
            System("weft", "weft_executor", 500_000, ["batch", "coroutines", "1"],
                   instructions=True),
            System("go", "micro_go", 500_000, ["executor", "batch", "go"], GO),
            System("tokio", "micro_tokio", 500_000, ["executor", "batch", "tasks", "1"]),
            System("boost.fiber", "fiber", 200_000, ["executor", "batch"], instructions=True),
            System("asyncio", "executor_python", 20_000, ["batch", "tasks"]),
        ]),
        ("a round trip with a thread", 5, [
            System("weft", "weft_executor", 20_000, ["trip", "threads", "1"]),
            System("weft, a thread submits", "weft_executor", 20_000, ["thread", "threads", "1"]),
            System("go", "micro_go", 20_000, ["executor", "trip", "pool"], GO2),
            System("tokio", "micro_tokio", 20_000, ["executor", "trip", "threads", "1"]),
            System("pthread", "executor_pthread", 20_000, ["trip"]),
            System("CPython", "executor_python", 10_000, ["trip", "threads"]),
            System("asyncio and CPython's threads", "executor_python", 5_000, ["trip", "await"]),
        ]),
        ("512 at once on 2 threads", 5, [
            System("weft", "weft_executor", 200_000, ["batch", "threads", "1"]),
            System("go", "micro_go", 200_000, ["executor", "batch", "pool"], GO2),
            System("tokio", "micro_tokio", 200_000, ["executor", "batch", "threads", "1"]),
            System("pthread", "executor_pthread", 200_000, ["batch"]),
            System("CPython", "executor_python", 20_000, ["batch", "threads"]),
            System("asyncio and CPython's threads", "executor_python", 10_000,
                   ["batch", "await"]),
        ]),
    ], all_cores=True),
    Micro("pingpong_across", "a round trip between two workers", [
        System("weft, idle workers", "weft_across", 20_000, ["idle"]),
        System("weft, class latency", "weft_across", 200_000, ["latency"]),
        System("futex", "across_threads", 20_000, ["futex"]),
        System("futex, 1 us of work at each side", "across_threads", 20_000, ["futex", "1000"]),
        System("go, idle threads", "micro_go", 20_000, ["across"], {"GOMAXPROCS": "2"}),
        System("weft, busy workers", "weft_across", 200_000, ["busy"]),
        System("spinning cache line", "across_threads", 200_000, ["spin"]),
    ], rounds=5, all_cores=True),
    Cases("wake", "one wakes another, and is woken by it", [
        ("on one worker", 9, [
            System("weft", "weft_wake", 1_000_000, ["local"], instructions=True),
            System("go", "micro_go", 1_000_000, ["chan"], GO),
        ]),
        ("64 on 2 workers, a semaphore of 8", 5, [
            System("weft", "weft_wake", 640_000, ["contended"]),
        ]),
        ("between threads that sleep", 5, [
            System("weft, a thread and a coroutine", "weft_wake", 20_000, ["thread"]),
            System("weft, class latency", "weft_wake", 200_000, ["latency"]),
            System("futex", "across_threads", 20_000, ["futex"]),
            System("futex, 1 us of work at each side", "across_threads", 20_000, ["futex", "1000"]),
            System("eventfd", "across_threads", 20_000, ["eventfd"]),
        ]),
        ("1,000 coroutines of a sleeping worker, by a thread", 5, [
            System("weft", "weft_wake", 50_000, ["burst"]),
        ]),
    ], all_cores=True),
    Cases("job", "an isolated job: round trips, jobs at once, starting a pool", [
        *[(f"{size} in and out", 5, [
            System("weft", "weft_job", n, ["thread", str(count)]),
            System("weft, a coroutine", "weft_job", n, ["coroutine", str(count)]),
            System("weft, not looked after", "weft_job", n, ["thread", str(count), "unchecked"]),
            System("weft, sandboxed", "weft_job", n, ["thread", str(count), "pure"]),
            System("weft, a fresh process", "weft_job", n // 20 + 100,
                   ["thread", str(count), "fresh"]),
            *([System("futex", "job_processes", n, ["futex"]),
               System("pipe", "job_processes", n, ["pipe"]),
               System("fork and wait", "job_processes", 1000, ["fork"]),
               System("vfork and wait", "job_processes", 1000, ["vfork"]),
               System("posix_spawn and wait", "job_processes", 500, ["spawn"])]
              if not count else []),
            System("CPython", "job_executor", n // 10 + 100, ["thread", str(count)]),
        ]) for size, count, n in (("nothing", 0, 20_000), ("1 KiB", 1 << 10, 20_000),
                                  ("64 KiB", 1 << 16, 5_000), ("1 MiB", 1 << 20, 500))],
        ("512 at once on 2 workers", 5, [
            System("weft", "weft_job", 200_000, ["batch", "0"]),
            System("weft, not looked after", "weft_job", 200_000, ["batch", "0", "unchecked"]),
            System("weft, sandboxed", "weft_job", 200_000, ["batch", "0", "pure"]),
            System("weft, a fresh process each", "weft_job", 2_000, ["batch", "0", "fresh"]),
            System("CPython", "job_executor", 5_000, ["batch", "0"]),
        ]),
        ("opening a pool of 2 workers", 5, [
            System("weft", "weft_job", 20, ["open", "0"]),
            System("CPython", "job_executor", 20, ["open", "0"]),
        ]),
    ], all_cores=True),
    Cases("far", "a job on another rank of MPI, on this machine", [
        *[(f"{size} in and out", 5, [
            System("weft", "weft_far", n, ["away", str(count)]),
            System("a bare message", "mpi_messages", n, [str(count)]),
            System("mpi4py", "mpi_executor", n // 10 + 100, ["away", str(count)]),
        ]) for size, count, n in (("nothing", 0, 5_000), ("64 KiB", 1 << 16, 1_000), ("1 MiB", 1 << 20, 200))],
        ("512 at once", 5, [
            System("weft, on both ranks", "weft_far", 100_000, ["batch", "0"]),
            System("mpi4py, on the other", "mpi_executor", 5_000, ["batch", "0"]),
        ]),
    ], all_cores=True),
    Micro("idle", "what a parked runtime costs", [
        System("weft", "weft_idle", 2000),
        System("go", "micro_go", 2000, ["idle"], {"GOMAXPROCS": "2"}),
    ], rounds=3, all_cores=True),
    Echo("echo", "64-byte TCP echo, one server core and one client core", [
        EchoServer("weft", "weft_echo", ["1", "reuseport"]),
        EchoServer("bare multishot", "echo_multishot"),
        EchoServer("bare one-shot", "echo_oneshot"),
        EchoServer("epoll", "echo_epoll"),
        EchoServer("libuv", "echo_uv"),
        EchoServer("asio", "echo_asio"),
        EchoServer("go", "echo_go", env=GO),
        EchoServer("tokio", "echo_tokio"),
    ], pairs=[
        EchoServer("weft", "weft_echo", ["2", "reuseport"]),
        EchoServer("weft, one acceptor", "weft_echo", ["2", "one"]),
        EchoServer("weft, 2 processes", "weft_echo", ["1", "reuseport"], processes=2),
        EchoServer("bare multishot, 2 processes", "echo_multishot", processes=2),
    ]),
    Flood("flood", "1,000 pingers' p99 beside a flooder that nobody reads, and without"),
    Http("http", "static files by keep-alive HTTP/1.1, against nginx"),
    Cases("recycle", "start empty coroutines on recycled stacks, a wave at a time", [
        ("waves of 1,000", 9, [
            System("weft", "weft_recycle", 5_000_000, ["1000"], instructions=True),
            System("go", "micro_go", 2_000_000, ["recycle"], GO),
        ]),
        ("waves of 100,000", 5, [
            System("weft", "weft_recycle", 2_000_000, ["100000"]),
        ]),
    ]),
    Cases("timer", "a million armed timers; lateness of sleep; wake-ups and slack", [
        ("a million at once, each armed again; all cancelled", 3, [
            System("weft", "weft_timer", 1_000_000, ["rearm"]),
            System("epoll", "timer_epoll", 1_000_000, ["rearm"]),
            System("go", "micro_go", 1_000_000, ["rearm"], GO),
        ]),
        *[(f"how late 1 ms ends, {case}", 5, [
            System("weft", "weft_timer", 1_000, [arg]),
            System("epoll", "timer_epoll", 1_000, [arg]),
            System("go", "micro_go", 1_000, [arg], GO),
        ]) for case, arg in (("idle", "late"), ("beside 16 that compute", "loaded"))],
        ("1,000 timers within 10 ms", 5, [
            System("weft", "weft_timer", 1, ["spread"]),
            System("weft, slack 100 us", "weft_timer", 1, ["spread", "100"]),
            System("weft, slack 1 ms", "weft_timer", 1, ["spread", "1000"]),
            System("epoll", "timer_epoll", 1, ["spread"]),
        ]),
    ]),
    Cases("class", "how late 1 ms ends beside 64 that compute, by class; and what these get done", [
        (f"{mine} beside {others}", 5, [System("weft", "weft_class", 1_000, [mine, others])])
        for mine, others in (("normal", "normal"), ("latency", "normal"), ("normal", "batch"),
                             ("latency", "batch"))
    ]),
    Cases("clump", "pieces of 20 us that come 64 at a time, by where they start, 2 workers", [
        (f"{kind}, {place}", 5, [System("weft", "weft_clump", 64_000, [kind, place])])
        for kind in ("spawn", "accept") for place in ("here", "least", "turn")
    ], all_cores=True),
    Micro("width", "a worker with 9,000 idle receives retires", [
        System("weft", "weft_width", 9_000),
    ], rounds=5, all_cores=True),
    Cases("rescue", "a round trip with a connection whose worker is stalled; 10 ms to notice", [
        (f"{stall}, {workers} workers", 5, [System("weft", "weft_rescue", 100, [stall, workers])])
        for stall in ("none", "hog", "read") for workers in ("1", "2")
    ], all_cores=True),
    Cases("queue", "messages between two processes, each on a CPU of its own", [
        (f"{name}, {what}", 5, [
            System("weft", "weft_queue", n // few, [what, size]),
            System("weft, a coroutine receives", "weft_queue", n // few, [what, size, "coroutine"]),
            *([System("weft, a job's stream", "weft_job", n, ["stream", size])]
              if what == "stream" else []),
            System("pipe", "queue_pipe", n // few, [what, size]),
            System("multiprocessing.Queue", "queue_mp", n // few // 20, [what, size]),
            *([System("futex alone", "queue_futex", n // few)] if what == "trip" else []),
        ]) for name, size, n in (("64 B", "64", 500_000), ("1 KiB", "1024", 200_000),
                                 ("64 KiB", "65536", 20_000), ("1 MiB", "1048576", 1_000))
        for what, few in (("stream", 1), ("trip", 1 if size == "1048576" else 20))
    ], all_cores=True),
    Memory("memory", "sleeping coroutines, idle HTTP connections", [
        ("100,000", 5, [
            System("weft", "weft_memory", 100_000),
            System("bare guard and touch", "guard_touch", 100_000),
            System("boost.fiber", "fiber", 100_000, ["memory"]),
            System("go", "micro_go", 100_000, ["memory"]),
            System("tokio", "micro_tokio", 100_000, ["memory"]),
        ]),
        ("1,000,000", 3, [
            System("weft", "weft_memory", 1_000_000),
            System("bare guard and touch", "guard_touch", 1_000_000),
            System("go", "micro_go", 1_000_000, ["memory"]),
            System("tokio", "micro_tokio", 1_000_000, ["memory"]),
        ]),
    ]),
]
