//! Replays the committed corpora. The tests of SDK, server and command line include this file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Target;

/// Gives each target the inputs of its corpus.
pub(super) fn corpora(targets: &[(&str, Target)]) {
    for (name, target) in targets {
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

/// Gives each target inputs that differ a little from those of its corpus.
pub(super) fn neighbours(targets: &[(&str, Target)]) {
    for (name, target) in targets {
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

/// Checks that these are the targets whose drivers call a function of `module`.
pub(super) fn is_complete(targets: &[(&str, Target)], module: &str) {
    let mut drivers = Vec::new();
    for file in files(&fuzz_folder("fuzz_targets")) {
        if let Some((_, call)) = fs::read_to_string(&file).unwrap().split_once(module) {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(call.starts_with(&format!("{name}(")), "{name} drives another target");
            drivers.push(name);
        }
    }
    drivers.sort();
    assert_eq!(drivers, targets.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

fn fuzz_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
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
