//! What the fuzz targets in `fuzz/` drive: everything that the SDK reads and somebody else wrote.
//!
//! Each function takes bytes as the fuzzer makes them, gives them to the product's own reader, and asserts what must hold
//! for any input: not only that nothing panics, but that what is accepted is what was said. The tests replay the committed
//! corpora, without a fuzzer and on any tool chain.

mod discovery;
mod dpop;
mod headers;
mod pins;
mod sign_in;
mod token_response;
mod tokens;
mod vault;

use ::http::{HeaderMap, HeaderName, HeaderValue};

pub use self::discovery::{discovery, stored_provider};
pub use self::dpop::proof_challenge;
pub use self::headers::{challenges_of as challenges, retry_after_of as retry_after};
pub use self::pins::pins;
pub use self::sign_in::{callback, loopback};
pub use self::token_response::token_response;
pub use self::tokens::{id_token, jwks, jwt, signed_userinfo, userinfo};
pub use self::vault::{pending_record, vault_file};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("callback", callback),
    ("challenges", challenges),
    ("discovery", discovery),
    ("id_token", id_token),
    ("jwks", jwks),
    ("jwt", jwt),
    ("loopback", loopback),
    ("pending_record", pending_record),
    ("pins", pins),
    ("proof_challenge", proof_challenge),
    ("retry_after", retry_after),
    ("signed_userinfo", signed_userinfo),
    ("stored_provider", stored_provider),
    ("token_response", token_response),
    ("userinfo", userinfo),
    ("vault_file", vault_file),
];

/// The first line, without its end, and all that follows.
pub(crate) fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}

/// Header fields, a line each, up to an empty line; and the body behind that. A line that HTTP forbids is left out: the
/// product never sees one.
pub(crate) fn head_and_body(input: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = input;
    while !rest.is_empty() {
        let (line, after) = first_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = halves.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value = halves.next().and_then(|value| HeaderValue::from_bytes(value.trim_ascii()).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// A place in something of this length. It depends on the input alone, so that a crash comes again.
pub(crate) fn place(input: &[u8], length: usize) -> usize {
    let hash = crate::crypto::sha256(input);
    hash[..4].iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) % length
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::TARGETS;

    fn fuzz_folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_the_fuzzer_found_holds_on_every_tool_chain() {
        for (name, target) in TARGETS {
            let corpus = files(&fuzz_folder("corpus").join(name));
            assert!(!corpus.is_empty(), "{name} has no corpus");
            for file in corpus {
                // A failure's panic names the place, and this the input.
                println!("{}", file.display());
                target(&fs::read(&file).unwrap());
            }
            target(b"");
        }
    }

    #[test]
    fn what_is_near_the_corpus_holds_too() {
        for (name, target) in TARGETS {
            let mut corpus = files(&fuzz_folder("corpus").join(name));
            corpus.sort();
            let inputs: Vec<_> = corpus.iter().map(|file| fs::read(file).unwrap()).collect();
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
            for _ in 0..NEIGHBOURS {
                let mut input = inputs[dice.below(inputs.len())].clone();
                for _ in 0..=dice.below(4) {
                    dice.change(&mut input, &inputs);
                }
                let outcome = std::panic::catch_unwind(|| target(&input));
                assert!(outcome.is_ok(), "{name} with {}", input.escape_ascii());
            }
        }
    }

    const NEIGHBOURS: usize = 400;
    /// Bytes that mean something to one reader or another.
    const ODD: &[u8] = b"\0\n\"%&=.:,-+ 09aA\\/?#@[]{}\xff";

    /// The same numbers in every run (xorshift64*, G. Marsaglia and S. Vigna).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
        }

        /// Flips, cuts, doubles or splices something.
        fn change(&mut self, input: &mut Vec<u8>, others: &[Vec<u8>]) {
            let from = self.below(input.len());
            let to = (from + 1 + self.below(8)).min(input.len());
            match self.below(5) {
                0 if from < to => input[from] ^= 1 << self.below(8),
                1 if from < to => input[from] = ODD[self.below(ODD.len())],
                2 => drop(input.drain(from..to)),
                3 => input.splice(from..from, input[from..to].to_vec()).for_each(drop),
                _ => {
                    let other = &others[self.below(others.len())];
                    let start = self.below(other.len());
                    let end = (start + 1 + self.below(40)).min(other.len());
                    input.splice(from..to, other[start..end].to_vec()).for_each(drop);
                }
            }
        }
    }

    #[test]
    fn every_fuzz_target_of_the_sdk_is_replayed_here() {
        let mut drivers = Vec::new();
        for file in files(&fuzz_folder("fuzz_targets")) {
            if let Some((_, call)) = fs::read_to_string(&file).unwrap().split_once("moorline::fuzzing::") {
                let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
                assert!(call.starts_with(&format!("{name}(")), "{name} drives another target");
                drivers.push(name);
            }
        }
        drivers.sort();
        assert_eq!(drivers, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
