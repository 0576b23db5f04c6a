//! The decision, over a whole life of a session.

use std::time::Duration;

use super::*;
use moorline_server_base::policy::Scope;

/// A byte that says which session, then three bytes a request: the token, the attempt with the proof, the time.
///
/// Whatever comes in whatever order: only a token that we issued moves anything, a retry gets the same answer and never
/// a new one, what a session remembers is never called a theft, and an end is for ever.
pub fn rotation(input: &[u8]) {
    let Some((kind, requests)) = input.split_first() else { return };
    let mut life = Life::new(*kind);
    for request in requests.as_chunks::<3>().0.iter().take(200) {
        life.take(*request);
    }
}

struct Life {
    session: Session,
    now: Timestamp,
    grace: Duration,
    /// By generation, the attempt that made it; the current one last. Only what was never lost.
    made_by: Vec<Option<AttemptHash>>,
}

impl Life {
    fn new(kind: u8) -> Self {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let record = SessionRecord {
            id: "sid".to_owned(),
            locator: Locator::from_bytes([1; 16]),
            client_id: "app".to_owned(),
            user_id: "ada".to_owned(),
            scope: Scope::default(),
            answered_scope: Scope::default(),
            generation: 0,
            attempt: None,
            history: History::default(),
            holes: Holes::default(),
            dpop_jkt: (kind & 1 == 1).then(|| JKT.to_owned()),
            rotated_at: now,
            window: RotationWindow { minute_at: now, rotations: 0 },
            idle_end_at: now.after(IDLE),
            absolute_end_at: now.after(30 * IDLE),
            auth_time: now,
            created_at: now,
        };
        let grace = if kind & 2 == 2 { Duration::from_secs(60) } else { Duration::ZERO };
        Self { session: Session::Live(record), now, grace, made_by: vec![None] }
    }

    fn take(&mut self, [token, with, time]: [u8; 3]) {
        self.now = self.now.after(Duration::from_secs(u64::from(time).pow(3)));
        let current = self.session.record().generation;
        let attempt = match with & 0b111 {
            0 => Attempt::Absent,
            1 => Attempt::Malformed,
            name => Attempt::Key(AttemptHash::of(&[name, token & 0x0f])),
        };
        let generation = (current + 2).saturating_sub(u32::from(token & 0x1f));
        let presented = Presented {
            client_id: [Some("app"), Some("app"), Some("other"), None][usize::from(with >> 6)],
            token: Some(PresentedToken { generation, authentic: token & 0xc0 != 0xc0 }),
            attempt,
            proof: [Proof::By(JKT), Proof::Absent, Proof::NonceWanted, Proof::By("another")]
                [usize::from(with >> 3 & 3)],
        };
        let context = Context {
            now: self.now,
            service: Service::Ready,
            rotation_grace: self.grace,
            rotations_per_minute: Some(10),
        };
        let decision = decide(Some(&self.session), &presented, &context);
        assert_eq!(decide(Some(&self.session), &presented, &context), decision);
        self.holds(&decision, &presented, generation);
        self.carry_out(decision, &presented, generation);
    }

    /// What must hold of every decision.
    fn holds(&self, decision: &Decision, presented: &Presented<'_>, generation: u32) {
        let record = self.session.record();
        let ours = presented.client_id == Some("app") && presented.token.is_some_and(|token| token.authentic);
        let proved = record.dpop_jkt.is_none() || presented.proof == Proof::By(JKT);
        let live = matches!(self.session, Session::Live(_));
        assert!((ours && proved && live) || matches!(decision, Decision::Refuse(_)), "{decision:?}");
        let attempt = match presented.attempt {
            Attempt::Key(hash) => Some(hash),
            _ => None,
        };
        let made_next = self.made_by.get(generation as usize + 1).copied();
        match decision {
            Decision::Rotate => assert_eq!(generation, record.generation),
            Decision::Heal => assert!(generation > record.generation),
            Decision::Same(again) => {
                assert_eq!((generation + 1, record.attempt), (record.generation, attempt));
                assert_eq!(attempt.is_some(), *again == Again::Retried);
                assert!(*again != Again::Grace || !self.grace.is_zero());
            }
            Decision::Superseded(_) => assert!(generation + 1 < record.generation),
            Decision::Revoke => {
                assert!(generation < record.generation);
                let remembered = record.generation - generation <= 16;
                assert!(
                    !(attempt.is_some() && remembered && made_next == Some(attempt)),
                    "an honest duplicate"
                );
            }
            Decision::End(EndedBecause::Expired) => {
                assert!(record.idle_end_at <= self.now || record.absolute_end_at <= self.now);
            }
            Decision::End(_) | Decision::Refuse(_) => {}
        }
    }

    fn carry_out(&mut self, decision: Decision, presented: &Presented<'_>, generation: u32) {
        let attempt = match presented.attempt {
            Attempt::Key(hash) => Some(hash),
            _ => None,
        };
        let session = self.session.clone();
        let next = match decision {
            Decision::Rotate => session.rotate(attempt, Scope::default(), IDLE, self.now),
            Decision::Heal => session.heal(generation, attempt, Scope::default(), IDLE, self.now),
            Decision::Revoke => session.end(EndedBecause::Reuse, self.now),
            Decision::End(why) => session.end(why, self.now),
            Decision::Same(_) | Decision::Superseded(_) | Decision::Refuse(_) => return,
        };
        let next = next.expect("what was decided can be done");
        let (before, after) = (self.session.record(), next.record());
        if matches!(next, Session::Live(_)) {
            assert_eq!(after.generation, generation + 1);
            assert!(before.idle_end_at <= after.idle_end_at && after.idle_end_at <= after.absolute_end_at);
            self.made_by.resize(generation as usize + 1, None);
            self.made_by.push(attempt);
        }
        assert_eq!(History::from_bytes(&after.history.to_bytes()).as_ref(), Ok(&after.history));
        assert_eq!(Holes::from_bytes(&after.holes.to_bytes()).as_ref(), Ok(&after.holes));
        self.session = next;
    }
}

const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
