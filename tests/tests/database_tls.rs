//! A Postgres database over TLS.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::{Postgres, Server, binaries};

/// A command beside a server that has stopped, on the database of this URL.
fn run(server: &Server, url: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(binaries::server()?);
    command.args(arguments).arg("--config").arg(server.settings(1)?).env("MOORLINE_DATABASE", url);
    Ok(command.output()?)
}

fn refusal(server: &Server, url: &str) -> Result<String> {
    let done = run(server, url, &["check-config"])?;
    ensure!(!done.status.success(), "{url} was accepted");
    Ok(String::from_utf8(done.stderr)?)
}

#[test]
fn a_database_over_tls_is_reached_by_its_name_and_a_root_that_is_trusted() -> Result<()> {
    let mut server = Server::start()?;
    server.stop()?;
    let folder = server.folder().to_owned();
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let own_root = folder.join("own-root.pem");
    std::fs::write(&own_root, server.dev().ca_pem.as_deref().context("the server has a CA")?)?;
    let other = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()])?;
    let other_root = folder.join("other-root.pem");
    std::fs::write(&other_root, other.cert.pem())?;

    let mut postgres = Postgres::start()?;
    let port = postgres.serve_over_tls(&read("leaf.pem")?, &read("leaf-key.pem")?)?;
    let url = |port: u16, mode: &str, root: &Path| {
        format!("postgres://moorline@localhost:{port}/postgres?sslmode={mode}&sslrootcert={}", root.display())
    };
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = refusal(&server, &url(port, mode, &other_root))?;
        assert!(refused.contains("certificate") && refused.contains("sslrootcert=FILE"), "{mode}: {refused}");
    }
    let refused =
        refusal(&server, &format!("postgres://moorline@localhost:{port}/postgres?sslmode=disable"))?;
    assert!(refused.contains("no encryption"), "{refused}");

    server.move_to(&url(port, "verify-full", &own_root))?;
    for mode in ["require", "verify-ca", "verify-full"] {
        let done = run(&server, &url(port, mode, &own_root), &["check-config"])?;
        assert!(done.status.success(), "{mode}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let users = run(&server, &url(port, "verify-full", &own_root), &["user", "list"])?;
    assert!(String::from_utf8(users.stdout)?.contains("ada"));

    // The root is trusted, and the name is another's.
    let port = postgres.serve_over_tls(&other.cert.pem(), &other.signing_key.serialize_pem())?;
    let refused = refusal(&server, &url(port, "require", &other_root))?;
    assert!(refused.contains("not valid for name") && refused.contains("into the URL"), "{refused}");
    Ok(())
}
