//! `moorline-dev.json`: what `moorline-server dev` writes about itself.

use std::path::Path;

use serde::Deserialize;
use url::Url;

use crate::failure::Failure;
use crate::profile::read_named_file;
use crate::settings::{Pins, Settings};

#[derive(Debug, Deserialize)]
struct DevFile {
    issuer: String,
    api: String,
    #[serde(default)]
    http: bool,
    ca_pem: Option<String>,
    pins: Option<DevPins>,
    clients: Vec<DevClient>,
}

#[derive(Debug, Deserialize)]
struct DevPins {
    host: String,
    primary: String,
    backup: String,
    expires: String,
}

#[derive(Debug, Deserialize)]
struct DevClient {
    client_id: String,
    #[serde(default)]
    scopes: Vec<String>,
}

/// The settings in the file (or in the file of that name in the folder), for the client of this id or the first one.
pub(crate) fn settings(path: &Path, client_id: Option<&str>) -> Result<Settings, Failure> {
    let path = if path.is_dir() { path.join("moorline-dev.json") } else { path.to_owned() };
    let file: DevFile = serde_json::from_str(&read_named_file(&path)?)
        .map_err(|error| Failure::usage(format!("{} is not a moorline-dev.json: {error}", path.display())))?;
    let client = file
        .clients
        .into_iter()
        .find(|client| client_id.is_none_or(|id| id == client.client_id))
        .ok_or_else(|| Failure::usage(format!("{} has no such client", path.display())))?;
    let api = Url::parse(&file.api).map_err(|error| {
        Failure::usage(format!("{}: the API's address is malformed: {error}", path.display()))
    })?;
    Ok(Settings {
        issuer: file.issuer,
        client_id: client.client_id,
        scopes: client.scopes,
        pins: file
            .pins
            .map(|pins| Pins {
                host: pins.host,
                primary: vec![pins.primary],
                backup: vec![pins.backup],
                expires: pins.expires,
            })
            .into_iter()
            .collect(),
        ca_pem: file.ca_pem,
        allow_http: file.http,
        allow_bearer: false,
        resources: Vec::new(),
        api_origins: vec![api.origin().ascii_serialization()],
        insecure_file_key: false,
        redirect_host: None,
        redirect_port: None,
    })
}
