//! What the clients of one point saw, and what it cost the server.

use std::time::Duration;

use serde::Serialize;

/// What the clients of one point saw.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) elapsed: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) clients: usize,
    requests: usize,
    seconds: f64,
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    pub(crate) server_cpu_ms_per_request: f64,
    pub(crate) cpu_per_signature: f64,
}

impl Point {
    pub(crate) fn new(clients: usize, outcome: &Outcome, server_cpu_ms: f64) -> Self {
        let requests = outcome.latencies.len();
        let seconds = outcome.elapsed.as_secs_f64();
        Self {
            clients,
            requests,
            seconds,
            requests_per_second: requests as f64 / seconds,
            p50_ms: quantile(&outcome.latencies, 0.5),
            p99_ms: quantile(&outcome.latencies, 0.99),
            server_cpu_ms_per_request: server_cpu_ms / requests as f64,
            cpu_per_signature: f64::NAN,
        }
    }

    pub(crate) const fn p50_ms(&self) -> f64 {
        self.p50_ms
    }

    pub(crate) const fn p99_ms(&self) -> f64 {
        self.p99_ms
    }

    pub(crate) fn print(&self) {
        println!(
            "{:7}  {:11.0}  {:7.2}  {:7.2}  {:21.3}  {:14.2}",
            self.clients,
            self.requests_per_second,
            self.p50_ms,
            self.p99_ms,
            self.server_cpu_ms_per_request,
            self.cpu_per_signature
        );
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
