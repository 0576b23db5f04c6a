//! The pages, through the router, as a browser sees them.

mod guessing;
mod passwords;

use std::time::Duration;

use crate::http::testing::{Answer, Browser, TestServer, hidden};
use moorline_server_base::config::Config;
use moorline_server_store::Value;

const SESSION: &str = "__Host-moorline-session";
const VISIT: &str = "__Host-moorline-visit";
const REDIRECT: &str = "com.example.notes:/signed-in";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.client("id=app,name=Notes,redirect=com.example.notes:/signed-in").await;
    server.user("username=ada,password=correct horse,name=Ada Lovelace,email=ada@example.com").await;
    server
}

#[tokio::test]
async fn signing_in_leads_back_to_the_request_and_gives_a_session_under_a_new_id() {
    let server = server().await;
    let browser = Browser::of(&server);
    let planted = "p".repeat(43);
    browser.set_cookie(SESSION, &planted);
    let request = server.authorization_request("app", REDIRECT).await;
    let answer = browser.sign_in(Some(&request), " Ada ", "correct horse").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.header("location"), format!("/oauth/authorize/continue?request={request}"));
    let cookie = answer.headers.get_all("set-cookie").iter().next().unwrap().to_str().unwrap().to_owned();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let session = browser.cookie(SESSION).unwrap();
    assert_ne!(session, planted);
    assert_eq!(server.rows("SELECT 1 AS x FROM browser_sessions").await, 1);
    assert_eq!(
        server.rows("SELECT 1 AS x FROM audit WHERE event = 'sign_in.succeeded' AND actor IS NOT NULL").await,
        1
    );

    // Signing in again replaces the session: the old cookie is worth nothing.
    browser.sign_in(None, "ada", "correct horse").await;
    assert_ne!(browser.cookie(SESSION).unwrap(), session);
    browser.set_cookie(SESSION, &session);
    assert!(browser.get("/").await.body.contains("One account for your apps"));
}

#[tokio::test]
async fn a_session_that_signing_in_replaces_is_an_end_that_a_restore_must_not_forget() {
    let server = server().await;
    let browser = Browser::of(&server);
    let has_ends = async |expected| server.has_ends("browser", expected).await;
    browser.set_cookie(SESSION, &"p".repeat(43));
    browser.sign_in(None, "ada", "correct horse").await;
    // A planted id is nobody's session.
    has_ends(0).await;
    browser.sign_in(None, "ada", "correct horse").await;
    has_ends(1).await;
    let csrf = hidden(&browser.get("/").await.body, "csrf");
    browser.post("/sign-out", &[("csrf", &csrf)]).await;
    has_ends(2).await;
}

#[tokio::test]
async fn a_session_cookie_is_stored_as_a_hash_alone() {
    let server = server().await;
    let browser = Browser::of(&server);
    browser.sign_in(None, "ada", "correct horse").await;
    let cookie = browser.cookie(SESSION).unwrap();
    // A server's files of Postgres are out of reach; what is stored is the same.
    let Some(file) = server.state.config.database.file() else { return };
    let database = std::fs::read(file).unwrap();
    let log = std::fs::read(file.with_extension("db-wal")).unwrap_or_default();
    for bytes in [database, log] {
        assert!(!bytes.windows(cookie.len()).any(|window| window == cookie.as_bytes()));
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_the_same_and_keep_the_user_name() {
    let server = server().await;
    let mut pages = Vec::new();
    for (username, password) in [("ada", "wrong"), ("bob", "wrong"), ("ada", ""), ("ada", &"x".repeat(2000))]
    {
        let browser = Browser::of(&server);
        let answer = browser.sign_in(None, username, password).await;
        answer.is_page(422);
        assert!(answer.body.contains(&format!("value=\"{username}\"")));
        assert!(
            answer.body.contains("role=\"alert\"") && answer.body.contains("aria-describedby=\"problem\"")
        );
        assert!(answer.body.contains("<title>Error: Sign in"));
        assert!(!answer.body.contains("wrong") && browser.cookie(SESSION).is_none());
        let csrf = hidden(&answer.body, "csrf");
        pages.push(answer.body.replace(&csrf, "").replace(&format!("value=\"{username}\""), ""));
    }
    for page in &pages {
        assert_eq!(page, &pages[0]);
    }
    // Those of the account, once they are written. A stranger can make up names for ever: "bob" has none.
    let failures = "SELECT 1 AS x FROM audit WHERE event = 'sign_in.failed'";
    while server.rows(failures).await < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.rows(failures).await, 3);
    assert_eq!(server.rows("SELECT 1 AS x FROM browser_sessions").await, 0);
}

#[tokio::test]
async fn what_a_person_types_is_text_and_never_markup() {
    let server = server().await;
    let answer = Browser::of(&server).sign_in(None, "\"><script>alert(1)</script>", "x").await;
    answer.is_page(422);
    assert!(answer.body.contains("&#62;&#60;script&#62;"), "{}", answer.body);
}

#[tokio::test]
async fn a_form_that_was_not_served_to_this_browser_does_nothing() {
    let server = server().await;
    let (mine, theirs) = (Browser::of(&server), Browser::of(&server));
    let token = hidden(&theirs.get("/sign-in").await.body, "csrf");
    mine.get("/sign-in").await;
    for csrf in ["", "x", token.as_str()] {
        let fields = [("csrf", csrf), ("username", "ada"), ("password", "correct horse")];
        let answer = mine.post("/sign-in", &fields).await;
        answer.is_page(403);
        assert!(answer.body.contains("value=\"ada\"") && mine.cookie(SESSION).is_none());
        // The page that comes back is good for the next try.
        assert_eq!(hidden(&answer.body, "csrf"), hidden(&mine.get("/sign-in").await.body, "csrf"));
    }
    assert_eq!(
        mine.post("/sign-in", &[("username", "ada"), ("password", "correct horse")]).await.status,
        403
    );
    assert_eq!(mine.sign_in(None, "ada", "correct horse").await.status, 303);
}

#[tokio::test]
async fn a_form_in_another_tab_stays_good_when_the_user_signs_in() {
    let server = server().await;
    let browser = Browser::of(&server);
    let request = async || server.authorization_request("app", REDIRECT).await;
    let (first, second, third) = (request().await, request().await, request().await);
    let mut tabs = Vec::new();
    for id in [&first, &second] {
        tabs.push((id, hidden(&browser.get(&format!("/sign-in?request={id}")).await.body, "csrf")));
    }
    for (id, csrf) in &tabs {
        let fields =
            [("csrf", csrf.as_str()), ("request", id), ("username", "ada"), ("password", "correct horse")];
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!(
            answer.header("location"),
            format!("/oauth/authorize/continue?request={id}"),
            "{}",
            answer.body
        );
    }
    // So do the forms that came after the sign-in: consent, and signing out.
    let consent = hidden(&browser.get(&format!("/consent?request={first}")).await.body, "csrf");
    browser.sign_in(Some(&third), "ada", "correct horse").await;
    let allow = [("request", first.as_str()), ("csrf", consent.as_str()), ("decision", "allow")];
    assert_eq!(browser.post("/consent", &allow).await.status, 303);
    // A user who is not the one whom the page was for decides nothing with it.
    server.user("username=grace,password=correct horse").await;
    browser.sign_in(None, "grace", "correct horse").await;
    let strange = [("request", second.as_str()), ("csrf", consent.as_str()), ("decision", "allow")];
    browser.post("/consent", &strange).await.is_page(403);
    let visit = browser.cookie(VISIT).unwrap();
    let sign_in = hidden(&browser.get("/sign-in").await.body, "csrf");
    browser.post("/sign-out", &[("csrf", &sign_in)]).await.is_page(403);
    assert_eq!(browser.cookie(VISIT).unwrap(), visit);
}

#[tokio::test]
async fn a_cookie_of_another_program_on_the_host_stops_no_sign_in() {
    let server = server().await;
    let browser = Browser::of(&server);
    browser.set_cookie("a-neighbours", "f\u{fc}r \u{1f36a}");
    assert_eq!(browser.sign_in(None, "ada", "correct horse").await.status, 303);
    assert!(browser.get("/").await.body.contains("You are signed in"));
}

#[tokio::test]
async fn a_form_leads_to_a_web_address_by_a_page_in_between() {
    let server = server().await;
    let redirect = "https://notes.example.com/signed-in";
    server.client(&format!("id=web,name=Notes,redirect={redirect}")).await;
    for decision in ["deny", "allow"] {
        let browser = Browser::of(&server);
        let request = server.authorization_request("web", redirect).await;
        let page = browser.get(&format!("/sign-in?request={request}")).await;
        assert!(page.header("content-security-policy").contains("form-action 'self';"));
        let next = format!("/oauth/authorize/continue?request={request}");
        let onward = |answer: &Answer| {
            answer.is_page(200);
            assert!(answer.header("content-security-policy").contains("form-action 'none';"));
            assert!(
                answer.body.contains(&format!("<meta http-equiv=\"refresh\" content=\"0; url={next}\">"))
            );
            assert!(
                answer.body.contains(&format!("href=\"{next}\"")),
                "for a browser that refreshes nothing"
            );
        };
        let signed_in = browser.sign_in(Some(&request), "ada", "correct horse").await;
        onward(&signed_in);
        let page = browser.get(&format!("/consent?request={request}")).await;
        assert!(page.header("content-security-policy").contains("form-action 'self';"));
        let csrf = hidden(&page.body, "csrf");
        onward(
            &browser
                .post("/consent", &[("request", &request), ("csrf", &csrf), ("decision", decision)])
                .await,
        );
        assert!(go_on(&browser, &request).await.starts_with(redirect));
    }
}

#[tokio::test]
async fn too_many_attempts_on_an_account_wait_also_with_the_right_password() {
    let server = TestServer::with(|config| config.limits.sign_in_per_account = 3).await;
    server.user("username=ada,password=correct horse").await;
    server.user("username=grace,password=correct horse").await;
    for username in ["ada", "ADA", " ada"] {
        Browser::of(&server).sign_in(None, username, "wrong").await.is_page(422);
    }
    let answer = Browser::of(&server).sign_in(None, "ada", "correct horse").await;
    answer.is_page(429);
    assert_eq!(answer.header("retry-after"), "20");
    assert!(answer.body.contains("wait 20 seconds"));
    // An account that does not exist has its limit too: the limit reveals nothing.
    for _ in 0..3 {
        Browser::of(&server).sign_in(None, "nobody", "wrong").await.is_page(422);
    }
    Browser::of(&server).sign_in(None, "nobody", "wrong").await.is_page(429);
    assert_eq!(Browser::of(&server).sign_in(None, "grace", "correct horse").await.status, 303);
    server.limit_clock.advance(Duration::from_secs(20));
    assert_eq!(Browser::of(&server).sign_in(None, "ada", "correct horse").await.status, 303);
}

#[tokio::test]
async fn too_many_attempts_from_an_address_wait_whatever_the_user_name() {
    let server = TestServer::with(|config| config.limits.sign_in_per_address = 3).await;
    for username in ["a", "b", "c"] {
        Browser::of(&server).sign_in(None, username, "wrong").await.is_page(422);
    }
    Browser::of(&server).sign_in(None, "d", "wrong").await.is_page(429);
}

#[tokio::test]
async fn attempts_on_a_limited_account_use_up_nothing_of_their_address() {
    let limits = |config: &mut Config| {
        (config.limits.sign_in_per_account, config.limits.sign_in_per_address) = (1, 2);
    };
    let server = TestServer::with(limits).await;
    Browser::of(&server).sign_in(None, "ada", "wrong").await.is_page(422);
    for _ in 0..5 {
        Browser::of(&server).sign_in(None, "ada", "wrong").await.is_page(429);
    }
    Browser::of(&server).sign_in(None, "grace", "wrong").await.is_page(422);
    Browser::of(&server).sign_in(None, "zoe", "wrong").await.is_page(429);
}

#[tokio::test]
async fn the_sign_in_page_names_the_app_and_may_lead_to_it() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let page = Browser::of(&server).get(&format!("/sign-in?request={request}")).await;
    page.is_page(200);
    assert!(page.body.contains("to continue to <strong>Notes</strong>"));
    assert!(
        page.body.contains("autocomplete=\"username\"")
            && page.body.contains("autocomplete=\"current-password\"")
    );
    assert!(page.header("content-security-policy").contains("form-action 'self' com.example.notes:;"));
    assert!(page.header("set-cookie").contains("HttpOnly"));
}

#[tokio::test]
async fn a_request_that_is_unknown_or_over_is_a_page_that_says_so() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let browser = Browser::of(&server);
    browser.get("/sign-in?request=unknown").await.is_page(400);
    browser.get("/sign-in?request=").await.is_page(400);
    server.state.clock.advance(Duration::from_secs(600));
    browser.get(&format!("/sign-in?request={request}")).await.is_page(400);
    assert_eq!(browser.sign_in(None, "ada", "correct horse").await.status, 303);
    browser.get(&format!("/consent?request={request}")).await.is_page(400);
    browser.get("/consent").await.is_page(400);
}

#[tokio::test]
async fn consent_is_asked_of_those_who_are_signed_in_alone() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let browser = Browser::of(&server);
    let path = format!("/consent?request={request}");
    assert_eq!(browser.get(&path).await.header("location"), format!("/sign-in?request={request}"));
    let fields = [("request", request.as_str()), ("csrf", "x"), ("decision", "allow")];
    assert_eq!(
        browser.post("/consent", &fields).await.header("location"),
        format!("/sign-in?request={request}")
    );
    assert_eq!(server.rows("SELECT 1 AS x FROM consents").await, 0);
}

#[tokio::test]
async fn the_consent_page_explains_each_scope_and_remembers_what_is_allowed() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let browser = Browser::of(&server);
    browser.sign_in(Some(&request), "ada", "correct horse").await;
    let page = browser.get(&format!("/consent?request={request}")).await;
    page.is_page(200);
    for words in
        ["Allow Notes to use your account?", "Ada Lovelace", "Know that it is you", "Read your notes"]
    {
        assert!(page.body.contains(words), "{words}");
    }
    assert!(!page.body.contains("Delete notes"));
    assert!(page.header("content-security-policy").contains("form-action 'self' com.example.notes:;"));
    let csrf = hidden(&page.body, "csrf");
    let allow = [("request", request.as_str()), ("csrf", csrf.as_str()), ("decision", "allow")];
    let answer = browser.post("/consent", &allow).await;
    assert_eq!(answer.header("location"), format!("/oauth/authorize/continue?request={request}"));
    assert_eq!(server.rows("SELECT 1 AS x FROM consents WHERE scope = 'notes.read openid'").await, 1);
    assert_eq!(server.rows("SELECT 1 AS x FROM audit WHERE event = 'consent.granted'").await, 1);
}

/// Goes on with a request, in that browser.
async fn go_on(browser: &Browser<'_>, request: &str) -> String {
    let answer = browser.get(&format!("/oauth/authorize/continue?request={request}")).await;
    answer.header("location").to_owned()
}

#[tokio::test]
async fn a_password_typed_for_another_request_lets_no_installed_app_in_without_a_click() {
    let server = server().await;
    let browser = Browser::of(&server);
    let first = server.authorization_request("app", REDIRECT).await;
    browser.sign_in(Some(&first), "ada", "correct horse").await;
    let csrf = hidden(&browser.get(&format!("/consent?request={first}")).await.body, "csrf");
    let allow = [("request", first.as_str()), ("csrf", csrf.as_str()), ("decision", "allow")];
    browser.post("/consent", &allow).await;
    assert!(go_on(&browser, &first).await.starts_with("com.example.notes:/signed-in?code="));

    // Two requests wait; the password is typed for one of them.
    let [own, strange] = [(); 2].map(|()| server.authorization_request("app", REDIRECT));
    let (own, strange) = (own.await, strange.await);
    browser.sign_in(Some(&own), "ada", "correct horse").await;
    assert_eq!(go_on(&browser, &strange).await, format!("/consent?request={strange}"));
    assert!(go_on(&browser, &own).await.starts_with("com.example.notes:/signed-in?code="));

    let page = browser.get(&format!("/consent?request={strange}")).await;
    page.is_page(200);
    for words in ["Continue to Notes as Ada Lovelace?", "Continue as Ada Lovelace", "Not you?", "Cancel"] {
        assert!(page.body.contains(words), "{words}");
    }
    assert!(!page.body.contains("Read your notes"), "the scopes were allowed before");
    let csrf = hidden(&page.body, "csrf");
    browser.post("/consent", &[("request", &strange), ("csrf", &csrf), ("decision", "deny")]).await;
    assert!(go_on(&browser, &strange).await.contains("error=access_denied"));
}

#[tokio::test]
async fn a_consent_that_was_forged_or_makes_no_sense_decides_nothing() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let browser = Browser::of(&server);
    browser.sign_in(Some(&request), "ada", "correct horse").await;
    let csrf = hidden(&browser.get(&format!("/consent?request={request}")).await.body, "csrf");
    let post = async |fields: &[(&str, &str)]| browser.post("/consent", fields).await;
    post(&[("request", &request), ("csrf", "x"), ("decision", "allow")]).await.is_page(403);
    post(&[("request", &request), ("decision", "allow")]).await.is_page(422);
    post(&[("request", &request), ("csrf", &csrf), ("decision", "maybe")]).await.is_page(422);
    post(&[("request", &request), ("csrf", &csrf)]).await.is_page(422);
    post(&[("request", "unknown"), ("csrf", &csrf), ("decision", "allow")]).await.is_page(400);
    let undecided = "SELECT 1 AS x FROM authorization_requests WHERE decision = 'sign_in'";
    assert_eq!(server.rows(undecided).await, 1);
    assert_eq!(post(&[("request", &request), ("csrf", &csrf), ("decision", "deny")]).await.status, 303);
    assert_eq!(server.rows("SELECT 1 AS x FROM authorization_requests WHERE decision = 'deny'").await, 1);
    assert_eq!(server.rows("SELECT 1 AS x FROM consents").await, 0);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_only_its_own_button_does_it() {
    let server = server().await;
    let browser = Browser::of(&server);
    browser.sign_in(None, "ada", "correct horse").await;
    let home = browser.get("/").await;
    home.is_page(200);
    assert!(home.body.contains("ada@example.com"));
    let (csrf, cookie) = (hidden(&home.body, "csrf"), browser.cookie(SESSION).unwrap());
    browser.post("/sign-out", &[("csrf", "x")]).await.is_page(403);
    browser.get("/sign-out").await.is_page(405);
    assert_eq!(server.rows("SELECT 1 AS x FROM browser_sessions").await, 1);
    let answer = browser.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(answer.header("location"), "/?signed-out=1");
    assert!(browser.cookie(SESSION).is_none());
    assert!(browser.get("/?signed-out=1").await.body.contains("You are signed out"));
    browser.set_cookie(SESSION, &cookie);
    assert!(browser.get("/").await.body.contains("One account for your apps"));
    // Once more, from another tab: nothing to do, no error.
    assert_eq!(browser.post("/sign-out", &[("csrf", &csrf)]).await.status, 303);
}

#[tokio::test]
async fn somebody_else_at_the_same_browser_can_sign_in_and_go_on() {
    let server = server().await;
    let request = server.authorization_request("app", REDIRECT).await;
    let browser = Browser::of(&server);
    browser.sign_in(Some(&request), "ada", "correct horse").await;
    let csrf = hidden(&browser.get(&format!("/consent?request={request}")).await.body, "csrf");
    let answer = browser.post("/sign-out", &[("csrf", &csrf), ("request", &request)]).await;
    assert_eq!(answer.header("location"), format!("/sign-in?request={request}"));
}

#[tokio::test]
async fn a_browser_session_ends_by_itself() {
    let server = server().await;
    let browser = Browser::of(&server);
    browser.sign_in(None, "ada", "correct horse").await;
    server.state.clock.advance(server.state.config.browser.session_lifetime.as_duration());
    assert!(browser.get("/").await.body.contains("One account for your apps"));
}

#[tokio::test]
async fn an_account_without_a_password_can_not_be_signed_in_to() {
    let server = server().await;
    server.sql("UPDATE users SET password_hash = $1", vec![Value::Null]).await;
    for password in ["correct horse", ""] {
        Browser::of(&server).sign_in(None, "ada", password).await.is_page(422);
    }
}

#[tokio::test]
async fn by_plain_http_on_loopback_the_cookies_go_without_the_tls_only_prefix() {
    let server = TestServer::with(|config| config.issuer = "http://127.0.0.1:8443".parse().unwrap()).await;
    server.user("username=ada,password=correct horse").await;
    let browser = Browser::of(&server);
    let answer = browser.sign_in(None, "ada", "correct horse").await;
    assert!(browser.cookie("moorline-session").is_some());
    assert!(!answer.header("set-cookie").contains("Secure"));
    assert_eq!(answer.header("strict-transport-security"), "");
}
