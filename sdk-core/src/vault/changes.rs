//! What this process has seen of a vault, through whichever of its objects.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::watch;

/// The vault, as this process saw it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    revision: u64,
    unreadable: bool,
}

impl Seen {
    /// Takes in the revision that was read or written, or `None` for a vault that could not be read. Returns whether
    /// that is news.
    pub(super) fn note(&mut self, revision: Option<u64>) -> bool {
        let now = Self { revision: revision.unwrap_or(self.revision), unreadable: revision.is_none() };
        std::mem::replace(self, now) != now
    }
}

/// What is shared by all vaults of this folder.
pub(super) fn of(folder: &Path) -> Arc<watch::Sender<Seen>> {
    static SHARED: Mutex<Vec<(PathBuf, Weak<watch::Sender<Seen>>)>> = Mutex::new(Vec::new());
    let folder = one_name(folder);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.retain(|(_, seen)| seen.strong_count() > 0);
    if let Some(seen) = shared.iter().find(|(path, _)| *path == folder).and_then(|(_, seen)| seen.upgrade()) {
        return seen;
    }
    let seen = Arc::new(watch::Sender::default());
    shared.push((folder, Arc::downgrade(&seen)));
    seen
}

/// The folder's one name: also before it exists, if a folder above it does.
pub(crate) fn one_name(folder: &Path) -> PathBuf {
    let named = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = named.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match found {
        Some((above, real)) => match named.strip_prefix(above) {
            // Joining an empty path would add a slash.
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_revision_and_another_readability_are_news() {
        let mut seen = Seen::default();
        assert!(!seen.note(Some(0)), "an empty vault");
        assert!(seen.note(Some(3)) && !seen.note(Some(3)));
        assert!(seen.note(None) && !seen.note(None));
        assert!(seen.note(Some(3)), "readable again");
        assert!(seen.note(Some(1)), "another process has begun a new vault");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_has_one_name_before_it_exists_and_after() {
        let parent = tempfile::tempdir().unwrap();
        let real = parent.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, parent.path().join("link")).unwrap();
        let (direct, linked) = (real.join("vault"), parent.path().join("link/vault"));
        assert_eq!(one_name(&direct), one_name(&linked));
        let before = of(&linked);
        std::fs::create_dir(&direct).unwrap();
        assert_eq!(one_name(&direct), one_name(&linked));
        assert!(Arc::ptr_eq(&before, &of(&direct)));
        assert!(!Arc::ptr_eq(&before, &of(&real)));
    }
}
