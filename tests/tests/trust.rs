//! Servers that are not who they should be: a typed error, nothing sent, the session kept.

use std::fs;

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use moorline::{Configuration, Error, HostPins, Moorline, SessionState, SignInOptions};
use moorline_tests::sdk::{self, CLIENT, REDIRECT};
use moorline_tests::{LossyProxy, World};
use rcgen::{
    CertificateParams, CertifiedIssuer, DistinguishedName, DnType, Issuer, KeyPair, PublicKeyData as _,
    date_time_ymd,
};

/// Puts an impostor in the server's place: its certificate is for `name`, ends in `year`, and is signed by the
/// development CA, or by a CA that nobody trusts.
async fn impostor(world: World, name: &str, year: i32, by_the_ca: bool) -> Result<World> {
    let World { server, proxy, device, browser } = world;
    let port = proxy.port();
    proxy.close().await;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate()?;
    let folder = server.folder();
    let (certificate, ca_pem) = if by_the_ca {
        let ca_key = KeyPair::from_pem(&fs::read_to_string(folder.join("ca-key.pem"))?)?;
        let ca_pem = fs::read_to_string(folder.join("ca.pem"))?;
        (params.signed_by(&key, &Issuer::new(ca_params(&ca_key), ca_key))?, ca_pem)
    } else {
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        (params.signed_by(&key, &ca)?, ca.pem())
    };
    let (chain, key_file) = (folder.join("impostor.pem"), folder.join("impostor-key.pem"));
    fs::write(&chain, certificate.pem() + &ca_pem)?;
    fs::write(&key_file, key.serialize_pem())?;
    let proxy = LossyProxy::bind(port).await?;
    proxy.run_with_certificate(&server, &chain, &key_file)?;
    Ok(World { server, proxy, device, browser })
}

/// The development CA, as far as signing in its name needs it: the name is of `server/src/dev/certificates.rs`.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let digest = digest(&SHA256, &key.subject_public_key_info());
    let mark: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Moorline development CA {mark}"));
    params
}

/// The app meets an impostor with a session in its vault, then the true server again.
async fn meets(name: &str, year: i32, by_the_ca: bool) -> Result<Error> {
    let world = World::start().await?;
    drop(world.signed_in().await?);
    let world = impostor(world, name, year, by_the_ca).await?;
    let app = world.app()?;
    let error = app.refresh(None).await.expect_err("an impostor got a refresh");
    assert_ne!(error.retry(), moorline::Retry::Never, "another network may do: {error:?}");
    assert!(matches!(app.state(), SessionState::SignedIn(_)), "{:?}", app.state());
    assert!(world.proxy.exchanges().is_empty(), "something was sent to an impostor");

    let World { server, proxy, device, .. } = world;
    let port = proxy.port();
    proxy.close().await;
    let proxy = LossyProxy::bind(port).await?;
    proxy.run(&server)?;
    app.refresh(None).await?;
    drop(device);
    Ok(error)
}

/// The error says what is wrong with the certificate, not only that something is.
fn assert_untrusted(error: &Error, because: &str) {
    match error {
        Error::Untrusted { reason, .. } => assert!(reason.contains(because), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_host_is_refused_and_the_session_kept() -> Result<()> {
    let error = meets("elsewhere.example", 2090, true).await?;
    assert_untrusted(&error, "another host");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_and_the_session_kept() -> Result<()> {
    let error = meets("localhost", 2021, true).await?;
    assert_untrusted(&error, "expired");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_nobody_trusts_is_refused_and_the_session_kept() -> Result<()> {
    let error = meets("localhost", 2090, false).await?;
    assert_untrusted(&error, "authority");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_alone_does_not_do_where_there_are_pins() -> Result<()> {
    let world = World::start().await?;
    drop(world.signed_in().await?);
    let asked = world.proxy.exchanges().len();
    let pin = |byte: u8| format!("sha256/{}", base64::engine::general_purpose::STANDARD.encode([byte; 32]));
    let dev = world.server.dev();
    let configuration = Configuration::builder(&dev.issuer, CLIENT)
        .redirect_uri(REDIRECT)
        .extra_root_pem(dev.ca_pem.as_deref().expect("TLS is on"))
        .pins(HostPins::new("localhost").primary(&pin(1)).backup(&pin(2)).expires("2099-01-01"))
        .build()?;
    let app = Moorline::new(configuration, world.device.platform())?;
    let error = app.refresh(None).await.expect_err("a wrong pin was accepted");
    assert_eq!(error, Error::PinMismatch("localhost".to_owned()));
    assert!(matches!(app.state(), SessionState::SignedIn(_)), "{:?}", app.state());
    assert_eq!(world.proxy.exchanges().len(), asked, "nothing was sent");
    drop(app);
    world.app()?.refresh(None).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_alone_do_not_do_without_trust() -> Result<()> {
    let world = World::start().await?;
    let dev = world.server.dev();
    let pins = dev.pins.as_ref().expect("TLS is on");
    let configuration = Configuration::builder(&dev.issuer, CLIENT)
        .redirect_uri(REDIRECT)
        .pins(HostPins::new("localhost").primary(&pins.primary).backup(&pins.backup).expires("2099-01-01"))
        .build()?;
    let app = Moorline::new(configuration, world.device.platform())?;
    let error = app.start_sign_in(SignInOptions::default()).await.expect_err("an unknown CA was trusted");
    assert_untrusted(&error, "authority");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_pin_is_enough() -> Result<()> {
    let world = World::start().await?;
    let dev = world.server.dev();
    let pins = dev.pins.as_ref().expect("TLS is on");
    let lost = format!("sha256/{}", base64::engine::general_purpose::STANDARD.encode([7; 32]));
    let configuration = Configuration::builder(&dev.issuer, CLIENT)
        .redirect_uri(REDIRECT)
        .scopes(sdk::SCOPES)
        .extra_root_pem(dev.ca_pem.as_deref().expect("TLS is on"))
        .pins(HostPins::new("localhost").primary(&lost).backup(&pins.backup).expires("2099-01-01"))
        .build()?;
    let app = Moorline::new(configuration, world.device.platform())?;
    sdk::sign_in(&app, dev, "ada").await?;
    Ok(())
}
