//! A browser without a screen: it follows redirects, keeps cookies and fills in the real pages.

use anyhow::{Context as _, Result, bail};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, ClientBuilder, redirect};
use url::Url;

use crate::html::{Form, forms, refresh, text_of};
use crate::{Server, User, tls};

/// More steps than any sign-in takes.
const MOST_STEPS: usize = 20;

/// What to answer on the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Share what is asked for.
    Allow,
    /// Refuse.
    Deny,
}

/// A page that the browser shows.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Page {
    pub url: Url,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Page {
    /// The text of the page's main heading.
    pub fn heading(&self) -> Option<String> {
        text_of(&self.body, "h1")
    }

    /// A header's value, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Where a walk through the provider's pages ended.
#[derive(Debug, Clone)]
pub enum Landing {
    /// At the app: the address that the provider sent the browser to, not opened.
    Callback(Url),
    /// On a page of the provider that asks for nothing more, or that refused what was filled in.
    Page(Page),
}

impl Landing {
    /// The callback.
    ///
    /// Errors: with the page's heading and status, when the walk ended on a page.
    pub fn callback(self) -> Result<Url> {
        match self {
            Self::Callback(url) => Ok(url),
            Self::Page(page) => {
                bail!(
                    "no callback, but {} {}: {}",
                    page.status,
                    page.url.path(),
                    page.heading().unwrap_or(page.body)
                )
            }
        }
    }

    /// The page.
    ///
    /// Errors: when the walk ended at the app.
    pub fn page(self) -> Result<Page> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Callback(_) => bail!("the browser was sent to the app"),
        }
    }
}

/// One user's browser: its cookies last as long as it does.
#[derive(Debug, Clone)]
pub struct Browser {
    client: Client,
}

impl Browser {
    /// A browser that trusts `ca_pem` alone; without one it speaks plain HTTP.
    ///
    /// Errors: when the PEM is not a certificate.
    pub fn new(ca_pem: Option<&str>) -> Result<Self> {
        // As browsers do: in HTTP/1.1 an answer that comes before the request's end can get lost.
        Self::speaking(ca_pem, &["h2", "http/1.1"], Client::builder())
    }

    /// A browser with a new connection for each request, so that a balancer takes each to another server.
    ///
    /// Errors: when the PEM is not a certificate.
    pub fn that_reconnects(ca_pem: Option<&str>) -> Result<Self> {
        Self::speaking(ca_pem, &["http/1.1"], Client::builder().pool_max_idle_per_host(0))
    }

    fn speaking(ca_pem: Option<&str>, protocols: &[&str], builder: ClientBuilder) -> Result<Self> {
        let mut config = tls::client_config(ca_pem.unwrap_or_default())?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let client = builder
            .tls_backend_preconfigured(config)
            .cookie_store(true)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    /// A browser for that server.
    ///
    /// Errors: when the server's CA can't be read.
    pub fn for_server(server: &Server) -> Result<Self> {
        Self::new(server.dev().ca_pem.as_deref())
    }

    /// The HTTP client with this browser's cookies, for requests of any kind.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens an address, and stays where it leads (redirects are not followed).
    ///
    /// Errors: when nobody answers.
    pub async fn open(&self, url: &str) -> Result<Page> {
        page(self.client.get(url).send().await?).await
    }

    /// Signs in as `user`, allows what is asked for, and returns the callback.
    ///
    /// Errors: when the walk doesn't end at the app.
    pub async fn sign_in(&self, authorization_url: &str, user: &User) -> Result<Url> {
        self.walk(authorization_url, user, Consent::Allow).await?.callback()
    }

    /// Walks through the provider's pages: redirects and refreshes are followed within its origin, the sign-in form is
    /// filled in once, consent is answered.
    ///
    /// Errors: when nobody answers, or it goes on for more steps than any sign-in takes.
    pub async fn walk(&self, url: &str, user: &User, consent: Consent) -> Result<Landing> {
        let provider = Url::parse(url)?.origin();
        let mut request = self.client.get(url).build()?;
        let mut password_given = false;
        for _ in 0..MOST_STEPS {
            let page = page(self.client.execute(request).await?).await?;
            if (300..400).contains(&page.status) {
                let target = page.header(LOCATION.as_str()).context("a redirect without a Location")?;
                let target = page.url.join(target)?;
                if target.origin() != provider {
                    return Ok(Landing::Callback(target));
                }
                request = self.client.get(target).build()?;
                continue;
            }
            if let Some(next) = refresh(&page.body) {
                request = self.client.get(page.url.join(&next)?).build()?;
                continue;
            }
            let Some(form) = self.fill_in(&page, user, consent, &mut password_given) else {
                return Ok(Landing::Page(page));
            };
            let target =
                if form.action.is_empty() { page.url.clone() } else { page.url.join(&form.action)? };
            if form.method != "post" {
                bail!("a form that is sent by {}", form.method);
            }
            // What a browser sends with a form of the same site; a server may check it (and ours does).
            let origin = page.url.origin().ascii_serialization();
            request = self.client.post(target).header("origin", origin).form(&form.fields).build()?;
        }
        bail!("more than {MOST_STEPS} steps from {url}")
    }

    /// The form to send from this page; `None` when it asks for nothing that this browser can answer.
    fn fill_in(&self, page: &Page, user: &User, consent: Consent, password_given: &mut bool) -> Option<Form> {
        let mut candidates = forms(&page.body).into_iter();
        if let Some(mut form) = candidates.clone().find(|form| form.has("password")) {
            if std::mem::replace(password_given, true) {
                return None;
            }
            // `login` is what oidc-provider's development pages call it.
            for name in ["username", "login"] {
                form.set(name, &user.username);
            }
            form.set("password", &user.password);
            return Some(form);
        }
        if let Some(mut form) =
            candidates.clone().find(|form| form.buttons.iter().any(|(name, _)| name == "decision"))
        {
            let decision = if consent == Consent::Allow { "allow" } else { "deny" };
            form.fields.push(("decision".to_owned(), decision.to_owned()));
            return Some(form);
        }
        candidates.find(|form| form.fields.iter().any(|(name, value)| name == "prompt" && value == "consent"))
    }
}

async fn page(response: reqwest::Response) -> Result<Page> {
    let (url, status, headers) =
        (response.url().clone(), response.status().as_u16(), response.headers().clone());
    Ok(Page { url, status, headers, body: response.text().await? })
}
