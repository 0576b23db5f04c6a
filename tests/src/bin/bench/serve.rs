//! The server as an operator runs it: `moorline-server serve` on its defaults, with its log at `info`.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::{Server, binaries};
use rustix::process::{Pid, Signal, kill_process};

/// A running `moorline-server serve` on the folder and port of a development server that was stopped. Dropping it
/// kills the process.
#[derive(Debug)]
pub(crate) struct Serve(Child);

/// More than anything here asks for. The limits are on, so that what they cost is measured, but each session, each user
/// and this one address may do what thousands do otherwise.
const NO_LIMIT: u32 = 1_000_000;

impl Serve {
    /// Serves `database`, with the keys and at the address of a development server that was stopped.
    ///
    /// Errors: when it is not ready; its log has the reason.
    pub(crate) fn start(server: &Server, database: &str) -> Result<Self> {
        let (folder, dev) = (server.folder(), server.dev());
        let settings = folder.join("serve.toml");
        let text = format!(
            "issuer = {:?}\nlisten = {:?}\ndatabase = {database:?}\nmaster_key_file = {:?}\n\
             [tls]\ncertificate_file = {:?}\nprivate_key_file = {:?}\n\
             [http]\nidle_timeout = \"30m\"\nconnections_per_address = 16000\n\
             [limits]\ntoken_per_address = {NO_LIMIT}\nauthorize_per_address = {NO_LIMIT}\n\
             sign_in_per_account = {NO_LIMIT}\nsign_in_per_address = {NO_LIMIT}\n\
             rotation_per_session = {NO_LIMIT}\napi_per_account = {NO_LIMIT}\n",
            dev.issuer,
            dev.listen,
            folder.join("master.key"),
            folder.join("leaf.pem"),
            folder.join("leaf-key.pem"),
        );
        std::fs::write(&settings, text)?;
        let log = folder.join("serve.log");
        let mut command = Command::new(binaries::server()?);
        // Every variable of that name is a setting, or an error.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MOORLINE_"))
        {
            command.env_remove(name);
        }
        command.args(["serve", "--config"]).arg(&settings);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut process = Self(command.spawn().context("starting the server")?);
        let stdout = process.0.stdout.take().context("stdout was piped above")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        ensure!(line.starts_with("ready "), "moorline-server serve was not ready; it said:\n{}", said());
        Ok(process)
    }

    /// Asks it to stop (SIGTERM), and waits for its end.
    ///
    /// Errors: when it does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.0.id())?).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.0.wait()?;
        ensure!(status.success(), "moorline-server serve ended with {status}");
        Ok(())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
