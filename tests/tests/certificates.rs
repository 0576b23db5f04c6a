//! A renewed certificate reaches a running server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use moorline_tests::serve::Serve;
use moorline_tests::{Server, tls};
use rustls::ClientConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A certificate that only a client with this configuration accepts.
struct Renewed {
    certificate: String,
    key: String,
    client: Arc<ClientConfig>,
}

impl Renewed {
    fn new() -> Result<Self> {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let client = Arc::new(tls::client_config(&own.cert.pem())?);
        Ok(Self { certificate: own.cert.pem(), key: own.signing_key.serialize_pem(), client })
    }

    /// Replaces both files as certbot does: by renaming, one after the other.
    fn install(&self, folder: &Path) -> Result<()> {
        for (name, text) in [("leaf.pem", &self.certificate), ("leaf-key.pem", &self.key)] {
            let new = folder.join("new.pem");
            std::fs::write(&new, text)?;
            std::fs::rename(new, folder.join(name))?;
        }
        Ok(())
    }

    async fn connect(&self, serve: &Serve) -> Result<TlsStream<TcpStream>> {
        tls::connect(&self.client, "localhost", ("127.0.0.1", serve.port())).await
    }

    /// Waits until the server shows this certificate.
    async fn is_shown(&self, serve: &Serve) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(90);
        while self.connect(serve).await.is_err() {
            ensure!(Instant::now() < end, "the server does not show the new certificate");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> Result<()> {
    stream.write_all(b"GET /oauth/jwks HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut buffer = Vec::new();
    let answer = moorline_tests::http1::Message::read(stream, &mut buffer).await?.context("an answer")?;
    ensure!(answer.status() == 200, "{}", answer.start);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() -> Result<()> {
    let mut server = Server::start()?;
    let ca = Arc::new(tls::client_config(server.dev().ca_pem.as_deref().context("a CA")?)?);
    server.stop()?;
    let mut serve = Serve::start(&server, "", &[])?;
    let mut before = tls::connect(&ca, "localhost", ("127.0.0.1", serve.port())).await?;
    ask(&mut before).await?;

    // The server looks at the files by itself.
    let first = Renewed::new()?;
    first.install(server.folder())?;
    first.is_shown(&serve).await?;
    ask(&mut before).await?;

    std::fs::write(server.folder().join("leaf.pem"), "no certificate")?;
    serve.reload()?;
    serve.logged("the one before it stays in use")?;
    ask(&mut first.connect(&serve).await?).await?;

    // Kubernetes swaps a symbolic link; SIGHUP does not wait for the next look.
    let (second, mounted) = (Renewed::new()?, server.folder().join("mounted"));
    std::fs::create_dir(&mounted)?;
    second.install(&mounted)?;
    for name in ["leaf.pem", "leaf-key.pem"] {
        std::fs::remove_file(server.folder().join(name))?;
        std::os::unix::fs::symlink(mounted.join(name), server.folder().join(name))?;
    }
    serve.reload()?;
    serve.logged("the certificate was loaded again")?;
    ask(&mut second.connect(&serve).await?).await?;
    ask(&mut before).await?;
    Ok(())
}
