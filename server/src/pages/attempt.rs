//! One attempt to sign in: counted, checked, and answered by a session or not.

use http::HeaderMap;
use zeroize::Zeroizing;

use super::state::Pages;
use crate::access::Anonymous;
use crate::accounts::cookies::Cookie;
use crate::accounts::devices::Devices;
use crate::accounts::tries::{self, Counted, Try, TryError};
use crate::accounts::users::{self, User};
use crate::accounts::{self, Password, Verdict};
use crate::audit::{self, Event, Severity};
use crate::limits::ClientAddress;
use crate::oauth::requests::{self, Act, Decision};
use moorline_server_store::{Actor, StoreError, Tx};

/// Somebody who says who they are, and a password to prove it.
pub(super) struct Attempt {
    pub(super) anonymous: Anonymous,
    pub(super) username: String,
    pub(super) password: Password,
    /// The authorization request that the sign-in is for.
    pub(super) request: Option<String>,
    /// What their browser is known by.
    pub(super) devices: Devices,
    pub(super) address: ClientAddress,
}

/// How an attempt ends.
pub(super) enum Outcome {
    /// With a new session.
    SignedIn(NewCookies),
    /// The account does not exist, or the password is wrong. Neither the answer nor its time shows which.
    Wrong,
    /// The password is right, and an operator keeps the user out.
    Disabled,
}

/// What the browser of a new session gets.
pub(super) struct NewCookies {
    pub(super) session: Zeroizing<String>,
    pub(super) devices: Zeroizing<String>,
}

/// What is known before the password is checked.
struct Begun {
    user: Option<User>,
    costs: Vec<String>,
    /// `None` without limits.
    counted: Option<Counted>,
}

/// What the transaction of a right password finds.
enum Found {
    /// The user as they were when the password was checked: a session has begun.
    Same,
    /// A user who is kept out by now.
    Disabled,
    /// Another hash: the password has to be checked again.
    Changed(User),
}

impl Attempt {
    /// Checks the password, and begins a session if it is right and the user may sign in.
    pub(super) async fn authenticate(self, pages: &Pages, headers: &HeaderMap) -> Result<Outcome, TryError> {
        let actor = self.anonymous.actor("somebody signs in");
        let mut begun = self.begin(pages, &actor).await?;
        // Once more if the hash changed meanwhile: another tab has upgraded it, or an operator has set a password.
        for _ in 0..2 {
            let stored = begun.user.as_ref().and_then(User::stored_password);
            let verdict = pages.passwords.verify(self.password.clone(), stored, begun.costs.clone()).await;
            let (Some(user), Verdict::Right { upgrade }) = (&begun.user, verdict) else { break };
            let cookies = NewCookies {
                session: pages.random.secret(),
                devices: self.devices.with(&pages.keys, &pages.random, user, pages.clock.now()),
            };
            let old = Cookie::Session.read(pages.issuer(), headers);
            let right = Right {
                user: user.clone(),
                upgrade,
                counted: begun.counted.clone(),
                request: self.request.clone(),
                new: cookies.session.clone(),
                old,
            };
            match right.begin_session(pages, &actor).await? {
                Found::Same => return Ok(Outcome::SignedIn(cookies)),
                Found::Disabled => return Ok(Outcome::Disabled),
                Found::Changed(user) => begun.user = Some(user),
            }
        }
        let is_slowed = begun.counted.is_some_and(|counted| counted.is_slowed());
        audit_failure(pages, actor, begun.user.as_ref(), is_slowed);
        Ok(Outcome::Wrong)
    }

    /// Finds the account, and counts the attempt before the password is looked at.
    async fn begin(&self, pages: &Pages, actor: &Actor) -> Result<Begun, TryError> {
        let (keys, now, username) = (pages.keys.clone(), pages.clock.now(), self.username.clone());
        let (devices, address) = (self.devices.clone(), self.address);
        let is_counted = pages.limits.are_on();
        let begin = move |tx: &mut dyn Tx| {
            let user = users::find_by_username(tx, &username)?;
            let costs = accounts::costs(tx)?;
            if !is_counted {
                return Ok(Begun { user, costs, counted: None });
            }
            let attempt = Try {
                user_id: user.as_ref().map(|user| user.id.as_str()),
                name: &users::counted_name(&username),
                device: devices.of(&keys, user.as_ref(), now),
                address,
            };
            let counted = Some(tries::count(tx, &keys, now, &attempt)?);
            Ok(Begun { user, costs, counted })
        };
        if is_counted { pages.store.write(actor, begin).await } else { pages.store.read(actor, begin).await }
    }
}

/// Somebody who typed the right password.
#[derive(Clone)]
struct Right {
    user: User,
    /// A hash in place of the stored one.
    upgrade: Option<String>,
    counted: Option<Counted>,
    request: Option<String>,
    /// The cookie of the new session, and of the one that it replaces.
    new: Zeroizing<String>,
    old: Option<Zeroizing<String>>,
}

impl Right {
    async fn begin_session(self, pages: &Pages, actor: &Actor) -> Result<Found, StoreError> {
        let (now, pseudonym) = (pages.clock.now(), pages.keys.pseudonym(&self.user.id));
        let browsers = pages.browsers.clone();
        let begin = move |tx: &mut dyn Tx| {
            let Self { user, upgrade, counted, request, new, old } = self;
            let event = |name| Event::new(name).actor(pseudonym);
            // Read again: the account may have been disabled, or have got another password, while this one was checked.
            let Some(current) = users::lock(tx, &user.id)?.filter(|current| !current.is_disabled()) else {
                return audit::append(tx, now, event("sign_in.disabled")).map(|()| Found::Disabled);
            };
            if current.stored_password() != user.stored_password() {
                return Ok(Found::Changed(current));
            }
            if let Some(counted) = &counted {
                tries::succeeded(tx, counted, now)?;
            }
            if let Some(hash) = &upgrade {
                users::set_password(tx, &user.id, hash)?;
            }
            browsers.begin(tx, &user.id, &new, old.as_ref().map(|old| old.as_str()), now)?;
            if let Some(id) = request {
                requests::decide(tx, &id, &Decision { act: Act::SignIn, user_id: user.id })?;
            }
            audit::append(tx, now, event("sign_in.succeeded")).map(|()| Found::Same)
        };
        pages.store.write(actor, begin).await
    }
}

/// Stores that somebody failed to sign in to an account. The answer does not wait for it: it would take longer than for
/// an account that does not exist.
fn audit_failure(pages: &Pages, actor: Actor, user: Option<&User>, is_slowed: bool) {
    let Some(user) = user else {
        // A row for each name that nobody has would let a stranger fill the disk.
        audit::count(audit::Unproved::UnknownUser);
        return;
    };
    // So many wrong passwords from new browsers are no slip of the user's.
    let severity = if is_slowed { Severity::Alert } else { Severity::Info };
    let event = Event::new("sign_in.failed").actor(pages.keys.pseudonym(&user.id)).severity(severity);
    let (store, now) = (pages.store.clone(), pages.clock.now());
    tokio::spawn(async move {
        if let Err(error) = store.write(&actor, move |tx| audit::append(tx, now, event)).await {
            tracing::error!(%error, "a failed sign-in could not be audited");
        }
    });
}
