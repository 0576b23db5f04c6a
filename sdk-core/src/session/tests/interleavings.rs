//! The single flight, put through every interleaving: callers that come, wait and are dropped at any await, and the
//! steps of the refresh, in every order that there is.
//!
//! Not by loom or shuttle: those want a build of their own in which every lock is theirs, down to tokio's, and shuttle
//! takes samples. All that threads share here is one short critical section; what can differ is the order of polls,
//! and that is tried out whole. The model's [`TokenSource::held`] splits a poll where a second thread could come in
//! between.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::{
    AccessToken, Error,
    account::{SingleFlight, TokenRequest, TokenSource, access_token},
    testing::token,
};

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

thread_local! {
    /// What was detached and isn't among the scheduler's tasks yet.
    static DETACHED: RefCell<Vec<Work<()>>> = const { RefCell::new(Vec::new()) };
}

/// The results of a session's refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flying {
    Succeeds,
    /// The first one does.
    Fails,
    /// The first one does.
    Panics,
}

/// A session whose refresh is four steps.
struct Model {
    flight: SingleFlight,
    flying: Flying,
    /// Whether other threads may come in between within a poll, too.
    overtaken: bool,
    held: Mutex<AccessToken>,
    sent: AtomicUsize,
    answered: AtomicUsize,
    at_once: AtomicUsize,
}

impl TokenSource for Model {
    fn flight(&self) -> &SingleFlight {
        &self.flight
    }

    async fn held(&self, request: &TokenRequest) -> Option<AccessToken> {
        let held = self.held.lock().unwrap().clone();
        let rejected = request.rejected.as_ref().is_some_and(|rejected| rejected.secret() == held.secret());
        // What was found may be out of date when it is used.
        if self.overtaken {
            turn().await;
        }
        (!rejected).then_some(held)
    }

    async fn refresh(self: &Arc<Self>, request: &TokenRequest) -> Result<AccessToken, Error> {
        // The vault is read: another process may have been faster.
        turn().await;
        if let Some(token) = self.held(request).await {
            return Ok(token);
        }
        assert_eq!(self.at_once.fetch_add(1, Ordering::SeqCst), 0, "two refreshes at once");
        let nth = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        turn().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.answered.fetch_add(1, Ordering::SeqCst);
        match self.flying {
            Flying::Fails if nth == 1 => return Err(Error::offline()),
            Flying::Panics if nth == 1 => std::panic::resume_unwind(Box::new("a bug")),
            _ => {}
        }
        let newer = token(&format!("token {nth}"));
        *self.held.lock().unwrap() = newer.clone();
        Ok(newer)
    }

    fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        DETACHED.with_borrow_mut(|detached| detached.push(Box::pin(work)));
        Ok(())
    }
}

/// Lets the others go on.
async fn turn() {
    let mut over = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future that is polled by hand.
struct Strand<T> {
    work: Option<Work<T>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<T> Strand<T> {
    fn new(work: Work<T>) -> Self {
        Self { work: Some(work), woken: Arc::new(Woken(true.into())) }
    }

    fn can_go_on(&self) -> bool {
        self.work.is_some() && self.woken.0.load(Ordering::SeqCst)
    }

    /// Its result, if it has ended. It ends with a panic, too.
    fn poll(&mut self) -> Option<T> {
        self.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.woken.clone());
        let work = self.work.as_mut()?;
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            work.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(outcome)) => {
                self.work = None;
                Some(outcome)
            }
            Err(_) => {
                self.work = None;
                None
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Poll(usize),
    Drop(usize),
    /// Of the detached work, the one of this number.
    Go(usize),
}

/// How the callers and the work of one order came out.
struct Run {
    model: Arc<Model>,
    callers: Vec<Strand<Result<AccessToken, Error>>>,
    begun: Vec<bool>,
    work: Vec<Strand<()>>,
    /// Whose poll set it off.
    owners: Vec<usize>,
    outcomes: Vec<Result<AccessToken, Error>>,
}

impl Run {
    fn new(flying: Flying, callers: usize) -> Self {
        let old = token("token 0");
        let model = Arc::new(Model {
            flight: SingleFlight::default(),
            flying,
            // Three callers have millions of orders then, and nothing that two haven't.
            overtaken: callers < 3,
            held: Mutex::new(old.clone()),
            sent: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
        });
        let caller = || {
            let (model, need) =
                (model.clone(), TokenRequest { rejected: Some(old.clone()), ..TokenRequest::default() });
            Strand::new(Box::pin(async move { access_token(&model, need).await }))
        };
        Self {
            callers: (0..callers).map(|_| caller()).collect(),
            begun: vec![false; callers],
            work: Vec::new(),
            owners: Vec::new(),
            outcomes: Vec::new(),
            model,
        }
    }

    /// All that may happen next. Callers are alike, so that they begin by their numbers.
    fn choices(&self) -> Vec<Choice> {
        let first_idle = self.begun.iter().position(|begun| !begun).unwrap_or(self.begun.len());
        let mut choices = Vec::new();
        for (at, caller) in self.callers.iter().enumerate().take(first_idle + 1) {
            if caller.can_go_on() {
                choices.push(Choice::Poll(at));
            }
            if caller.work.is_some() && self.begun[at] {
                choices.push(Choice::Drop(at));
            }
        }
        let going = self.work.iter().enumerate().filter(|(_, work)| work.can_go_on());
        choices.extend(going.map(|(at, _)| Choice::Go(at)));
        choices
    }

    fn take(&mut self, choice: Choice, tied: bool) {
        match choice {
            Choice::Poll(at) => {
                self.begun[at] = true;
                self.outcomes.extend(self.callers[at].poll());
                let detached = DETACHED.take();
                self.owners.extend(detached.iter().map(|_| at));
                self.work.extend(detached.into_iter().map(Strand::new));
            }
            Choice::Drop(at) => {
                self.callers[at].work = None;
                // The mutant: work that isn't detached goes with its caller.
                if tied {
                    for (work, _) in self.work.iter_mut().zip(&self.owners).filter(|(_, owner)| **owner == at)
                    {
                        work.work = None;
                    }
                }
            }
            Choice::Go(at) => drop(self.work[at].poll()),
        }
    }

    /// What is wrong, now that nobody can go on.
    fn verdict(&self) -> Result<(), String> {
        let (sent, answered) =
            (self.model.sent.load(Ordering::SeqCst), self.model.answered.load(Ordering::SeqCst));
        let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        check(self.callers.iter().all(|caller| caller.work.is_none()), "a caller waits for ever")?;
        check(self.work.iter().all(|work| work.work.is_none()), "a refresh hangs")?;
        check(sent == answered, "a refresh was cut off after it had been sent")?;
        let most = if self.model.flying == Flying::Succeeds { 1 } else { self.callers.len() };
        check(sent <= most, "more refreshes than there was need for")?;
        for outcome in &self.outcomes {
            match outcome {
                Ok(token) => check(token.secret() != "token 0", "a caller got what it had rejected")?,
                Err(_) => check(self.model.flying != Flying::Succeeds, "a caller got an error")?,
            }
        }
        self.next_caller_is_served()
    }

    /// A later caller finds the session as it should be.
    fn next_caller_is_served(&self) -> Result<(), String> {
        let before = self.model.sent.load(Ordering::SeqCst);
        let mut later = Self::new(Flying::Succeeds, 1);
        later.model = self.model.clone();
        let need = TokenRequest { rejected: Some(token("token 0")), ..TokenRequest::default() };
        let model = self.model.clone();
        later.callers = vec![Strand::new(Box::pin(async move { access_token(&model, need.clone()).await }))];
        for _ in 0..100 {
            let choice = later.choices().into_iter().find(|choice| !matches!(choice, Choice::Drop(_)));
            let Some(choice) = choice else { break };
            later.take(choice, false);
        }
        let first = before == 0 || self.model.held.lock().unwrap().secret() == "token 0";
        match later.outcomes.first() {
            Some(Ok(token)) if token.secret() != "token 0" => Ok(()),
            Some(Err(_)) if first && self.model.flying != Flying::Succeeds => Ok(()),
            other => Err(format!("the next caller got {other:?}")),
        }
    }
}

/// Every order, one after the other: how many there are, or what is wrong in the first that fails.
fn try_every_order(flying: Flying, callers: usize, tied: bool) -> Result<usize, String> {
    // Of each step, which choice was taken and how many there were.
    let mut path: Vec<(usize, usize)> = Vec::new();
    let mut orders = 0;
    loop {
        let mut run = Run::new(flying, callers);
        let mut taken = Vec::new();
        for step in 0.. {
            let choices = run.choices();
            if choices.is_empty() {
                break;
            }
            if step == path.len() {
                path.push((0, choices.len()));
            }
            taken.push(choices[path[step].0]);
            run.take(choices[path[step].0], tied);
        }
        run.verdict().map_err(|wrong| format!("{wrong}: {taken:?}"))?;
        orders += 1;
        // The next order: the last step that has another choice takes it.
        while let Some((choice, count)) = path.pop() {
            if choice + 1 < count {
                path.push((choice + 1, count));
                break;
            }
        }
        if path.is_empty() {
            return Ok(orders);
        }
    }
}

#[test]
fn in_every_order_of_callers_that_come_and_go_there_is_one_whole_refresh() {
    for callers in 1..=3 {
        let orders = try_every_order(Flying::Succeeds, callers, false).unwrap();
        println!("{callers} callers: {orders} orders");
        assert!(orders > [0, 5, 1_400, 1_000][callers], "{callers} callers have {orders} orders only");
    }
}

#[test]
fn in_every_order_a_refresh_that_fails_or_panics_leaves_the_next_one_free() {
    for flying in [Flying::Fails, Flying::Panics] {
        for callers in 1..=2 {
            try_every_order(flying, callers, false).unwrap();
        }
    }
}

#[test]
fn a_refresh_that_went_with_its_caller_would_be_found_out() {
    let wrong = try_every_order(Flying::Succeeds, 2, true).unwrap_err();
    assert!(wrong.contains("cut off after it had been sent") || wrong.contains("got an error"), "{wrong}");
    let alone = try_every_order(Flying::Succeeds, 1, true).unwrap_err();
    assert!(alone.contains("cut off after it had been sent"), "{alone}");
}
