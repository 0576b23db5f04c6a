use super::*;

const REDIRECT: &str = "http://127.0.0.1:4321/callback";
const ISSUER: &str = "https://id.example.com";
const QUERY: &str = "code=c0de-1&iss=https%3A%2F%2Fid.example.com&state=st4te_1";

fn expected() -> Expected {
    Expected::new(REDIRECT, "st4te_1", Some(ISSUER))
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
        format!("<a href=\"{address}\">{}\u{2026}</a>", &address[..40]),
        format!("[{}...]({address})", &address[..40]),
        format!("{}\u{200b}{}\u{ad}{}", &address[..30], &address[30..50], &address[50..]),
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

#[test]
fn an_address_in_a_text_without_spaces_ends_where_the_text_goes_on() {
    let (state_last, code_last) = (QUERY, "iss=https%3A%2F%2Fid.example.com&state=st4te_1&code=c0de-1");
    for query in [state_last, code_last] {
        let address = format!("{REDIRECT}?{query}");
        for after in [
            "\u{3002}",
            "\u{ff0c}\u{8c22}\u{8c22}",
            "\u{3001}",
            "\u{300d}",
            "\u{300f}\u{3002}",
            "\u{ff09}",
            "\u{3011}",
            "\u{300b}",
            "\u{ff01}",
            "\u{ff1f}",
            "\u{ff61}",
            "\u{2014}that is it",
            "\u{203a}",
            "\u{3067}\u{3059}",
            ".\u{3002}",
        ] {
            gives(&format!("{address}{after}"), "c0de-1");
            gives(&format!("\u{5730}\u{5740}\u{662f}\u{300c}{address}{after}"), "c0de-1");
            gives(&format!("\u{5730}\u{5740}\u{ff1a}{query}{after}"), "c0de-1");
        }
    }
    let denied = find(&format!("{REDIRECT}?error=access_denied&error_description=\u{4e0d}&state=st4te_1"));
    assert!(denied.unwrap().ends_with("state=st4te_1"));
}

#[test]
fn an_address_in_a_table_is_read_also_if_its_cell_is_wrapped() {
    let address = format!("{REDIRECT}?{QUERY}");
    for bar in ["|", "\u{2502}"] {
        for text in [
            format!("{bar} {address} {bar}"),
            format!("{bar}{address}{bar}"),
            format!("{bar} 1 {bar} {address} {bar} state {bar}"),
            format!("{bar} address {bar}\n{bar}---{bar}\n{bar} {address} {bar}\n{bar} bye {bar}"),
            format!("{bar} {} {bar}\n{bar} {}   {bar}", &address[..50], &address[50..]),
            format!("a {bar} {} {bar} x\n  {bar} {} {bar} y", &address[..50], &address[50..]),
            format!(
                "{bar} 1 {bar} {} {bar} x {bar}\n{bar}   {bar} {} {bar}   {bar}\n{bar}   {bar} {}  {bar} z {bar}",
                &address[..40],
                &address[40..80],
                &address[80..]
            ),
        ] {
            gives(&text, "c0de-1");
        }
    }
}

#[test]
fn an_address_that_was_shortened_with_an_ellipsis_is_refused_as_cut() {
    let (state_last, code_last) = (QUERY, "iss=https%3A%2F%2Fid.example.com&state=st4te_1&code=c0de-1");
    for ellipsis in [
        "\u{2026}",
        "...",
        "[...]",
        "\u{22ef}",
        "\u{2026}\u{3002}",
        "\u{2026}\"",
        "&hellip;",
        "%E2%80%A6",
        "\u{2026};",
        "....",
        "&session_state=a%E2%80%A6.",
    ] {
        for query in [state_last, code_last, &state_last[..50], &code_last[..20]] {
            assert_eq!(
                find(&format!("{REDIRECT}?{query}{ellipsis}")),
                Err(Problem::Shortened),
                "{query}{ellipsis}"
            );
        }
    }
    for cut in [
        "http://127.0.0.1:4321/call\u{2026}",
        "localhost:4321/...",
        "see http://[::1]:4321/callback\u{2026} there",
    ] {
        assert_eq!(find(cut), Err(Problem::Shortened), "{cut}");
    }
    let middle = format!("{REDIRECT}?code=c0\u{2026}e-1&state=st4te_1");
    assert_eq!(find(&middle), Err(Problem::Shortened));
    assert_eq!(find(&format!("{REDIRECT}?code=c&state=st\u{2026}1")), Err(Problem::Shortened));
    assert!(Problem::Shortened.to_string().contains("was cut"));
    // Nothing that counts is missing from what says that there is no code.
    assert!(
        find(&format!("{REDIRECT}?state=st4te_1&error=access_denied&error_description=wait\u{2026}")).is_ok()
    );
}

#[test]
fn an_issuer_counts_only_where_one_is_expected() {
    let address = format!("{REDIRECT}?code=c&state=st4te_1&iss=https://other.example");
    let any = Expected::new(REDIRECT, "st4te_1", None);
    assert_eq!(any.find(std::slice::from_ref(&address), false), Ok(address.clone()));
    assert_eq!(find(&address), Err(Problem::OtherIssuer));
}
