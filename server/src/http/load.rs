//! Load shedding: a request that would only wait is answered 503 at once. Refreshes are the last to be refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::counts::Counts;
use crate::limits::ClientAddress;
use crate::web::READYZ;
use moorline_server_base::sampled::Sampled;
use moorline_server_dpop::TOKEN_ENDPOINT;

static REFUSED: Sampled = Sampled::new();

/// How many requests may be on their way. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Load {
    all: Arc<Places>,
    /// For token requests that find no place among all.
    token_requests: Arc<Places>,
    /// For those who ask whether the server is ready: they have to learn it when it is busy, too.
    probes: Arc<Places>,
}

/// Places for requests. One address has some of them at most: if it sends bodies slowly, or none, it leaves room for
/// the others.
#[derive(Debug)]
struct Places {
    free: Semaphore,
    most_of_address: usize,
    of_address: Mutex<Counts>,
}

/// A request's place. It is free again when this is dropped.
struct Held<'a> {
    places: &'a Places,
    address: Option<&'a str>,
    _permit: SemaphorePermit<'a>,
}

impl Load {
    /// At most `most` requests, and half as many token requests and probes each beside them.
    pub(super) fn new(most: usize) -> Self {
        let beside = most / 2 + 1;
        Self {
            all: Arc::new(Places::new(most, most.div_ceil(4))),
            token_requests: Arc::new(Places::new(beside, beside.div_ceil(2))),
            probes: Arc::new(Places::new(beside, beside.div_ceil(2))),
        }
    }

    /// `None` if there are too many requests, of this address or altogether.
    fn hold<'a>(&'a self, request: &Request, address: Option<&'a str>) -> Option<Held<'a>> {
        let beside = match (request.method(), request.uri().path()) {
            (&Method::POST, TOKEN_ENDPOINT) => Some(&self.token_requests),
            (_, READYZ) => Some(&self.probes),
            _ => None,
        };
        self.all.hold(address).or_else(|| beside?.hold(address))
    }
}

impl Places {
    fn new(all: usize, most_of_address: usize) -> Self {
        Self { free: Semaphore::new(all), most_of_address, of_address: Mutex::default() }
    }

    fn hold<'a>(&'a self, address: Option<&'a str>) -> Option<Held<'a>> {
        let mut counts = self.counts();
        if address.is_some_and(|address| counts.of(address) >= self.most_of_address) {
            return None;
        }
        let permit = self.free.try_acquire().ok()?;
        if let Some(address) = address {
            counts.add(address);
        }
        Some(Held { places: self, address, _permit: permit })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.of_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            self.places.counts().remove(address);
        }
    }
}

/// The layer.
pub(super) async fn shed(State(load): State<Load>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ClientAddress>().and_then(ClientAddress::limit_key);
    let Some(_held) = load.hold(&request, address.as_deref()) else {
        if let Some(left_out) = REFUSED.due() {
            tracing::error!(
                left_out,
                "requests are refused: http.max_requests are on their way, or a quarter of them from one address"
            );
        }
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    };
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::{get, post};
    use http::Uri;
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn an_address_over_its_share_still_refreshes_and_leaves_places_to_the_others() {
        let (begun, mut has_begun) = mpsc::unbounded_channel();
        let quick_or_slow = |uri: Uri| async move {
            if uri.query() == Some("slow") {
                begun.send(()).unwrap();
                std::future::pending::<()>().await;
            }
        };
        let router = Router::new()
            .route("/", get(quick_or_slow.clone()))
            .route(READYZ, get(|| async {}))
            .route(TOKEN_ENDPOINT, post(quick_or_slow))
            .layer(from_fn_with_state(Load::new(8), shed));
        let ask = |method: Method, path: &str, address: u8| {
            let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            request.extensions_mut().insert(ClientAddress(Some([192, 0, 2, address].into())));
            let answer = router.clone().oneshot(request);
            async { answer.await.unwrap().status() }
        };
        let slow_token = format!("{TOKEN_ENDPOINT}?slow");
        // All are taken, a quarter by each address; then the first takes its share of those for token requests.
        let mut slow = Vec::new();
        for address in [1, 1, 2, 2, 3, 3, 4, 4] {
            slow.push(tokio::spawn(ask(Method::GET, "/?slow", address)));
            has_begun.recv().await.unwrap();
        }
        assert_eq!(ask(Method::GET, "/", 1).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(Method::GET, READYZ, 1).await, StatusCode::OK);
        for _ in 0..3 {
            assert_eq!(ask(Method::POST, TOKEN_ENDPOINT, 1).await, StatusCode::OK);
            slow.push(tokio::spawn(ask(Method::POST, &slow_token, 1)));
            has_begun.recv().await.unwrap();
        }
        assert_eq!(ask(Method::POST, TOKEN_ENDPOINT, 1).await, StatusCode::SERVICE_UNAVAILABLE);
        for address in [2, 5] {
            assert_eq!(ask(Method::GET, "/", address).await, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(ask(Method::POST, TOKEN_ENDPOINT, address).await, StatusCode::OK);
        }
        // A caller that goes away gives its place back.
        for request in slow {
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
        }
        assert_eq!(ask(Method::GET, "/", 1).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_server_that_is_full_still_refreshes_and_says_that_it_is_ready() {
        let (begun, mut has_begun) = mpsc::unbounded_channel();
        let slow = || async move {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        let router = Router::new()
            .route("/slow", get(slow.clone()))
            .route("/quick", get(|| async {}))
            .route(READYZ, get(|| async {}))
            .route(TOKEN_ENDPOINT, post(|| async {}))
            .layer(from_fn_with_state(Load::new(2), shed));
        let ask = |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        let slow = [(); 2].map(|()| tokio::spawn(ask(Method::GET, "/slow")));
        for _ in &slow {
            has_begun.recv().await.unwrap();
        }
        let refused = ask(Method::GET, "/quick").await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[RETRY_AFTER], "1");
        assert_eq!(ask(Method::POST, TOKEN_ENDPOINT).await.unwrap().status(), StatusCode::OK);
        assert_eq!(ask(Method::GET, TOKEN_ENDPOINT).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(Method::GET, READYZ).await.unwrap().status(), StatusCode::OK);
        // A caller that goes away gives its place back.
        for request in slow {
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
        }
        assert_eq!(ask(Method::GET, "/quick").await.unwrap().status(), StatusCode::OK);
    }
}
