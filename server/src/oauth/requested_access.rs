//! What a token request asks of its access token: `scope` (RFC 6749 §6) and `resource` (RFC 8707).

use super::error::{Code, OAuthError};
use super::params::Params;
use moorline_server_base::policy::Scope;

/// What a token request asks of the access token, beyond the default.
#[derive(Debug)]
pub(super) struct RequestedAccess {
    scope: Option<Option<Scope>>,
    resource: Option<String>,
}

impl RequestedAccess {
    pub(super) fn read(params: &Params) -> Self {
        Self {
            scope: params.value("scope").map(|text| Scope::parse(text).ok()),
            resource: params.value("resource").map(str::to_owned),
        }
    }

    /// Whether an ID token is asked for by name: a refresh signs one only then.
    pub(super) fn names_openid(&self) -> bool {
        matches!(&self.scope, Some(Some(scope)) if scope.contains("openid"))
    }

    /// The scope to answer with: what was asked for, if it lies within `ceiling`, or all of that.
    pub(super) fn within(&self, ceiling: &Scope, api: &str) -> Result<Scope, OAuthError> {
        if self.resource.as_deref().is_some_and(|resource| resource != api) {
            return Err(OAuthError::new(Code::InvalidTarget, "There is no such resource here."));
        }
        match &self.scope {
            None => Ok(ceiling.clone()),
            Some(Some(scope)) if !scope.is_empty() && scope.is_within(ceiling) => Ok(scope.clone()),
            Some(_) => {
                Err(OAuthError::new(Code::InvalidScope, "The scope is malformed or goes beyond the grant."))
            }
        }
    }
}
