use super::*;

const REDIRECT: &str = "http://127.0.0.1:4321/callback";
const ISSUER: &str = "https://id.example.com";
const QUERY: &str = "code=c0de-1&iss=https%3A%2F%2Fid.example.com&state=st4te_1";

fn expected() -> Expected {
    Expected::new(REDIRECT, "st4te_1", ISSUER)
}

fn find(text: &str) -> Result<String, Problem> {
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    expected().find(&lines, false)
}

/// Whether the text leads to this code.
fn gives(text: &str, code: &str) {
    let callback = find(text).unwrap_or_else(|problem| panic!("{text:?}: {problem}"));
    let url = Url::parse(&callback).unwrap();
    assert!(callback.starts_with(&format!("{REDIRECT}?")), "{callback}");
    let found = url.query_pairs().find(|(name, _)| name == "code").unwrap().1;
    assert_eq!(found, code, "{text:?}");
}

#[test]
fn an_address_is_found_whatever_surrounds_it() {
    let address = format!("{REDIRECT}?{QUERY}");
    for text in [
        address.clone(),
        format!("  {address}  "),
        format!("\"{address}\""),
        format!("'{address}'"),
        format!("<{address}>"),
        format!("[the page]({address})"),
        format!("The browser ended at {address}."),
        format!("$ open {address} please"),
        format!("nonsense\n{address}\nThanks"),
        format!("> {address}"),
        format!("\u{feff}{address}\u{0}"),
        format!("{address}#_=_"),
        address.replacen("http://", "", 1),
        address.replacen("127.0.0.1", "localhost", 1),
        QUERY.to_owned(),
        format!("?{QUERY}"),
        format!("https://evil.example/callback?code=x&state=y\n{address}"),
    ] {
        gives(&text, "c0de-1");
    }
}

#[test]
fn an_address_that_was_rewritten_is_read() {
    let address = format!("{REDIRECT}?{QUERY}");
    for text in [
        address.replace('&', "&amp;"),
        address.replace('?', "\\?").replace('=', "\\=").replace('&', "\\&"),
        address.replace('=', "=3D"),
        address.replace("st4te_1", "st4te%5F1").replace("c0de-1", "%630de-1"),
        form_urlencoded::byte_serialize(address.as_bytes()).collect(),
        address.replace("state", "%73tate"),
    ] {
        gives(&text, "c0de-1");
    }
}

#[test]
fn an_address_that_is_wrapped_is_put_together() {
    let address = format!("{REDIRECT}?{QUERY}");
    for width in [5, 10, 20, 40, 64, 76] {
        let pieces: Vec<&str> =
            address.as_bytes().chunks(width).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
        for text in [
            pieces.join("\n"),
            pieces.join("\r\n  "),
            pieces.join("\\\n"),
            format!("> {}", pieces.join("\n> ")),
            format!("Here it is:\n{}\nbye", pieces.join("\n")),
        ] {
            gives(&text, "c0de-1");
        }
    }
}

#[test]
fn what_follows_a_text_of_even_width_is_no_part_of_it() {
    let wrapped = format!("{REDIRECT}?state=st4te_1&code={}", "a".repeat(62));
    let pieces: Vec<&str> =
        wrapped.as_bytes().chunks(30).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    gives(&format!("{}\nThanks", pieces.join("\n")), &"a".repeat(62));
}

#[test]
fn what_is_not_the_address_is_said_to_be_none() {
    for text in [
        "x",
        "yes",
        "code=x",
        REDIRECT,
        "http://127.0.0.1:4321/callback2?code=x&state=st4te_1",
        "http://127.0.0.1:9/callback?code=x&state=st4te_1",
        "https://evil.example/callback?code=x&state=st4te_1",
        "https://id.example.com/authorize?state=st4te_1&redirect_uri=http://127.0.0.1:4321/callback",
    ] {
        assert_eq!(find(text), Err(Problem::NotTheAddress), "{text}");
    }
    let query = |query: &str| find(&format!("{REDIRECT}?{query}"));
    assert_eq!(query("code=c"), Err(Problem::Incomplete("state")));
    assert_eq!(query("code=c&state=st4"), Err(Problem::Incomplete("whole state")));
    assert_eq!(query("state=st4te_1"), Err(Problem::Incomplete("code")));
    assert_eq!(query("code=&state=st4te_1"), Err(Problem::Incomplete("code")));
    assert_eq!(query("code=c&state=st4te_1&iss=https://id.exa"), Err(Problem::Incomplete("whole iss")));
    assert_eq!(query("code=c&state=another"), Err(Problem::OtherSignIn));
    assert_eq!(query("code=c&state=st4te_1&iss=https://evil.example"), Err(Problem::OtherIssuer));
    assert_eq!(query("code=c&code=d&state=st4te_1"), Err(Problem::Repeated));
}

#[test]
fn an_address_that_the_terminal_cut_is_named_as_that() {
    let long = format!("{REDIRECT}?code={}&state=st4te_1", "c".repeat(5000));
    for limit in [4095, 1024] {
        let problem = find(&long[..limit]).unwrap_err();
        assert_eq!(problem, Problem::CutByTerminal(limit));
        assert!(problem.to_string().contains("4,095") && problem.to_string().contains("@FILE"));
    }
    gives(&long, &"c".repeat(5000));
    gives(&format!("{}\n{}", &long[..3000], &long[3000..]), &"c".repeat(5000));
    // The code was cut, and everything before it is in order.
    let code_last = format!("{REDIRECT}?state=st4te_1&code={}", "c".repeat(5000));
    let cut = [code_last[..4095].to_owned()];
    assert_eq!(expected().find(&cut, true), Err(Problem::CutByTerminal(4095)));
}
