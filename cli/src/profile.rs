//! A profile: a folder with its settings and its vault.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::home::{Home, make_private_folder, write_private_file};
use crate::settings::Settings;

/// One sign-in's place on this machine. It may not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    name: String,
    folder: PathBuf,
}

impl Profile {
    /// The profile of this name, which is also its folder's.
    pub(crate) fn new(home: &Home, name: &str) -> Result<Self, Failure> {
        let sound = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with(['.', '-'])
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !sound {
            return Err(Failure::usage(format!(
                "the profile name {name:?} won't do; use up to 64 letters, digits, dots, dashes and underscores"
            )));
        }
        Ok(Self { name: name.to_owned(), folder: home.profiles().join(name) })
    }

    /// All that are there, by name.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>, Failure> {
        let entries = match fs::read_dir(home.profiles()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::local(home.profiles().display(), &error)),
        };
        let mut profiles: Vec<Self> = entries
            .flatten()
            .filter_map(|entry| Self::new(home, entry.file_name().to_str()?).ok())
            .filter(|profile| profile.settings_file().is_file())
            .collect();
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(profiles)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.folder.join("vault")
    }

    /// Where the key is when it is in a plain file.
    pub(crate) fn file_keys(&self) -> PathBuf {
        self.folder.join("insecure-key")
    }

    /// The settings of the last sign-in; nothing where there was none.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, Failure> {
        let file = self.settings_file();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::local(file.display(), &error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| Failure::local(file.display(), &error))
    }

    /// Keeps the settings.
    pub(crate) fn keep(&self, settings: &Settings) -> Result<(), Failure> {
        let file = self.settings_file();
        let text =
            serde_json::to_string_pretty(settings).map_err(|error| Failure::local(file.display(), &error))?;
        make_private_folder(&self.folder)
            .and_then(|()| write_private_file(&file, &text))
            .map_err(|error| Failure::local(file.display(), &error))
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join(SETTINGS)
    }
}

/// Reads a file that the command line names.
pub(crate) fn read_named_file(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

const SETTINGS: &str = "profile.json";
