//! What passes between apps and provider, session by session: who is hit by which fault, and which token followed
//! which.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moorline_tests::http1::Message;
use moorline_tests::oauth::Tokens;
use moorline_tests::proxy::strike_dpop;
use moorline_tests::{Delivery, Exchange, Fault, Heard, Weather};

use crate::captive::Portal;
use crate::history::{Answer, Cause, History, Killed};

/// Answers that are kept for thieves.
const KEPT: usize = 32;

/// A refresh as a thief on the way, or in the server's log, could have seen it.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) request: Message,
    pub(crate) tokens: Tokens,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Wire {
    binding: Binding,
    sessions: Mutex<Sessions>,
    portal: Mutex<Option<Portal>>,
}

/// How long is waited for the end of what the proxy has begun.
const SETTLING: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(3);

/// Whether tokens are bound to a key of the device (DPoP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    Bound,
    /// The provider seems to know no DPoP, and the app allows that.
    Bearer,
}

#[derive(Debug, Default)]
struct Sessions {
    by_code: HashMap<String, usize>,
    by_token: HashMap<String, usize>,
    all: Vec<Session>,
}

#[derive(Debug, Default)]
struct Session {
    faults: VecDeque<Fault>,
    happened: usize,
    captured: VecDeque<Captured>,
    /// The proof of the last request to a protected resource.
    visit_proof: Option<String>,
    successors: HashMap<String, String>,
    forked: bool,
    history: History,
}

impl Wire {
    pub(crate) fn new(binding: Binding) -> Self {
        Self { binding, sessions: Mutex::default(), portal: Mutex::default() }
    }

    /// Whether tokens are bound here.
    pub(crate) const fn binding(&self) -> Binding {
        self.binding
    }

    /// A session that begins with this authorization code. Its app waits so long for an answer.
    pub(crate) fn session_of_code(&self, code: &str, patience: Duration) -> usize {
        let mut sessions = self.sessions();
        let session = sessions.all.len();
        let history = History::new(patience);
        sessions.all.push(Session { history, ..Session::default() });
        sessions.by_code.insert(code.to_owned(), session);
        session
    }

    /// These faults happen to the session's next refreshes.
    pub(crate) fn hit(&self, session: usize, faults: impl IntoIterator<Item = Fault>) {
        self.with(session, |session| {
            session.faults = faults.into_iter().collect();
            session.happened = 0;
        });
    }

    /// No more faults for the session; says how many have happened.
    pub(crate) fn heal(&self, session: usize) -> usize {
        self.with(session, |session| {
            session.faults.clear();
            std::mem::take(&mut session.happened)
        })
    }

    /// From now on a portal answers everything that comes here, or nobody does that.
    pub(crate) fn capture(&self, portal: Option<Portal>) -> Option<Portal> {
        std::mem::replace(&mut *self.portal.lock().unwrap_or_else(PoisonError::into_inner), portal)
    }

    /// Why the session was lost, once everything on the wire has ended.
    pub(crate) async fn cause(&self, session: usize, killed: Option<Killed>) -> Cause {
        for _ in 0..SETTLING.as_millis() / GLANCE.as_millis() {
            if !self.with(session, |session| session.history.is_busy()) {
                break;
            }
            tokio::time::sleep(GLANCE).await;
        }
        self.with(session, |session| session.history.cause(killed))
    }

    /// The session is alive.
    pub(crate) fn settle(&self, session: usize) {
        self.with(session, |session| session.history.settle());
    }

    /// How many refreshes the app has begun since the session was last found alive.
    pub(crate) fn begun(&self, session: usize) -> usize {
        self.with(session, |session| session.history.count())
    }

    /// Whether one token of the session was followed by two different ones.
    pub(crate) fn is_forked(&self, session: usize) -> bool {
        self.with(session, |session| session.forked)
    }

    /// How many refresh tokens of the session have had a successor.
    pub(crate) fn rotations(&self, session: usize) -> usize {
        self.with(session, |session| session.successors.len())
    }

    /// The session's last answers, the newest last.
    pub(crate) fn captured(&self, session: usize) -> Vec<Captured> {
        self.with(session, |session| session.captured.iter().cloned().collect())
    }

    /// The proof with which the session's owner went to the API last.
    pub(crate) fn visit_proof(&self, session: usize) -> Option<String> {
        self.with(session, |session| session.visit_proof.clone())
    }

    /// Deletes a session that has ended.
    pub(crate) fn forget(&self, session: usize) {
        let mut sessions = self.sessions();
        sessions.by_token.retain(|_, its| *its != session);
        sessions.by_code.retain(|_, its| *its != session);
        sessions.all[session] = Session::default();
    }

    fn visited(&self, authorization: &str, proof: Option<&str>) {
        let token = authorization.rsplit(' ').next().unwrap_or_default();
        let mut sessions = self.sessions();
        if let Some(session) = sessions.by_token.get(token).copied() {
            sessions.all[session].visit_proof = proof.map(str::to_owned);
        }
    }

    fn with<T>(&self, session: usize, work: impl FnOnce(&mut Session) -> T) -> T {
        work(&mut self.sessions().all[session])
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Weather for Wire {
    fn shows_a_stranger(&self) -> bool {
        let mut portal = self.portal.lock().unwrap_or_else(PoisonError::into_inner);
        portal.as_mut().is_some_and(Portal::meets_a_connection)
    }

    fn began(&self, request: &Message, fault: Option<Fault>) -> Option<u64> {
        let mut sessions = self.sessions();
        if let Some(token) = revoked(request) {
            let session = *sessions.by_token.get(&token)?;
            sessions.all[session].history.revoked();
            return None;
        }
        let token = parameter(request, "refresh_token")?;
        let session = *sessions.by_token.get(&token)?;
        let number = sessions.all[session].history.began(token, fault);
        Some(ticket(session, number))
    }

    fn answered(&self, number: u64, answer: &Message) {
        let (session, number) = of_ticket(number);
        self.with(session, |session| session.history.answered(number, read(answer)));
    }

    fn ended(&self, number: u64, delivery: Delivery) {
        let (session, number) = of_ticket(number);
        self.with(session, |session| session.history.ended(number, delivery));
    }

    fn fault(&self, request: &Message) -> Option<Fault> {
        if let Some(portal) = &mut *self.portal.lock().unwrap_or_else(PoisonError::into_inner)
            && let Some(canned) = portal.answers(request)
        {
            return Some(Fault::Instead(canned, Heard::No));
        }
        let token = parameter(request, "refresh_token")?;
        let mut sessions = self.sessions();
        let session = *sessions.by_token.get(&token)?;
        let session = &mut sessions.all[session];
        let fault = session.faults.pop_front()?;
        session.happened += 1;
        Some(fault)
    }

    fn bend(&self, request: &Message, answer: &mut Message) {
        if self.binding == Binding::Bearer {
            strike_dpop(request, answer);
        }
    }

    fn passed(&self, exchange: Exchange) {
        let Some(answer) = exchange.answer.filter(|answer| answer.status() == 200) else { return };
        if let Some(visited) = exchange.request.header("authorization") {
            self.visited(visited, exchange.request.header("dpop"));
            return;
        }
        let Ok(tokens) = serde_json::from_slice::<Tokens>(&answer.body) else { return };
        let (code, sent) =
            (parameter(&exchange.request, "code"), parameter(&exchange.request, "refresh_token"));
        let mut sessions = self.sessions();
        let known = match (&code, &sent) {
            (Some(code), _) => sessions.by_code.get(code).copied(),
            (None, Some(sent)) => sessions.by_token.get(sent).copied(),
            (None, None) => None,
        };
        let Some(number) = known else { return };
        sessions.by_token.insert(tokens.refresh_token.clone(), number);
        sessions.by_token.insert(tokens.access_token.clone(), number);
        let session = &mut sessions.all[number];
        if let Some(sent) = sent {
            let successor = session.successors.entry(sent).or_insert_with(|| tokens.refresh_token.clone());
            session.forked |= *successor != tokens.refresh_token;
        }
        // An answer that is given again is no news.
        if session.captured.back().is_none_or(|last| last.tokens.refresh_token != tokens.refresh_token) {
            session.captured.push_back(Captured { request: exchange.request, tokens });
            if session.captured.len() > KEPT {
                session.captured.pop_front();
            }
        }
    }
}

/// A session and the number of a request in its history, as one.
const fn ticket(session: usize, number: u64) -> u64 {
    (session as u64) << 32 | number
}

const fn of_ticket(ticket: u64) -> (usize, u64) {
    ((ticket >> 32) as usize, ticket & u32::MAX as u64)
}

/// What a provider's answer to a refresh says.
fn read(answer: &Message) -> Answer {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match (answer.status(), body["refresh_token"].as_str()) {
        (200, Some(token)) => Answer::Tokens(token.to_owned()),
        _ if body["error"] == "use_dpop_nonce" => Answer::Challenge,
        _ => Answer::Refused,
    }
}

/// The token that a request wants to have revoked.
fn revoked(request: &Message) -> Option<String> {
    let target = request.method_and_path();
    let revokes =
        target.starts_with("POST ") && (target.ends_with("/revocation") || target.ends_with("/revoke"));
    revokes.then(|| form_value(request, "token"))?
}

/// A form parameter of a request to a token endpoint.
pub(crate) fn parameter(request: &Message, name: &str) -> Option<String> {
    if !request.start.starts_with("POST ") || !request.method_and_path().ends_with("/token") {
        return None;
    }
    form_value(request, name)
}

fn form_value(request: &Message, name: &str) -> Option<String> {
    url::form_urlencoded::parse(&request.body)
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}
