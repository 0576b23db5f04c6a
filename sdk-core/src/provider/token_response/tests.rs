//! What providers send, good and odd.

use std::time::UNIX_EPOCH;

use ::http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

use super::*;

fn read(status: u16, body: &str) -> TokenResponse {
    let status = StatusCode::from_u16(status).unwrap();
    let response = Response { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec().into() };
    TokenResponse::read(&response, &[&Secret::new("sent-token".into())], UNIX_EPOCH)
}

fn issued(body: &str) -> Tokens {
    match read(200, body) {
        TokenResponse::Issued(tokens) => *tokens,
        other => panic!("{other:?} from {body}"),
    }
}

#[test]
fn the_quirks_of_providers_are_accepted() {
    let plain = issued(r#"{"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r"}"#);
    assert_eq!(plain.expires_in, Some(Duration::from_secs(60)));
    assert_eq!(plain.refresh_token.unwrap().expose(), "r");
    for (body, seconds) in [
        (r#"{"access_token":"a","expires_in":"60"}"#, Some(60)),
        (r#"{"access_token":"a","expires_in":null}"#, None),
        (r#"{"access_token":"a","expires_in":60.9}"#, Some(60)),
        (r#"{"access_token":"a","expires_in":-5}"#, Some(0)),
        (r#"{"access_token":"a","expires_in":0,"refresh_token":null,"scope":null,"id_token":null}"#, Some(0)),
        (r#"{"access_token":"a","token_type":"bearer","unknown":{"x":[1]},"refresh_token":""}"#, None),
        (r#"{"access_token":"a","expires_in":1e300}"#, Some(315_360_000)),
    ] {
        let tokens = issued(body);
        assert_eq!(tokens.expires_in.map(|expires_in| expires_in.as_secs()), seconds, "{body}");
        assert_eq!(tokens.refresh_token, None, "{body}");
    }
    assert_eq!(issued(r#"{"access_token":"a","scope":" a  b "}"#).scope.unwrap(), ["a", "b"]);
}

#[test]
fn nonsense_beside_the_tokens_does_not_cost_them() {
    for beside in [
        r#""expires_in":"soon""#,
        r#""expires_in":"NaN""#,
        r#""expires_in":[60]"#,
        r#""expires_in":true,"scope":7"#,
        r#""id_token":{"not":"text"}"#,
    ] {
        let tokens = issued(&format!(r#"{{"access_token":"a","refresh_token":"r",{beside}}}"#));
        assert_eq!(tokens.refresh_token.unwrap().expose(), "r", "{beside}");
        assert!(tokens.expires_in.is_none() && tokens.id_token.is_none() && tokens.scope.is_none());
    }
}

#[test]
fn what_is_no_token_response_is_unclear_and_no_panic() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        r#"{"access_token":""}"#,
        r#"{"access_token":-7}"#,
        r#"{"access_token":["a"]}"#,
        r#"{"access_token":null}"#,
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":false}"#,
        "access_token",
        "access_token=",
        "access_token=a&access_token=b",
        "the access_token=a",
        "<a href=access_token=a>",
    ] {
        assert!(matches!(read(200, body), TokenResponse::Unclear { succeeded: true, .. }), "{body}");
        assert!(matches!(read(404, body), TokenResponse::Unclear { succeeded: false, .. }), "{body}");
    }
}

#[test]
fn only_a_parsed_client_error_is_a_refusal() {
    assert!(
        matches!(read(400, r#"{"error":"invalid_grant"}"#), TokenResponse::Refused(r) if r.is_invalid_grant())
    );
    assert!(
        matches!(read(403, r#"{"error":"invalid_grant"}"#), TokenResponse::Refused(r) if r.is_of_the_protocol())
    );
    assert!(
        matches!(read(400, r#"{"error":"expired"}"#), TokenResponse::Refused(r) if !r.is_of_the_protocol())
    );
    assert!(
        matches!(read(401, r#"{"error":"invalid_client"}"#), TokenResponse::Refused(r) if !r.is_invalid_grant())
    );
    for (status, body) in [
        (500, r#"{"error":"invalid_grant"}"#),
        (503, r#"{"error":"invalid_grant"}"#),
        (429, r#"{"error":"invalid_grant"}"#),
        (408, r#"{"error":"invalid_grant"}"#),
        (302, r#"{"error":"invalid_grant"}"#),
        (304, r#"{"error":"invalid_grant"}"#),
        (400, "<html>invalid_grant</html>"),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (401, r#"{"code":"temporarily_unavailable"}"#),
        (403, ""),
        (403, r#"{"error":"Forbidden"}"#),
        (404, r#"{"error":"Not Found"}"#),
        (404, r#"{"error":"access_denied"}"#),
        (404, r#"{"message":"invalid_grant"}"#),
    ] {
        assert!(matches!(read(status, body), TokenResponse::Unclear { .. }), "{status} {body}");
    }
}

#[test]
fn a_refusal_of_the_grant_with_a_status_of_the_providers_own_needs_a_second_one() {
    for status in [404, 409, 410, 422] {
        for body in [r#"{"error":"invalid_grant"}"#, r#"{"code":"invalid_grant","status":404}"#] {
            let TokenResponse::Refused(refusal) = read(status, body) else { panic!("{status} {body}") };
            assert!(!refusal.is_of_the_protocol() && !refusal.is_invalid_grant(), "{status} {body}");
        }
    }
}

#[test]
fn each_member_may_be_null_or_missing_but_the_access_token() {
    for name in ["token_type", "expires_in", "refresh_token", "id_token", "scope"] {
        let tokens = issued(&format!(r#"{{"access_token":"a","{name}":null}}"#));
        assert!(tokens.expires_in.is_none() && tokens.refresh_token.is_none(), "{name}");
        assert!(tokens.id_token.is_none() && tokens.scope.is_none(), "{name}");
    }
    assert!(matches!(
        read(200, r#"{"access_token":null,"refresh_token":"r"}"#),
        TokenResponse::Unclear { .. }
    ));
    let refused = read(400, r#"{"error":"invalid_grant","error_description":null,"error_uri":null}"#);
    assert!(matches!(refused, TokenResponse::Refused(refusal) if refusal.description.is_empty()));
    assert!(matches!(read(400, r#"{"error":null}"#), TokenResponse::Unclear { .. }));
}

#[test]
fn a_lifetime_is_read_from_a_number_or_its_text_and_kept_within_ten_years() {
    for (expires_in, seconds) in [
        ("3600", Some(3600)),
        ("3600.0", Some(3600)),
        ("3.6e3", Some(3600)),
        ("-1", Some(0)),
        ("-0.5", Some(0)),
        ("0", Some(0)),
        ("18446744073709551615", Some(315_360_000)),
        ("99999999999999999999999999999999", Some(315_360_000)),
        ("-99999999999999999999999999999999", Some(0)),
    ] {
        for written in [expires_in.to_owned(), format!("\"{expires_in}\""), format!("\" {expires_in} \"")] {
            let tokens = issued(&format!(r#"{{"access_token":"a","expires_in":{written}}}"#));
            assert_eq!(tokens.expires_in.map(|expires_in| expires_in.as_secs()), seconds, "{written}");
        }
    }
    for nothing in [r#""""#, r#""inf""#, r#""-NaN""#, r#""0x10""#, r#""1 hour""#, "[]", "{}", "false"] {
        let tokens = issued(&format!(r#"{{"access_token":"a","expires_in":{nothing}}}"#));
        assert_eq!(tokens.expires_in, None, "{nothing}");
    }
}

#[test]
fn a_successor_is_taken_however_odd_the_response_that_it_comes_in() {
    let plain = r#"{"access_token":"a","token_type":"Bearer","expires_in":900,"refresh_token":"r"}"#;
    let with = |member: &str| format!("{},{member}}}", &plain[..plain.len() - 1]);
    let of_type = |kind: &str| plain.replace(r#""Bearer""#, kind);
    let lasting = |expires_in: &str| plain.replace("900", expires_in);
    let odd = [
        of_type(r#""N_A""#),
        of_type(r#""Bearer ""#),
        of_type(r#""BearerToken""#),
        of_type(r#"["Bearer"]"#),
        of_type("7"),
        of_type("null"),
        lasting("1e999"),
        lasting("Infinity"),
        lasting("NaN"),
        with(r#""x":"\ud800""#),
        with("\"x\":\"a\nb\""),
        with(&format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200))),
        with(r#""error":null"#),
        with(r#""error":"invalid_grant""#),
        with(r#""access_token":"a""#),
        format!("{plain}\0"),
        format!("{plain}<!-- served by x -->"),
        format!("{plain}{plain}"),
        plain.replace('}', ",}"),
        format!("[{plain}]"),
        format!(")]}}',\n{plain}"),
        format!("<br />\n<b>Warning</b>: deprecated\n{plain}"),
        format!("<b>Warning</b>: {{main}} in x.php: {{\n{plain}"),
        format!("\u{feff}{plain}"),
        plain.replace(r#""r""#, "\"r\",\"scope\":7"),
        "access_token=a&token_type=bearer&expires_in=900&refresh_token=r".to_owned(),
        "token_type=bearer&scope=a+b%2Cc&refresh_token=%72&access_token=a\r\n".to_owned(),
    ];
    for body in &odd {
        let tokens = issued(body);
        let refresh_token = tokens.refresh_token.as_ref().map(Secret::expose);
        assert_eq!((tokens.access_token.expose(), refresh_token), ("a", Some("r")), "{body}");
    }
    for status in [200, 201, 202, 203, 206, 226] {
        assert!(matches!(read(status, plain), TokenResponse::Issued(_)), "{status}");
    }
    for status in [302, 400, 500] {
        assert!(matches!(read(status, plain), TokenResponse::Unclear { succeeded: false, .. }), "{status}");
    }
}

#[test]
fn a_type_is_what_is_known_of_it() {
    for (said, known) in [
        ("\"Bearer\"", Some(TokenType::Bearer)),
        ("\" bEARER \"", Some(TokenType::Bearer)),
        ("\"DPoP\"", Some(TokenType::DPoP)),
        ("\"dpop \"", Some(TokenType::DPoP)),
        ("\"BearerToken\"", None),
        ("\"N_A\"", None),
        ("\"mac\"", None),
        ("\"\"", None),
        ("[\"DPoP\"]", None),
        ("null", None),
    ] {
        let tokens = issued(&format!(r#"{{"access_token":"a","token_type":{said}}}"#));
        assert_eq!(tokens.token_type, known, "{said}");
    }
}

#[test]
fn a_number_is_a_token_and_what_can_be_none_is_none() {
    let tokens = issued(r#"{"access_token":7,"refresh_token":12345678901234567890,"id_token":1.5}"#);
    assert_eq!(tokens.access_token.expose(), "7");
    assert_eq!(tokens.refresh_token.unwrap().expose(), "12345678901234567890");
    assert_eq!(tokens.id_token, None);
    let long = format!(r#""{}""#, "a".repeat(LONGEST + 1));
    for odd in [r#"["r"]"#, r#"{"r":1}"#, "true", "-7", "1.5", "1e999", r#""\ud800""#, r#""r\ufffd""#, &long]
    {
        assert_eq!(issued(&format!(r#"{{"access_token":"a","refresh_token":{odd}}}"#)).refresh_token, None);
        let unclear = read(200, &format!(r#"{{"access_token":{odd},"refresh_token":"r"}}"#));
        assert!(matches!(unclear, TokenResponse::Unclear { succeeded: true, .. }), "{odd}");
    }
}

#[test]
fn what_is_cut_is_unclear_and_no_panic() {
    let plain = r#"{"access_token":"a","refresh_token":"r"}"#;
    for length in 0..plain.len() {
        assert!(matches!(read(200, &plain[..length]), TokenResponse::Unclear { .. }), "{length}");
    }
    let nested = r#"{"upstream":{"access_token":"another's"},"access_token":"a","refresh_"#;
    assert!(matches!(read(200, nested), TokenResponse::Unclear { succeeded: true, .. }));
    let response = |body: &[u8]| {
        let response =
            Response { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec().into() };
        TokenResponse::read(&response, &[], UNIX_EPOCH)
    };
    for body in [&b"{\"access_token\":\"\xff\"}"[..], b"\xff\xfe{", b"\x1f\x8b", b"{\"access_token\":\"a\\"] {
        assert!(matches!(response(body), TokenResponse::Unclear { succeeded: true, .. }), "{body:?}");
    }
}

#[test]
fn an_end_is_recognized_however_it_is_written() {
    let deep = format!(r#"{{"error":"invalid_grant","x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for (status, body) in [
        (200, r#"{"error":"invalid_grant"}"#),
        (200, r#"{"access_token":null,"error":"invalid_grant","error_description":"expired"}"#),
        (203, r#"{"error":"invalid_grant"}"#),
        (400, "{\"error\":\"invalid_grant\"}\0"),
        (400, r#"{"error":"invalid_grant"}<!-- served by x -->"#),
        (400, "\u{feff}{\"error\":\"invalid_grant\",}"),
        (400, "{\"error\":\"invalid_grant\",\"error_description\":\"two\nlines\"}"),
        (400, r#"{"error":"invalid_grant","error_description":"\ud800"}"#),
        (400, &deep),
        (400, r#"{"error":{"code":"invalid_grant"}}"#),
        (400, r#"{"error":{"code":"invalid_grant","message":"expired","status":400}}"#),
        (400, r#"{"error":{"error":"invalid_grant"}}"#),
        (400, r#"{"error":{"type":"invalid_grant"}}"#),
        (401, r#"{"errorCode":"invalid_grant"}"#),
        (400, r#"{"error_code":"invalid_grant"}"#),
        (400, r#"{"code":"invalid_grant","error":null}"#),
        (400, "error=invalid_grant"),
        (400, "error=invalid_grant&error_description=The+token+has+expired%21\n"),
        (200, "error=invalid_grant&error_uri=https%3A%2F%2Fid.example.com"),
    ] {
        let answer = read(status, body);
        assert!(
            matches!(&answer, TokenResponse::Refused(refusal) if refusal.is_invalid_grant()),
            "{answer:?} {body}"
        );
    }
    let said = |body: &str| match read(400, body) {
        TokenResponse::Refused(refusal) => (refusal.code, refusal.description),
        other => panic!("{other:?} from {body}"),
    };
    let text = |code: &str, description: &str| (code.to_owned(), description.to_owned());
    let object = r#"{"error":{"code":"invalid_grant","message":"sent-token is old"}}"#;
    assert_eq!(said(object), text("invalid_grant", "[redacted] is old"));
    assert_eq!(said(r#"{"error":{"code":"no"},"error_description":"it is"}"#), text("no", "it is"));
    assert_eq!(
        said("error=bad_refresh_token&error_description=sent-token+is+old"),
        text("bad_refresh_token", "[redacted] is old")
    );
}

#[test]
fn what_is_not_certainly_the_word_of_the_provider_ends_nothing() {
    for body in [
        "",
        "invalid_grant",
        "=invalid_grant",
        "error = invalid_grant",
        "error=invalid_grant&error=temporarily_unavailable",
        "<p>error=invalid_grant</p>",
        r#"<html>{"error":"invalid_grant"}"#,
        r#"[{"error":"invalid_grant"}]"#,
        r#"{"error":"invalid_grant"}{"error":"temporarily_unavailable"}"#,
        r#"{"error":"invalid_grant""#,
    ] {
        for status in [200, 400, 401] {
            assert!(matches!(read(status, body), TokenResponse::Unclear { .. }), "{status} {body}");
        }
    }
    let passing = read(200, r#"{"error":"temporarily_unavailable"}"#);
    assert!(matches!(passing, TokenResponse::Unclear { succeeded: false, .. }), "nothing was done");
}

#[test]
fn an_error_in_a_way_of_the_providers_own_is_a_refusal_of_unknown_meaning() {
    let said = |status, body: &str| match read(status, body) {
        TokenResponse::Refused(refusal) => {
            assert!(!refusal.is_invalid_grant() && !refusal.is_of_the_protocol(), "{status} {body}");
            Some((refusal.code, refusal.description))
        }
        TokenResponse::Unclear { .. } => None,
        TokenResponse::Issued(tokens) => panic!("{tokens:?} from {body}"),
    };
    for (body, code, description) in [
        (
            r#"{"error":{"code":400,"message":"sent-token expired","status":"INVALID_ARGUMENT"}}"#,
            "http_400",
            "[redacted] expired",
        ),
        (r#"{"errorCode":"E0000004","errorSummary":"no"}"#, "E0000004", ""),
        (r#"{"code":"refresh_token_not_found","message":"no"}"#, "refresh_token_not_found", "no"),
        (r#"{"code":"invalid_token"}"#, "invalid_token", ""),
        (r#"{"code":40013,"data":null}"#, "http_400", ""),
        (r#"{"message":"invalid_grant"}"#, "http_400", "invalid_grant"),
        (r#"{"error":["invalid_grant"]}"#, "http_400", ""),
        (r#"{"error":{"code":["invalid_grant"]},"message":"old"}"#, "http_400", "old"),
        (r#"{"errors":[{"message":"no"}]}"#, "http_400", ""),
        (r#"{"success":false}"#, "http_400", ""),
    ] {
        let with = |code: &str| Some((code.to_owned(), description.to_owned()));
        assert_eq!(said(400, body), with(code), "{body}");
        assert_eq!(said(401, body), with(&code.replace("400", "401")), "{body}");
        for status in [403, 404, 409, 429, 500, 503] {
            assert_eq!(said(status, body), None, "a gateway answers so: {status} {body}");
        }
        let is_error_object = body.starts_with(r#"{"error":{"#);
        assert_eq!(said(200, body).is_some(), is_error_object, "{body}");
    }
    for nothing in ["", "null", "{}", "[]", r#"["no"]"#, r#"{"error":null,"message":null}"#, r#""no""#, "no"]
    {
        for status in [200, 400, 401] {
            assert_eq!(said(status, nothing), None, "{status} {nothing}");
        }
    }
}

#[test]
fn a_refused_proof_is_no_refusal_of_the_token_whatever_the_body_says() {
    for body in [r#"{"message":"Unauthorized"}"#, r#"{"error":"Unauthorized"}"#] {
        let challenge = HeaderValue::from_static(r#"DPoP error="use_dpop_nonce""#);
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, challenge)]);
        let response =
            Response { status: StatusCode::UNAUTHORIZED, headers, body: body.as_bytes().to_vec().into() };
        let answer = TokenResponse::read(&response, &[], UNIX_EPOCH);
        assert!(matches!(answer, TokenResponse::Unclear { succeeded: false, .. }), "{answer:?}");
    }
}

#[test]
fn an_error_that_says_two_things_never_ends_a_session() {
    for body in [
        r#"{"error":"temporarily_unavailable","error":"invalid_grant"}"#,
        r#"{"error":"invalid_grant","error":"invalid_grant"}"#,
        r#"{"error":"invalid_grant","more":{"a":1,"a":2}}"#,
    ] {
        assert!(matches!(read(400, body), TokenResponse::Unclear { .. }), "{body}");
    }
    let tokens = issued(r#"{"access_token":"a","scope":"x","scope":"y","refresh_token":"r"}"#);
    assert_eq!((tokens.refresh_token.unwrap().expose(), tokens.scope.unwrap()), ("r", vec!["y".to_owned()]));
}

#[test]
fn only_the_very_text_invalid_grant_means_it() {
    for code in ["invalid_grant\\u0007", "\\u0000invalid_grant", "Invalid_Grant", "invalid_grant "] {
        let answer = read(400, &format!(r#"{{"error":"{code}"}}"#));
        assert!(matches!(answer, TokenResponse::Refused(refusal) if !refusal.is_invalid_grant()), "{code}");
    }
    // Also where a token happens to be part of the word.
    let body = br#"{"error":"invalid_grant"}"#.to_vec().into();
    let response = Response { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body };
    let answer = TokenResponse::read(&response, &[&Secret::new("grant".into())], UNIX_EPOCH);
    assert!(matches!(answer, TokenResponse::Refused(refusal) if refusal.is_invalid_grant()));
}

#[test]
fn an_echoed_token_is_wiped_also_with_control_characters_in_it() {
    let body = r#"{"error":"invalid_grant","error_description":"sent-\u0000token\u0009 is old"}"#;
    let TokenResponse::Refused(refusal) = read(400, body) else { panic!("a refusal") };
    assert_eq!(refusal.description, "[redacted] is old");
}

#[test]
fn an_echoed_token_is_wiped_from_the_description() {
    let TokenResponse::Refused(refusal) = read(
        400,
        r#"{"error":"invalid_grant","error_description":"sent-token is \u0007 old, \"eyJ0.e30.x\""}"#,
    ) else {
        panic!("a refusal")
    };
    assert_eq!(refusal.description, "[redacted] is  old, [redacted]");
}

#[test]
fn nothing_secret_shows_in_debug() {
    let tokens = issued(r#"{"access_token":"seen-a","refresh_token":"seen-r","id_token":"seen-i"}"#);
    assert!(!format!("{tokens:?}").contains("seen"));
}
