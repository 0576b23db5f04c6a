//! What an app asks of an access token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{error::Error, step_up::StepUp};

/// What an app asks of an access token. A [`Duration`] alone asks for a token with all that was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessTokenOptions {
    /// How long it must be valid.
    pub min_validity: Duration,
    /// The API that it is for, one of the configuration's
    /// [`resources`](crate::ConfigurationBuilder::resources) (RFC 8707 §2): a token for one API is of no use at
    /// another. `None` for the provider's default.
    pub resource: Option<String>,
    /// The scopes that it has, out of those that were granted (RFC 6749 §6). Empty for all of them.
    pub scope: Vec<String>,
}

impl From<Duration> for AccessTokenOptions {
    fn from(min_validity: Duration) -> Self {
        Self { min_validity, ..Self::default() }
    }
}

/// What makes a token less than the session's own. It is cached in memory alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Narrowing {
    pub(crate) resource: Option<String>,
    pub(crate) scope: Vec<String>,
}

impl Narrowing {
    /// `None` if all that was granted is asked for.
    pub(crate) fn of(options: &AccessTokenOptions) -> Option<Self> {
        let (resource, mut scope) = (options.resource.clone(), options.scope.clone());
        // In any order, they are the same.
        scope.sort_unstable();
        scope.dedup();
        (resource.is_some() || !scope.is_empty()).then_some(Self { resource, scope })
    }

    /// Whether a session of these scopes and resources has such a token. A provider that rotates may spend the refresh
    /// token before it refuses a request: what is known to be refused is never sent.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`] if a scope was not granted, and [`Error::Misconfigured`] if the resource was not named
    /// at the sign-in.
    pub(crate) fn check(&self, granted: &[String], resources: &[String]) -> Result<(), Error> {
        let missing: Vec<_> = self.scope.iter().filter(|scope| !granted.contains(scope)).cloned().collect();
        if !missing.is_empty() {
            return Err(Error::StepUpRequired(StepUp { scope: missing, ..StepUp::default() }));
        }
        match &self.resource {
            Some(resource) if !resources.contains(resource) => Err(Error::Misconfigured(format!(
                "the resource {resource:?} was not named when the user signed in; add it with resources(), and sign in \
                 again"
            ))),
            _ => Ok(()),
        }
    }

    /// The parameters of a refresh (RFC 8707 §2.2, RFC 6749 §6).
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let scope = (!self.scope.is_empty()).then(|| ("scope", self.scope.join(" ")));
        self.resource.iter().map(|resource| ("resource", resource.clone())).chain(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowing(resource: Option<&str>, scope: &[&str]) -> Option<Narrowing> {
        Narrowing::of(&AccessTokenOptions {
            min_validity: Duration::ZERO,
            resource: resource.map(str::to_owned),
            scope: texts(scope),
        })
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn scopes_in_any_order_are_one_narrowing_and_nothing_is_none() {
        assert_eq!(narrowing(None, &["b", "a", "b"]), narrowing(None, &["a", "b"]));
        assert_ne!(narrowing(None, &["a"]), narrowing(Some("https://a.example"), &["a"]));
        assert_eq!(narrowing(None, &[]), None);
        let both = narrowing(Some("https://a.example/v1"), &["x"]).unwrap();
        let parameters: Vec<_> = both.parameters().collect();
        assert_eq!(parameters, [("resource", "https://a.example/v1".to_owned()), ("scope", "x".to_owned())]);
    }

    #[test]
    fn only_what_the_session_has_is_asked_for() {
        let (granted, resources) = (texts(&["openid", "pay"]), texts(&["https://a.example"]));
        let check =
            |resource, scope: &[&str]| narrowing(resource, scope).unwrap().check(&granted, &resources);
        assert_eq!(check(Some("https://a.example"), &["pay"]), Ok(()));
        let Err(Error::StepUpRequired(step_up)) = check(None, &["pay", "admin"]) else { panic!() };
        assert_eq!(step_up.scope, ["admin"]);
        for resource in ["https://a.example/", "https://b.example", "", "a"] {
            assert!(matches!(check(Some(resource), &[]), Err(Error::Misconfigured(_))), "{resource}");
        }
    }
}
