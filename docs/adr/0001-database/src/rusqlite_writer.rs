//! Candidate: rusqlite on one thread of its own. A job crosses to the thread once and its answer crosses back once.

use std::path::Path;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use crate::workload::*;

pub fn start(path: &Path, commits: Commits) -> mpsc::Sender<Job> {
    let mut connection = open(path);
    let (sender, mut jobs) = mpsc::channel::<Job>(1024);
    std::thread::spawn(move || {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            let answers = commit(&mut connection, &group);
            commits.fetch_add(1, Ordering::Relaxed);
            for (job, rotated) in group.into_iter().zip(answers) {
                let _ = job.answer.send(rotated);
            }
        }
    });
    sender
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    for n in 0..SESSIONS {
        let values = params![format!("session-{n}"), locator(n), vec![0u8; 512], vec![7u8; 72], 0];
        connection.prepare_cached(INSERT_SESSION).unwrap().execute(values).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    connection
}

fn commit(connection: &mut Connection, group: &[Job]) -> Vec<bool> {
    run(connection, "BEGIN IMMEDIATE");
    let answers = group
        .iter()
        .map(|job| {
            run(connection, "SAVEPOINT request");
            let rotated = rotate(connection, job);
            if !rotated {
                run(connection, "ROLLBACK TO request");
            }
            run(connection, "RELEASE request");
            rotated
        })
        .collect();
    run(connection, "COMMIT");
    answers
}

fn run(connection: &Connection, sql: &str) {
    connection.prepare_cached(sql).unwrap().execute([]).unwrap();
}

fn rotate(connection: &Connection, job: &Job) -> bool {
    let mut select = connection.prepare_cached(SELECT_SESSION).unwrap();
    let found = select.query_row([&job.locator], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(3)?,
            row.get::<_, Vec<u8>>(5)?,
            row.get::<_, Option<i64>>(8)?,
        ))
    });
    let Ok((id, generation, history, None)) = found else { return false };
    if generation != job.generation {
        return false;
    }
    // `$1` is a *name* to SQLite, numbered by first appearance: bound by name, as the product's store must do.
    let changed = connection.prepare_cached(ROTATE_SESSION).unwrap().execute(rusqlite::named_params! {
        "$1": job.locator, "$2": job.generation, "$3": job.attempt, "$4": history, "$5": job.now,
    });
    if changed != Ok(1) {
        return false;
    }
    connection.prepare_cached(INSERT_AUDIT).unwrap().execute(params![job.now, id, "{\"generation\":1}"])
        == Ok(1)
}
