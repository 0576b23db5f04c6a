//! The code of the fuzz targets in `fuzz/`: for everything that the server reads and others wrote.
//!
//! Each function takes bytes as the fuzzer makes them, gives them to the product's own reader, and asserts what must
//! hold for any input: not only that nothing panics, but that what is accepted is what was said. They are beside the
//! readers; this is their list. The tests replay the committed corpora, without a fuzzer and on any tool chain.

#[path = "../../fuzz/shared/input.rs"]
mod input;
#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

pub(crate) use self::input::{first_line, head_and_body};
pub use crate::access::fuzzing::credential;
pub use crate::accounts::fuzzing::cookie;
pub use crate::api::fuzzing::problem;
pub use crate::limits::fuzzing::forwarded_for;
pub use crate::oauth::fuzzing::{authorize, refresh_token, rotation, token_form};
pub use moorline_server_dpop::fuzzing::dpop_proof;

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("authorize", authorize),
    ("cookie", cookie),
    ("credential", credential),
    ("dpop_proof", dpop_proof),
    ("forwarded_for", forwarded_for),
    ("problem", problem),
    ("refresh_token", refresh_token),
    ("rotation", rotation),
    ("token_form", token_form),
];

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
    fn every_fuzz_target_of_the_server_is_replayed_here() {
        replay::is_complete(TARGETS, "moorline_server::fuzzing::");
    }
}
