//! The SDK's figures, each beside its goal.

use serde::Serialize;

use crate::goal::Goal;

/// The most that each may be.
const CACHED_TOKEN_US: f64 = 1.0;
const OPENING_MS: f64 = 2.0;
const STORE_OVER_FSYNC_MS: f64 = 1.0;
const REQUEST_OVERHEAD_PERCENT: f64 = 5.0;
const REFRESH_ADDS_MS: f64 = 1.0;

/// All that is measured of the SDK. Medians.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// The system's own: a busy machine makes a thread that was woken wait, and every figure with it.
    pub(crate) load: String,
    pub(crate) cached_token_us: f64,
    pub(crate) opening_ms: f64,
    pub(crate) store: Store,
    /// From an app's main function.
    pub(crate) request: Request,
    /// From a task of a runtime that serves the bare client's connection on the same thread, and was given to the SDK.
    pub(crate) request_of_task: Request,
    /// From a task of one that wasn't: no goal, since an app that minds can give it.
    pub(crate) request_across_threads: Request,
    pub(crate) refresh: Refresh,
    /// The first of a process: with its vault to open, its connection to make and the metadata to ask for.
    pub(crate) refresh_of_a_new_process_ms: f64,
}

/// A durable store of the vault: file and folder are synced.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Store {
    pub(crate) ms: f64,
    /// The same file and folder, written and synced with nothing else.
    pub(crate) by_hand_ms: f64,
    /// Of that, the file.
    pub(crate) file_fsync_ms: f64,
}

/// An authenticated request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    pub(crate) ms: f64,
    pub(crate) bare_ms: f64,
}

/// A refresh.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refresh {
    pub(crate) ms: f64,
    /// The same exchange by a bare client.
    pub(crate) exchange_ms: f64,
    /// The same two durable writes, attempt and successor, with nothing else.
    pub(crate) writes_ms: f64,
    /// CPU time of this process, user and system, all threads: while the SDK refreshes, and while the bare client
    /// does.
    pub(crate) cpu_ms: f64,
    pub(crate) by_hand_cpu_ms: f64,
}

impl Figures {
    fn goals(&self) -> [Goal; 6] {
        let goal = Goal::new;
        [
            goal("a cached access_token()", self.cached_token_us, CACHED_TOKEN_US, "µs"),
            goal("opening a vault", self.opening_ms, OPENING_MS, "ms"),
            goal("a durable store, over its fsyncs", self.store.adds_ms(), STORE_OVER_FSYNC_MS, "ms"),
            goal(
                "a request, over bare reqwest",
                self.request.overhead_percent(),
                REQUEST_OVERHEAD_PERCENT,
                "%",
            ),
            goal(
                "the same from a task, its runtime given",
                self.request_of_task.overhead_percent(),
                REQUEST_OVERHEAD_PERCENT,
                "%",
            ),
            goal("a refresh, over network and fsyncs", self.refresh.adds_ms(), REFRESH_ADDS_MS, "ms"),
        ]
    }

    /// Prints each figure beside its goal, and what it is made of.
    pub(crate) fn print(&self) {
        println!("\nThe SDK, over TLS on loopback (medians; pairs in turns, with it and without):\n");
        self.goals().iter().for_each(Goal::print);
        let (store, request, refresh) = (&self.store, &self.request, &self.refresh);
        let (of_task, across) = (&self.request_of_task, &self.request_across_threads);
        println!(
            "\na durable store: {:.2} ms; the same file and folder synced by hand: {:.2} ms, of it the file {:.2} ms",
            store.ms, store.by_hand_ms, store.file_fsync_ms
        );
        println!(
            "a request from main: {:.3} ms; by bare reqwest: {:.3} ms; from a task of a runtime that the SDK was \
             given (Platform::with_runtime): {:.3} ms and {:.3} ms; of one that it wasn't given: {:.3} ms and \
             {:.3} ms ({:.0} % more: its answer then comes by the SDK's own threads, and a bare client's needs \
             no other thread)",
            request.ms,
            request.bare_ms,
            of_task.ms,
            of_task.bare_ms,
            across.ms,
            across.bare_ms,
            across.overhead_percent()
        );
        println!(
            "a refresh: {:.2} ms; the same exchange by bare reqwest: {:.2} ms; its two durable writes (attempt, \
             successor) by hand: {:.2} ms",
            refresh.ms, refresh.exchange_ms, refresh.writes_ms
        );
        println!(
            "a refresh's CPU time (user and system, all threads): {:.3} ms; of the same exchange by bare reqwest \
             and the two writes by hand: {:.3} ms",
            refresh.cpu_ms, refresh.by_hand_cpu_ms
        );
        println!(
            "the first refresh of a process (vault, TLS handshake, metadata, refresh): {:.2} ms",
            self.refresh_of_a_new_process_ms
        );
        println!("load of the machine before: {} (figures want it near 0)", self.load);
        println!(
            "a vault's key is in a file here: what a platform's key store takes comes on top of opening"
        );
    }

    /// The figures with their goals.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).expect("numbers and names");
        json["goals"] = serde_json::to_value(self.goals()).expect("numbers and names");
        json
    }
}

impl Store {
    fn adds_ms(&self) -> f64 {
        self.ms - self.by_hand_ms
    }
}

impl Request {
    fn overhead_percent(&self) -> f64 {
        (self.ms / self.bare_ms - 1.0) * 100.0
    }
}

impl Refresh {
    fn adds_ms(&self) -> f64 {
        self.ms - self.exchange_ms - self.writes_ms
    }
}
