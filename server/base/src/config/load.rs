//! Reading the settings: a TOML file, then the environment over it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Tag, Value};
use garde::Validate;
use zeroize::Zeroizing;

use super::settings::{self, SETTINGS};
use super::{Config, MasterKeys, locate, unreadable};

/// What is wrong with the settings: one line each, naming file and line or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    fn one(message: impl Into<String>) -> Self {
        Self(vec![message.into()])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads the settings from `file` (if given) and the process's environment.
///
/// # Errors
/// [`ConfigError`] lists what is missing, unknown or wrong, and where.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let text = file
        .map(|path| std::fs::read_to_string(path).map_err(|error| ConfigError::one(unreadable(path, &error))))
        .transpose()?;
    let variables = ours(std::env::vars_os())?;
    let mut config = from_sources(file.zip(text.as_deref()), variables.clone())?;
    config.ignored_variables = ignored_variables(variables.iter().map(|(name, _)| name.as_str()));
    Ok(config)
}

/// The variables of the process that may be ours; what the others hold does not matter.
pub(super) fn ours(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let named = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named
        .filter(|(name, _)| name.starts_with(settings::PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(value) if !is_setting(&name) => Ok((name, value.to_string_lossy().into_owned())),
            Err(_) => Err(ConfigError::one(format!("environment variable {name}: must be Unicode text"))),
        })
        .collect()
}

/// Reads the settings from the text of a TOML file and from variables; files that they name are read.
///
/// # Errors
/// As [`load`].
pub fn from_sources(
    file: Option<(&Path, &str)>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let sources = Sources { file, variables: known_variables(variables)? };
    if let Some((path, text)) = file {
        toml::de::DeTable::parse(text).map_err(|error| syntax_error(path, text, &error))?;
    }
    let mut figment = Figment::new();
    if let Some((_, text)) = file {
        figment = figment.merge(Toml::string(text));
    }
    for (key, value) in &sources.variables {
        figment = figment.merge(Serialized::default(key, variable_value(key, value)));
    }
    let mut config: Config = figment
        .extract()
        .map_err(|errors| ConfigError(errors.into_iter().map(|e| sources.explain(&e)).collect()))?;
    config.validate().map_err(|report| {
        ConfigError(
            report.iter().map(|(path, error)| sources.at(&path.to_string(), &in_words(error))).collect(),
        )
    })?;
    sources.check_together(&config)?;
    if config.master_key.is_none() {
        config.master_key = Some(sources.read_master_key(&config)?);
    }
    Ok(config)
}

/// The variables that are no setting of ours although their names begin so. Kubernetes and Docker set some for each
/// service: the value of `MOORLINE_PORT` is an address then.
pub(super) fn ignored_variables<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_ours = |name: &str| is_setting(name) || settings::NOT_SETTINGS.contains(&name);
    let mut ignored: Vec<String> = names.filter(|name| !is_ours(name)).map(str::to_owned).collect();
    ignored.sort_unstable();
    ignored
}

fn is_setting(variable: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.variable() == variable)
}

/// Whether Kubernetes or Docker sets a variable of this name for a service.
fn is_service_link(name: &str) -> bool {
    let after_port = name.rsplit_once("_PORT_").map(|(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || name.contains("_SERVICE_PORT_")
        || after_port.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The variables of ours, by the key that they set. One that is a few letters away from a setting is a mistake, and
/// the server would run with other settings than its operator believes; any other `MOORLINE_…` is not ours.
fn known_variables(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<&'static str, Zeroizing<String>>, ConfigError> {
    let mut known = BTreeMap::new();
    let mut unknown = Vec::new();
    for (name, value) in variables {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) {
            known.insert(setting.key, Zeroizing::new(value));
        } else if name.starts_with(settings::PREFIX)
            && !settings::NOT_SETTINGS.contains(&name.as_str())
            && !is_service_link(&name)
        {
            let names = SETTINGS.iter().map(settings::Setting::variable).collect::<Vec<_>>();
            let hint = closest(&name, names.iter().map(String::as_str));
            if !hint.is_empty() {
                unknown.push(format!("environment variable {name}: there is no such setting{hint}"));
            }
        }
    }
    if unknown.is_empty() { Ok(known) } else { Err(ConfigError(unknown)) }
}

/// A variable's text as the type that its setting has in TOML.
fn variable_value(key: &str, text: &str) -> Value {
    let kind = SETTINGS.iter().find(|setting| setting.key == key).map(|setting| setting.kind);
    let parsed = match kind {
        Some(settings::Kind::Number) => text.trim().parse::<u64>().ok().map(Value::from),
        Some(settings::Kind::Switch) => text.trim().parse::<bool>().ok().map(Value::from),
        Some(settings::Kind::List) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(Tag::Default, items.map(Value::from).collect()))
        }
        Some(settings::Kind::Text) | None => None,
    };
    parsed.unwrap_or_else(|| Value::from(text))
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map_or(1, |span| locate::line_of(text, span.start));
    ConfigError::one(format!("{}, line {line}: {}", path.display(), error.message()))
}

struct Sources<'a> {
    file: Option<(&'a Path, &'a str)>,
    variables: BTreeMap<&'static str, Zeroizing<String>>,
}

impl Sources<'_> {
    /// What is wrong at `key`, with the place that says so: the variable if one sets it, else the file's line.
    fn at(&self, key: &str, message: &str) -> String {
        // An item of a list has a key of its own; the variable is the list's.
        let is_or_holds = |set: &&&str| {
            key.strip_prefix(**set).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if let Some(set) = self.variables.keys().find(is_or_holds) {
            return format!("environment variable {}: {message}", settings::variable_of(set));
        }
        match self.file.and_then(|(path, text)| Some((path, locate::line_of_key(text, key)?))) {
            Some((path, line)) => format!("{}, line {line}: {key}: {message}", path.display()),
            None => format!("{key}: {message}"),
        }
    }

    fn explain(&self, error: &figment::Error) -> String {
        use figment::error::Kind;

        let key = error.path.join(".");
        match &error.kind {
            Kind::MissingField(field) => {
                let key = if key.is_empty() { field.to_string() } else { format!("{key}.{field}") };
                let variable = settings::variable_of(&key);
                format!("{key} is not set: write it into the configuration file, or set {variable}")
            }
            Kind::UnknownField(field, _) => {
                let prefix = if key.is_empty() || key == *field || key.ends_with(&format!(".{field}")) {
                    key.strip_suffix(field.as_str()).unwrap_or(&key).to_owned()
                } else {
                    format!("{key}.")
                };
                let full = format!("{prefix}{field}");
                let hint = closest(&full, SETTINGS.iter().map(|setting| setting.key));
                self.at(&full, &format!("there is no such setting{hint}"))
            }
            // The value of a secret must not come back in a message, not even its wrong form.
            Kind::InvalidType(..) | Kind::InvalidValue(..) if settings::is_secret(&key) => {
                self.at(&key, "must be text in quotes")
            }
            Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
                let expected = if is_number(expected) { "a whole number from 0 on" } else { expected };
                self.at(&key, &format!("is {actual}, and must be {expected}"))
            }
            Kind::UnknownVariant(actual, expected) => {
                self.at(&key, &format!("is {actual:?}, and must be one of {}", expected.join(", ")))
            }
            kind => self.at(&key, &kind.to_string()),
        }
    }

    /// What no single setting shows.
    fn check_together(&self, config: &Config) -> Result<(), ConfigError> {
        let mut wrong = Vec::new();
        if config.http.plain {
            if !config.listen.ip().is_loopback() {
                wrong.push(
                    self.at("http.plain", "plain HTTP is only for a loopback address; `listen` is another"),
                );
            }
            if config.tls.is_some() {
                wrong.push(self.at("http.plain", "contradicts [tls]: set one of the two"));
            }
        } else if config.tls.is_none() {
            wrong.push(
                "tls.certificate_file and tls.private_key_file are not set (or set http.plain behind a TLS proxy)"
                    .to_owned(),
            );
        } else if !config.issuer.is_https() {
            wrong.push(self.at("issuer", "must start with https:// where TLS is spoken"));
        }
        if config.database.file().is_none() {
            if config.store.role == super::Role::Replica {
                wrong.push(self.at("store.role", "is for SQLite: every node of a Postgres database writes"));
            }
            if config.store.revocation_log.is_some() {
                wrong.push(self.at("store.revocation_log", "is for SQLite: Postgres has its own archive"));
            }
        }
        if config.tokens.session_idle > config.tokens.session_absolute {
            wrong.push(self.at("tokens.session_idle", "is longer than tokens.session_absolute"));
        }
        if config.master_key.is_some() && config.master_key_file.is_some() {
            wrong.push(self.at("master_key_file", "contradicts master_key: set one of the two"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(ConfigError(wrong)) }
    }

    fn read_master_key(&self, config: &Config) -> Result<MasterKeys, ConfigError> {
        let Some(path) = &config.master_key_file else {
            return Err(ConfigError::one(format!(
                "no master key: set master_key_file (or {}) to a file, or {} to the key itself; 32 random bytes in base64",
                settings::variable_of("master_key_file"),
                settings::variable_of("master_key"),
            )));
        };
        let wrong = |message: &str| ConfigError::one(self.at("master_key_file", message));
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| wrong(&unreadable(path, &error)))?;
        text.parse().map_err(|message: String| wrong(&format!("{}: {message}", path.display())))
    }
}

/// What is wrong with a number, in the words of the other messages.
fn in_words(error: &garde::Error) -> String {
    let text = error.to_string();
    let limit = |side: &str, at: &str| text.strip_prefix(side).map(|limit| format!("must be {at} {limit}"));
    limit("lower than ", "at least").or_else(|| limit("greater than ", "at most")).unwrap_or(text)
}

/// Whether a message expects one of Rust's unsigned numbers.
fn is_number(expected: &str) -> bool {
    ["u32", "u64", "usize"].contains(&expected)
}

/// ` (did you mean …?)` when a known name is a few letters away.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 4)
        .map(|(_, candidate)| format!(" (did you mean {candidate}?)"))
        .unwrap_or_default()
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replace = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
