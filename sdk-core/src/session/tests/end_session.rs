//! Signing out at the provider, in the browser; the ID token; and whose callback an address is.

use std::collections::HashMap;

use url::Url;

use crate::{Error, RevocationOutcome, SignInOptions, SignOutOptions, session::Session, testing::Device};

fn in_the_browser(back_to: Option<&str>) -> SignOutOptions {
    SignOutOptions { end_session: true, post_logout_redirect_uri: back_to.map(str::to_owned) }
}

#[tokio::test]
async fn the_providers_sign_out_page_is_asked_for_with_the_id_token() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let id_token = session.store.id_token().unwrap().secret().to_owned();
    let outcome = session.sign_out(&in_the_browser(Some("com.example.notes:/signed-out"))).await.unwrap();
    assert!(outcome.revoked);
    let page = outcome.end_session.unwrap();
    let url = Url::parse(&page.url).unwrap();
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(url.path(), "/end-session");
    for (name, value) in [
        ("id_token_hint", id_token.as_str()),
        ("client_id", "notes"),
        ("post_logout_redirect_uri", "com.example.notes:/signed-out"),
        ("state", &page.state),
    ] {
        assert_eq!(query[name], value, "{name}");
    }
    assert!(session.store.id_token().is_none());
    assert!(!format!("{page:?}").contains(&id_token));
}

#[tokio::test]
async fn no_page_is_returned_unless_it_is_asked_for_and_somebody_was_signed_in() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    assert_eq!(session.sign_out_here().await.unwrap().end_session, None);
    let again = session.sign_out(&in_the_browser(None)).await.unwrap();
    assert_eq!((again.revocation, again.end_session), (RevocationOutcome::NothingToRevoke, None));
}

#[tokio::test]
async fn an_address_to_come_back_to_that_is_none_changes_nothing() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    for nonsense in ["", "signed-out", "http://evil.example/"] {
        let outcome = session.sign_out(&in_the_browser(Some(nonsense))).await;
        assert!(matches!(outcome, Err(Error::Misconfigured(_))), "{nonsense:?}");
    }
    assert!(session.info().is_some());
}

#[tokio::test]
async fn the_id_token_outlives_the_process() {
    let device = Device::new().await;
    let first = device.signed_in().await;
    let token = first.store.id_token().unwrap();
    assert_eq!(device.process().store.id_token().unwrap().secret(), token.secret());
    assert!(!format!("{token:?}").contains(token.secret()));
}

async fn is_callback(session: &Session, url: &str) -> bool {
    session.sign_in.owns(url).await.unwrap()
}

#[tokio::test]
async fn only_a_callback_of_ones_own_sign_in_is_ones_own() {
    let device = Device::new().await;
    let session = device.process();
    let request = session.sign_in.start(SignInOptions::default()).await.unwrap();
    let callback = device.provider.authorize(&request.url);
    let state = &request.state;
    for (url, expected) in [
        (callback.clone(), true),
        (format!("com.example.notes:/signed-in?error=access_denied&state={state}"), true),
        (format!("com.example.notes:/elsewhere?code=c&state={state}"), false),
        ("com.example.notes:/signed-in?code=c&state=foreign".to_owned(), false),
        ("com.example.notes:/signed-in?code=c".to_owned(), false),
        ("com.example.notes:/share?text=hello".to_owned(), false),
        ("https://shop.example/?state=".to_owned(), false),
        (String::new(), false),
        ("nonsense".to_owned(), false),
    ] {
        assert_eq!(is_callback(&session, &url).await, expected, "{url}");
        assert_eq!(is_callback(&device.process(), &url).await, expected, "in another process: {url}");
    }
    session.sign_in.finish(&callback).await.unwrap();
    assert!(is_callback(&session, &callback).await, "delivered again");
}
