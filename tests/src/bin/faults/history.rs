//! What the wire has seen of one session, and why the session was lost. Nobody asks the SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use moorline_tests::{Delivery, Fault};

/// How much earlier than it says an app may hang up: clocks and threads take turns.
const SLACK: Duration = Duration::from_millis(150);

/// Why a session was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The provider committed, and the network lost its answer, or brought it after the app's time-out.
    AnswerLost,
    /// The network delivered the request twice.
    RequestTwice,
    /// The provider committed, and the process was killed or lost its power before it had read the answer.
    KilledBeforeAnswer,
    /// The same, after it had read the answer and before that was stored.
    KilledBeforeStore,
    /// The app hung up before its time-out, and the provider committed.
    HungUp,
    /// The answer arrived, and the app closed the connection without reading it.
    AnswerIgnored,
    /// Two requests with one token were on their way at the same time, and the network doubled neither.
    SentAtOnce,
    /// The app got the answer and sent the spent token again.
    SpentTokenSent,
    /// The app revoked a session that was alive.
    Revoked,
    /// The provider refused a token that it had not seen used.
    Refused,
    /// The session lives at the provider, and the app can't go on.
    OnTheDevice,
}

impl Cause {
    /// Whether no app could have kept the session, at a provider that answers a spent token with the end of its
    /// family.
    pub(crate) const fn is_permitted(self) -> bool {
        matches!(
            self,
            Self::AnswerLost | Self::RequestTwice | Self::KilledBeforeAnswer | Self::KilledBeforeStore
        )
    }

    /// As the table says it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AnswerLost => "answer lost after commit",
            Self::RequestTwice => "request delivered twice",
            Self::KilledBeforeAnswer => "killed after commit, before the answer arrived",
            Self::KilledBeforeStore => "killed after the answer arrived, before the store",
            Self::HungUp => "the app hung up before its time-out",
            Self::AnswerIgnored => "the answer arrived, and the app did not read it",
            Self::SentAtOnce => "one token was sent twice at the same time",
            Self::SpentTokenSent => "the answer arrived, and the spent token was sent again",
            Self::Revoked => "the app revoked a session that was alive",
            Self::Refused => "the provider refused a token that was not spent",
            Self::OnTheDevice => "alive at the provider, and the app can't go on",
        }
    }
}

/// A process whose end was part of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Killed {
    /// Whether what it had received last was stored before.
    pub(crate) stored: bool,
}

/// What the provider has said to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has not heard of it.
    Unheard,
    /// It wants a nonce in the proof, and has looked no further.
    Challenge,
    /// New tokens, this refresh token among them.
    Tokens(String),
    /// Anything else.
    Refused,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// How long the app waits for an answer.
    patience: Duration,
    next: u64,
    sent: BTreeMap<u64, Sent>,
    revoked: bool,
}

/// A refresh token on its way, once.
#[derive(Debug)]
struct Sent {
    token: String,
    fault: Option<Fault>,
    answer: Answer,
    ended: Option<End>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: u64,
    delivery: Delivery,
}

impl History {
    /// Of an app that waits so long for an answer.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, ..Self::default() }
    }

    /// A request with this refresh token has arrived. Returns its number.
    pub(crate) fn began(&mut self, token: String, fault: Option<Fault>) -> u64 {
        let number = self.tick();
        self.sent.insert(number, Sent { token, fault, answer: Answer::Unheard, ended: None });
        number
    }

    /// The provider has answered it; of two answers to one request, the one with tokens counts.
    pub(crate) fn answered(&mut self, number: u64, answer: Answer) {
        if let Some(sent) = self.sent.get_mut(&number)
            && !matches!(sent.answer, Answer::Tokens(_))
        {
            sent.answer = answer;
        }
    }

    /// The exchange is over.
    pub(crate) fn ended(&mut self, number: u64, delivery: Delivery) {
        let at = self.tick();
        if let Some(sent) = self.sent.get_mut(&number) {
            sent.ended = Some(End { at, delivery });
        }
    }

    /// The app has asked for the end of the session.
    pub(crate) fn revoked(&mut self) {
        self.revoked = true;
    }

    /// How many refreshes have begun since the session was last found alive.
    pub(crate) fn count(&self) -> usize {
        self.sent.len()
    }

    /// Whether a request has not ended yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.sent.values().any(|sent| sent.ended.is_none())
    }

    /// The session is alive: what came before explains nothing any more.
    pub(crate) fn settle(&mut self) {
        self.sent.retain(|_, sent| sent.ended.is_none());
    }

    /// Why the session was lost: the first thing that no later one could repair.
    pub(crate) fn cause(&self, killed: Option<Killed>) -> Cause {
        let broken = self.sent.iter().find_map(|(began, sent)| self.broken_by(*began, sent, killed));
        if let Some(cause) = broken {
            return cause;
        }
        let refused = self.sent.values().any(|sent| sent.answer == Answer::Refused);
        match (self.revoked, refused) {
            (true, _) => Cause::Revoked,
            (false, true) => Cause::Refused,
            (false, false) => Cause::OnTheDevice,
        }
    }

    /// Whether the session ended with this commit.
    fn broken_by(&self, began: u64, commit: &Sent, killed: Option<Killed>) -> Option<Cause> {
        let Answer::Tokens(successor) = &commit.answer else { return None };
        let (sent_again, at_once) = self.again(began, commit);
        if self.sent.values().any(|sent| sent.token == *successor) {
            // The app had the successor.
            let cause = if at_once { Cause::SentAtOnce } else { Cause::SpentTokenSent };
            return sent_again.then_some(cause);
        }
        if commit.fault == Some(Fault::Twice) {
            return Some(Cause::RequestTwice);
        }
        if commit.fault.is_some_and(Fault::loses_the_answer) {
            return Some(Cause::AnswerLost);
        }
        match (commit.ended.map(|end| end.delivery), killed) {
            (Some(Delivery::Read), Some(Killed { stored: false })) => Some(Cause::KilledBeforeStore),
            (Some(Delivery::Read), _) if at_once => Some(Cause::SentAtOnce),
            (Some(Delivery::Read), _) => sent_again.then_some(Cause::SpentTokenSent),
            (_, Some(_)) => Some(Cause::KilledBeforeAnswer),
            (Some(Delivery::HungUp(waited)), None) if waited + SLACK >= self.patience => {
                Some(Cause::AnswerLost)
            }
            (_, None) if at_once => Some(Cause::SentAtOnce),
            (Some(Delivery::HungUp(_)), None) => Some(Cause::HungUp),
            (Some(Delivery::Lost), None) => Some(Cause::AnswerLost),
            (Some(Delivery::Unread) | None, None) => Some(Cause::AnswerIgnored),
        }
    }

    /// Whether the commit's token was sent again, and whether that was before the commit's exchange was over.
    fn again(&self, began: u64, commit: &Sent) -> (bool, bool) {
        let over = commit.ended.map_or(u64::MAX, |end| end.at);
        let others = self.sent.iter().filter(|(number, sent)| {
            **number != began
                && sent.token == commit.token
                && !matches!(sent.answer, Answer::Unheard | Answer::Challenge)
                && sent.ended.is_none_or(|end| end.at > began)
        });
        let began: Vec<u64> = others.map(|(number, _)| *number).collect();
        (!began.is_empty(), began.iter().any(|began| *began < over))
    }

    const fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use moorline_tests::{Canned, Heard};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);

    fn history() -> History {
        History::new(PATIENCE)
    }

    fn tokens(token: &str) -> Answer {
        Answer::Tokens(token.to_owned())
    }

    impl History {
        /// One exchange, from its beginning to its end.
        fn exchange(&mut self, token: &str, fault: Option<Fault>, answer: Answer, delivery: Delivery) {
            let number = self.began(token.to_owned(), fault);
            self.answered(number, answer);
            self.ended(number, delivery);
        }
    }

    /// The cause where one commit ended so, and its token was refused afterwards.
    fn after(fault: Option<Fault>, delivery: Delivery, killed: Option<Killed>) -> Cause {
        let mut history = history();
        history.exchange("one", None, tokens("two"), Delivery::Read);
        history.exchange("two", None, Answer::Challenge, Delivery::Read);
        history.exchange("two", fault, tokens("three"), delivery);
        history.exchange("two", None, Answer::Refused, Delivery::Read);
        history.cause(killed)
    }

    #[test]
    fn what_the_network_lost_is_permitted() {
        let page = Fault::Instead(Canned::Page, Heard::Yes);
        for fault in [Fault::SwallowAnswer, Fault::CutBody, Fault::Reset, page] {
            assert_eq!(after(Some(fault), Delivery::Lost, None), Cause::AnswerLost);
        }
        assert_eq!(after(Some(Fault::Twice), Delivery::Read, None), Cause::RequestTwice);
        let late = Some(Fault::Delay(PATIENCE * 2));
        assert_eq!(after(late, Delivery::HungUp(PATIENCE), None), Cause::AnswerLost);
    }

    #[test]
    fn a_killed_process_is_an_excuse_only_until_it_has_stored() {
        let killed = |stored| Some(Killed { stored });
        assert_eq!(after(None, Delivery::Unread, killed(false)), Cause::KilledBeforeAnswer);
        assert_eq!(after(None, Delivery::Read, killed(false)), Cause::KilledBeforeStore);
        assert_eq!(after(None, Delivery::Read, killed(true)), Cause::SpentTokenSent);
        assert_eq!(after(None, Delivery::Read, None), Cause::SpentTokenSent);
    }

    #[test]
    fn an_answer_that_was_there_is_no_loss_of_the_network() {
        assert_eq!(after(None, Delivery::Unread, None), Cause::AnswerIgnored);
        assert_eq!(after(None, Delivery::HungUp(PATIENCE / 2), None), Cause::HungUp);
    }

    #[test]
    fn two_requests_at_once_are_distinguished_from_one_after_the_other() {
        let mut history = history();
        let first = history.began("one".to_owned(), None);
        let second = history.began("one".to_owned(), None);
        history.answered(first, tokens("two"));
        history.answered(second, Answer::Refused);
        history.ended(second, Delivery::Read);
        assert!(history.is_busy());
        history.ended(first, Delivery::Read);
        assert!(!history.is_busy());
        assert_eq!(history.cause(None), Cause::SentAtOnce);
        history.exchange("two", None, Answer::Refused, Delivery::Read);
        assert_eq!(history.cause(None), Cause::SentAtOnce, "the successor ends with its family");
    }

    #[test]
    fn a_spent_token_that_comes_back_after_its_successor_was_used_is_named() {
        let mut history = history();
        history.exchange("one", None, tokens("two"), Delivery::Read);
        history.exchange("two", None, tokens("three"), Delivery::Read);
        history.exchange("one", None, Answer::Refused, Delivery::Read);
        assert_eq!(history.cause(None), Cause::SpentTokenSent);
    }

    #[test]
    fn without_a_commit_the_loss_is_of_the_apps_own_making() {
        let mut history = history();
        history.exchange(
            "one",
            Some(Fault::Instead(Canned::Forbidden, Heard::No)),
            Answer::Unheard,
            Delivery::Lost,
        );
        assert_eq!(history.cause(None), Cause::OnTheDevice);
        history.exchange("one", None, Answer::Refused, Delivery::Read);
        assert_eq!(history.cause(None), Cause::Refused);
        history.revoked();
        assert_eq!(history.cause(None), Cause::Revoked);
    }

    #[test]
    fn four_causes_are_permitted() {
        use Cause::*;
        let all = [
            AnswerLost,
            RequestTwice,
            KilledBeforeAnswer,
            KilledBeforeStore,
            HungUp,
            AnswerIgnored,
            SentAtOnce,
            SpentTokenSent,
            Revoked,
            Refused,
            OnTheDevice,
        ];
        assert_eq!(all.iter().filter(|cause| cause.is_permitted()).count(), 4);
    }
}
