//! The receiver of a callback on a desk (RFC 8252 §7.3).

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use url::Url;

use super::callback::Callback;
use crate::{crypto, error::Error, runtime::Executor, secret::Secret};

/// Waits on the loopback interface for the browser to come back.
#[derive(Debug)]
pub struct LoopbackReceiver {
    listener: TcpListener,
    /// The listener on the other address of `localhost`.
    second: Option<TcpListener>,
    redirect_uri: String,
}

impl LoopbackReceiver {
    /// Listens on a free port of `127.0.0.1`, or of `[::1]` if there is no IPv4. The redirect URI's path is
    /// `/callback`.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if neither can be listened on.
    pub async fn bind() -> Result<Self, Error> {
        Self::bind_port(0).await
    }

    /// Listens on this port, for a provider that compares the port too; 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if it cannot be listened on.
    pub async fn bind_port(port: u16) -> Result<Self, Error> {
        Executor::Own
            .run(async move {
                let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
                let listener = match TcpListener::bind(v4).await {
                    Err(error) if error.kind() != ErrorKind::AddrInUse => TcpListener::bind(v6).await,
                    bound => bound,
                };
                let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
                let (address, listener) = bound.map_err(|error| no_port(port, &error))?;
                Ok(Self { redirect_uri: format!("http://{address}{PATH}"), listener, second: None })
            })
            .await
    }

    /// Listens on this port of both `127.0.0.1` and `[::1]`, with the redirect URI `http://localhost:PORT/callback`,
    /// for a provider that accepts no other; 0 takes a free port. RFC 8252 §8.3 prefers the address: a name may lead
    /// elsewhere.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if the port of either address is in use, or neither can be listened on.
    pub async fn bind_localhost(port: u16) -> Result<Self, Error> {
        Executor::Own
            .run(async move {
                let mut outcome = bind_both(port).await;
                // A port that is free on one address may be in use on the other.
                for _ in 0..TRIES {
                    match &outcome {
                        Err(error) if port == 0 && error.kind() == ErrorKind::AddrInUse => {
                            outcome = bind_both(port).await;
                        }
                        _ => break,
                    }
                }
                let (port, listener, second) = outcome.map_err(|error| no_port(port, &error))?;
                Ok(Self { redirect_uri: format!("http://localhost:{port}{PATH}"), listener, second })
            })
            .await
    }

    /// The redirect URI to configure, such as `http://127.0.0.1:49152/callback`.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the callback of the sign-in with this `state`, answers the browser with a small page, and returns the
    /// callback's URL. Any other request to the port is answered and ignored. The port is free again once this has
    /// returned, or its caller has stopped waiting.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if nobody came back within `timeout`.
    pub async fn wait(self, state: &str, timeout: Duration) -> Result<String, Error> {
        let expected = Arc::new(Expected {
            origin: self.redirect_uri.trim_end_matches(PATH).to_owned(),
            state: Secret::new(state.to_owned()),
        });
        let Self { listener, second, .. } = self;
        Executor::Own
            .run_here(async move {
                tokio::time::timeout(timeout, serve(listener, second, expected))
                    .await
                    .unwrap_or(Err(Error::Cancelled))
            })
            .await
    }
}

#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) origin: String,
    pub(crate) state: Secret,
}

/// Listens on one port of both loopback addresses; on one address if the machine has only that.
async fn bind_both(port: u16) -> std::io::Result<(u16, TcpListener, Option<TcpListener>)> {
    let v4 = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
        Err(_) => {
            let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await?;
            return Ok((v6.local_addr()?.port(), v6, None));
        }
    };
    let port = v4.local_addr()?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(v6) => Ok((port, v4, Some(v6))),
        // Another program would get the callback from a browser that tries IPv6 first.
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok((port, v4, None)),
    }
}

fn no_port(wanted: u16, error: &std::io::Error) -> Error {
    Error::Misconfigured(match (wanted, error.kind()) {
        (0, _) => format!("no loopback port can be listened on: {error}"),
        (_, ErrorKind::AddrInUse) => format!("the loopback port {wanted} is in use by another program"),
        _ => format!("the loopback port {wanted} cannot be listened on: {error}"),
    })
}

/// A connection to either listener.
async fn accept(listener: &TcpListener, second: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    let accepted = match second {
        None => listener.accept().await,
        Some(second) => tokio::select! {
            accepted = listener.accept() => accepted,
            accepted = second.accept() => accepted,
        },
    };
    accepted.map(|(stream, _)| stream)
}

async fn serve(
    listener: TcpListener,
    second: Option<TcpListener>,
    expected: Arc<Expected>,
) -> Result<String, Error> {
    let (found, mut callbacks) = mpsc::channel(1);
    loop {
        tokio::select! {
            Some(callback) = callbacks.recv() => return Ok(callback),
            connection = accept(&listener, second.as_ref()) => {
                let Ok(stream) = connection else {
                    // Out of file descriptors, most likely, and so at the next try too.
                    tokio::time::sleep(BREATH).await;
                    continue;
                };
                let (expected, found) = (expected.clone(), found.clone());
                tokio::spawn(async move {
                    // Browsers open connections that they never use.
                    let _ = timeout(PATIENCE, answer(stream, &expected, &found)).await;
                });
            }
        }
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    expected: &Expected,
    found: &mpsc::Sender<String>,
) -> std::io::Result<()> {
    let head = read_head(&mut stream).await?;
    let callback = head.as_deref().map_or(Err(Page::BadRequest), |head| expected.callback_in(head));
    let page = match &callback {
        Ok((_, page)) | Err(page) => *page,
    };
    let shown = stream.write_all(page.response().as_bytes()).await;
    let shown = shown.and(stream.shutdown().await);
    // Also where the browser didn't wait for its page.
    if let Ok((callback, _)) = callback {
        // A second callback has nobody waiting for it.
        let _ = found.send(callback.into()).await;
    }
    shown
}

/// The head of a request; `None` if it is too long or isn't text.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await?;
        if count == 0 || head.len() + count > LONGEST_HEAD {
            return Ok(None);
        }
        head.extend_from_slice(&buffer[..count]);
    }
    Ok(String::from_utf8(head).ok())
}

impl Expected {
    /// The callback in the head of a request and the page after it, or what to answer instead. What is malformed is no
    /// callback: the right one may come yet.
    pub(crate) fn callback_in(&self, head: &str) -> Result<(Url, Page), Page> {
        let mut lines = head.split("\r\n");
        let mut request = lines.next().unwrap_or_default().split(' ');
        let (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
            (request.next(), request.next(), request.next(), request.next())
        else {
            return Err(Page::BadRequest);
        };
        // A page of another site may have pointed its own name at this machine.
        let host = lines
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| name.eq_ignore_ascii_case("host").then(|| value.trim()));
        if host.is_none_or(|host| format!("http://{host}") != self.origin) || !target.starts_with('/') {
            return Err(Page::NotFound);
        }
        let url = Url::parse(&format!("{}{target}", self.origin)).map_err(|_| Page::BadRequest)?;
        if url.path() != PATH {
            return Err(Page::NotFound);
        }
        match Callback::read(url.as_str()) {
            Ok(callback) if callback.state == self.state => Ok((url, Page::after(&callback))),
            _ => Err(Page::BadRequest),
        }
    }
}

/// What the browser is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Back,
    NotSignedIn,
    BadRequest,
    NotFound,
}

impl Page {
    /// What the app will make of a callback, as far as the callback alone says it.
    const fn after(callback: &Callback) -> Self {
        if callback.is_error() { Self::NotSignedIn } else { Self::Back }
    }

    fn response(self) -> String {
        let (status, title, text) = match self {
            Self::Back => {
                ("200 OK", "You can go back now", "The app takes it from here. This page can be closed.")
            }
            Self::NotSignedIn => ("200 OK", "Not signed in", "The app knows. This page can be closed."),
            Self::BadRequest => {
                ("400 Bad Request", "Not what was expected", "Please start again from the app.")
            }
            Self::NotFound => ("404 Not Found", "Nothing here", "Please start again from the app."),
        };
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n\
             </body>\n</html>\n"
        );
        let style_hash = STANDARD.encode(crypto::sha256(STYLE.as_bytes()));
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\nReferrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'\r\n\r\n{body}",
            body.len()
        )
    }
}

const PATH: &str = "/callback";
/// How many free ports to try.
const TRIES: usize = 16;
const LONGEST_HEAD: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
const BREATH: Duration = Duration::from_millis(50);
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText;\
font:1.125rem/1.5 system-ui,sans-serif}\
main{max-width:28rem;padding:2rem;text-align:center}\
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem}\
p{margin:0}";

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected {
        Expected { origin: "http://127.0.0.1:5000".into(), state: Secret::new("s1".into()) }
    }

    fn head(target: &str, host: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nUser-Agent: x\r\nhost: {host}\r\n\r\n")
    }

    #[test]
    fn only_the_right_path_host_and_state_complete() {
        let callback = expected().callback_in(&head("/callback?code=c&state=s1", "127.0.0.1:5000"));
        assert_eq!(callback.unwrap().0.as_str(), "http://127.0.0.1:5000/callback?code=c&state=s1");
        for (target, host, page) in [
            ("/callback?code=c&state=s2", "127.0.0.1:5000", Page::BadRequest),
            ("/callback?code=c", "127.0.0.1:5000", Page::BadRequest),
            ("/callback?code=c&state=s1&state=s1", "127.0.0.1:5000", Page::BadRequest),
            ("/favicon.ico", "127.0.0.1:5000", Page::NotFound),
            ("/callback?code=c&state=s1", "evil.example:5000", Page::NotFound),
            ("/callback?code=c&state=s1", "localhost:5000", Page::NotFound),
            ("http://evil.example/callback?code=c&state=s1", "127.0.0.1:5000", Page::NotFound),
            ("@evil.example/callback?state=s1", "127.0.0.1:5000", Page::NotFound),
        ] {
            assert_eq!(expected().callback_in(&head(target, host)), Err(page), "{target} {host}");
        }
    }

    #[test]
    fn the_page_promises_a_sign_in_only_after_a_code_and_what_is_malformed_is_no_callback() {
        for (query, page) in [
            ("code=c&state=s1", Ok(Page::Back)),
            ("code=c&iss=https%3A%2F%2Fid.example&state=s1", Ok(Page::Back)),
            ("code=c&error=&state=s1", Ok(Page::Back)),
            ("error=access_denied&state=s1", Ok(Page::NotSignedIn)),
            ("error=access_denied&code=c&state=s1", Ok(Page::NotSignedIn)),
            ("state=s1", Err(Page::BadRequest)),
            ("code=&state=s1", Err(Page::BadRequest)),
            ("error=&state=s1", Err(Page::BadRequest)),
            ("code=c&code=d&state=s1", Err(Page::BadRequest)),
            ("code=c&code=c&state=s1", Err(Page::BadRequest)),
            ("error=a&error=b&state=s1", Err(Page::BadRequest)),
        ] {
            let callback = expected().callback_in(&head(&format!("/callback?{query}"), "127.0.0.1:5000"));
            assert_eq!(callback.map(|(_, page)| page), page, "{query}");
        }
    }

    #[test]
    fn what_is_no_get_request_is_refused() {
        for head in [
            "",
            "\r\n\r\n",
            "POST /callback?state=s1 HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n\r\n",
            "GET /\r\n\r\n",
        ] {
            assert_eq!(expected().callback_in(head), Err(Page::BadRequest), "{head:?}");
        }
    }

    async fn get(address: &str, target: &str) -> String {
        let host = address.trim_start_matches("http://").trim_end_matches(PATH);
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(head(target, host).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_callback_comes_through_whatever_else_knocks() {
        let receiver = LoopbackReceiver::bind().await.unwrap();
        let uri = receiver.redirect_uri().to_owned();
        let waiting = tokio::spawn(async move { receiver.wait("s1", Duration::from_secs(60)).await });
        let _never_used =
            TcpStream::connect(uri.trim_start_matches("http://").trim_end_matches(PATH)).await.unwrap();
        assert!(get(&uri, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        for malformed in
            ["code=evil&state=other", "code=&state=s1", "code=c&code=c&state=s1", "error=&state=s1"]
        {
            let page = get(&uri, &format!("/callback?{malformed}")).await;
            assert!(page.starts_with("HTTP/1.1 400"), "{malformed}");
        }
        let page = get(&uri, "/callback?code=c1&state=s1").await;
        assert!(page.starts_with("HTTP/1.1 200") && !page.contains("<script") && !page.contains("c1"));
        assert!(page.contains("Content-Security-Policy: default-src 'none'"));
        assert_eq!(waiting.await.unwrap().unwrap(), format!("{uri}?code=c1&state=s1"));
    }

    #[tokio::test]
    async fn localhost_is_listened_on_at_both_of_its_addresses() {
        for address in ["127.0.0.1", "[::1]"] {
            let receiver = LoopbackReceiver::bind_localhost(0).await.unwrap();
            let uri = receiver.redirect_uri().to_owned();
            let host = uri.trim_start_matches("http://").trim_end_matches(PATH).to_owned();
            let port = host.strip_prefix("localhost:").unwrap();
            assert!(
                LoopbackReceiver::bind_localhost(port.parse().unwrap()).await.is_err(),
                "the port is taken"
            );
            let mut stream = TcpStream::connect(format!("{address}:{port}")).await.unwrap();
            let waiting = tokio::spawn(async move { receiver.wait("s1", Duration::from_secs(60)).await });
            stream.write_all(head("/callback?code=c&state=s1", &host).as_bytes()).await.unwrap();
            assert_eq!(waiting.await.unwrap().unwrap(), format!("{uri}?code=c&state=s1"));
        }
    }

    #[tokio::test]
    async fn a_browser_that_hangs_up_at_once_has_come_back_all_the_same() {
        let (mut browser, stream) = tokio::io::duplex(1024);
        let request = head("/callback?code=c&state=s1", "127.0.0.1:5000");
        browser.write_all(request.as_bytes()).await.unwrap();
        drop(browser);
        let (found, mut callbacks) = mpsc::channel(1);
        let _ = answer(stream, &expected(), &found).await;
        assert_eq!(callbacks.try_recv().unwrap(), "http://127.0.0.1:5000/callback?code=c&state=s1");
    }

    #[tokio::test]
    async fn a_caller_that_stops_waiting_frees_the_port() {
        let receiver = LoopbackReceiver::bind().await.unwrap();
        let port = receiver.listener.local_addr().unwrap().port();
        tokio::select! {
            biased;
            outcome = receiver.wait("s1", Duration::from_secs(3600)) => panic!("{outcome:?}"),
            () = std::future::ready(()) => {}
        }
        LoopbackReceiver::bind_port(port).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_coming_back_is_a_cancellation() {
        let receiver = LoopbackReceiver::bind().await.unwrap();
        assert_eq!(receiver.wait("s1", Duration::ZERO).await, Err(Error::Cancelled));
    }
}
