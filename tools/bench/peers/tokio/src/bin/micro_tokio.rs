// SPDX-License-Identifier: MIT

//! tokio, current-thread runtime: `micro_tokio N yield|spawn|memory|skynet|fib|chan|many|select|mutex|wg|
//! executor`, as weft's programs of that name.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, Mutex};
use tokio::task::yield_now;

fn per_op(start: Instant, n: u64) {
    println!("ns_per_op {:.3}", start.elapsed().as_nanos() as f64 / n as f64);
}

async fn yields(n: u64) {
    let each = n / 2;
    let turns = move || async move {
        for _ in 0..each {
            yield_now().await;
        }
    };
    let start = Instant::now();
    let (a, b) = (tokio::spawn(turns()), tokio::spawn(turns()));
    let _ = a.await;
    let _ = b.await;
    per_op(start, each * 2);
}

async fn spawns(n: u64) {
    let start = Instant::now();
    for _ in 0..n {
        let _ = tokio::spawn(async {}).await;
    }
    per_op(start, n);
}

/// Its channels hold one element at least.
async fn channel(n: u64) {
    let (to, mut to_rx) = mpsc::channel(1);
    let (from, mut from_rx) = mpsc::channel(1);
    let pong = tokio::spawn(async move {
        while let Some(i) = to_rx.recv().await {
            let _ = from.send(i).await;
        }
    });
    let start = Instant::now();
    for i in 0..n {
        let _ = to.send(i).await;
        let _ = from_rx.recv().await;
    }
    per_op(start, n);
    drop(to);
    let _ = pong.await;
}

/// Many send to one; its channels have one receiver, so there is no one to many.
async fn many(n: u64) {
    let (tx, mut rx) = mpsc::channel(64);
    let each = n / 8;
    let start = Instant::now();
    for _ in 0..8 {
        let tx = tx.clone();
        tokio::spawn(async move {
            for i in 0..each {
                let _ = tx.send(i).await;
            }
        });
    }
    drop(tx);
    while rx.recv().await.is_some() {}
    per_op(start, each * 8);
}

/// The cases of the compiled select are in the source: two.
async fn select(n: u64) {
    let (a, mut a_rx) = mpsc::channel(1);
    let (b, mut b_rx) = mpsc::channel(1);
    tokio::spawn(async move {
        for i in 0..n {
            let _ = if i % 2 == 0 { a.send(i).await } else { b.send(i).await };
        }
    });
    let start = Instant::now();
    for _ in 0..n {
        tokio::select! {
            _ = a_rx.recv() => (),
            _ = b_rx.recv() => (),
        }
    }
    per_op(start, n);
}

async fn mutex(n: u64, parties: u64) {
    let m = Arc::new(Mutex::new(0u64));
    let each = n / parties;
    let start = Instant::now();
    let tasks: Vec<_> = (0..parties)
        .map(|_| {
            let m = m.clone();
            tokio::spawn(async move {
                for i in 0..each {
                    *m.lock().await += 1;
                    if i % 100 == 99 {
                        yield_now().await;
                    }
                }
            })
        })
        .collect();
    for t in tasks {
        let _ = t.await;
    }
    per_op(start, each * parties);
}

/// Its idiom for a wait group: a channel that ends when all senders are gone.
async fn group(n: u64) {
    for round in 0..2 {
        let start = Instant::now();
        let (tx, mut rx) = mpsc::channel::<()>(1);
        for _ in 0..n {
            let tx = tx.clone();
            tokio::spawn(async move { drop(tx) });
        }
        drop(tx);
        let _ = rx.recv().await;
        if round == 1 {
            per_op(start, n);
        }
    }
}

/// In a task: what block_on() itself polls is woken on a slower path.
fn in_task<F>(rt: &tokio::runtime::Runtime, f: F)
where
    F: std::future::Future<Output = ()> + Send + 'static,
{
    let _ = rt.block_on(async move { tokio::spawn(f).await });
}

fn memory_now() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kb: u64 = text
        .lines()
        .filter(|l| l.starts_with("VmRSS:") || l.starts_with("VmPTE:"))
        .filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    (kb * 1024) as f64
}

async fn memory(n: u64) {
    let asleep = Rc::new(Cell::new(0));
    let before = memory_now();
    let start = Instant::now();
    for _ in 0..n {
        let asleep = asleep.clone();
        tokio::task::spawn_local(async move {
            asleep.set(asleep.get() + 1);
            tokio::time::sleep(Duration::from_secs(3600)).await;
        });
    }
    while asleep.get() < n {
        yield_now().await;
    }
    println!("create_ns_per_coroutine {:.1}", start.elapsed().as_nanos() as f64 / n as f64);
    println!("bytes_per_coroutine {:.1}", (memory_now() - before) / n as f64);
    std::process::exit(0);
}

type Sum = std::pin::Pin<Box<dyn std::future::Future<Output = u64> + Send>>;

fn grow(first: u64, size: u64) -> Sum {
    Box::pin(async move {
        if size == 1 {
            return first;
        }
        let tasks: Vec<_> = (0..10)
            .map(|i| tokio::spawn(grow(first + i * (size / 10), size / 10)))
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("a sum");
        }
        sum
    })
}

fn fork(n: u64) -> Sum {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let (a, b) = (tokio::spawn(fork(n - 1)), tokio::spawn(fork(n - 2)));
        a.await.expect("a number") + b.await.expect("a number")
    })
}

/// Twice, as weft does: the first time makes the memory.
async fn twice(tree: fn(u64, u64) -> Sum, a: u64, b: u64) {
    for name in ["first_ms", "ms"] {
        let start = Instant::now();
        let _ = tokio::spawn(tree(a, b)).await;
        println!("{name} {:.3}", start.elapsed().as_nanos() as f64 / 1e6);
    }
}

const BATCH: usize = 512;

/// Tasks of the runtime, or of its pool of blocking threads (1; 2 for batches).
async fn executor(n: u64, batches: bool, blocking: bool) {
    let submit = || {
        if blocking {
            tokio::task::spawn_blocking(|| 0)
        } else {
            tokio::spawn(async { 0 })
        }
    };
    let start = Instant::now();
    if !batches {
        for _ in 0..n {
            let _ = submit().await;
        }
        return per_op(start, n);
    }
    let rounds = (n + BATCH as u64 - 1) / BATCH as u64;
    for _ in 0..rounds {
        let all: Vec<_> = (0..BATCH).map(|_| submit()).collect();
        for one in all {
            let _ = one.await;
        }
    }
    per_op(start, rounds * BATCH as u64);
}

/// `executor trip|batch threads|tasks WORKERS`
fn executors(n: u64, args: &[String]) -> std::io::Result<()> {
    let (batches, blocking) = (args[3] == "batch", args[4] == "threads");
    let mut builder = match args[5].as_str() {
        "1" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if args[5] != "1" {
        builder.worker_threads(2);
    }
    let rt = builder.max_blocking_threads(if batches { 2 } else { 1 }).build()?;
    in_task(&rt, executor(n, batches, blocking));
    Ok(())
}

/// `skynet` and `fib` take the number of workers too; one worker is the faster runtime.
fn trees(what: &str, n: u64, workers: usize) -> std::io::Result<()> {
    let rt = match workers {
        1 => tokio::runtime::Builder::new_current_thread().build()?,
        _ => tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?,
    };
    match what {
        "skynet" => rt.block_on(twice(grow, 0, n)),
        _ => rt.block_on(twice(|n, _| fork(n), n, 0)),
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[1].parse().expect("a number");
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let what = args.get(2).map_or("yield", |s| s.as_str());
    let number = |i: usize| args.get(i).map_or(1, |s| s.parse().expect("a number"));

    if let "skynet" | "fib" = what {
        return trees(what, n, number(3) as usize);
    }
    if what == "executor" {
        return executors(n, &args);
    }
    if number(4) > 1 {
        let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        in_task(&rt, mutex(n, number(3)));
        return Ok(());
    }

    match what {
        "yield" => in_task(&rt, yields(n)),
        "spawn" => in_task(&rt, spawns(n)),
        "chan" => in_task(&rt, channel(n)),
        "many" => in_task(&rt, many(n)),
        "select" => in_task(&rt, select(n)),
        "mutex" => in_task(&rt, mutex(n, number(3))),
        "wg" => in_task(&rt, group(n)),
        _ => tokio::task::LocalSet::new().block_on(&rt, memory(n)),
    }
    Ok(())
}
