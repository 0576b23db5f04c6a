//! What a valid authorization request needs next: one pure function.

use super::answer::Refused;
use crate::oauth::clients::Client;
use crate::oauth::requests::{Act, AuthorizationRequest};
use crate::oauth::{consent, redirect};
use moorline_server_base::clock::Timestamp;
use moorline_server_base::policy::Scope;

/// The next step of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The person has to sign in, or to sign in again.
    SignIn,
    /// The person has to be asked.
    Consent,
    /// The client gets an error.
    Refuse(Refused),
    /// The client gets a code for this person.
    Grant {
        /// Who signed in.
        user_id: String,
        /// When.
        auth_time: Timestamp,
    },
}

/// Decides from the request, who is signed in (and since when), and what they have granted this client before.
pub(super) fn next_step(
    request: &AuthorizationRequest,
    client: &Client,
    person: Option<(&str, Timestamp)>,
    granted: &Scope,
    now: Timestamp,
) -> Step {
    let person = person.filter(|(_, authenticated_at)| is_fresh(request, *authenticated_at, now));
    let Some((user_id, auth_time)) = person else {
        return if request.prompt.none {
            Step::Refuse(Refused::new("login_required", "The user has to sign in."))
        } else {
            Step::SignIn
        };
    };
    let grant = Step::Grant { user_id: user_id.to_owned(), auth_time };
    // An answer counts only if the person who gave it is the one who is signed in now.
    let act = request.decision.as_ref().filter(|decision| decision.user_id == user_id).map(|by| by.act);
    match act {
        Some(Act::Allow) => return grant,
        Some(Act::Deny) => {
            return Step::Refuse(Refused::new("access_denied", "The user denied the request."));
        }
        Some(Act::SignIn) | None => {}
    }
    // Another program may use the name and the redirect URI of a native client, so the user has to act (RFC 8252 §8.6).
    let is_trusted = proves_its_identity(client, request) || act == Some(Act::SignIn);
    if is_trusted && consent::is_known(request, client, granted) {
        return grant;
    }
    if request.prompt.none {
        return Step::Refuse(Refused::new("consent_required", "The user has to be asked."));
    }
    Step::Consent
}

/// Whether only the client itself can use the code: it has a secret, or a claimed redirect URI.
fn proves_its_identity(client: &Client, request: &AuthorizationRequest) -> bool {
    client.secret.is_some() || redirect::is_claimed(&request.redirect_uri)
}

/// A sign-in after the request began satisfies everything; an older one does if it is young enough and no new one was
/// asked for.
fn is_fresh(request: &AuthorizationRequest, authenticated_at: Timestamp, now: Timestamp) -> bool {
    let young = request.max_age.is_none_or(|age| now.since(authenticated_at) <= age);
    authenticated_at >= request.created_at || (young && !request.prompt.login)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oauth::clients::{ConsentRule, SecretHash};
    use crate::oauth::requests::{Decision, Prompt};
    use moorline_server_keys::Algorithm;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn request() -> AuthorizationRequest {
        AuthorizationRequest {
            id: "r".to_owned(),
            client_id: "app".to_owned(),
            redirect_uri: "https://app.example.com/".to_owned(),
            scope: Scope::parse("openid notes.read").unwrap(),
            state: None,
            nonce: None,
            code_challenge: String::new(),
            dpop_jkt: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            created_at: NOW,
            expires_at: NOW.after(Duration::from_secs(600)),
            decision: None,
        }
    }

    fn client(consent: ConsentRule) -> Client {
        Client {
            id: "app".to_owned(),
            name: "App".to_owned(),
            secret: None,
            redirect_uris: Vec::new(),
            scopes: Scope::default(),
            origins: Vec::new(),
            consent,
            dpop_bound_access_tokens: false,
            access_token_alg: Algorithm::default(),
            created_at: NOW,
        }
    }

    fn step(request: &AuthorizationRequest, age: Option<u64>, granted: &str) -> Step {
        let person = age.map(|age| ("ada", NOW.before(Duration::from_secs(age))));
        next_step(request, &client(ConsentRule::Ask), person, &Scope::parse(granted).unwrap(), NOW)
    }

    fn refused(step: &Step) -> &'static str {
        match step {
            Step::Refuse(refused) => refused.error,
            other => panic!("{other:?} is no refusal"),
        }
    }

    #[test]
    fn who_is_not_signed_in_signs_in_and_who_is_not_asked_is_asked() {
        assert_eq!(step(&request(), None, ""), Step::SignIn);
        assert_eq!(step(&request(), Some(9), ""), Step::Consent);
        assert_eq!(step(&request(), Some(9), "openid"), Step::Consent);
        assert!(matches!(step(&request(), Some(9), "openid notes.read email"), Step::Grant { .. }));
        let own =
            next_step(&request(), &client(ConsentRule::Skip), Some(("ada", NOW)), &Scope::default(), NOW);
        assert!(matches!(own, Step::Grant { .. }));
    }

    #[test]
    fn prompt_none_shows_nothing() {
        let request =
            AuthorizationRequest { prompt: Prompt { none: true, ..Prompt::default() }, ..request() };
        assert_eq!(refused(&step(&request, None, "")), "login_required");
        assert_eq!(refused(&step(&request, Some(1), "")), "consent_required");
        assert!(matches!(step(&request, Some(1), "openid notes.read"), Step::Grant { .. }));
    }

    #[test]
    fn prompt_login_wants_a_sign_in_after_the_request_began() {
        let request =
            AuthorizationRequest { prompt: Prompt { login: true, ..Prompt::default() }, ..request() };
        assert_eq!(step(&request, Some(1), "openid notes.read"), Step::SignIn);
        assert!(matches!(step(&request, Some(0), "openid notes.read"), Step::Grant { .. }));
    }

    #[test]
    fn max_age_wants_a_sign_in_that_is_young_enough() {
        let request = AuthorizationRequest { max_age: Some(Duration::from_secs(60)), ..request() };
        assert!(matches!(step(&request, Some(60), "openid notes.read"), Step::Grant { .. }));
        assert_eq!(step(&request, Some(61), "openid notes.read"), Step::SignIn);
    }

    #[test]
    fn an_answer_counts_for_the_person_who_gave_it() {
        let decided = |act, user_id: &str| AuthorizationRequest {
            prompt: Prompt { consent: true, ..Prompt::default() },
            decision: Some(Decision { act, user_id: user_id.to_owned() }),
            ..request()
        };
        assert!(matches!(step(&decided(Act::Allow, "ada"), Some(1), ""), Step::Grant { .. }));
        assert_eq!(refused(&step(&decided(Act::Deny, "ada"), Some(1), "")), "access_denied");
        assert_eq!(step(&decided(Act::Allow, "grace"), Some(1), ""), Step::Consent);
        assert_eq!(step(&decided(Act::SignIn, "ada"), Some(1), "openid notes.read"), Step::Consent);
    }

    #[test]
    fn a_remembered_consent_is_not_enough_for_an_app_that_anybody_can_pretend_to_be() {
        for redirect_uri in ["com.example.notes:/", "http://127.0.0.1:5000/", "http://[::1]:5000/"] {
            let native = AuthorizationRequest { redirect_uri: redirect_uri.to_owned(), ..request() };
            let silent =
                AuthorizationRequest { prompt: Prompt { none: true, ..Prompt::default() }, ..native.clone() };
            let by = |act, user_id: &str| AuthorizationRequest {
                decision: Some(Decision { act, user_id: user_id.to_owned() }),
                ..native.clone()
            };
            for rule in [ConsentRule::Ask, ConsentRule::Skip] {
                let granted = Scope::parse("openid notes.read").unwrap();
                let step = |request: &AuthorizationRequest, client: &Client| {
                    next_step(request, client, Some(("ada", NOW)), &granted, NOW)
                };
                let public = client(rule);
                assert_eq!(step(&native, &public), Step::Consent, "{redirect_uri}");
                assert_eq!(refused(&step(&silent, &public)), "consent_required");
                assert!(matches!(step(&by(Act::SignIn, "ada"), &public), Step::Grant { .. }));
                assert!(matches!(step(&by(Act::Allow, "ada"), &public), Step::Grant { .. }));
                assert_eq!(step(&by(Act::SignIn, "grace"), &public), Step::Consent);
                let confidential = Client { secret: Some(SecretHash::of("s")), ..public };
                assert!(matches!(step(&silent, &confidential), Step::Grant { .. }));
            }
        }
    }
}
