//! What the fuzz targets in `fuzz/` drive: everything that the SDK reads and somebody else wrote.
//!
//! Each function takes bytes as the fuzzer makes them, gives them to the product's own reader, and asserts what must hold
//! whatever comes in: not only that nothing panics, but that what is believed is what was said. They stand beside the
//! readers; this is the list of them. The tests replay the committed corpora, without a fuzzer and on any tool chain.

pub use crate::configuration::fuzzing::pins;
pub use crate::discovery::fuzzing::discovery;
pub use crate::login::fuzzing::{callback, loopback};
pub use crate::session::fuzzing::token_response;
pub use crate::token::fuzzing::{id_token, jwks, jwt, userinfo};
pub use crate::vault::fuzzing::{pending_record, vault_file};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("callback", callback),
    ("discovery", discovery),
    ("id_token", id_token),
    ("jwks", jwks),
    ("jwt", jwt),
    ("loopback", loopback),
    ("pending_record", pending_record),
    ("pins", pins),
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
