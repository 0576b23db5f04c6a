//! What the userinfo endpoint says (OpenID Connect Core §5.3).

use std::sync::Arc;

use ::http::StatusCode;

use crate::{
    AccessToken, Error, User,
    http::authenticated,
    net::Request,
    session::{Session, response::Answer},
    token::userinfo,
    vault::{Change, Standing, WhenLost},
};

/// Asks, and adds what comes to what is known about the person.
pub(crate) async fn user_info(session: &Arc<Session>) -> Result<User, Error> {
    let metadata = session.metadata().await?;
    let Some(endpoint) = metadata.userinfo_endpoint.clone() else {
        return Err(Error::refused("userinfo_not_supported", "the provider has no userinfo endpoint"));
    };
    let response = authenticated(session, Request::get_json(endpoint)).await?;
    if response.status != StatusCode::OK {
        let sent = session.latest();
        let sent: Vec<_> = sent.iter().map(AccessToken::as_secret).collect();
        return Err(match Answer::read(&response, &sent) {
            Answer::Refused(refusal) => refusal.into(),
            Answer::Issued(_) | Answer::Unclear { .. } if response.status.is_client_error() => {
                Error::refused("userinfo_refused", format!("the provider answered with {}", response.status))
            }
            Answer::Issued(_) | Answer::Unclear { .. } => Error::Offline,
        });
    }
    let subject = session.standing().await?.session().map(|session| session.user.subject.clone());
    let claims = userinfo::parse(&response.body, subject.as_deref().unwrap_or_default())?;
    let updated = session.update(WhenLost::Fail, move |account| match &mut account.standing {
        Standing::SignedIn(stored) if Some(&stored.user.subject) == subject.as_ref() => {
            let user = stored.user.with(claims);
            let changed = user != stored.user;
            stored.user = user.clone();
            if changed { Change::Write(Some(user)) } else { Change::Keep(Some(user)) }
        }
        _ => Change::Keep(None),
    });
    // Signed out, or somebody else signed in, while the answer was on its way.
    updated.await?.ok_or(Error::Cancelled)
}
