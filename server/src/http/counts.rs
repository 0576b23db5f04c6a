//! How many there are of each address.

use std::collections::HashMap;

/// Numbers by address. An address of which there is nothing takes up no room.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<String, usize>);

impl Counts {
    pub(super) fn of(&self, address: &str) -> usize {
        self.0.get(address).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, address: &str) {
        *self.0.entry(address.to_owned()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, address: &str) {
        if let Some(count) = self.0.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(address);
            }
        }
    }
}
