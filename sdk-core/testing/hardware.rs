//! A signer as a device may have it, with what can go wrong with one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::{Signer, SignerError, crypto::Es256Key};

/// Keys that only this holds.
#[derive(Debug, Default)]
pub(crate) struct Hardware(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    keys: HashMap<String, Key>,
    /// What every call reports.
    trouble: Option<SignerError>,
    /// What every deletion reports.
    keeps_keys: Option<SignerError>,
    /// What becomes of each signature.
    form: Form,
    signatures: usize,
}

struct Key(Arc<Es256Key>);

/// What a signer makes of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// As Android and iOS have it.
    #[default]
    Der,
    /// `r ‖ s`.
    Fixed,
    /// A good signature of something else.
    OfAnotherMessage,
    Empty,
    Panics,
}

impl Hardware {
    pub(crate) fn trouble(&self, trouble: impl Into<Option<SignerError>>) {
        self.0.lock().unwrap().trouble = trouble.into();
    }

    pub(crate) fn keeps_keys(&self, why: impl Into<Option<SignerError>>) {
        self.0.lock().unwrap().keeps_keys = why.into();
    }

    pub(crate) fn form(&self, form: Form) {
        self.0.lock().unwrap().form = form;
    }

    /// As a new fingerprint or a reset does.
    pub(crate) fn lose_keys(&self) {
        self.lose_keys_but(&[]);
    }

    pub(crate) fn lose_keys_but(&self, kept: &[String]) {
        self.0.lock().unwrap().keys.retain(|id, _| kept.contains(id));
    }

    pub(crate) fn key_ids(&self) -> Vec<String> {
        self.0.lock().unwrap().keys.keys().cloned().collect()
    }

    pub(crate) fn signatures(&self) -> usize {
        self.0.lock().unwrap().signatures
    }
}

impl Signer for Hardware {
    fn generate(&self, key_id: &str) -> Result<Vec<u8>, SignerError> {
        let mut state = self.0.lock().unwrap();
        state.trouble.clone().map_or(Ok(()), Err)?;
        let key = Es256Key::from_pkcs8(&Es256Key::generate()).unwrap();
        let point = key.point().to_vec();
        assert!(state.keys.insert(key_id.to_owned(), Key(Arc::new(key))).is_none(), "a name of its own");
        Ok(point)
    }

    fn sign(&self, key_id: &str, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let (key, form) = {
            let mut state = self.0.lock().unwrap();
            state.trouble.clone().map_or(Ok(()), Err)?;
            state.signatures += 1;
            (state.keys.get(key_id).ok_or(SignerError::Gone)?.0.clone(), state.form)
        };
        Ok(match form {
            Form::Der => der_from_fixed(&key.sign(message)),
            Form::Fixed => key.sign(message).to_vec(),
            Form::OfAnotherMessage => der_from_fixed(&key.sign(b"another message")),
            Form::Empty => Vec::new(),
            Form::Panics => panic!("a bug in the signer"),
        })
    }

    fn delete(&self, key_id: &str) -> Result<(), SignerError> {
        let mut state = self.0.lock().unwrap();
        state.keeps_keys.clone().or_else(|| state.trouble.clone()).map_or(Ok(()), Err)?;
        state.keys.remove(key_id);
        Ok(())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The DER form of a signature.
pub(crate) fn der_from_fixed(fixed: &[u8; 64]) -> Vec<u8> {
    let number = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut digits = half[zeros..].to_vec();
        if digits[0] >= 0x80 {
            digits.insert(0, 0);
        }
        [&[2, u8::try_from(digits.len()).unwrap()][..], &digits].concat()
    };
    let body = [number(&fixed[..32]), number(&fixed[32..])].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat()
}
