//! The device grant of the tests' provider (RFC 8628).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{provider::State, request::Seen};

/// The device codes that were issued.
pub(crate) struct Devices {
    /// Whether the metadata names the endpoint.
    pub(crate) offered: bool,
    /// Members of the answer, in place of the right ones; `null` leaves one out.
    pub(crate) answer: Value,
    /// By device code: what the user has decided.
    codes: HashMap<String, Decision>,
}

enum Decision {
    None,
    Approved,
    /// This code is answered.
    Refused(&'static str),
}

impl Default for Devices {
    fn default() -> Self {
        Self { offered: true, answer: json!({}), codes: HashMap::new() }
    }
}

impl Devices {
    /// The user enters the latest code, and approves the device.
    pub(crate) fn approve(&mut self) {
        self.codes.insert(self.latest(), Decision::Approved);
    }

    /// The latest code is answered with this error from now on.
    pub(crate) fn refuse(&mut self, error: &'static str) {
        self.codes.insert(self.latest(), Decision::Refused(error));
    }

    fn latest(&self) -> String {
        format!("seen-device-{}", self.codes.len() - 1)
    }

    pub(super) fn authorize(&mut self, issuer: &str) -> (u16, Value) {
        let number = self.codes.len();
        let device_code = format!("seen-device-{number}");
        self.codes.insert(device_code.clone(), Decision::None);
        let mut answer = json!({
            "device_code": device_code,
            "user_code": format!("WDJB-MJH{number}"),
            "verification_uri": format!("{issuer}/enter"),
            "verification_uri_complete": format!("{issuer}/enter?user_code=WDJB-MJH{number}"),
            "expires_in": 600,
            "interval": 5,
        });
        for (name, value) in self.answer.as_object().unwrap() {
            answer[name] = value.clone();
        }
        answer.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        (200, answer)
    }
}

impl State {
    pub(super) fn exchange_device_code(&mut self, issuer: &str, seen: &Seen) -> (u16, Value) {
        let code = &seen.form["device_code"];
        let error = match self.devices.codes.get(code) {
            Some(Decision::Approved) => {
                self.devices.codes.insert(code.clone(), Decision::Refused("invalid_grant"));
                return (200, self.begin_session(issuer, seen, None));
            }
            Some(Decision::None) => "authorization_pending",
            Some(Decision::Refused(error)) => error,
            None => "invalid_grant",
        };
        (400, json!({ "error": error }))
    }
}
