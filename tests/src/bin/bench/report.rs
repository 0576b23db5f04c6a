//! The figures, ratios first.

use moorline_tests::Library;
use serde::Serialize;

use crate::goal::Goal;
use crate::machine;
use crate::memory::Memory;
use crate::point::Point;

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
    /// Bearer sessions over kept connections, at a server that logs warnings alone and has no limits: the oldest
    /// figures.
    points: Vec<Point>,
    /// What people get: at a server on the defaults of `serve`, on either engine.
    serve: Vec<Series>,
    /// The server's figures that have a goal.
    server: Vec<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdk_memory: Option<Memory>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bindings: Vec<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<Library>,
    #[serde(skip)]
    signatures: Vec<f64>,
}

/// Points that differ only in how many clients there are.
#[derive(Debug, Serialize)]
pub(crate) struct Series {
    engine: &'static str,
    work: &'static str,
    tokens: &'static str,
    connections: &'static str,
    points: Vec<Point>,
}

impl Series {
    pub(crate) fn new(
        engine: &'static str,
        work: &'static str,
        tokens: &'static str,
        connections: &'static str,
    ) -> Self {
        Self { engine, work, tokens, connections, points: Vec::new() }
    }
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
            serve: Vec::new(),
            server: Vec::new(),
            sdk: None,
            sdk_memory: None,
            bindings: Vec::new(),
            library: None,
            signatures: Vec::new(),
        }
    }

    /// One more measurement of the machine's signature; the median counts, and it is set against the points at once.
    pub(crate) fn signature(&mut self, cpu_ms: f64) {
        self.signatures.push(cpu_ms);
        self.signatures.sort_by(f64::total_cmp);
        self.signature_cpu_ms = self.signatures[self.signatures.len() / 2];
        let all = self.serve.iter_mut().flat_map(|series| &mut series.points);
        for point in self.points.iter_mut().chain(all) {
            point.cpu_per_signature = point.server_cpu_ms_per_request / self.signature_cpu_ms;
        }
        if let Some(last) = self.points.last() {
            self.refresh_cpu_per_signature = last.cpu_per_signature;
            self.refresh_cpu_per_signature_at_clients = last.clients;
        }
    }

    /// A point at the quiet server.
    pub(crate) fn quiet(&mut self, point: Point) {
        self.points.push(point);
    }

    /// Begins a series at the server as people run it.
    pub(crate) fn begin(&mut self, series: Series) {
        self.serve.push(series);
    }

    /// A point of the series that was begun last.
    pub(crate) fn point(&mut self, point: Point) {
        if let Some(series) = self.serve.last_mut() {
            series.points.push(point);
        }
    }

    /// A figure of the server beside its goal.
    pub(crate) fn goal(&mut self, goal: Goal) {
        self.server.push(goal);
    }

    /// The same for a bound refresh over kept connections, at the most clients.
    pub(crate) fn bound_refresh(&mut self, engine: &'static str, at_most: f64) {
        let is_it = |series: &&Series| {
            (series.engine, series.work, series.tokens, series.connections)
                == (engine, "refresh", "DPoP", "warm")
        };
        let point = self.serve.iter().rfind(is_it).and_then(|series| series.points.last());
        let cost = point.map_or(f64::NAN, |point| point.cpu_per_signature);
        let goal = Goal::new("a bound refresh: RS256 signatures of CPU", cost, at_most, "");
        self.goal(goal.of(engine));
    }

    /// What the SDK costs, for the file.
    pub(crate) fn sdk(&mut self, figures: serde_json::Value, memory: Memory) {
        self.sdk = Some(figures);
        self.sdk_memory = Some(memory);
    }

    /// What the libraries for Kotlin and Swift cost.
    pub(crate) fn bindings(&mut self, goals: Vec<Goal>) {
        self.bindings = goals;
    }

    /// What an app's download holds of it.
    pub(crate) fn library(&mut self, library: Library) {
        self.library = Some(library);
    }

    pub(crate) fn print(&self) {
        let header = "clients   requests/s   p50 ms   p99 ms  server CPU ms/request  per signature";
        println!("\"Per signature\" is the server's CPU time in RS256-2048 signatures of this run.\n");
        if !self.points.is_empty() {
            println!(
                "Refreshes, bearer, warm connections, a server without limits that logs warnings (goal at most \
                 {GOAL}):\n{header}"
            );
            self.points.iter().for_each(Point::print);
        }
        if !self.serve.is_empty() {
            println!(
                "\nAt a server on the defaults of `serve`, its log at info (its limits are on, but higher). On \
                 Postgres, the server alone is counted:"
            );
        }
        for Series { engine, work, tokens, connections, points } in &self.serve {
            println!("\n{engine}: {work}, {tokens}, {connections} connections:\n{header}");
            points.iter().for_each(Point::print);
        }
        println!("\nThe server, each figure beside its goal:\n");
        self.server.iter().for_each(Goal::print);
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
