use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    ReauthReason, RevocationOutcome, SignInOptions, SignedOutReason, StorageUnavailableReason,
    testing::{Device, Fault, Gate, Lockable},
};

fn accounts(device: &Device) -> Accounts {
    Accounts::new(device.configuration(), device.platform()).unwrap()
}

/// Signs a user in to an account.
async fn sign_in(device: &Device, accounts: &Accounts, account: &str, subject: &str) -> Moorline {
    device.provider.state().claims = json!({ "sub": subject });
    let moorline = accounts.open(account).unwrap();
    let request = moorline.start_sign_in(SignInOptions::default()).await.unwrap();
    let user = moorline.finish_sign_in(&device.provider.authorize(&request.url)).await.unwrap();
    assert_eq!(user.subject, subject);
    moorline
}

async fn remove(accounts: &Accounts, account: &str) -> Result<SignOutOutcome, Error> {
    accounts.remove(account, SignOutOptions::default()).await
}

/// The names, with who is signed in.
async fn listed(accounts: &Accounts) -> Vec<(String, Option<String>)> {
    let list = accounts.list().await.unwrap();
    list.into_iter().map(|info| (info.account, info.user.map(|user| user.subject))).collect()
}

fn row(account: &str, user: Option<&str>) -> (String, Option<String>) {
    (account.to_owned(), user.map(str::to_owned))
}

/// The names of all entries of the vault.
fn stored(device: &Device) -> Vec<String> {
    let vault = Vault::new(device.folder(), device.key_store.clone(), Arc::new(SystemDisk));
    vault.read().unwrap().contents.accounts.iter().map(|account| account.id().account.clone()).collect()
}

#[tokio::test]
async fn two_users_are_signed_in_at_once_and_refresh_independently() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    assert_eq!(accounts.list().await.unwrap(), []);
    let ada = sign_in(&device, &accounts, "work", "ada").await;
    let bob = sign_in(&device, &accounts, "home", "bob").await;
    assert_eq!(listed(&accounts).await, [row("work", Some("ada")), row("home", Some("bob"))]);
    let (mut of_ada, mut of_bob) = (ada.states(), bob.states());
    assert!(matches!(of_ada.next().await, Some(SessionState::SignedIn(user)) if user.subject == "ada"));
    assert!(matches!(of_bob.next().await, Some(SessionState::SignedIn(user)) if user.subject == "bob"));
    let refreshes = [&ada, &bob, &ada, &bob].map(|moorline| {
        let moorline = moorline.clone();
        tokio::spawn(async move { moorline.refresh(None).await.unwrap().secret().to_owned() })
    });
    let mut tokens = Vec::new();
    for refresh in refreshes {
        tokens.push(refresh.await.unwrap());
    }
    assert_ne!(tokens[0], tokens[1]);
    let sent: Vec<_> =
        device.provider.refreshes().iter().map(|seen| seen.form["refresh_token"].clone()).collect();
    assert!(sent.contains(&"seen-rt-0-0".to_owned()) && sent.contains(&"seen-rt-1-0".to_owned()), "{sent:?}");
    // The provider ends one session, and the other goes on.
    device.provider.state().sessions[0].revoked = true;
    assert_eq!(ada.refresh(None).await.unwrap_err(), Error::NeedsReauth(ReauthReason::Revoked));
    bob.refresh(None).await.unwrap();
    assert_eq!(listed(&accounts).await, [row("work", None), row("home", Some("bob"))]);
    let list = accounts.list().await.unwrap();
    assert_eq!(list[0].state, SessionState::NeedsReauth(ReauthReason::Revoked));
}

#[tokio::test]
async fn removing_one_account_revokes_its_session_and_leaves_the_other() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    let ada = sign_in(&device, &accounts, "work", "ada").await;
    let bob = sign_in(&device, &accounts, "home", "bob").await;
    assert!(remove(&accounts, "work").await.unwrap().revoked);
    assert_eq!(listed(&accounts).await, [row("home", Some("bob"))]);
    assert_eq!(stored(&device), ["home"]);
    assert_eq!(ada.state(), SessionState::SignedOut(SignedOutReason::NeverSignedIn));
    let error = ada.access_token(Duration::ZERO).await.unwrap_err();
    assert_eq!(error, Error::SignedOut(SignedOutReason::NeverSignedIn));
    bob.refresh(None).await.unwrap();
    let revoked: Vec<_> = device.provider.state().sessions.iter().map(|row| row.revoked).collect();
    assert_eq!(revoked, [true, false]);
    // The name can be used again, also by the object that was there before.
    sign_in(&device, &accounts, "work", "eve").await;
    assert!(matches!(ada.state(), SessionState::SignedIn(user) if user.subject == "eve"));
}

#[tokio::test]
async fn an_account_that_only_signed_out_stays_in_the_list_until_it_is_removed() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    let ada = sign_in(&device, &accounts, "work", "ada").await;
    ada.sign_out(SignOutOptions::default()).await.unwrap();
    let list = accounts.list().await.unwrap();
    assert_eq!((list.len(), list[0].user.as_ref()), (1, None));
    assert_eq!(list[0].state, SessionState::SignedOut(SignedOutReason::ByUser));
    remove(&accounts, "work").await.unwrap();
    assert_eq!(accounts.list().await.unwrap(), []);
    // One that was never there, or was removed before, is removed as well.
    assert_eq!(remove(&accounts, "work").await.unwrap().revocation, RevocationOutcome::NothingToRevoke);
    assert_eq!(stored(&device), [""; 0]);
}

#[tokio::test]
async fn a_removed_account_whose_revocation_is_queued_is_revoked_later_by_another_process() {
    let device = Device::new().await;
    let here = accounts(&device);
    drop(sign_in(&device, &here, "work", "ada").await);
    device.provider.state().overrides.insert("/revoke", (503, String::new()));
    let outcome = remove(&here, "work").await.unwrap();
    assert_eq!((outcome.revoked, outcome.revocation), (false, RevocationOutcome::Queued));
    assert_eq!(here.list().await.unwrap(), []);
    assert_eq!(stored(&device), ["work"], "its revocation is kept");
    here.inner.send_owed().await.unwrap();
    drop(here);
    device.provider.state().overrides.clear();
    assert_eq!(device.provider.live_generation(), Some(0));
    // Another process lists, and sends it meanwhile.
    let next = accounts(&device);
    assert_eq!(next.list().await.unwrap(), []);
    next.inner.send_owed().await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(stored(&device), [""; 0]);
}

#[tokio::test]
async fn a_removed_account_that_signs_in_again_keeps_what_it_still_has_to_revoke() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    drop(sign_in(&device, &accounts, "work", "ada").await);
    device.provider.state().overrides.insert("/revoke", (503, String::new()));
    remove(&accounts, "work").await.unwrap();
    let bob = sign_in(&device, &accounts, "work", "bob").await;
    device.provider.state().overrides.clear();
    bob.sign_out(SignOutOptions::default()).await.unwrap();
    assert!(device.provider.state().sessions.iter().all(|row| row.revoked));
}

#[tokio::test]
async fn one_user_in_two_accounts_keeps_the_second_session_where_a_revocation_may_end_both() {
    let device = Device::new().await;
    device.provider.state().knows_attempts = false;
    let accounts = accounts(&device);
    drop(sign_in(&device, &accounts, "work", "ada").await);
    let other = sign_in(&device, &accounts, "home", "ada").await;
    let outcome = remove(&accounts, "work").await.unwrap();
    assert_eq!((outcome.revocation, device.provider.count("/revoke")), (RevocationOutcome::Queued, 0));
    other.refresh(None).await.unwrap();
    // Once the other one has gone, nothing is left to spare.
    assert!(remove(&accounts, "home").await.unwrap().revoked);
    accounts.inner.send_owed().await.unwrap();
    assert!(device.provider.state().sessions.iter().all(|row| row.revoked));
    assert_eq!(stored(&device), [""; 0]);
}

#[tokio::test]
async fn one_account_that_is_opened_twice_is_one_session() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    let one = sign_in(&device, &accounts, "work", "ada").await;
    let configuration = device.builder().account("work").build().unwrap();
    let same =
        [accounts.open("work").unwrap(), Moorline::new(configuration, device.platform()).unwrap(), one];
    let refreshes = same.map(|moorline| tokio::spawn(async move { moorline.refresh(None).await }));
    for refresh in refreshes {
        refresh.await.unwrap().unwrap();
    }
    assert_eq!(device.provider.refreshes().len(), 1);
}

#[tokio::test]
async fn names_are_checked_and_told_apart_as_they_are_written() {
    let device = Device::new().await;
    let accounts = accounts(&device);
    for bad in ["", "a\nb", "a\0", "\u{7f}", &"x".repeat(129), &"\u{e9}".repeat(65)] {
        for refused in [accounts.open(bad).map(drop), remove(&accounts, bad).await.map(drop)] {
            assert!(
                matches!(&refused, Err(Error::Misconfigured(what)) if what.contains("account")),
                "{bad:?}"
            );
        }
    }
    let long = "y".repeat(128);
    let names = [
        "\u{e9}",
        "e\u{301}",
        "\u{1f469}\u{200d}\u{1f680}",
        "../../etc",
        "A",
        "a",
        " a",
        "{\"issuer\":\"x\"}",
        &long,
    ];
    for (number, name) in names.iter().enumerate() {
        drop(sign_in(&device, &accounts, name, &format!("user-{number}")).await);
    }
    let expected: Vec<_> =
        names.iter().enumerate().map(|(number, name)| row(name, Some(&format!("user-{number}")))).collect();
    assert_eq!(listed(&accounts).await, expected);
    remove(&accounts, "e\u{301}").await.unwrap();
    assert_eq!(listed(&accounts).await.len(), names.len() - 1);
}

#[tokio::test]
async fn accounts_of_other_issuers_and_clients_in_the_vault_are_neither_seen_nor_reached() {
    let device = Device::new().await;
    let mine = accounts(&device);
    drop(sign_in(&device, &mine, "work", "ada").await);
    let other_client = Configuration::builder(&device.provider.issuer, "other")
        .redirect_uri("com.example.other:/signed-in")
        .allow_http_on_loopback()
        .build()
        .unwrap();
    let other_client = Accounts::new(other_client, device.platform()).unwrap();
    // Another issuer, whose name and account could be read as this one's.
    let other_issuer = Configuration::builder("https://id.example.com", "notes").build().unwrap();
    let other_issuer = Accounts::new(other_issuer, device.platform()).unwrap();
    for others in [&other_client, &other_issuer] {
        assert_eq!(others.list().await.unwrap(), []);
        for name in ["work", &format!("{}/notes/work", device.provider.issuer)] {
            assert_eq!(
                others.open(name).unwrap().state(),
                SessionState::SignedOut(SignedOutReason::NeverSignedIn)
            );
            remove(others, name).await.unwrap();
        }
    }
    assert_eq!(listed(&mine).await, [row("work", Some("ada"))]);
    accounts(&device).open("work").unwrap().refresh(None).await.unwrap();
    assert_eq!(device.provider.count("/revoke"), 0);
}

#[tokio::test]
async fn a_session_of_the_same_account_that_began_meanwhile_is_not_deleted() {
    let device = Device::new().await;
    let here = accounts(&device);
    let ada = sign_in(&device, &here, "work", "ada").await;
    let lost = Fault::LoseAnswer;
    device.provider.fault(lost);
    // A refresh whose answer is lost is under way when the account is removed.
    let refresh = tokio::spawn(async move { ada.refresh(None).await });
    remove(&here, "work").await.unwrap();
    let _ = refresh.await.unwrap();
    here.inner.send_owed().await.unwrap();
    assert_eq!(device.provider.live_generation(), None);
    assert_eq!(here.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_vault_that_is_lost_is_an_error_of_the_list_and_not_an_empty_one() {
    let device = Device::new().await;
    let here = accounts(&device);
    drop(sign_in(&device, &here, "work", "ada").await);
    std::fs::write(device.folder().join("vault.moorline"), "not a vault").unwrap();
    assert!(matches!(accounts(&device).list().await, Err(Error::StorageLost(_))));
}

/// The next list of a watch: names, with who is signed in.
async fn next(lists: &mut AccountLists) -> Vec<(String, Option<String>)> {
    let list = lists.next().await;
    list.into_iter().map(|info| (info.account, info.user.map(|user| user.subject))).collect()
}

#[tokio::test]
async fn the_list_is_watched_through_sign_ins_sign_outs_and_removals_of_another_object() {
    let device = Device::new().await;
    let (watching, acting) = (accounts(&device), accounts(&device));
    let mut lists = watching.lists();
    assert_eq!(next(&mut lists).await, []);
    let ada = sign_in(&device, &acting, "work", "ada").await;
    assert_eq!(next(&mut lists).await, [row("work", Some("ada"))]);
    // A refresh changes the vault, and not the list: the next one has the second account.
    ada.refresh(None).await.unwrap();
    let _bob = sign_in(&device, &acting, "home", "bob").await;
    assert_eq!(next(&mut lists).await, [row("work", Some("ada")), row("home", Some("bob"))]);
    ada.sign_out(SignOutOptions::default()).await.unwrap();
    assert_eq!(next(&mut lists).await, [row("work", None), row("home", Some("bob"))]);
    remove(&acting, "work").await.unwrap();
    assert_eq!(next(&mut lists).await, [row("home", Some("bob"))]);
    // A later watch begins with the list as it is.
    assert_eq!(next(&mut watching.lists()).await, [row("home", Some("bob"))]);
}

#[tokio::test]
async fn the_list_is_watched_again_once_the_key_store_is_unlocked() {
    let device = Device::new().await;
    drop(sign_in(&device, &accounts(&device), "work", "ada").await);
    let key_store = Lockable::over(device.key_store.clone());
    key_store.lock(true);
    let platform = Platform { key_store: key_store.clone(), ..device.platform() };
    let accounts = Accounts::new(device.configuration(), platform).unwrap();
    let mut lists = accounts.lists();
    let waiting = tokio::spawn(async move { next(&mut lists).await });
    assert!(matches!(accounts.list().await, Err(Error::StorageUnavailable(_))));
    assert!(!waiting.is_finished());
    key_store.lock(false);
    accounts.list().await.unwrap();
    assert_eq!(waiting.await.unwrap(), [row("work", Some("ada"))]);
}

const LOCKED: Error = Error::StorageUnavailable(StorageUnavailableReason::Locked);

#[tokio::test]
async fn accounts_of_one_vault_are_locked_together_and_listed_again_once_one_is_unlocked() {
    let device = Device::new().await;
    let keys = Lockable::over(device.key_store.clone());
    let platform = Platform { key_store: keys.clone(), ..device.platform() };
    let accounts = Accounts::new(device.configuration(), platform).unwrap();
    let ada = sign_in(&device, &accounts, "work", "ada").await;
    let bob = sign_in(&device, &accounts, "home", "bob").await;
    // A refresh of one is under way when the other is locked.
    let gate = Gate::new();
    device.provider.fault(Fault::HoldAnswer(gate.clone()));
    let refreshing = tokio::spawn({
        let bob = bob.clone();
        async move { bob.refresh(None).await }
    });
    gate.reached().await;
    keys.lock(true);
    let locking = tokio::spawn({
        let ada = ada.clone();
        async move { ada.lock().await }
    });
    gate.open();
    let token = refreshing.await.unwrap().unwrap();
    locking.await.unwrap().unwrap();
    for moorline in [&ada, &bob] {
        assert_eq!(moorline.state(), SessionState::Locked);
        assert!(moorline.held_access_token(Duration::ZERO).is_none());
        assert_eq!(moorline.access_token(Duration::ZERO).await.err(), Some(LOCKED));
    }
    assert_eq!(accounts.list().await.err(), Some(LOCKED));

    keys.lock(false);
    assert!(matches!(ada.reload().await, Ok(SessionState::SignedIn(_))));
    keys.lock(true);
    assert_eq!(listed(&accounts).await, [row("work", Some("ada")), row("home", Some("bob"))]);
    // The one key opens the other's session, too, and what was under way is in it.
    assert_eq!(bob.access_token(Duration::ZERO).await.unwrap().secret(), token.secret());
}
