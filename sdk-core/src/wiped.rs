//! Bytes and JSON that leave no copy of a secret in freed memory.

use std::{io, ops::Deref};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes that are wiped when dropped, and so is every smaller buffer that they outgrow: a `Vec` frees that as it is.
#[derive(Default)]
pub(crate) struct WipedBytes(Zeroizing<Vec<u8>>);

impl WipedBytes {
    /// Empty, with this capacity.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Appends `more`.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let length = self.0.len() + more.len();
        if length > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.max(self.0.capacity() * 2)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(more);
    }

    /// All bytes, still to be wiped.
    pub(crate) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

impl Deref for WipedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl io::Write for WipedBytes {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        self.extend(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same bytes for the HTTP client, which wipes them when it is done with them.
pub(crate) fn shared(bytes: Zeroizing<Vec<u8>>) -> Bytes {
    Bytes::from_owner(bytes)
}

/// A JSON object whose strings are wiped when dropped.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct WipedObject(Map<String, Value>);

impl Deref for WipedObject {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl Drop for WipedObject {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_outgrow_their_place_stay_the_same() {
        let mut bytes = WipedBytes::with_capacity(2);
        for part in ["a", "bcd", "", "efghijkl"] {
            bytes.extend(part.as_bytes());
        }
        assert_eq!(&*bytes, b"abcdefghijkl");
        assert_eq!(&shared(bytes.into_inner())[..], b"abcdefghijkl");
    }
}
