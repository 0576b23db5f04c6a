//! Files that are corrupted at any byte, cut, extended, or something else altogether: the right error, no panic, and
//! nothing deleted.

use super::*;

/// Every file that differs from `whole` in one byte, was cut, or has something behind it.
fn every_corruption_of(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let changed = (0..whole.len()).flat_map(move |at| {
        [whole[at] ^ 0x01, whole[at] ^ 0x80, !whole[at]].map(|byte| {
            let mut bytes = whole.to_vec();
            bytes[at] = byte;
            bytes
        })
    });
    let cut = (0..whole.len()).map(move |length| whole[..length].to_vec());
    let doubled = [whole, whole].concat();
    let extended = [1, 16, 64, whole.len()].map(move |more| doubled[..whole.len() + more].to_vec());
    changed.chain(cut).chain(extended)
}

/// The folder of a vault with `token` signed in and its refresh journalled.
fn begun(token: &str) -> (Home, Secret) {
    let home = Home::new();
    sign_in(&home.open(), token);
    let attempt = home.open().begin_refresh(&id("a"), true).unwrap().attempt.unwrap();
    (home, attempt)
}

fn record_of(token: &str) -> String {
    attempts::file_name(&Secret::new(token.into()))
}

#[test]
fn a_vault_with_any_byte_wrong_is_damaged_and_lies_aside_as_it_was() {
    let (home, _) = begun("rt");
    let whole = std::fs::read(home.file()).unwrap();
    for bytes in every_corruption_of(&whole) {
        std::fs::write(home.file(), &bytes).unwrap();
        assert_eq!(home.open().read().map(drop), Err(VaultError::Damaged));
        assert!(!home.file().exists());
        let aside: Vec<_> = home.names().into_iter().filter(|name| name.contains("unreadable")).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(std::fs::read(home.path().join(&aside[0])).unwrap(), bytes);
        std::fs::remove_file(home.path().join(&aside[0])).unwrap();
    }
    std::fs::write(home.file(), &whole).unwrap();
    assert!(home.open().read().unwrap().state(&id("a")).session().is_some());
}

#[test]
fn a_pending_record_with_any_byte_wrong_is_replaced_and_lies_aside_as_it_was() {
    let (home, attempt) = begun("rt");
    let record = home.path().join(record_of("rt"));
    let whole = std::fs::read(&record).unwrap();
    for bytes in every_corruption_of(&whole) {
        std::fs::write(&record, &bytes).unwrap();
        let next = home.open().begin_refresh(&id("a"), true).unwrap();
        assert_ne!(next.attempt.unwrap(), attempt);
        let aside: Vec<_> = home.names().into_iter().filter(|name| name.contains("unreadable")).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(std::fs::read(home.path().join(&aside[0])).unwrap(), bytes);
        std::fs::remove_file(home.path().join(&aside[0])).unwrap();
    }
    std::fs::write(&record, &whole).unwrap();
    assert_eq!(home.open().begin_refresh(&id("a"), true).unwrap().attempt, Some(attempt));
}

/// Something in the place of a file of the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    ThisVault,
    ThisRecord,
    /// Of a folder whose key is in another key store.
    VaultOfAnotherDevice,
    RecordOfAnotherDevice,
    /// Of a folder whose key is in the same key store.
    RecordOfAnotherFolder,
    Newer,
    Empty,
    Text,
    Folder,
    Pipe,
    LinkToThisVault,
    LinkToNowhere,
    LinkToItself,
    /// A file that can't be read (not even by root).
    Unreadable,
}

const THINGS: [Thing; 14] = [
    Thing::ThisVault,
    Thing::ThisRecord,
    Thing::VaultOfAnotherDevice,
    Thing::RecordOfAnotherDevice,
    Thing::RecordOfAnotherFolder,
    Thing::Newer,
    Thing::Empty,
    Thing::Text,
    Thing::Folder,
    Thing::Pipe,
    Thing::LinkToThisVault,
    Thing::LinkToNowhere,
    Thing::LinkToItself,
    Thing::Unreadable,
];

impl Thing {
    /// Puts it at `path`, in the folder of `home`, whose vault and record it keeps beside.
    fn put_at(self, path: &Path, home: &Home) {
        let (vault, record) = (home.file(), home.path().join(record_of("rt")));
        let kept = home.folder.path().join("kept");
        std::fs::copy(&vault, &kept).unwrap();
        let newer = newer_version_of(&std::fs::read(if path == vault { &vault } else { &record }).unwrap());
        let this_record = std::fs::read(&record).unwrap();
        std::fs::remove_file(path).unwrap();
        let link_to = |target: &Path| std::os::unix::fs::symlink(target, path).unwrap();
        match self {
            Self::ThisVault => std::fs::write(path, std::fs::read(&kept).unwrap()).unwrap(),
            Self::ThisRecord => std::fs::write(path, this_record).unwrap(),
            Self::VaultOfAnotherDevice => {
                std::fs::copy(begun("rt").0.file(), path).unwrap();
            }
            Self::RecordOfAnotherDevice => {
                let (other, _) = begun("rt");
                std::fs::copy(other.path().join(record_of("rt")), path).unwrap();
            }
            Self::RecordOfAnotherFolder => {
                let other = Home {
                    folder: tempfile::tempdir().unwrap(),
                    keys: home.keys.clone(),
                    disk: Arc::default(),
                };
                sign_in(&other.open(), "rt");
                other.open().begin_refresh(&id("a"), true).unwrap();
                std::fs::copy(other.path().join(record_of("rt")), path).unwrap();
            }
            Self::Newer => std::fs::write(path, newer).unwrap(),
            Self::Empty => std::fs::write(path, b"").unwrap(),
            Self::Text => std::fs::write(path, b"dear diary").unwrap(),
            Self::Folder => {
                std::fs::create_dir(path).unwrap();
                std::fs::write(path.join("inside"), b"kept").unwrap();
            }
            Self::Pipe => {
                use rustix::fs::{CWD, FileType, Mode, mknodat};
                mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
            }
            Self::LinkToThisVault => link_to(&kept),
            Self::LinkToNowhere => link_to(Path::new("nowhere")),
            Self::LinkToItself => link_to(path),
            Self::Unreadable => link_to(Path::new("/proc/self/mem")),
        }
    }

    /// What is there, as a text to compare: kind, and contents or target.
    fn seen_at(path: &Path) -> Option<String> {
        let kind = std::fs::symlink_metadata(path).ok()?.file_type();
        let held = if kind.is_symlink() {
            format!("{:?}", std::fs::read_link(path).unwrap())
        } else if kind.is_dir() {
            format!("{:?}", std::fs::read(path.join("inside")).unwrap())
        } else if kind.is_file() {
            format!("{:?}", std::fs::read(path).unwrap())
        } else {
            String::new()
        };
        Some(format!("{kind:?} {held}"))
    }

    /// How a vault fails to open if this is in its place.
    const fn as_a_vault(self) -> Option<VaultErrorKind> {
        match self {
            Self::ThisVault | Self::LinkToThisVault => None,
            Self::VaultOfAnotherDevice => Some(VaultErrorKind::KeyGone),
            Self::Newer => Some(VaultErrorKind::Newer),
            Self::LinkToNowhere | Self::LinkToItself | Self::Unreadable => Some(VaultErrorKind::Unavailable),
            _ => Some(VaultErrorKind::Damaged),
        }
    }

    /// The same of a pending record. What is damaged there is replaced, since nothing was sent with it.
    const fn as_a_record(self) -> Option<VaultErrorKind> {
        match self {
            Self::Newer => Some(VaultErrorKind::Newer),
            Self::LinkToNowhere | Self::LinkToItself | Self::Unreadable => Some(VaultErrorKind::Unavailable),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VaultErrorKind {
    Unavailable,
    InTheWay,
    KeyGone,
    Damaged,
    Newer,
}

fn kind(error: &VaultError) -> VaultErrorKind {
    match error {
        VaultError::Unavailable { .. } | VaultError::Locked => VaultErrorKind::Unavailable,
        VaultError::InTheWay(_) => VaultErrorKind::InTheWay,
        VaultError::KeyGone => VaultErrorKind::KeyGone,
        VaultError::Damaged => VaultErrorKind::Damaged,
        VaultError::Newer => VaultErrorKind::Newer,
    }
}

/// Whether what `seen` tells is still in the folder, in its place or aside.
fn is_still_there(home: &Home, seen: &str) -> bool {
    home.names().iter().any(|name| Thing::seen_at(&home.path().join(name)).as_deref() == Some(seen))
}

#[test]
fn whatever_is_in_the_vaults_place_is_the_right_error_and_stays() {
    for thing in THINGS {
        let (home, _) = begun("rt");
        thing.put_at(&home.file(), &home);
        let seen = Thing::seen_at(&home.file()).unwrap();
        for _again in 0..2 {
            assert_eq!(home.open().read().err().as_ref().map(kind), thing.as_a_vault(), "{thing:?}");
            let changed = home.open().update(WhenLost::Fail, |_| Change::Keep(()));
            assert_eq!(changed.err().as_ref().map(kind), thing.as_a_vault(), "{thing:?}");
            let begun = home.open().begin_refresh(&id("a"), true);
            assert_eq!(begun.err().as_ref().map(kind), thing.as_a_vault(), "{thing:?}");
            assert!(is_still_there(&home, &seen), "{thing:?}");
        }
        let is_aside = !home.file().exists() && std::fs::symlink_metadata(home.file()).is_err();
        assert_eq!(is_aside, thing.as_a_vault() == Some(VaultErrorKind::Damaged), "{thing:?}");
        // A sign-in or sign-out replaces a vault that is lost, and no other.
        let replaced = home.open().update(WhenLost::StartAnew, |_| Change::Write(()));
        let lost = matches!(thing.as_a_vault(), Some(VaultErrorKind::KeyGone | VaultErrorKind::Damaged));
        assert_eq!(replaced.is_ok(), lost || thing.as_a_vault().is_none(), "{thing:?}");
        if lost || replaced.is_err() {
            assert!(is_still_there(&home, &seen), "{thing:?}");
        }
    }
}

#[test]
fn whatever_is_in_a_pending_records_place_is_the_right_error_and_stays() {
    for thing in THINGS {
        let (home, attempt) = begun("rt");
        let record = home.path().join(record_of("rt"));
        thing.put_at(&record, &home);
        let seen = Thing::seen_at(&record).unwrap();
        let begun = home.open().begin_refresh(&id("a"), true);
        assert_eq!(begun.as_ref().err().map(kind), thing.as_a_record(), "{thing:?}");
        assert!(is_still_there(&home, &seen), "{thing:?}");
        if let Ok(begun) = begun {
            assert_eq!(begun.attempt.as_ref() == Some(&attempt), thing == Thing::ThisRecord, "{thing:?}");
            // And from here on it is that one.
            assert_eq!(home.open().begin_refresh(&id("a"), true).unwrap().attempt, begun.attempt);
        }
    }
}

#[test]
fn a_vault_of_another_folder_with_the_same_key_store_opens_as_a_folder_that_was_moved_does() {
    let here = Home::new();
    sign_in(&here.open(), "here");
    let there = Home { folder: tempfile::tempdir().unwrap(), keys: here.keys.clone(), disk: Arc::default() };
    sign_in(&there.open(), "there");
    std::fs::copy(there.file(), here.file()).unwrap();
    let standing = here.open().read().unwrap().state(&id("a"));
    assert_eq!(standing.session().unwrap().refresh_token.as_ref(), Some(&Secret::new("there".into())));
}

#[test]
fn a_folder_that_is_a_link_is_followed() {
    let home = Home::new();
    sign_in(&home.open(), "rt");
    let link = home.folder.path().join("link");
    std::os::unix::fs::symlink(home.path(), &link).unwrap();
    let vault = Vault::new(link, home.keys.clone(), home.disk.clone());
    queue(&vault, "t1").unwrap();
    assert_eq!(queued(&home.open()).unwrap(), ["t1"]);
}

#[test]
fn a_file_in_the_folders_place_is_unavailable_and_stays() {
    let home = Home::new();
    std::fs::create_dir_all(home.path().parent().unwrap()).unwrap();
    std::fs::write(home.path(), b"a file").unwrap();
    assert_eq!(home.open().read().err().as_ref().map(kind), Some(VaultErrorKind::Unavailable));
    assert_eq!(queue(&home.open(), "t1").err().as_ref().map(kind), Some(VaultErrorKind::Unavailable));
    assert_eq!(std::fs::read(home.path()).unwrap(), b"a file");
}

#[test]
fn whatever_is_in_the_place_of_a_slot_or_a_sent_record_is_moved_aside_and_stays() {
    for thing in [Thing::Folder, Thing::Pipe] {
        for start in ["slot-", "sent-"] {
            let (home, _) = begun("rt");
            let vault = home.open();
            let (lease, token) = (vault.try_lease(&id("a")).unwrap().unwrap(), Secret::new("rt".into()));
            vault.prepare_exchange(&lease, &token).unwrap();
            let name = home.names().into_iter().find(|name| name.starts_with(start)).unwrap();
            thing.put_at(&home.path().join(&name), &home);
            let seen = Thing::seen_at(&home.path().join(&name)).unwrap();
            let sent_before = vault.prepare_exchange(&lease, &token);
            assert!(
                matches!(sent_before, Ok(SentBefore::Yes | SentBefore::Suspended)),
                "{thing:?} {sent_before:?}"
            );
            assert!(is_still_there(&home, &seen), "{thing:?}");
            assert!(home.path().join(&name).is_file(), "{thing:?}");
        }
    }
}

#[test]
fn whatever_is_in_a_lock_files_place_is_named_with_its_path() {
    for thing in [Thing::Folder, Thing::Pipe] {
        let (home, _) = begun("rt");
        let vault = home.open();
        drop(vault.try_lease(&id("a")).unwrap().unwrap());
        for start in ["lease-", "vault.lock"] {
            let name = home.names().into_iter().find(|name| name.starts_with(start)).unwrap();
            let path = home.path().join(name);
            thing.put_at(&path, &home);
            let error = match start {
                "lease-" => vault.try_lease(&id("a")).map(drop).unwrap_err(),
                _ => queue(&vault, "t1").unwrap_err(),
            };
            assert!(
                matches!(&error, VaultError::InTheWay(what) if what.contains(path.to_str().unwrap())),
                "{error:?}"
            );
        }
    }
}
