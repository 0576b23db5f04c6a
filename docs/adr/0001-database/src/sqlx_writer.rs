//! Candidate: sqlx. A task owns the one writing connection; sqlx keeps a thread for it, so each *statement* crosses to
//! that thread and back.

use std::path::Path;
use std::sync::atomic::Ordering;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::sync::mpsc;

use crate::workload::*;

pub async fn start(path: &Path, commits: Commits) -> mpsc::Sender<Job> {
    let mut connection = open(path).await;
    let (sender, mut jobs) = mpsc::channel::<Job>(1024);
    tokio::spawn(async move {
        while let Some(first) = jobs.recv().await {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            let answers = commit(&mut connection, &group).await;
            commits.fetch_add(1, Ordering::Relaxed);
            for (job, rotated) in group.into_iter().zip(answers) {
                let _ = job.answer.send(rotated);
            }
        }
    });
    sender
}

async fn open(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
    run(&mut connection, "BEGIN").await;
    for n in 0..SESSIONS {
        let insert = sqlx::query(INSERT_SESSION).bind(format!("session-{n}")).bind(locator(n));
        insert.bind(vec![0u8; 512]).bind(vec![7u8; 72]).bind(0i64).execute(&mut connection).await.unwrap();
    }
    run(&mut connection, "COMMIT").await;
    connection
}

async fn commit(connection: &mut SqliteConnection, group: &[Job]) -> Vec<bool> {
    run(connection, "BEGIN IMMEDIATE").await;
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        run(connection, "SAVEPOINT request").await;
        let rotated = rotate(connection, job).await;
        if !rotated {
            run(connection, "ROLLBACK TO request").await;
        }
        run(connection, "RELEASE request").await;
        answers.push(rotated);
    }
    run(connection, "COMMIT").await;
    answers
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::query(sql).execute(connection).await.unwrap();
}

async fn rotate(connection: &mut SqliteConnection, job: &Job) -> bool {
    let row = sqlx::query(SELECT_SESSION).bind(&job.locator).fetch_optional(&mut *connection).await.unwrap();
    let Some(row) = row else { return false };
    let (id, generation, history): (String, i64, Vec<u8>) = (row.get(0), row.get(3), row.get(5));
    if generation != job.generation || row.get::<Option<i64>, _>(8).is_some() {
        return false;
    }
    let update = sqlx::query(ROTATE_SESSION).bind(&job.locator).bind(job.generation).bind(&job.attempt);
    let changed = update.bind(history).bind(job.now).execute(&mut *connection).await.unwrap();
    if changed.rows_affected() != 1 {
        return false;
    }
    let insert = sqlx::query(INSERT_AUDIT).bind(job.now).bind(id).bind("{\"generation\":1}");
    insert.execute(connection).await.unwrap().rows_affected() == 1
}
