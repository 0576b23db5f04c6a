//! Load shedding: a request that would only wait is answered 503 at once. Refreshes are the last to be refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use tokio::sync::Semaphore;

use super::counts::Counts;
use crate::limits::ClientAddress;
use crate::web::READYZ;
use moorline_server_base::sampled::Sampled;
use moorline_server_dpop::TOKEN_ENDPOINT;

static REFUSED: Sampled = Sampled::new();

/// How many requests may be on their way. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Load {
    all: Arc<Semaphore>,
    /// For token requests, when all others are taken.
    reserve: Arc<Semaphore>,
    /// A quarter of all: an address that sends bodies slowly, or none, leaves room for the others.
    most_of_address: usize,
    of_address: Arc<Mutex<Counts>>,
}

/// A request of an address; it counts no more when this is dropped.
struct Counted<'a> {
    load: &'a Load,
    address: String,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.load.counts().remove(&self.address);
    }
}

impl Load {
    /// At most `most` requests, and half as many token requests beside them.
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            reserve: Arc::new(Semaphore::new(most / 2 + 1)),
            most_of_address: most.div_ceil(4),
            of_address: Arc::default(),
        }
    }

    /// Counts a request of this address, unless there are too many of it.
    fn count(&self, address: String) -> Option<Counted<'_>> {
        let mut counts = self.counts();
        if counts.of(&address) >= self.most_of_address {
            return None;
        }
        counts.add(&address);
        Some(Counted { load: self, address })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.of_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layer.
pub(super) async fn shed(State(load): State<Load>, request: Request, next: Next) -> Response {
    let is_token_request = request.method() == Method::POST && request.uri().path() == TOKEN_ENDPOINT;
    let reserve = || if is_token_request { load.reserve.try_acquire().ok() } else { None };
    // Whoever asks whether the server is ready has to learn it when it is busy, too.
    let is_probe = request.uri().path() == READYZ;
    let address = request.extensions().get::<ClientAddress>().and_then(ClientAddress::limit_key);
    let counted = address.map(|address| load.count(address));
    let fits = !matches!(counted, Some(None));
    let held = if fits { load.all.try_acquire().ok().or_else(reserve) } else { None };
    // But one address can't ask without end.
    if held.is_none() && !(is_probe && fits) {
        if let Some(left_out) = REFUSED.due() {
            tracing::error!(
                left_out,
                "requests are refused: http.max_requests are on their way, or a quarter of them from one address"
            );
        }
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::{get, post};
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn an_address_takes_a_quarter_of_the_places_and_leaves_the_others() {
        let (begun, mut has_begun) = mpsc::unbounded_channel();
        let slow = || async move {
            begun.send(()).unwrap();
            std::future::pending::<()>().await;
        };
        let router = Router::new()
            .route(TOKEN_ENDPOINT, post(|| async {}))
            .route("/slow", get(slow))
            .layer(from_fn_with_state(Load::new(8), shed));
        let ask = |method: Method, path: &str, address: [u8; 4]| {
            let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            request.extensions_mut().insert(ClientAddress(Some(address.into())));
            router.clone().oneshot(request)
        };
        let slow = [(); 2].map(|()| tokio::spawn(ask(Method::GET, "/slow", [192, 0, 2, 1])));
        for _ in &slow {
            has_begun.recv().await.unwrap();
        }
        let refused = ask(Method::POST, TOKEN_ENDPOINT, [192, 0, 2, 1]).await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let other = ask(Method::POST, TOKEN_ENDPOINT, [192, 0, 2, 2]).await.unwrap();
        assert_eq!(other.status(), StatusCode::OK);
        for request in slow {
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
        }
        let again = ask(Method::POST, TOKEN_ENDPOINT, [192, 0, 2, 1]).await.unwrap();
        assert_eq!(again.status(), StatusCode::OK);
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
