//! ADR 1's measurement. `cargo run --release [-- SECONDS]` prints the figures; see `../0001-database.md`.

mod rusqlite_writer;
mod sqlx_writer;
mod workload;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use workload::{Commits, cpu_time, run};

const CALLERS: [usize; 3] = [1, 16, 64];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(4.0, |s| s.parse().expect("SECONDS is a number"));
    let time = Duration::from_secs_f64(seconds);
    let folder = tempfile::tempdir_in(".").expect("this folder is writable: the figures are of its disk");

    println!("SQLite {}, WAL, synchronous=FULL, groups of at most {}", rusqlite::version(), workload::GROUP);
    println!("fsync of one appended 4 KiB page: {:.2} ms (median)\n", fsync_cost(folder.path()));

    let (rusqlite_commits, sqlx_commits) = (Commits::new(AtomicU64::new(0)), Commits::new(AtomicU64::new(0)));
    let rusqlite = rusqlite_writer::start(&folder.path().join("rusqlite.db"), Arc::clone(&rusqlite_commits));
    let sqlx = sqlx_writer::start(&folder.path().join("sqlx.db"), Arc::clone(&sqlx_commits)).await;

    println!("callers  candidate  CPU µs/transaction  rotations/s  mean group");
    let mut first = 0;
    for callers in CALLERS {
        // Two turns each, one after the other, so that a neighbour's load falls on both.
        let mut turns = Vec::new();
        for _ in 0..2 {
            let a = run(&rusqlite, &rusqlite_commits, first, callers, time / 2).await;
            let b = run(&sqlx, &sqlx_commits, first, callers, time / 2).await;
            first += callers;
            turns.push([a, b]);
        }
        let mut cpu = [0.0; 2];
        for (candidate, name) in ["rusqlite", "sqlx"].into_iter().enumerate() {
            let mean =
                |f: fn(&workload::Figures) -> f64| turns.iter().map(|t| f(&t[candidate])).sum::<f64>() / 2.0;
            cpu[candidate] = mean(workload::Figures::cpu_micros);
            let (speed, group) = (mean(workload::Figures::per_second), mean(workload::Figures::mean_group));
            println!("{callers:7}  {name:<9}  {:18.1}  {speed:11.0}  {group:10.1}", cpu[candidate]);
        }
        println!("{callers:7}  sqlx needs {:.2} times the CPU of rusqlite", cpu[1] / cpu[0]);
    }
    println!("\nCPU of the whole process: {:.1} s", cpu_time().as_secs_f64());
}

fn fsync_cost(folder: &std::path::Path) -> f64 {
    let mut file = File::create(folder.join("fsync")).expect("the folder is writable");
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            file.write_all(&[1; 4096]).expect("the disk has room");
            let start = Instant::now();
            file.sync_data().expect("fsync works");
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
