//! What the library that Kotlin and Swift call is made of, crate by crate: by the names and sizes of its symbols.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SymbolKind};
use serde::Serialize;

/// So many crates have a line of their own in a short table.
const LINES: usize = 15;
/// What is smaller than this, in bytes, has no line of its own in a long one.
const SMALL: u64 = 1024;

/// A library's size, by crate. Bytes that are loaded: what is left of the file once it is stripped of what only
/// debuggers read.
#[derive(Debug, Serialize)]
pub struct Library {
    loaded_bytes: u64,
    /// The largest first.
    crates: Vec<Part>,
    /// Constants without a name, tables for unwinding, relocations.
    without_symbol_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Part {
    name: String,
    bytes: u64,
}

impl Library {
    /// Reads a library with its symbols.
    ///
    /// Errors: if it can't be read, or was stripped of them.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let object = object::File::parse(&*bytes)?;
        let loaded = object.sections().filter(|section| is_loaded(section.flags()));
        let loaded_bytes = loaded.map(|section| section.size()).sum();
        let mut sizes = BTreeMap::<String, u64>::new();
        let mut seen = HashSet::new();
        for symbol in object.symbols() {
            let holds_bytes = matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data | SymbolKind::Tls);
            // Functions that turned out the same have several names.
            if holds_bytes && symbol.size() > 0 && seen.insert(symbol.address()) {
                *sizes.entry(crate_of(symbol.name().unwrap_or_default())).or_default() += symbol.size();
            }
        }
        ensure!(!sizes.is_empty(), "{} has no symbols: build it without stripping", file.display());
        let named: u64 = sizes.values().sum();
        let mut crates: Vec<_> = sizes.into_iter().map(|(name, bytes)| Part { name, bytes }).collect();
        crates.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
        Ok(Self { loaded_bytes, crates, without_symbol_bytes: loaded_bytes.saturating_sub(named) })
    }

    /// Prints a short table: the largest crates, and what has no symbol.
    pub fn print(&self, which: &str) {
        self.print_first(LINES, which);
    }

    /// Prints the table of all crates but the smallest.
    pub fn print_all(&self, which: &str) {
        self.print_first(self.crates.iter().take_while(|part| part.bytes >= SMALL).count(), which);
    }

    fn print_first(&self, lines: usize, which: &str) {
        let line = |bytes: u64, name: &str| {
            let share = bytes as f64 / self.loaded_bytes as f64 * 100.0;
            println!("  {:8.1} KiB  {share:5.1} %  {name}", bytes as f64 / 1024.0);
        };
        println!("The library of the bindings ({which}), by the size of its symbols:\n");
        for part in self.crates.iter().take(lines) {
            line(part.bytes, &part.name);
        }
        let others = self.crates.iter().skip(lines);
        line(others.clone().map(|part| part.bytes).sum(), &format!("{} other crates", others.count()));
        line(self.without_symbol_bytes, "no symbol: constants, unwind tables, relocations");
        line(self.loaded_bytes, "in all, as loaded: its size once stripped");
    }
}

fn is_loaded(flags: SectionFlags) -> bool {
    matches!(flags, SectionFlags::Elf { sh_flags, .. } if (sh_flags.0 & object::elf::SHF_ALLOC.0) != 0)
}

/// The crate that a symbol is of: the first name of its path, or of the type that it is a method of.
fn crate_of(symbol: &str) -> String {
    // What LTO renames keeps its old name before this.
    let symbol = symbol.split(".llvm.").next().unwrap_or_default();
    let Ok(path) = rustc_demangle::try_demangle(symbol) else { return library_of(symbol).to_owned() };
    let path = format!("{path:#}");
    let path = path.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    // `<dyn Trait as …>`, `<mut T …>` and the like.
    let path = ["dyn ", "mut ", "const ", "impl "]
        .iter()
        .fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // A type without a path is the language's own: `u8`, `str`, a tuple.
    if path[name.len()..].starts_with("::") { name } else { "core".to_owned() }
}

/// What is not Rust, by what its names begin with.
fn library_of(symbol: &str) -> &'static str {
    const FAMILIES: [(&str, &str); 6] = [
        ("aws_lc", "aws-lc (C and assembly)"),
        ("uniffi_", "moorline_ffi (C functions)"),
        ("ffi_moorline", "moorline_ffi (C functions)"),
        ("UNIFFI_META", "moorline_ffi (metadata of UniFFI)"),
        ("ring_core", "ring (C and assembly)"),
        ("ecp_nistz256", "ring (C and assembly)"),
    ];
    FAMILIES.iter().find(|(start, _)| symbol.starts_with(start)).map_or("other C", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_of_the_crate_that_its_path_begins_with() {
        for (symbol, name) in [
            ("_ZN8moorline5vault5Vault4open17h0123456789abcdefE", "moorline"),
            (
                "_ZN55_$LT$rustls..conn..Side$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "rustls",
            ),
            ("_ZN53_$LT$$RF$$u5b$u8$u5d$$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE", "core"),
            ("_ZN4core3ptr13drop_in_place17h0123456789abcdefE.llvm.12345", "core"),
            ("aws_lc_0_30_0_SHA256_Update", "aws-lc (C and assembly)"),
            ("uniffi_moorline_ffi_fn_method_session_refresh", "moorline_ffi (C functions)"),
            ("memcpy", "other C"),
        ] {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }
}
