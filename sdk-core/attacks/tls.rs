//! An attacker has a certificate for the host that the platform trusts, and tries to get past the pins by sending
//! certificates along.

use ::http::Method;
use rcgen::{Issuer, KeyPair};

use crate::net::{NetError, Request, Transport};
use crate::platform::NetworkParts;
use crate::testing::tls_server::{Authority, Server, authority_params, configuration, leaf_params, ok, pins};

/// The host's real chain and the attacker's, both trusted by the platform.
struct Scene {
    ours: Authority,
    theirs: Authority,
}

impl Scene {
    fn set() -> Self {
        Self { ours: Authority::root("Our CA"), theirs: Authority::root("Some public CA") }
    }

    async fn connect(&self, server: &Server, pin: &str) -> Result<(), NetError> {
        let configuration = configuration()
            .extra_root_pem(&self.theirs.pem())
            .extra_root_pem(&self.ours.pem())
            .pins(pins(pin));
        let transport = Transport::new(&configuration.build().unwrap(), NetworkParts::default()).unwrap();
        transport.send(Request::new(Method::GET, server.url("/"))).await.map(drop)
    }

    async fn is_caught(&self, server: &Server, pin: &str) {
        assert_eq!(self.connect(server, pin).await, Err(NetError::PinMismatch("localhost".to_owned())));
        assert_eq!(server.seen().requests.len(), 0);
    }
}

#[tokio::test]
async fn the_pinned_authority_appended_to_another_chain_satisfies_no_pin() {
    let scene = Scene::set();
    let appended = [scene.theirs.der(), scene.ours.der()];
    let server = Server::tls(&scene.theirs.leaf(), &appended, ok).await;
    scene.is_caught(&server, &scene.ours.pin()).await;
}

#[tokio::test]
async fn the_hosts_own_certificate_appended_to_another_chain_satisfies_no_pin() {
    let scene = Scene::set();
    let real = scene.ours.leaf();
    for appended in [
        vec![real.certificate.clone()],
        vec![real.certificate.clone(), scene.ours.der()],
        vec![scene.theirs.der(), real.certificate.clone()],
    ] {
        let server = Server::tls(&scene.theirs.leaf(), &appended, ok).await;
        scene.is_caught(&server, &real.pin()).await;
        scene.is_caught(&server, &scene.ours.pin()).await;
    }
}

#[tokio::test]
async fn a_forged_authority_with_the_pinned_key_and_the_attackers_name_satisfies_no_pin() {
    let scene = Scene::set();
    // Anybody can write a certificate about a public key; it just isn't signed by anybody who matters.
    let forger = Issuer::new(authority_params("Forger"), KeyPair::generate().unwrap());
    let forged = authority_params("Some public CA").signed_by(scene.ours.0.key(), &forger).unwrap();
    let server = Server::tls(&scene.theirs.leaf(), &[forged.der().clone()], ok).await;
    scene.is_caught(&server, &scene.ours.pin()).await;
}

#[tokio::test]
async fn a_certificate_of_the_pinned_authority_can_not_issue_one_for_the_host() {
    let scene = Scene::set();
    // The attacker is a customer of the pinned authority, with a certificate for another host, and signs with it.
    let customer = scene.ours.leaf_with(leaf_params(&["attacker.example"]));
    let issuer = Issuer::new(leaf_params(&["attacker.example"]), &customer.key);
    let key = KeyPair::generate().unwrap();
    let certificate = leaf_params(&["localhost"]).signed_by(&key, &issuer).unwrap().der().clone();
    let leaf = crate::testing::tls_server::Leaf { certificate, key };
    let server = Server::tls(&leaf, &[customer.certificate.clone(), scene.ours.der()], ok).await;
    assert!(matches!(scene.connect(&server, &scene.ours.pin()).await, Err(NetError::Untrusted { .. })));
    assert_eq!(server.seen().requests.len(), 0);
}

#[tokio::test]
async fn the_real_chain_still_passes_with_an_unrelated_certificate_appended() {
    let scene = Scene::set();
    let server = Server::tls(&scene.ours.leaf(), &[scene.theirs.der(), scene.ours.der()], ok).await;
    assert_eq!(scene.connect(&server, &scene.ours.pin()).await, Ok(()));
}
