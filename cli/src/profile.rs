//! A profile: a folder with its settings and its vault.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::home::{Home, check_folder, make_private_folder, write_private_file};
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
                "the profile name {name:?} is not allowed; use up to 64 letters, digits, dots, dashes and underscores"
            )));
        }
        Ok(Self { name: name.to_owned(), folder: home.profiles().join(name) })
    }

    /// All that are there, by name.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>, Failure> {
        check_folder(&home.profiles())?;
        let entries = match fs::read_dir(home.profiles()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::local(home.profiles().display(), error)),
        };
        let mut profiles: Vec<Self> = entries
            .flatten()
            .filter_map(|entry| Self::new(home, entry.file_name().to_str()?).ok())
            .filter(|profile| profile.settings_file().exists())
            .collect();
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(profiles)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.folder.join("vault")
    }

    /// Where the key is when it is in a plain file.
    pub(crate) fn file_keys(&self) -> PathBuf {
        self.folder.join("insecure-key")
    }

    /// The settings of the last sign-in, or `None` if there was none.
    ///
    /// # Errors
    /// [`Failure::DamagedProfile`] if the file is not what this program writes, [`Failure::Local`] if it cannot be
    /// read.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, Failure> {
        let file = self.settings_file();
        let Some(text) = self.stored_settings()? else { return Ok(None) };
        if text.trim_ascii().is_empty() {
            return Err(Failure::DamagedProfile { file, why: "it is empty".to_owned() });
        }
        let read = serde_json::from_slice::<serde_json::Map<_, _>>(&text)
            .map_err(|error| format!("it is not a JSON object (line {})", error.line()))
            .and_then(|object| serde_json::from_value(object.into()).map_err(|error| error.to_string()));
        read.map(Some).map_err(|why| Failure::DamagedProfile { file, why })
    }

    /// The file of the settings as it is.
    pub(crate) fn stored_settings(&self) -> Result<Option<Vec<u8>>, Failure> {
        check_folder(&self.folder)?;
        let file = self.settings_file();
        // Opening a pipe would wait for a writer.
        if fs::metadata(&file).is_ok_and(|found| !found.is_file()) {
            return Err(Failure::DamagedProfile { file, why: "it is not a regular file".to_owned() });
        }
        match fs::read(&file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::local(file.display(), error)),
        }
    }

    /// Stores the settings.
    pub(crate) fn keep(&self, settings: &Settings) -> Result<(), Failure> {
        let file = self.settings_file();
        let text =
            serde_json::to_vec_pretty(settings).map_err(|error| Failure::local(file.display(), error))?;
        self.restore(Some(&text))
    }

    /// Puts the file of the settings back as it was.
    pub(crate) fn restore(&self, stored: Option<&[u8]>) -> Result<(), Failure> {
        let file = self.settings_file();
        let restored = match stored {
            Some(text) => make_private_folder(&self.folder).and_then(|()| write_private_file(&file, text)),
            None => match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        restored.map_err(|error| Failure::local(file.display(), error))
    }

    /// Moves damaged settings aside, and returns where they are now.
    pub(crate) fn move_settings_aside(&self) -> Result<PathBuf, Failure> {
        let file = self.settings_file();
        let free = (1_u32..)
            .map(|n| self.folder.join(format!("profile.damaged-{n}.json")))
            .find(|path| !path.exists());
        let aside = free.unwrap_or_else(|| self.folder.join("profile.damaged.json"));
        fs::rename(&file, &aside).map_err(|error| Failure::local(file.display(), error))?;
        Ok(aside)
    }

    /// Moves damaged settings back from where [`move_settings_aside`](Self::move_settings_aside) has put them.
    pub(crate) fn move_settings_back(&self, aside: &Path) -> Result<(), Failure> {
        let file = self.settings_file();
        // A folder cannot replace a file.
        self.restore(None)?;
        fs::rename(aside, &file).map_err(|error| Failure::local(file.display(), error))
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
