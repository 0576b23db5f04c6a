//! The device grant of the provider (RFC 8628).

use std::collections::HashMap;

use serde_json::{Value, json};

/// The device codes that were issued.
pub struct Devices {
    /// Whether the metadata names the endpoint.
    pub offered: bool,
    /// Members of the answer, in place of the right ones; `null` leaves one out.
    pub answer: Value,
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
    pub fn approve(&mut self) {
        self.codes.insert(self.latest(), Decision::Approved);
    }

    /// The latest code is answered with this error from now on.
    pub fn refuse(&mut self, error: &'static str) {
        self.codes.insert(self.latest(), Decision::Refused(error));
    }

    fn latest(&self) -> String {
        format!("seen-device-{}", self.codes.len().saturating_sub(1))
    }

    pub(crate) fn authorize(&mut self, issuer: &str) -> (u16, Value) {
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
        for (name, value) in self.answer.as_object().into_iter().flatten() {
            answer[name] = value.clone();
        }
        if let Some(members) = answer.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        (200, answer)
    }

    /// Consumes a device code that the user has approved; the error with which any other is answered.
    pub(crate) fn consume(&mut self, code: &str) -> Result<(), &'static str> {
        let decision = self.codes.get_mut(code).ok_or("invalid_grant")?;
        match decision {
            Decision::Approved => {
                *decision = Decision::Refused("invalid_grant");
                Ok(())
            }
            Decision::None => Err("authorization_pending"),
            Decision::Refused(error) => Err(error),
        }
    }
}
