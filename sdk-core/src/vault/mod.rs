//! The vault: one sealed file.
