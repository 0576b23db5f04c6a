//! The token and revocation endpoints, and who may use the API.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::{
    request::Seen,
    signer::base64url,
    state::{Row, State},
};

impl State {
    pub(crate) fn exchange(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        let form = &seen.form;
        let (Some(code), Some(verifier)) = (form.get("code"), form.get("code_verifier")) else {
            return (400, json!({ "error": "invalid_request" }));
        };
        let challenge = base64url(digest(&SHA256, verifier.as_bytes()).as_ref());
        let bound_to = self.codes.get(code).and_then(|(_, bound_to)| bound_to.clone());
        if bound_to.is_some() && bound_to != seen.thumbprint {
            return (400, json!({ "error": "invalid_dpop_proof" }));
        }
        match self.codes.remove(code) {
            Some((expected, _)) if expected == challenge => {}
            Some(_) => {
                return (400, json!({ "error": "invalid_grant", "error_description": "wrong verifier" }));
            }
            None => {
                // A code that is used twice costs what the first use gave.
                self.revoke_sessions();
                return (400, json!({ "error": "invalid_grant" }));
            }
        }
        let nonce = self.nonces.get(code).cloned();
        (200, self.begin_session(issuer, seen, nonce))
    }

    /// The tokens of a new session.
    fn begin_session(&mut self, issuer: &str, seen: &Seen, nonce: Option<String>) -> Value {
        self.sessions.push(Row { thumbprint: seen.thumbprint.clone(), ..Row::default() });
        let id_token = self.id_token(issuer, seen, nonce);
        let mut answer = self.tokens(self.sessions.len() - 1);
        answer["id_token"] = id_token.into();
        answer
    }

    fn id_token(&self, issuer: &str, seen: &Seen, nonce: Option<String>) -> String {
        let now = self.now() + self.ahead;
        let mut claims = json!({
            "iss": issuer, "aud": seen.form.get("client_id"), "sub": "ada", "name": "Ada",
            "iat": now, "exp": now + 300, "auth_time": now,
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        for (name, value) in self.claims.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        if let Some(claims) = claims.as_object_mut() {
            claims.retain(|_, value| !value.is_null());
        }
        self.signer.sign(&claims)
    }

    /// The tokens of a session's present generation.
    fn tokens(&mut self, row: usize) -> Value {
        self.serial += 1;
        let refresh_token = format!("seen-rt-{row}-{}", self.sessions[row].generation);
        let access_token = format!("seen-at-{}", self.serial);
        let bound_to = self.sessions[row].thumbprint.clone().filter(|_| !self.binds_refresh_tokens_alone);
        let token_type = json!(if bound_to.is_some() { "DPoP" } else { "Bearer" });
        self.bindings.insert(access_token.clone(), bound_to);
        json!({
            "access_token": access_token,
            "refresh_token": self.issues_refresh_tokens.then_some(refresh_token),
            "token_type": self.token_type.as_ref().unwrap_or(&token_type),
            "expires_in": self.expires_in,
            "scope": self.scope,
        })
    }

    pub(crate) fn exchange_device_code(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        match self.devices.consume(&seen.form["device_code"]) {
            Ok(()) => (200, self.begin_session(issuer, seen, None)),
            Err(error) => (400, json!({ "error": error })),
        }
    }

    /// Rows 5, 7, 8, 11, 13, 14, 16, 17 and 20 of the server's table.
    pub(crate) fn refresh(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        let form = &seen.form;
        let gone = (400, json!({ "error": "invalid_grant" }));
        let Some((row, generation)) = form.get("refresh_token").and_then(|token| self.parse(token)) else {
            return gone;
        };
        let attempt = form.get("refresh_attempt").cloned();
        match (&self.sessions[row].thumbprint, &seen.thumbprint) {
            (Some(_), None) => return (400, json!({ "error": "invalid_dpop_proof" })),
            (Some(bound_to), Some(proved)) if bound_to != proved => return gone,
            _ => {}
        }
        if self.sessions[row].revoked {
            return gone;
        }
        let present = self.sessions[row].generation;
        if generation == present {
            let session = &mut self.sessions[row];
            session.generation += 1;
            session.attempts.push(attempt);
            if session.thumbprint.is_none() && self.binds_at_refresh {
                session.thumbprint.clone_from(&seen.thumbprint);
            }
            let mut tokens = self.tokens(row);
            if self.id_token_at_refresh {
                tokens["id_token"] = self.id_token(issuer, seen, None).into();
            }
            self.sessions[row].answer = Some(tokens.clone());
            return (200, tokens);
        }
        let session = &mut self.sessions[row];
        let known = attempt.is_some() && session.attempts.get(generation) == Some(&attempt);
        let by_proof = session.thumbprint.is_some()
            && attempt.is_none()
            && session.attempts.get(generation) == Some(&None);
        if (known || by_proof)
            && generation + 1 == present
            && let Some(answer) = &session.answer
        {
            return (200, answer.clone());
        }
        if known && generation + 17 > present {
            return (400, json!({ "error": "invalid_grant", "reason": "superseded" }));
        }
        session.revoked = true;
        gone
    }

    pub(crate) fn revoke(&mut self, seen: &Seen) -> (u16, Value) {
        if let Some((row, _)) = seen.form.get("token").and_then(|token| self.parse(token)) {
            if self.sessions[row].thumbprint.is_some() && self.sessions[row].thumbprint != seen.thumbprint {
                return (400, json!({ "error": "invalid_dpop_proof" }));
            }
            self.sessions[row].revoked = true;
        }
        (200, json!({}))
    }

    pub(crate) fn lets_in(&self, seen: &Seen) -> bool {
        let Some((scheme, token)) = seen.access_token() else { return false };
        let scheme_of_it = |bound_to: &Option<String>| if bound_to.is_some() { "DPoP" } else { "Bearer" };
        let good = self.bindings.get(token).is_some_and(|bound_to| {
            scheme == scheme_of_it(bound_to) && (bound_to.is_none() || *bound_to == seen.thumbprint)
        });
        good && !self.refused_access_tokens.contains(token)
    }

    /// The session and the generation of a refresh token of this provider's.
    fn parse(&self, token: &str) -> Option<(usize, usize)> {
        let (row, generation) = token.strip_prefix("seen-rt-")?.split_once('-')?;
        let row = row.parse().ok().filter(|row| *row < self.sessions.len())?;
        Some((row, generation.parse().ok()?))
    }
}
