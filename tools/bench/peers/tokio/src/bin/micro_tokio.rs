// SPDX-License-Identifier: MIT

//! tokio, current-thread runtime: `micro_tokio N yield|spawn|memory|skynet|fib`, as weft's programs of
//! that name.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
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

    if let "skynet" | "fib" = what {
        return trees(what, n, args.get(3).map_or(1, |s| s.parse().expect("workers")));
    }

    match what {
        // In a task: what block_on() itself polls is woken on a slower path.
        "yield" => drop(rt.block_on(async move { tokio::spawn(yields(n)).await })),
        "spawn" => drop(rt.block_on(async move { tokio::spawn(spawns(n)).await })),
        _ => tokio::task::LocalSet::new().block_on(&rt, memory(n)),
    }
    Ok(())
}
