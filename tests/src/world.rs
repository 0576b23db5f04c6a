//! A server behind a lossy proxy and a device with the demo app: what most tests of the SDK start from.

use anyhow::{Result, bail};
use moorline::{HttpRequest, HttpResponse, Moorline};

use crate::sdk::{self, Device};
use crate::{Browser, LossyProxy, Server, ServerOptions};

/// The token endpoint, as [`LossyProxy::on_next`] names it.
pub const TOKEN: &str = "POST /oauth/token";

/// See the module.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types say it")]
pub struct World {
    pub server: Server,
    pub proxy: LossyProxy,
    pub device: Device,
    pub browser: Browser,
}

impl World {
    /// Starts it all.
    ///
    /// Errors: when a part does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(ServerOptions::default()).await
    }

    /// Starts it all, with a server of these options.
    ///
    /// Errors: when a part does not start.
    pub async fn start_with(options: ServerOptions) -> Result<Self> {
        let proxy = LossyProxy::bind(0).await?;
        let issuer = format!("https://localhost:{}", proxy.port());
        let server = Server::start_with(options.with(["--issuer", &issuer]))?;
        proxy.run(&server)?;
        let browser = Browser::for_server(&server)?;
        Ok(Self { server, proxy, device: Device::new()?, browser })
    }

    /// The demo app as a new process would find it.
    ///
    /// Errors: the SDK's.
    pub fn app(&self) -> Result<Moorline, moorline::Error> {
        self.device.app(self.server.dev())
    }

    /// The demo app with ada signed in.
    ///
    /// Errors: when she can't sign in.
    pub async fn signed_in(&self) -> Result<Moorline> {
        let app = self.app()?;
        sdk::sign_in_with(&app, self.server.dev(), &self.browser, "ada").await?;
        Ok(app)
    }

    /// Lists the notes through the SDK.
    ///
    /// Errors: the SDK's.
    pub async fn notes(&self, app: &Moorline) -> Result<HttpResponse, moorline::Error> {
        app.send(HttpRequest::get(&format!("{}/notes", self.server.dev().api))).await
    }
}

/// Refreshes, and again while the SDK says that a retry can help: what an app does.
///
/// Errors: the SDK's, when it is final; or after ten tries.
pub async fn refresh_until_answered(app: &Moorline) -> Result<()> {
    for _ in 0..10 {
        match app.refresh(None).await {
            Ok(_) => return Ok(()),
            Err(error) if error.retry() != moorline::Retry::Never => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("no answer after ten tries")
}
