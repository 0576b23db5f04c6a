//! A phone that suspends the app in the middle of a refresh, with a provider that knows no attempts.

use std::sync::{Arc, Mutex};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    AccessToken, CriticalSections, Error, Expiry, Platform, ReauthReason, SessionState,
    StorageUnavailableReason,
    session::Session,
    testing::{Device, Fault, Gate, a_new_one, any, open, refreshing_held},
};

/// The system that suspends apps.
#[derive(Debug)]
struct Phone {
    sections: Mutex<Vec<(Expiry, bool)>>,
    running: watch::Sender<usize>,
    /// Whether the time of each section is over when it begins.
    grants_nothing: bool,
}

impl Phone {
    fn new(grants_nothing: bool) -> Arc<Self> {
        Arc::new(Self { sections: Mutex::default(), running: watch::Sender::new(0), grants_nothing })
    }

    /// The time of all sections is over.
    fn expire(&self) {
        let sections: Vec<_> =
            self.sections.lock().unwrap().iter().map(|(expiry, _)| expiry.clone()).collect();
        sections.iter().for_each(Expiry::expire);
    }

    fn count(&self) -> usize {
        self.sections.lock().unwrap().len()
    }
}

impl CriticalSections for Phone {
    fn begin_critical(&self, expiry: Expiry) -> u64 {
        if self.grants_nothing {
            expiry.expire();
        }
        self.running.send_modify(|running| *running += 1);
        let mut sections = self.sections.lock().unwrap();
        sections.push((expiry, true));
        sections.len() as u64 - 1
    }

    fn end_critical(&self, section: u64) {
        let running = std::mem::take(&mut self.sections.lock().unwrap()[section as usize].1);
        assert!(running, "it ends once");
        self.running.send_modify(|running| *running -= 1);
    }
}

/// A process on a phone, signed in.
async fn on_a_phone(device: &Device) -> (Arc<Session>, Arc<Phone>) {
    device.provider.state().knows_attempts = false;
    device.signed_in().await;
    let phone = Phone::new(false);
    let platform = Platform { critical_sections: Some(phone.clone()), ..device.platform() };
    (open(device.configuration(), platform), phone)
}

/// A refusal that the provider holds.
const REFUSAL: fn(Gate) -> Fault = |gate| Fault::HoldInstead(gate, 400, r#"{"error":"invalid_grant"}"#);

/// A refresh whose answer waits at the gate, of a process that has been suspended meanwhile.
async fn suspended(
    device: &Device,
    session: &Arc<Session>,
    phone: &Phone,
    fault: impl FnOnce(Gate) -> Fault,
) -> (Gate, JoinHandle<Result<AccessToken, Error>>) {
    let (gate, refresh) = refreshing_held(device, session, fault).await;
    assert!(*phone.running.borrow() > 0, "the refresh is in a critical section");
    phone.expire();
    (gate, refresh)
}

#[tokio::test]
async fn a_refresh_and_each_change_of_the_vault_are_critical_and_nothing_else_is() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    assert_eq!(phone.count(), 0, "reading needs none");
    session.access_token(a_new_one(&session)).await.unwrap();
    let after_refresh = phone.count();
    assert!(after_refresh > 0);
    session.access_token(any()).await.unwrap();
    assert_eq!(phone.count(), after_refresh, "a token in memory needs none");
    session.sign_out_here().await.unwrap();
    device.sign_in(&session).await.unwrap();
    assert!(phone.count() > after_refresh);
    let mut running = phone.running.subscribe();
    running.wait_for(|running| *running == 0).await.unwrap();
}

#[tokio::test]
async fn a_suspended_process_holds_no_lock_and_stores_its_answer_when_it_is_resumed() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    let (gate, refresh) = suspended(&device, &session, &phone, Fault::HoldAnswer).await;
    for name in device.files("lease-").iter().chain(&device.files("vault.lock")) {
        std::fs::File::open(name).unwrap().try_lock().unwrap();
    }
    gate.open();
    let token = refresh.await.unwrap().unwrap();
    let other = device.process();
    assert_eq!(other.access_token(any()).await.unwrap().secret(), token.secret());
    other.access_token(a_new_one(&other)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn the_success_of_a_suspended_process_revives_the_session_that_its_heir_has_ended() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    let (gate, refresh) = suspended(&device, &session, &phone, Fault::HoldAnswer).await;
    // A provider that refuses a spent token, and does not revoke its family at once.
    device.provider.fault(Fault::Instead(400, r#"{"error":"invalid_grant"}"#));
    let heir = device.process();
    let refused = heir.access_token(a_new_one(&heir)).await.unwrap_err();
    assert_eq!(refused, Error::NeedsReauth(ReauthReason::Revoked));
    assert_eq!(device.provider.refreshes().len(), 2, "the heir sends once");
    heir.send_revocations().await;
    assert_eq!(device.provider.count("/revoke"), 0, "and does not revoke");
    gate.open();
    let token = refresh.await.unwrap().unwrap();
    assert_eq!(heir.access_token(any()).await.unwrap().secret(), token.secret());
    assert!(matches!(heir.state(), SessionState::SignedIn(_)));
    heir.access_token(a_new_one(&heir)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(2));
}

#[tokio::test]
async fn a_suspended_process_that_is_refused_follows_the_heir_that_succeeded() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    let (gate, refresh) = suspended(&device, &session, &phone, REFUSAL).await;
    let heir = device.process();
    let token = heir.access_token(a_new_one(&heir)).await.unwrap();
    gate.open();
    assert_eq!(refresh.await.unwrap().unwrap().secret(), token.secret());
    assert!(matches!(session.state(), SessionState::SignedIn(_)));
    assert_eq!(device.provider.count("/revoke"), 0);
}

#[tokio::test]
async fn a_suspended_process_that_is_refused_ends_the_session_and_revokes_nothing() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    let (gate, refresh) = suspended(&device, &session, &phone, REFUSAL).await;
    gate.open();
    assert_eq!(refresh.await.unwrap().unwrap_err(), Error::NeedsReauth(ReauthReason::Revoked));
    session.send_revocations().await;
    assert_eq!(device.provider.count("/revoke"), 0);
}

#[tokio::test]
async fn the_answer_of_a_suspended_process_never_undoes_a_sign_out() {
    let device = Device::new().await;
    let (session, phone) = on_a_phone(&device).await;
    let (gate, refresh) = suspended(&device, &session, &phone, Fault::HoldAnswer).await;
    device.process().sign_out_here().await.unwrap();
    gate.open();
    assert!(matches!(refresh.await.unwrap(), Err(Error::SignedOut(_))));
    session.send_revocations().await;
    assert_eq!(device.provider.live_generation(), None);
}

#[tokio::test]
async fn without_time_nothing_is_sent_and_nothing_is_lost() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    device.signed_in().await;
    let phone = Phone::new(true);
    let platform = Platform { critical_sections: Some(phone.clone()), ..device.platform() };
    let session = open(device.configuration(), platform);
    let busy = Error::StorageUnavailable(StorageUnavailableReason::Busy);
    assert_eq!(session.access_token(a_new_one(&session)).await.unwrap_err(), busy);
    assert_eq!(device.provider.refreshes().len(), 0);
    let other = device.process();
    other.access_token(a_new_one(&other)).await.unwrap();
    assert_eq!(device.provider.live_generation(), Some(1));
}
