//! The notes, through the router.

use http::Method;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};

use crate::http::testing::{Answer, TestServer, ask};

const ALL: &str = "notes.read notes.write notes.delete";

async fn server() -> (TestServer, String) {
    let server = TestServer::with(|config| config.limits.enabled = false).await;
    server.client("id=app,redirect=https://app.example.com/cb").await;
    let ada = server.user("username=ada,password=a").await;
    let token = server.token(&ada, ALL, &["user"]).await;
    (server, token)
}

async fn add(server: &TestServer, token: &str, title: &str) -> Answer {
    let body = serde_json::json!({ "title": title, "body": "text" }).to_string();
    server.api(Method::POST, "/v1/notes", token, &[], &body).await
}

#[tokio::test]
async fn a_note_is_added_read_changed_and_deleted() {
    let (server, token) = server().await;
    let added = add(&server, &token, "Milk & eggs").await;
    assert_eq!((added.status.as_u16(), added.header("etag")), (201, "\"1\""));
    let path = added.header("location").to_owned();
    assert_eq!(added.json()["created_at"], "2026-11-18T11:06:40Z");

    let read = server.api(Method::GET, &path, &token, &[], "").await;
    assert_eq!((read.status.as_u16(), read.json()), (200, added.json()));

    server.state.clock.advance(std::time::Duration::from_millis(1500));
    let body = r#"{"title":"Milk","body":"two"}"#;
    let changed = server.api(Method::PUT, &path, &token, &[(IF_MATCH, "\"1\"")], body).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
    assert_eq!(changed.json()["title"], "Milk");
    assert_eq!(changed.json()["updated_at"], "2026-11-18T11:06:41.5Z");

    assert_eq!(server.api(Method::DELETE, &path, &token, &[], "").await.status, 204);
    server.api(Method::GET, &path, &token, &[], "").await.is_problem(404, "not-found");
    server.api(Method::DELETE, &path, &token, &[], "").await.is_problem(404, "not-found");
}

#[tokio::test]
async fn another_persons_note_is_not_there_not_even_for_an_administrator() {
    let (server, token) = server().await;
    let path = add(&server, &token, "mine").await.header("location").to_owned();
    let grace = server.user("username=grace,password=g,role=user,role=admin").await;
    let hers = server.token(&grace, ALL, &["user", "admin"]).await;
    let nothing = server.api(Method::GET, "/v1/notes/AAAAAAAAAAAAAAAAAAAAAA", &hers, &[], "").await;
    for (method, body) in [(Method::GET, ""), (Method::PUT, r#"{"title":"x"}"#), (Method::DELETE, "")] {
        let answer = server.api(method, &path, &hers, &[(IF_MATCH, "*")], body).await;
        answer.is_problem(404, "not-found");
        assert_eq!(answer.body, nothing.body);
    }
    assert_eq!(
        server.api(Method::GET, "/v1/notes", &hers, &[], "").await.json()["items"],
        serde_json::json!([])
    );
    assert_eq!(server.api(Method::GET, &path, &token, &[], "").await.json()["title"], "mine");
}

#[tokio::test]
async fn nobodys_change_is_lost() {
    let (server, token) = server().await;
    let path = add(&server, &token, "one").await.header("location").to_owned();
    let put = async |tag: &str| {
        server.api(Method::PUT, &path, &token, &[(IF_MATCH, tag)], r#"{"title":"two"}"#).await
    };
    server
        .api(Method::PUT, &path, &token, &[], r#"{"title":"two"}"#)
        .await
        .is_problem(428, "precondition-required");
    put("\"9\"").await.is_problem(412, "precondition-failed");
    put("W/\"1\"").await.is_problem(412, "precondition-failed");
    put("1").await.is_problem(400, "malformed-condition");
    assert_eq!(put("\"9\", \"1\"").await.status, 200);
    put("\"1\"").await.is_problem(412, "precondition-failed");
    let stale = server.api(Method::DELETE, &path, &token, &[(IF_MATCH, "\"1\"")], "").await;
    stale.is_problem(412, "precondition-failed");
    assert_eq!(server.api(Method::DELETE, &path, &token, &[(IF_MATCH, "\"2\"")], "").await.status, 204);
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let (server, token) = server().await;
    let path = add(&server, &token, "one").await.header("location").to_owned();
    let known = server.api(Method::GET, &path, &token, &[(IF_NONE_MATCH, "\"1\"")], "").await;
    assert_eq!((known.status.as_u16(), known.body.as_str(), known.header("etag")), (304, "", "\"1\""));
    let old = server.api(Method::GET, &path, &token, &[(IF_NONE_MATCH, "\"0\"")], "").await;
    assert_eq!(old.status, 200);
}

#[tokio::test]
async fn pages_show_every_note_once_newest_first_also_while_notes_come_and_go() {
    let (server, token) = server().await;
    for number in 0..7 {
        // Two in each millisecond, so that the id has to keep them apart.
        server.state.clock.advance(std::time::Duration::from_millis(number % 2));
        add(&server, &token, &number.to_string()).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/notes?limit=3".to_owned();
    loop {
        let page = server.api(Method::GET, &path, &token, &[], "").await.json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|note| note["title"].as_str().unwrap().to_owned()),
        );
        // A note that is new is before all pages: it moves nothing.
        add(&server, &token, "new").await;
        server.state.clock.advance(std::time::Duration::from_millis(1));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/notes?limit=3&cursor={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!(sorted.len(), 7, "{seen:?}");
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!(server.rows("SELECT id FROM notes").await, 10);
}

#[tokio::test]
async fn a_page_query_that_makes_no_sense_is_refused() {
    let (server, token) = server().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "cursor=x",
        "cursor=",
        "sort=title",
        "limit=1&limit=2",
    ] {
        let answer = server.api(Method::GET, &format!("/v1/notes?{query}"), &token, &[], "").await;
        answer.is_problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn a_note_that_is_not_valid_is_refused_and_says_where() {
    let (server, token) = server().await;
    let post = async |body: &str| server.api(Method::POST, "/v1/notes", &token, &[], body).await;
    let long = |length: usize| "ä".repeat(length);
    for (body, pointer) in [
        (serde_json::json!({ "title": "" }), "/title"),
        (serde_json::json!({ "title": long(201) }), "/title"),
        (serde_json::json!({ "title": "two\nlines" }), "/title"),
        (serde_json::json!({ "title": "x", "body": long(20_001) }), "/body"),
        (serde_json::json!({ "title": "x", "body": "\0" }), "/body"),
    ] {
        let answer = post(&body.to_string()).await;
        answer.is_problem(422, "invalid");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let fits = serde_json::json!({ "title": long(200), "body": long(20_000) });
    assert_eq!(post(&fits.to_string()).await.status, 201);
    for body in ["[]", "null", r#"{"body":"x"}"#, r#"{"title":7}"#, r#"{"title":"x","color":"red"}"#] {
        post(body).await.is_problem(422, "invalid");
    }
    for body in ["{", "title=x", "{\"title\":\"x\"} trailing"] {
        post(body).await.is_problem(400, "malformed-json");
    }
    assert_eq!(server.rows("SELECT id FROM notes").await, 1);
}

#[tokio::test]
async fn a_body_of_another_type_or_size_is_refused() {
    let (server, token) = server().await;
    let send = async |kind: &str, body: String| {
        let request = ask(Method::POST, "/v1/notes").header("authorization", format!("Bearer {token}"));
        server.send(request.header(CONTENT_TYPE, kind).body(body.into()).unwrap()).await
    };
    send("text/plain", r#"{"title":"x"}"#.to_owned()).await.is_problem(415, "unsupported-media-type");
    let big = format!(r#"{{"title":"x","body":"{}"}}"#, "x".repeat(256 * 1024));
    send("application/json", big.clone()).await.is_problem(413, "too-large");
    let announced =
        ask(Method::POST, "/v1/notes").header("content-length", "999999999").body("".into()).unwrap();
    server.send(announced).await.is_problem(413, "too-large");
    assert_eq!(server.rows("SELECT id FROM notes").await, 0);
}

#[tokio::test]
async fn what_is_not_there_or_can_not_be_done_is_a_problem_document_too() {
    let (server, token) = server().await;
    server.api(Method::GET, "/v1/nothing", &token, &[], "").await.is_problem(404, "not-found");
    server.api(Method::GET, "/v1", &token, &[], "").await.is_problem(404, "not-found");
    let answer = server.api(Method::PATCH, "/v1/notes", &token, &[], "").await;
    answer.is_problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD,POST");
}

#[tokio::test]
async fn an_account_holds_so_many_notes_and_no_more() {
    let (server, token) = server().await;
    server
        .sql(
            "INSERT INTO notes (id, user_id, title, body, version, created_at, updated_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
             SELECT 'n' || i, (SELECT id FROM users), 't', '', 1, i, i FROM n",
            vec![],
        )
        .await;
    add(&server, &token, "one more").await.is_problem(409, "too-many-notes");
}

#[tokio::test]
async fn notes_that_are_added_at_once_are_no_more_than_there_is_room_for() {
    let (server, token) = server().await;
    server
        .sql(
            "INSERT INTO notes (id, user_id, title, body, version, created_at, updated_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9995)
             SELECT 'n' || i, (SELECT id FROM users), 't', '', 1, i, i FROM n",
            vec![],
        )
        .await;
    let four = async || {
        let one = || add(&server, &token, "at once");
        let answers = tokio::join!(one(), one(), one(), one());
        [answers.0, answers.1, answers.2, answers.3].map(|answer| answer.status.as_u16())
    };
    let (some, others) = tokio::join!(four(), four());
    let added = some.iter().chain(&others).filter(|status| **status == 201).count();
    let refused = some.iter().chain(&others).filter(|status| **status == 409).count();
    assert_eq!((added, refused), (5, 3));
}

#[tokio::test]
async fn of_two_changes_of_one_version_at_once_one_is_made_and_the_other_refused() {
    let (server, token) = server().await;
    let path = add(&server, &token, "one").await.header("location").to_owned();
    for version in 1..=10 {
        let tag = format!("\"{version}\"");
        let headers = [(IF_MATCH, tag.as_str())];
        let (one, two) = tokio::join!(
            server.api(Method::PUT, &path, &token, &headers, r#"{"title":"one"}"#),
            server.api(Method::PUT, &path, &token, &headers, r#"{"title":"two"}"#),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}

#[tokio::test]
async fn a_nul_in_a_path_is_a_bad_request_on_either_engine() {
    let (server, token) = server().await;
    server.api(Method::GET, "/v1/notes/a%00b", &token, &[], "").await.is_problem(400, "invalid-text");
}
