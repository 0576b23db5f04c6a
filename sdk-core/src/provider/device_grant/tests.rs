use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;

fn configuration() -> Configuration {
    Configuration::builder("https://id.example.com", "notes").build().unwrap()
}

fn answer(status: u16, body: &Value) -> Response {
    text_answer(status, &body.to_string())
}

fn text_answer(status: u16, body: &str) -> Response {
    let body = body.to_owned().into_bytes().into();
    Response { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body }
}

fn good() -> Value {
    json!({
        "device_code": "d3v1ce", "user_code": "WDJB-MJHT", "verification_uri": "https://id.example.com/device",
        "verification_uri_complete": "https://id.example.com/device?user_code=WDJB-MJHT", "expires_in": 600,
        "interval": 7,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut body = good();
    body[name] = value;
    body
}

fn read(body: &Value) -> Result<DeviceCodes, Error> {
    DeviceCodes::read(&answer(200, body), &configuration())
}

#[test]
fn an_answer_is_read_with_what_providers_leave_out() {
    let codes = read(&good()).unwrap();
    assert_eq!((codes.grant.interval, codes.expires_in.as_secs()), (7, 600));
    assert_eq!(codes.grant.verification_uri, "https://id.example.com/device");
    let bare = json!({
        "device_code": "d", "user_code": "u", "verification_url": "https://id.example.com/device",
    });
    let codes = read(&bare).unwrap();
    assert_eq!((codes.grant.interval, codes.expires_in.as_secs()), (5, 900));
    assert!(codes.grant.verification_uri_complete.is_none());
    assert_eq!(read(&with("user_code", json!(12_345_678))).unwrap().grant.user_code.expose(), "12345678");
}

#[test]
fn intervals_and_lifetimes_that_nobody_can_mean_are_bounded() {
    let year = 31_556_952;
    for (interval, used) in
        [(json!(0), 1), (json!(-5), 1), (json!("9"), 9), (json!(year), 60), (json!("soon"), 5)]
    {
        assert_eq!(read(&with("interval", interval.clone())).unwrap().grant.interval, used, "{interval}");
    }
    for (lifetime, used) in
        [(json!(year), 3_600), (json!("1800"), 1_800), (json!("long"), 900), (json!([]), 900)]
    {
        assert_eq!(
            read(&with("expires_in", lifetime.clone())).unwrap().expires_in.as_secs(),
            used,
            "{lifetime}"
        );
    }
    for expired in [json!(0), json!(-1)] {
        assert_eq!(
            read(&with("expires_in", expired)).unwrap_err().refusal(),
            Some("invalid_device_authorization")
        );
    }
}

#[test]
fn an_answer_without_its_members_or_with_an_address_that_is_not_safe_is_refused() {
    let mut bad: Vec<Value> = ["device_code", "user_code", "verification_uri"]
        .iter()
        .flat_map(|name| [Value::Null, json!(""), json!(["x"])].map(|value| with(name, value)))
        .collect();
    for uri in [
        "http://id.example.com/device",
        "http://127.0.0.1/device",
        "javascript:alert(1)",
        "/device",
        "file:///etc/passwd",
    ] {
        bad.push(with("verification_uri", json!(uri)));
    }
    for code in ["A\u{1b}[2J".to_owned(), "A\nB".to_owned(), "x".repeat(65)] {
        bad.push(with("user_code", json!(code)));
    }
    bad.push(json!({}));
    for body in bad {
        assert_eq!(read(&body).unwrap_err().refusal(), Some("invalid_device_authorization"), "{body}");
    }
    for complete in
        [json!("http://id.example.com/device?user_code=x"), json!("javascript:alert(1)"), json!(7)]
    {
        assert!(
            read(&with("verification_uri_complete", complete))
                .unwrap()
                .grant
                .verification_uri_complete
                .is_none()
        );
    }
}

#[test]
fn what_is_no_answer_of_a_provider_is_passing_trouble_and_an_error_of_oauth_is_a_refusal() {
    let read =
        |status, body: &str| DeviceCodes::read(&text_answer(status, body), &configuration()).unwrap_err();
    for (status, body) in [
        (200, "<html>Welcome to the hotel</html>"),
        (200, ""),
        (200, "[]"),
        (302, ""),
        (403, r#"{"error":"Forbidden"}"#),
        (404, "{}"),
        (500, r#"{"error":"invalid_client"}"#),
    ] {
        assert_eq!(read(status, body), Error::offline(), "{status} {body}");
    }
    for status in [200, 400, 401] {
        assert_eq!(read(status, r#"{"error":"invalid_client"}"#).refusal(), Some("invalid_client"));
    }
}

#[test]
fn every_code_of_the_grant_is_read_with_the_statuses_that_providers_use() {
    for status in [200, 400, 401, 403, 428, 429] {
        let read = |code: &str| DeviceAnswer::without_tokens(&answer(status, &json!({ "error": code })));
        assert!(matches!(read("authorization_pending"), Some(DeviceAnswer::Pending)), "{status}");
        assert!(matches!(read("slow_down"), Some(DeviceAnswer::SlowDown)), "{status}");
        assert!(matches!(read("access_denied"), Some(DeviceAnswer::Denied)), "{status}");
        assert!(matches!(read("expired_token"), Some(DeviceAnswer::Expired)), "{status}");
        assert!(read("invalid_grant").is_none() && read("Authorization_Pending").is_none());
    }
    assert!(DeviceAnswer::without_tokens(&answer(500, &json!({ "error": "access_denied" }))).is_none());
    let tokens = json!({ "access_token": "a", "error": "access_denied" });
    assert!(DeviceAnswer::without_tokens(&answer(200, &tokens)).is_none());
}
