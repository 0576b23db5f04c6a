//! Signals while the provider takes its time.

use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use crate::support::idp::Idp;
use crate::support::{Desk, Said, browse};

pub(crate) fn signal(child: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.to_string()]).status().unwrap().success());
}

/// Starts a refresh whose answer is held.
fn refreshing(idp: &Idp, desk: &Desk) -> Child {
    let sent = idp.bodies("/token").len();
    idp.change(|rules| rules.holds_answers = true);
    let child = desk.command(&["refresh"]).spawn().unwrap();
    idp.wait_for("/token", sent + 1);
    child
}

#[test]
fn a_refresh_that_is_interrupted_stores_its_answer() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let idp = Idp::new();
        let desk = idp.signed_in();
        let child = refreshing(&idp, &desk);
        let mut child = Watched::new(child);
        signal(child.id, name);
        child.hears("Finishing what is under way");
        idp.release();
        let said = child.end();
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{}", said.err);
        assert!(said.err.contains("interrupted"), "{}", said.err);
        // With strict rotation, a successor that was lost would end the session here.
        assert_eq!(desk.run(&["refresh", "--json"]).json()["refreshes"], 2);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let mut child = Watched::new(refreshing(&idp, &desk));
    signal(child.id, "TERM");
    child.hears("Finishing what is under way");
    signal(child.id, "INT");
    assert_eq!(child.end().code, 130, "the answer is still held");
    idp.release();
}

#[test]
fn a_sign_in_that_is_interrupted_during_the_exchange_is_finished() {
    let idp = Idp::new();
    let desk = Desk::new();
    idp.change(|rules| rules.holds_answers = true);
    let mut waiting = idp.start_login(&desk, &[]);
    browse(&idp.callback(&waiting));
    idp.wait_for("/token", 1);
    signal(waiting.id(), "INT");
    waiting.hears("Finishing what is under way");
    idp.release();
    let said = waiting.end();
    assert_eq!(said.code, 130, "{}", said.err);
    assert!(said.err.contains("signed in as Ada"), "{}", said.err);
    assert_eq!(desk.run(&["token"]).out, "at-1\n");
}

#[test]
fn tokens_of_a_sign_in_that_cannot_be_finished_are_revoked() {
    let idp = Idp::new();
    let desk = Desk::new();
    idp.change(|rules| rules.always = Some(("/jwks", "503 Service Unavailable")));
    let mut waiting = idp.start_login(&desk, &[]);
    browse(&idp.callback(&waiting));
    waiting.hears("Ctrl-C ends");
    signal(waiting.id(), "INT");
    let said = waiting.end();
    assert_eq!(said.code, 130, "{}", said.err);
    let revoked = idp.bodies("/revoke");
    assert!(revoked.iter().any(|body| body.contains("token=rt-1")), "{revoked:?}");
    assert!(!desk.profile("default").join("profile.json").exists());
}

#[test]
fn a_sign_in_that_waits_for_the_browser_ends_with_the_signal() {
    let idp = Idp::new();
    let desk = Desk::new();
    let waiting = idp.start_login(&desk, &["--json"]);
    signal(waiting.id(), "INT");
    let said = waiting.end();
    assert_eq!((said.code, &said.json()["error"]["code"]), (130, &json!("interrupted")), "{}", said.err);
}

#[test]
fn a_file_size_limit_stops_a_refresh_before_it_is_sent() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let sent = idp.bodies("/token").len();
    let said = desk.in_shell("ulimit -f 0; exec \"$@\"", &["refresh"]);
    assert_eq!(said.code, 7, "{}", said.err);
    // What the system says is said, once.
    assert_eq!(said.err.matches("File too large").count(), 1, "{}", said.err);
    assert!(said.err.contains(desk.profile("default").to_str().unwrap()), "{}", said.err);
    assert_eq!(idp.bodies("/token").len(), sent, "nothing was sent");
    assert_eq!(desk.run(&["refresh"]).code, 0);
}

#[test]
fn a_new_token_that_cannot_be_stored_anywhere_is_reported_as_that() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    let child = Watched::new(refreshing(&idp, &desk));
    let (vault, aside) = (desk.profile("default").join("vault"), desk.profile("default").join("aside"));
    std::fs::rename(&vault, &aside).unwrap();
    std::fs::write(&vault, "no folder").unwrap();
    idp.release();
    let said = child.end();
    said.failed_with(7, "a new token was received and could not be stored");
    assert!(!said.err.contains("unchanged"), "{}", said.err);
}

/// A running program whose messages are read as they come.
struct Watched {
    id: u32,
    child: Child,
    lines: mpsc::Receiver<String>,
    err: String,
}

impl Watched {
    fn new(mut child: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let stderr = child.stderr.take().unwrap();
        thread::spawn(move || crate::support::forward_lines(stderr, &sender));
        Self { id: child.id(), child, lines, err: String::new() }
    }

    fn hears(&mut self, text: &str) {
        crate::support::hear(&self.lines, &mut self.err, text);
    }

    fn end(self) -> Said {
        let Self { child, lines, mut err, .. } = self;
        let output = child.wait_with_output().unwrap();
        err.extend(lines.iter());
        Said { err, ..Said::from(output) }
    }
}
