//! The development server, made over and over in one folder.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rustls::client::verify_server_name;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::ParsedCertificate;
use tower::ServiceExt as _;

use super::{DevError, DevOptions, DevServer, Summary};
use crate::accounts::{Password, users};
use crate::http::ServeError;
use crate::manage::Fixtures;
use moorline_server_base::clock::{Clock, Timestamp};
use moorline_server_store::Actor;

fn options(dir: &Path) -> DevOptions {
    DevOptions {
        dir: dir.to_owned(),
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        issuer: None,
        http: false,
        limits: true,
        fixtures: Fixtures::default(),
    }
}

async fn prepare(options: &DevOptions) -> Result<DevServer, DevError> {
    DevServer::prepare(options, Clock::manual(Timestamp::from_millis(1_795_000_000_000))).await
}

async fn password_is_right(server: &DevServer, username: &str, password: &str) -> bool {
    let username = username.to_owned();
    let found =
        server.state.store.read(&Actor::System("a test"), move |tx| users::find_by_username(tx, &username));
    let stored = found.await.unwrap().and_then(|user| user.stored_password());
    server.state.passwords.verify(Password::new(password), stored, Vec::new()).await.is_right()
}

#[tokio::test]
async fn what_is_made_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder.path().join("dev"));
    let first = prepare(&options).await.unwrap().summary().clone();
    let again = prepare(&options).await.unwrap();
    let second = again.summary();
    assert_eq!(first.ca_pem, second.ca_pem);
    assert_eq!(first.pins.as_ref().unwrap().primary, second.pins.as_ref().unwrap().primary);
    for (one, two) in first.users.iter().zip(&second.users) {
        assert_eq!(one.password, two.password);
        assert!(password_is_right(&again, &one.username, &one.password).await);
    }
    let roles: Vec<_> =
        second.users.iter().map(|user| (user.username.as_str(), user.roles.join(" "))).collect();
    assert_eq!(roles, [("ada", "user".to_owned()), ("grace", "user admin".to_owned())]);
}

#[tokio::test]
async fn the_certificate_names_the_issuers_host() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let pins = prepare(&options).await.unwrap().summary().pins.clone().unwrap();
    for (issuer, host) in [
        ("https://mac.local:8443", "mac.local"),
        ("https://192.168.1.20:8443", "192.168.1.20"),
        ("https://[fd00::20]:8443", "fd00::20"),
    ] {
        let options = DevOptions { issuer: Some(issuer.parse().unwrap()), ..options.clone() };
        let server = prepare(&options).await.unwrap();
        let now = server.summary().pins.as_ref().unwrap();
        assert_eq!((&now.primary, &now.backup), (&pins.primary, &pins.backup), "{issuer}");
        let leaf = CertificateDer::from_pem_file(folder.path().join("leaf.pem")).unwrap();
        let leaf = ParsedCertificate::try_from(&leaf).unwrap();
        verify_server_name(&leaf, &host.try_into().unwrap()).expect(issuer);
    }
}

#[tokio::test]
async fn the_summary_is_what_programs_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = prepare(&options(folder.path())).await.unwrap();
    let file = std::fs::read_to_string(server.summary_file()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    let port = server.listener.address().port();
    assert_eq!(json["issuer"], format!("https://localhost:{port}"));
    assert_eq!(json["api"], format!("https://localhost:{port}/v1"));
    assert_eq!(json["listen"], format!("127.0.0.1:{port}"));
    assert_eq!((&json["http"], &json["pid"]), (&false.into(), &std::process::id().into()));
    assert_eq!(json["pins"]["host"], "localhost");
    assert_eq!(json["pins"]["expires"], "2027-12-20");
    assert!(json["pins"]["backup"].as_str().unwrap().starts_with("sha256/"));
    assert!(json["ca_pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(Path::new(json["ca_file"].as_str().unwrap()).is_absolute());
    assert_eq!(json["clients"][0]["client_id"], "moorline-demo");
    assert_eq!(json["clients"][0]["scopes"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_lost_summary_gives_the_demo_people_new_passwords_that_work() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let old = prepare(&options).await.unwrap().summary().users[0].password.clone();
    std::fs::remove_file(folder.path().join(Summary::FILE)).unwrap();
    let server = prepare(&options).await.unwrap();
    let new = &server.summary().users[0].password;
    assert_ne!(*new, old);
    assert!(password_is_right(&server, "ada", new).await && !password_is_right(&server, "ada", &old).await);
}

#[tokio::test]
async fn fixtures_are_added_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.fixtures = serde_json::from_str(
        r#"{ "clients": [{ "client_id": "web", "client_secret": "s", "redirect_uris": ["https://a.example/cb"], "scopes": ["openid"] }],
             "users": [{ "username": "mary", "password": "one", "roles": ["user"], "name": "Mary", "email": "m@example.com" }] }"#,
    )
    .unwrap();
    let server = prepare(&options).await.unwrap();
    assert_eq!(server.summary().clients[1].client_id, "web");
    assert_eq!((server.summary().users.len(), server.summary().users[2].password.as_str()), (3, "one"));
    drop(server);
    options.fixtures.users = vec!["username=mary,password=two".parse().unwrap()];
    let server = prepare(&options).await.unwrap();
    assert!(password_is_right(&server, "mary", "two").await);
}

#[tokio::test]
async fn plain_http_is_for_loopback_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.http = true;
    let server = prepare(&options).await.unwrap();
    let summary = server.summary();
    assert!(summary.http && summary.ca_pem.is_none() && summary.pins.is_none());
    assert!(summary.issuer.starts_with("http://127.0.0.1:"));
    options.listen = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let error = prepare(&options).await.unwrap_err();
    assert!(error.to_string().contains("--http is for a loopback address only"), "{error}");
    options.listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
    options.http = false;
    options.issuer = Some("http://localhost".parse().unwrap());
    assert!(matches!(prepare(&options).await, Err(DevError::IssuerScheme(_))));
}

#[tokio::test]
async fn faults_are_played_only_where_nobody_else_reaches_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let ordered = async |listen: Ipv4Addr, issuer: Option<&str>| {
        let options = DevOptions {
            listen: IpAddr::V4(listen),
            issuer: issuer.map(|issuer| issuer.parse().unwrap()),
            ..options(&folder.path().join(format!("{listen}-{}", issuer.is_some())))
        };
        let server = prepare(&options).await.unwrap();
        let lines = server.summary().for_people(&server.summary_file(), super::Style::Plain);
        assert_eq!(lines.contains("/dev/faults/"), server.summary().faults);
        let order = http::Request::post("/dev/faults/revoke-session").header(http::header::HOST, "localhost");
        let order = order.body(axum::body::Body::empty()).unwrap();
        server.router().oneshot(order).await.unwrap().status()
    };
    // Without a token.
    assert_eq!(ordered(Ipv4Addr::LOCALHOST, None).await, 401);
    // Behind a tunnel, and on the network.
    assert_eq!(ordered(Ipv4Addr::LOCALHOST, Some("https://notes.example.com")).await, 404);
    assert_eq!(ordered(Ipv4Addr::UNSPECIFIED, None).await, 404);
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = prepare(&options(&folder.path().join("one"))).await.unwrap();
    let mut second = options(&folder.path().join("two"));
    second.port = first.listener.address().port();
    let error = prepare(&second).await.unwrap_err();
    assert!(matches!(error, DevError::Serve(ServeError::InUse(_))));
    assert!(error.to_string().contains("--port 0"), "{error}");
}

#[tokio::test]
async fn a_folder_serves_one_server_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = prepare(&options(folder.path())).await.unwrap();
    let file = folder.path().join(Summary::FILE);
    let before = std::fs::read(&file).unwrap();
    let error = prepare(&options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("name another folder with --dir"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    drop(first);
    prepare(&options(folder.path())).await.unwrap();
}

#[tokio::test]
async fn a_lost_or_damaged_master_key_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    prepare(&options).await.unwrap();
    std::fs::write(folder.path().join("master.key"), "rubbish").unwrap();
    let error = prepare(&options).await.unwrap_err().to_string();
    assert!(error.contains("master.key") && error.contains("remove the folder"), "{error}");
    std::fs::remove_file(folder.path().join("master.key")).unwrap();
    assert!(prepare(&options).await.unwrap_err().to_string().contains("does not open with this master key"));
}

#[tokio::test]
async fn the_lines_for_people_have_colours_only_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let server = prepare(&options(folder.path())).await.unwrap();
    let plain = server.summary().for_people(&server.summary_file(), super::Style::Plain);
    assert!(plain.contains("ada / ") && plain.contains("sha256/") && !plain.contains('\u{1b}'));
    assert!(server.summary().for_people(&server.summary_file(), super::Style::Colour).contains('\u{1b}'));
}

#[tokio::test]
async fn the_last_lines_start_each_sample() {
    let folder = tempfile::tempdir().unwrap();
    let options = DevOptions { http: true, ..options(folder.path()) };
    let server = prepare(&options).await.unwrap();
    let mut summary = server.summary().clone();
    let lines = |summary: &Summary| summary.for_people(&server.summary_file(), super::Style::Plain);
    summary.listen.set_port(8420);
    let expected = "\
The notes app, in the folder of the repository
  Android   cargo xtask bindings kotlin && cargo xtask android
            adb reverse tcp:8420 tcp:8420
            Android Studio: open the folder android-sample, choose the variant serverDebug, run it
  iOS       cargo xtask ios --out bindings/swift/build
            open ios-sample/Notes.xcodeproj
            Xcode: choose the scheme Notes and a simulator, run it
  both      the lines with xtask build the library, once: each sample's README says what they need
";
    assert!(lines(&summary).ends_with(expected), "{}", lines(&summary));

    summary.listen.set_port(9000);
    let other = lines(&summary);
    assert!(other.contains("adb reverse tcp:9000 tcp:9000"), "{other}");
    assert!(
        other.ends_with("the app expects port 8420: start with --port 8420, or see its README\n"),
        "{other}"
    );

    summary.http = false;
    let tls = lines(&summary);
    assert!(!tls.contains("adb"), "an emulator's browser does not trust the CA: {tls}");
    assert!(tls.contains("moorline-server dev --http --port 8420"), "{tls}");
}

#[test]
fn the_readmes_and_the_guide_have_the_lines_that_build_the_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let android = ["cargo xtask bindings kotlin", "cargo xtask android"];
    let ios = ["cargo xtask ios --out bindings/swift/build"];
    let pages: [(&str, &[&str]); 6] = [
        ("android-sample/README.md", &android),
        ("docs/guide/src/android.md", &android),
        ("ios-sample/README.md", &ios),
        ("docs/guide/src/ios.md", &ios),
        ("README.md", &android),
        ("README.md", &ios),
    ];
    for (page, lines) in pages {
        let text = read(page);
        for line in lines {
            assert!(text.contains(line), "{page} lacks `{line}`");
        }
    }
    assert!(read("docs/guide/src/android.md").contains("includeBuild(\"../moorline/bindings/kotlin\")"));
    assert!(read("android-sample/settings.gradle.kts").contains("includeBuild(\"../bindings/kotlin\")"));
}

#[test]
fn the_android_sample_is_what_the_lines_say() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../android-sample");
    let read = |name: &str| std::fs::read_to_string(sample.join(name)).unwrap();
    assert!(read("gradle.properties").contains("\nnotes.issuer=http://127.0.0.1:8420\n"));
    assert!(read("settings.gradle.kts").contains("include(\":app\")"), "the folder to open");
    assert!(read("app/build.gradle.kts").contains("create(\"server\")"), "serverDebug is a variant");
}
