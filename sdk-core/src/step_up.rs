//! What an API asks of the user beyond the session as it is.

use std::{fmt, time::Duration};

/// What an API asks of the user beyond the session as it is: a stronger or fresher authentication (RFC 9470 §3), or a
/// scope that was not granted (RFC 6750 §3.1). [`SignInOptions::step_up`](crate::SignInOptions::step_up) answers it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUp {
    /// The authentication context classes of which one is needed, the preferred one first.
    pub acr_values: Vec<String>,
    /// How long ago the user may have authenticated at most.
    pub max_age: Option<Duration>,
    /// The scopes that are needed.
    pub scope: Vec<String>,
}

impl StepUp {
    /// Whether it says no more than that the user has to authenticate once more.
    pub(crate) const fn is_bare(&self) -> bool {
        self.acr_values.is_empty() && self.max_age.is_none() && self.scope.is_empty()
    }
}

impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |name: &str, values: &[String]| {
            // What an API says is untrusted text.
            let text: String = values.join(" ").chars().filter(|c| !c.is_control()).take(200).collect();
            (!values.is_empty()).then(|| format!("{name} {text}"))
        };
        let age = self.max_age.map(|age| format!("max_age {}", age.as_secs()));
        let parts = [named("acr_values", &self.acr_values), age, named("scope", &self.scope)];
        let said: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(if said.is_empty() { "a new authentication" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_api_says_shows_without_control_characters_and_short() {
        let scope = vec!["a\u{1b}[31m".to_owned(), "b".repeat(300)];
        let shown = StepUp { scope, ..StepUp::default() }.to_string();
        assert!(shown.starts_with("scope a[31m b") && shown.len() < 220, "{shown}");
        assert_eq!(StepUp::default().to_string(), "a new authentication");
    }
}
