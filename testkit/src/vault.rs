//! What happens to a vault behind the SDK's back: a file is damaged, or a later version wrote it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

/// What becomes of the vault's file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Becomes {
    /// A byte of its header changes.
    Damaged,
    /// Its format is one version later.
    Newer,
}

/// Changes the vault in `folder`.
pub(crate) fn change(folder: &Path, becomes: Becomes) -> Result<()> {
    let file = folder.join("vault.moorline");
    let mut bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    ensure!(bytes.len() > 67, "the vault is shorter than its header");
    match becomes {
        Becomes::Damaged => bytes[66] ^= 1,
        Becomes::Newer => {
            // The version is a part of the first 27 bytes, and the next 8 check these.
            bytes[10] += 1;
            let check = digest(&SHA256, &bytes[..27]);
            bytes[27..35].copy_from_slice(&check.as_ref()[..8]);
        }
    }
    // Whole: a process may be reading it.
    let beside = file.with_extension("put");
    fs::write(&beside, bytes).with_context(|| format!("writing {}", beside.display()))?;
    fs::rename(&beside, &file).with_context(|| format!("writing {}", file.display()))
}
