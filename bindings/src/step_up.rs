//! What an API asks of the user.

use std::time::Duration;

/// What an API asks of the user beyond the session as it is. Mirrors [`moorline::StepUp`].
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StepUp {
    /// The authentication context classes of which one is needed.
    pub acr_values: Vec<String>,
    /// How long ago the user may have authenticated at most.
    pub max_age: Option<Duration>,
    /// The scopes that are needed.
    pub scope: Vec<String>,
}

impl From<StepUp> for moorline::StepUp {
    fn from(step_up: StepUp) -> Self {
        let mut own = Self::default();
        own.acr_values = step_up.acr_values;
        own.max_age = step_up.max_age;
        own.scope = step_up.scope;
        own
    }
}

impl From<moorline::StepUp> for StepUp {
    fn from(step_up: moorline::StepUp) -> Self {
        Self { acr_values: step_up.acr_values, max_age: step_up.max_age, scope: step_up.scope }
    }
}
