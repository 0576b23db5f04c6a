//! Proxies that the platform chooses, as a phone's settings do.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering, mpsc};

use super::{
    connect_proxy::Proxy,
    quiet::{Network, http_2},
    *,
};
use crate::{ProxyAddress, ProxySelector, ProxySelectorError};

type Selected = Result<Option<ProxyAddress>, ProxySelectorError>;

/// What a phone's user has set.
#[derive(Debug)]
struct Settings {
    selected: Mutex<Selected>,
    asked: Mutex<Vec<String>>,
}

impl Settings {
    fn new(selected: Selected) -> Arc<Self> {
        Arc::new(Self { selected: Mutex::new(selected), asked: Mutex::default() })
    }

    fn through(proxy: &str) -> Arc<Self> {
        Self::new(Ok(Some(proxy.into())))
    }

    fn set(&self, proxy: Option<&str>) {
        *self.selected.lock().unwrap() = Ok(proxy.map(ProxyAddress::new));
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl ProxySelector for Settings {
    fn select(&self, server: &str) -> Selected {
        self.asked.lock().unwrap().push(server.to_owned());
        self.selected.lock().unwrap().clone()
    }
}

/// A server that keeps connections, and the network before it.
struct Scene {
    ca: Authority,
    pin: String,
    network: Network,
}

impl Scene {
    async fn set() -> Self {
        let ca = Authority::root("CA");
        let leaf = ca.leaf();
        Self { pin: leaf.pin(), network: Network::before(http_2(&leaf).await).await, ca }
    }

    fn transport(&self, proxy_selector: Arc<dyn ProxySelector>) -> Transport {
        let configuration = configuration()
            .allow_http_on_loopback()
            .extra_root_pem(&self.ca.pem())
            .pins(pins(&self.pin))
            .connect_timeout(Duration::from_secs(2));
        let parts = NetworkParts { proxy_selector: Some(proxy_selector), ..NetworkParts::default() };
        Transport::new(&configuration.build().unwrap(), parts).unwrap()
    }

    fn request(&self) -> Request {
        let url = format!("https://localhost:{}/token?code=secret#secret", self.network.port);
        Request::new(Method::GET, url.parse().unwrap())
    }

    fn connections(&self) -> usize {
        self.network.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn https_goes_through_the_proxy_that_the_platform_selects() {
    let scene = Scene::set().await;
    let proxy = Proxy::start(None).await;
    let settings = Settings::through(&proxy.address);
    let transport = scene.transport(settings.clone());
    for _ in 0..2 {
        assert_eq!(transport.send(scene.request()).await.unwrap().status, StatusCode::OK);
    }
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "one connection for both requests: {heads:?}");
    let port = scene.network.port;
    assert!(heads[0].starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")), "{heads:?}");
    assert!(heads[0].to_ascii_lowercase().contains("proxy-authorization: basic "), "{heads:?}");
    let origin = format!("https://localhost:{port}/");
    assert_eq!(
        settings.asked(),
        [origin.clone(), origin],
        "asked each time, and not shown the whole address"
    );
    transport.network_changed();
    transport.send(scene.request()).await.unwrap();
    assert_eq!(proxy.heads().len(), 2, "another network, another connection");
}

#[tokio::test]
async fn a_change_of_the_settings_counts_from_the_next_request_on() {
    let scene = Scene::set().await;
    let (first, second) = (Proxy::start(None).await, Proxy::start(None).await);
    let settings = Settings::through(&first.address);
    let transport = scene.transport(settings.clone());
    for (proxy, seen) in [
        (Some(&first.address), (1, 0)),
        (Some(&second.address), (1, 1)),
        (None, (1, 1)),
        (Some(&second.address), (1, 1)),
    ] {
        settings.set(proxy.map(String::as_str));
        assert_eq!(transport.send(scene.request()).await.unwrap().status, StatusCode::OK);
        assert_eq!((first.heads().len(), second.heads().len()), seen, "{proxy:?}");
    }
    for port in 1..=20 {
        settings.set(Some(&format!("http://127.0.0.1:{port}")));
        transport.send(scene.request()).await.unwrap_err();
    }
    settings.set(Some(&first.address));
    assert_eq!(transport.send(scene.request()).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn the_pins_hold_behind_a_proxy_that_reads_along() {
    let scene = Scene::set().await;
    let own = Server::tls(&scene.ca.leaf(), &[], ok).await;
    let proxy = Proxy::start(Some(own.port)).await;
    let error = scene.transport(Settings::through(&proxy.address)).send(scene.request()).await.unwrap_err();
    assert_eq!(error, NetError::PinMismatch("localhost".into()));
    assert_eq!(own.seen().requests.len(), 0);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_or_is_down_is_being_offline_and_its_password_is_not_shown() {
    let scene = Scene::set().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = format!("http://ada:secret@{}", closed.local_addr().unwrap());
    drop(closed);
    for (address, named) in [
        ("ftp://ada:secret@127.0.0.1", "network settings"),
        ("http://ada:secret@[::1", "network settings"),
        ("http://ada:sec@secret@127.0.0.1:1", "network settings"),
        ("", "network settings"),
        ("secret word", "network settings"),
        ("http://ada:secret@127.0.0.1:0", "network settings"),
        (&down, "refused the connection"),
    ] {
        let settings = Settings::through(address);
        let error = scene.transport(settings.clone()).send(scene.request()).await.unwrap_err();
        let NetError::Offline { maybe_sent: false, reason } = &error else { panic!("{address}: {error:?}") };
        assert!(reason.contains(named) && !reason.contains("secret"), "{address}: {reason}");
        assert!(!format!("{settings:?}").contains("secret"));
    }
    assert_eq!(scene.connections(), 0, "nothing went another way");
}

/// Panics.
#[derive(Debug)]
struct Panics;

impl ProxySelector for Panics {
    fn select(&self, _: &str) -> Selected {
        panic!("a bug of the app's")
    }
}

/// Does not answer before the test ends.
#[derive(Debug)]
struct Hangs(Mutex<mpsc::Receiver<()>>);

impl ProxySelector for Hangs {
    fn select(&self, _: &str) -> Selected {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
        Ok(None)
    }
}

#[tokio::test]
async fn settings_that_cannot_be_read_end_the_request_before_anything_is_sent() {
    let scene = Scene::set().await;
    let failed = Settings::new(Err(ProxySelectorError::Failed("no script".into())));
    for (selector, why) in [(failed as Arc<dyn ProxySelector>, "no script"), (Arc::new(Panics), "panicked")] {
        let error = scene.transport(selector).send(scene.request()).await.unwrap_err();
        let NetError::Offline { maybe_sent: false, reason } = &error else { panic!("{error:?}") };
        assert!(reason.contains("proxy settings") || reason.contains(why), "{reason}");
    }
    let (_open, hangs) = mpsc::channel();
    let transport = scene.transport(Arc::new(Hangs(Mutex::new(hangs))));
    for _ in 0..2 {
        let error = transport.send(scene.request()).await.unwrap_err();
        assert!(matches!(error, NetError::Timeout { maybe_sent: false, .. }), "{error:?}");
    }
    assert_eq!(scene.connections(), 0);
}

#[tokio::test]
async fn plain_http_on_loopback_asks_for_no_proxy() {
    let scene = Scene::set().await;
    let plain = Server::plain(ok).await;
    let settings = Settings::through("http://127.0.0.1:1");
    let transport = scene.transport(settings.clone());
    let response = transport.send(Request::new(Method::GET, plain.plain_url("/"))).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(settings.asked(), Vec::<String>::new());
}
