//! The server as an operator runs it: `moorline-server serve` on its defaults, with its log at `info`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use moorline_tests::sdk::CLIENT;
use moorline_tests::serve::Serve;
use moorline_tests::{Server, binaries};

/// More than anything here asks for. The limits are on, so that what they cost is measured, but each session, each user
/// and this one address may do what thousands do otherwise.
const NO_LIMIT: u32 = 1_000_000;

/// Serves `database`, with the keys and at the address of a development server that was stopped.
///
/// Errors: when it is not ready, with its log.
pub(crate) fn start(server: &Server, database: &str) -> Result<Serve> {
    start_with(server, database, "")
}

/// The same, as one node of several: used proofs, nonces and limits are in `redis`.
///
/// Errors: as [`start`].
pub(crate) fn start_sharing(server: &Server, database: &str, redis: &str) -> Result<Serve> {
    start_with(server, database, &format!("shared = {redis:?}\n"))
}

fn start_with(server: &Server, database: &str, more: &str) -> Result<Serve> {
    let (folder, dev) = (server.folder(), server.dev());
    let settings = settings(server);
    let text = format!(
        "issuer = {:?}\nlisten = {:?}\ndatabase = {database:?}\nmaster_key_file = {:?}\n{more}\
         [tls]\ncertificate_file = {:?}\nprivate_key_file = {:?}\n\
         [http]\nidle_timeout = \"30m\"\nconnections_per_address = 16000\n\
         [limits]\ntoken_per_address = {NO_LIMIT}\nauthorize_per_address = {NO_LIMIT}\n\
         sign_in_per_account = {NO_LIMIT}\nsign_in_tries = {NO_LIMIT}\n\
         sign_in_per_address = {NO_LIMIT}\n\
         rotation_per_session = {NO_LIMIT}\napi_per_account = {NO_LIMIT}\n",
        dev.issuer,
        dev.listen,
        folder.join("master.key"),
        folder.join("leaf.pem"),
        folder.join("leaf-key.pem"),
    );
    std::fs::write(&settings, text)?;
    Serve::start_on(server, &settings)
}

/// Has the access tokens of the clients be signed by this algorithm from now on.
///
/// Errors: when the command is refused.
pub(crate) fn sign_access_tokens_by(server: &Server, algorithm: &str) -> Result<()> {
    let arguments = ["client", "update", CLIENT, "--access-token-alg", algorithm, "--config"];
    let mut command = Command::new(binaries::server()?);
    let done = command.args(arguments).arg(settings(server)).output().context("starting a command")?;
    ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

fn settings(server: &Server) -> PathBuf {
    server.folder().join("serve.toml")
}
