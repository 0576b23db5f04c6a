//! The figures, ratios first.

use std::time::Duration;

use serde::Serialize;

use crate::load::Outcome;
use crate::machine;

/// The most that a refresh may cost the server, in RS256 signatures.
const GOAL: f64 = 1.5;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    refresh_cpu_per_signature: f64,
    refresh_cpu_per_signature_goal: f64,
    refresh_cpu_per_signature_at_clients: usize,
    signature_cpu_ms: f64,
    fsync_ms: f64,
    machine: String,
    points: Vec<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk: Option<serde_json::Value>,
    #[serde(skip)]
    signatures: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Point {
    clients: usize,
    refreshes: usize,
    seconds: f64,
    refreshes_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    server_cpu_ms_per_refresh: f64,
    cpu_per_signature: f64,
}

impl Report {
    pub(crate) fn new(fsync_ms: f64) -> Self {
        Self {
            refresh_cpu_per_signature: f64::NAN,
            refresh_cpu_per_signature_goal: GOAL,
            refresh_cpu_per_signature_at_clients: 0,
            signature_cpu_ms: f64::NAN,
            fsync_ms,
            machine: machine::processor(),
            points: Vec::new(),
            sdk: None,
            signatures: Vec::new(),
        }
    }

    /// One more measurement of the machine's signature; the median counts, and it is set against the points at once.
    pub(crate) fn signature(&mut self, cpu_ms: f64) {
        self.signatures.push(cpu_ms);
        self.signatures.sort_by(f64::total_cmp);
        self.signature_cpu_ms = self.signatures[self.signatures.len() / 2];
        for point in &mut self.points {
            point.cpu_per_signature = point.server_cpu_ms_per_refresh / self.signature_cpu_ms;
        }
        if let Some(last) = self.points.last() {
            self.refresh_cpu_per_signature = last.cpu_per_signature;
            self.refresh_cpu_per_signature_at_clients = last.clients;
        }
    }

    pub(crate) fn point(&mut self, clients: usize, outcome: &Outcome, server_cpu_ms: f64) {
        let refreshes = outcome.latencies.len();
        let seconds = outcome.elapsed.as_secs_f64();
        self.points.push(Point {
            clients,
            refreshes,
            seconds,
            refreshes_per_second: refreshes as f64 / seconds,
            p50_ms: quantile(&outcome.latencies, 0.5),
            p99_ms: quantile(&outcome.latencies, 0.99),
            server_cpu_ms_per_refresh: server_cpu_ms / refreshes as f64,
            cpu_per_signature: f64::NAN,
        });
    }

    /// What the SDK costs, for the file.
    pub(crate) fn sdk(&mut self, figures: serde_json::Value) {
        self.sdk = Some(figures);
    }

    pub(crate) fn print(&self) {
        println!("A refresh costs the server, in RS256-2048 signatures of CPU time (goal at most {GOAL}):\n");
        for point in &self.points {
            println!("  {:5.2} × at {} clients", point.cpu_per_signature, point.clients);
        }
        println!("\nclients  refreshes/s   p50 ms   p99 ms  server CPU ms/refresh");
        for point in &self.points {
            println!(
                "{:7}  {:11.0}  {:7.2}  {:7.2}  {:21.3}",
                point.clients,
                point.refreshes_per_second,
                point.p50_ms,
                point.p99_ms,
                point.server_cpu_ms_per_refresh
            );
        }
        println!("\none RS256-2048 signature: {:.3} ms of CPU (aws-lc-rs)", self.signature_cpu_ms);
        println!("one fsync of a 4 KiB page: {:.2} ms", self.fsync_ms);
        println!("machine: {}, shared by the server and the clients; every answer is durable", self.machine);
    }

    pub(crate) fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("numbers and names");
        text.push('\n');
        text
    }
}

/// The median, in milliseconds.
pub(crate) fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    quantile(&times, 0.5)
}

fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
