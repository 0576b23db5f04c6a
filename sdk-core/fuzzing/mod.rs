//! The code of the fuzz targets in `fuzz/`: for everything that the SDK reads and others wrote.
//!
//! Each function takes bytes as the fuzzer makes them, gives them to the product's own reader, and asserts what must
//! hold for any input: not only that nothing panics, but that what is accepted is what was said. The tests replay the
//! committed corpora, without a fuzzer and on any tool chain.

mod adoption;
mod discovery;
mod dpop;
mod headers;
#[path = "../../fuzz/shared/input.rs"]
mod input;
mod pins;
#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
mod sign_in;
mod token_response;
mod tokens;
mod vault;

pub use self::adoption::auth_state;
pub use self::discovery::{discovery, stored_provider};
pub use self::dpop::proof_challenge;
pub use self::headers::{challenges_of as challenges, content_coding, retry_after_of as retry_after};
pub(crate) use self::input::{first_line, head_and_body};
pub use self::pins::pins;
pub use self::sign_in::{callback, loopback};
pub use self::token_response::token_response;
pub use self::tokens::{id_token, jwks, jwt, signed_userinfo, userinfo};
pub use self::vault::{pending_record, sent_record_of as sent_record, vault_file};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("auth_state", auth_state),
    ("callback", callback),
    ("challenges", challenges),
    ("content_coding", content_coding),
    ("discovery", discovery),
    ("id_token", id_token),
    ("jwks", jwks),
    ("jwt", jwt),
    ("loopback", loopback),
    ("pending_record", pending_record),
    ("pins", pins),
    ("proof_challenge", proof_challenge),
    ("retry_after", retry_after),
    ("sent_record", sent_record),
    ("signed_userinfo", signed_userinfo),
    ("stored_provider", stored_provider),
    ("token_response", token_response),
    ("userinfo", userinfo),
    ("vault_file", vault_file),
];

/// A place in something of this length. It depends on the input alone, so that a crash comes again.
pub(crate) fn place(input: &[u8], length: usize) -> usize {
    let hash = crate::crypto::sha256(input);
    hash[..4].iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) % length
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, replay};

    #[test]
    fn what_the_fuzzer_found_holds_on_every_tool_chain() {
        replay::corpora(TARGETS);
    }

    #[test]
    fn what_is_near_the_corpus_holds_too() {
        replay::neighbours(TARGETS);
    }

    #[test]
    fn every_fuzz_target_of_the_sdk_is_replayed_here() {
        replay::is_complete(TARGETS, "moorline::fuzzing::");
    }
}
