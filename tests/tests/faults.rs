//! A short run of the fault harness (`cargo xtask faults`) over all that it can do.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

/// Both kinds of sessions.
const COLUMNS: [&str; 2] = ["bound tokens (DPoP)", "bearer tokens"];
const ON_POSTGRES: [&str; 2] = ["bound tokens, on Postgres", "bearer tokens, on Postgres"];

/// Runs the harness, and returns its figures if nothing was lost.
fn injected(count: u32, kinds: &[&str]) -> Result<Value> {
    injected_on("sqlite", COLUMNS, count, kinds)
}

fn injected_on(engine: &str, columns: [&str; 2], count: u32, kinds: &[&str]) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("figures.json");
    let harness = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(["--engine", engine, "--count", &count.to_string(), "--only", &kinds.join(","), "--json"])
        .arg(&file)
        .output()?;
    let said = [harness.stdout, harness.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    ensure!(harness.status.success(), "{}", said.join("\n"));
    let figures: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    for member in ["sessions_lost", "sessions_forked", "thefts_accepted"] {
        assert_eq!(figures[member], 0, "{figures:#}");
    }
    for (column, kind) in columns.iter().flat_map(|column| kinds.iter().map(move |kind| (column, kind))) {
        let faults = &figures["columns"][column]["kinds"][kind]["faults"];
        assert!(faults.as_u64() > Some(0), "no {kind}: {figures:#}");
    }
    assert!(figures["faults"].as_u64() >= Some(count.into()), "{figures:#}");
    Ok(figures)
}

/// Whether the kind of fault has happened at each of these kinds of system calls.
fn assert_steps(figures: &Value, kind: &str, steps: &[&str]) {
    for step in steps {
        let happened = |column: &&str| figures["columns"][column]["kinds"][kind]["steps"][step].as_u64();
        assert!(COLUMNS.iter().any(|column| happened(column) > Some(0)), "never at {step}: {figures:#}");
    }
}

#[test]
fn a_network_that_loses_cuts_delays_resets_doubles_and_forges_answers_costs_no_session() -> Result<()> {
    let kinds = [
        "answer-lost",
        "body-cut",
        "answer-late",
        "connection-reset",
        "request-lost",
        "request-twice",
        "status500",
        "status503",
        "status429",
        "html-page",
        "empty-answer",
    ];
    let figures = injected(120, &kinds)?;
    // The exchange of a code is under the same network.
    assert!(figures["columns"]["sign-in, bound"]["faults"].as_u64() > Some(0), "{figures:#}");
    Ok(())
}

#[test]
fn an_sdk_that_is_killed_at_any_step_of_a_refresh_goes_on() -> Result<()> {
    // So many that no call is left out: fewer would be a sample, and now and then one without a write.
    let figures = injected(640, &["sdk-killed"])?;
    let steps =
        ["create", "write", "sync", "link", "connect", "send", "receive", "rename", "sync of the folder"];
    assert_steps(&figures, "sdk-killed", &steps);
    for column in COLUMNS {
        let sweeps = figures["columns"][column]["kinds"]["sdk-killed"]["sweeps"].as_array();
        let ways = sweeps.map_or(&[][..], Vec::as_slice);
        assert!(ways.len() == 6 && ways.iter().all(|way| way["every_call"] == true), "{column}: {ways:#?}");
    }
    Ok(())
}

#[test]
fn an_sdk_whose_power_is_cut_or_whose_calls_fail_goes_on() -> Result<()> {
    injected(40, &["sdk-power-lost", "sdk-call-fails"]).map(drop)
}

#[test]
fn a_process_that_is_frozen_while_another_rotates_1_5_or_17_times_goes_on() -> Result<()> {
    let figures = injected(20, &["sdk-frozen"])?;
    // Half of the calls are within the vault's lock, where nobody rotates: so few as one column has may all be.
    let rotations =
        |column: &&str| figures["columns"][column]["kinds"]["sdk-frozen"]["meanwhile"]["rotations"].as_u64();
    assert!(COLUMNS.iter().any(|column| rotations(column) > Some(0)), "nobody ever rotated: {figures:#}");
    Ok(())
}

#[test]
fn a_captive_portal_costs_no_session() -> Result<()> {
    let kinds = [
        "portal-page",
        "portal-redirect",
        "portal-forbidden",
        "portal-not-found",
        "portal-half-document",
        "portal-certificate",
    ];
    injected(24, &kinds).map(drop)
}

#[test]
fn a_disk_that_is_full_or_read_only_from_any_call_on_costs_no_session() -> Result<()> {
    injected(40, &["disk-full", "file-too-large"]).map(drop)
}

#[test]
fn a_command_that_is_interrupted_or_killed_at_any_call_of_a_refresh_goes_on() -> Result<()> {
    injected(30, &["cli-signalled", "cli-killed"]).map(drop)
}

#[test]
fn two_processes_that_refresh_at_once_or_while_an_answer_is_slow_go_on() -> Result<()> {
    injected(16, &["two-processes", "slow-answer"]).map(drop)
}

#[test]
fn the_column_of_another_provider_is_refused_without_it() -> Result<()> {
    let refused =
        Command::new(env!("CARGO_BIN_EXE_faults")).args(["--count", "5", "--column", "peer"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--peer"), "{said}");
    Ok(())
}

#[test]
fn a_server_that_is_killed_or_loses_power_at_any_step_of_a_commit_loses_and_forks_nothing() -> Result<()> {
    // A sample, large enough to meet what a third of the calls are.
    let figures = injected(40, &["server-killed"])?;
    assert_steps(&figures, "server-killed", &["write", "send"]);
    injected(12, &["server-power-lost"]).map(drop)
}

#[test]
fn a_server_whose_disk_fails_or_that_dies_at_start_or_stop_revokes_nothing() -> Result<()> {
    injected(12, &["server-call-fails", "server-killed-at-start-or-stop"]).map(drop)
}

#[test]
fn a_server_on_postgres_that_is_killed_or_refused_a_call_loses_and_forks_nothing() -> Result<()> {
    let kinds = ["server-killed", "server-killed-at-start-or-stop", "server-call-fails"];
    injected_on("postgres", ON_POSTGRES, 16, &kinds).map(drop)
}

#[test]
fn a_postgres_that_is_cut_off_crashes_or_is_restarted_at_any_message_loses_and_forks_nothing() -> Result<()> {
    let kinds = ["database-cut", "database-killed", "database-restarted"];
    injected_on("postgres", ON_POSTGRES, 16, &kinds).map(drop)
}

#[test]
fn what_a_thief_takes_is_of_no_use_after_its_owners_next_step() -> Result<()> {
    let kinds = ["thief-has-current-token", "thief-has-old-token", "thief-has-whole-request"];
    injected(24, &kinds).map(drop)
}

#[test]
fn one_fault_of_a_run_is_made_again_by_its_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("figures.json");
    let replay = |place: &str| {
        Command::new(env!("CARGO_BIN_EXE_faults"))
            .args(["--seed", "3", "--count", "40", "--only", "sdk-killed", "--replay", place, "--json"])
            .arg(&file)
            .output()
    };
    let again = replay("bound-sdk-2:5")?;
    ensure!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    let figures: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    assert_eq!((&figures["faults"], &figures["sessions_lost"]), (&1.into(), &0.into()), "{figures:#}");

    for (place, expected) in [("bound-sdk-2", "bound-sdk-3:17"), ("bearer-network-0:1", "bearer-sdk-0")] {
        let refused = replay(place)?;
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(expected), "{said}");
    }
    Ok(())
}
