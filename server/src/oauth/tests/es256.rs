//! Clients whose access tokens are signed by ES256.

use super::*;
use moorline_server_dpop::testing::Device;

/// Gives the client this algorithm.
async fn choose(world: &World, id: &'static str, algorithm: Algorithm) {
    let change = move |tx: &mut dyn moorline_server_store::Tx| -> Result<(), StoreError> {
        let client = clients::find(tx, id)?.unwrap();
        clients::put(tx, &Client { access_token_alg: algorithm, ..client })
    };
    world.state.store.write(&TEST, change).await.unwrap();
}

/// A member of the header of a JWS.
fn header(token: &str, name: &str) -> String {
    use base64::Engine as _;
    let part = token.split('.').next().unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice::<Json>(&json).unwrap()[name].as_str().unwrap().to_owned()
}

fn alg(token: &str) -> String {
    header(token, "alg")
}

#[tokio::test]
async fn a_client_that_chose_es256_gets_its_access_tokens_by_it_and_its_id_tokens_by_rs256() {
    let world = World::new().await;
    choose(&world, "app", Algorithm::Es256).await;
    let first = world.sign_in().await;
    assert_eq!((alg(&first.access).as_str(), alg(&first.id).as_str()), ("ES256", "RS256"));
    let next = world.refresh_with(&first.refresh, &[("scope", ALL)]).await.tokens();
    assert_eq!((alg(&next.access).as_str(), alg(&next.id).as_str()), ("ES256", "RS256"));
    for token in [&first.access, &next.access] {
        assert_eq!(world.userinfo(token).await.status, StatusCode::OK);
        let read = world.get("/v1/notes", &[(AUTHORIZATION, &format!("Bearer {token}"))]).await;
        assert_eq!(read.status, StatusCode::OK);
    }
    // The access token names its session at the revocation endpoint, too.
    assert_eq!(world.revoke(&next.access).await.status, StatusCode::OK);
    assert!(!world.is_alive().await);
    assert_eq!(world.userinfo(&next.access).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_client_keeps_rs256_and_a_confidential_one_may_choose_as_well() {
    let world = World::new().await;
    choose(&world, "web", Algorithm::Es256).await;
    assert_eq!(alg(&world.sign_in().await.access), "RS256");
    let code = world.code("web", ALL).await;
    let web = [("client_id", "web"), ("client_secret", SECRET)];
    let first = world.exchange(&code, &web).await.tokens();
    let next = world.refresh_with(&first.refresh, &web).await.tokens();
    assert_eq!([alg(&first.access), alg(&next.access)], ["ES256", "ES256"]);
}

#[tokio::test]
async fn a_choice_counts_from_the_next_access_token_on_and_sessions_go_on() {
    let world = World::new().await;
    let mut refresh = world.sign_in().await.refresh;
    let mut before = Vec::new();
    for (round, algorithm) in [Algorithm::Es256, Algorithm::Rs256, Algorithm::Es256].into_iter().enumerate() {
        choose(&world, "app", algorithm).await;
        let key = attempt(u32::try_from(round).unwrap());
        let tokens = world.refresh(&refresh, Some(&key)).await.tokens();
        assert_eq!(alg(&tokens.access), algorithm.name());
        before.push(tokens.access);
        for token in &before {
            assert_eq!(world.userinfo(token).await.status, StatusCode::OK, "what was issued stays good");
        }
        refresh = tokens.refresh;
    }
}

#[tokio::test]
async fn a_lost_answer_is_answered_again_with_the_same_claims_and_successor() {
    let world = World::new().await;
    choose(&world, "app", Algorithm::Es256).await;
    let first = world.sign_in().await;
    let lost = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    world.clock.advance(Duration::from_secs(30));
    let again = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(claims(&lost.access), claims(&again.access));
    assert_eq!(lost.refresh, again.refresh);
    assert_ne!(lost.access, again.access, "ECDSA signs with a new nonce");
    // A choice in between changes the signature alone.
    choose(&world, "app", Algorithm::Rs256).await;
    let third = world.refresh(&first.refresh, Some(&attempt(1))).await.tokens();
    assert_eq!(alg(&third.access), "RS256");
    assert_eq!((claims(&third.access), &third.refresh), (claims(&lost.access), &lost.refresh));
    world.refresh(&third.refresh, Some(&attempt(2))).await.tokens();
}

#[tokio::test]
async fn a_bound_session_of_such_a_client_is_bound_all_the_same() {
    let world = World::new().await;
    choose(&world, "app", Algorithm::Es256).await;
    let device = Device::new();
    let code = world.code("app", ALL).await;
    let first = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    // The answer to a code whose first answer was lost, too.
    let again = world.exchange_proved(&code, &world.proof(&device)).await.tokens();
    let next = world.refresh_bound(&again.refresh, Some(&attempt(1)), &device).await.tokens();
    for token in [&first.access, &again.access, &next.access] {
        assert_eq!(alg(token), "ES256");
        assert_eq!(claims(token)["cnf"]["jkt"], device.jkt());
        assert_eq!(world.userinfo(token).await.status, StatusCode::UNAUTHORIZED, "it is no bearer token");
    }
}

#[tokio::test]
async fn the_published_ec_key_verifies_the_access_token_and_is_public_only() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use base64::Engine as _;
    let world = World::new().await;
    choose(&world, "app", Algorithm::Es256).await;
    let token = world.sign_in().await.access;
    let jwks = world.get("/oauth/jwks", &[]).await.json();
    let kinds: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kty"].clone()).collect();
    assert_eq!(kinds, ["RSA", "EC"], "who takes the first key takes the one that all know");
    let key = &jwks["keys"][1];
    let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(header(&token, "kid"), key["kid"].as_str().unwrap());

    let decode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let member = |name: &str| key[name].as_str().unwrap();
    let point = [&[4][..], &decode(member("x")), &decode(member("y"))].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    // RFC 7638 §3.1: the required members alone, in this order, without spaces.
    let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, member("x"), member("y"));
    let thumbprint = moorline_server_base::digest::sha256(thumbprint.as_bytes());
    assert_eq!(decode(member("kid")), thumbprint);
    let metadata = world.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(metadata["id_token_signing_alg_values_supported"], serde_json::json!(["RS256"]));
}

/// RFC 8725 §2.1, at every place of ours that reads an access token.
#[tokio::test]
async fn a_forged_token_is_refused_by_the_api_userinfo_and_revocation() {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    let encode = |part: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part);
    let world = World::new().await;
    let rs256 = world.sign_in().await.access;
    choose(&world, "app", Algorithm::Es256).await;
    let es256 = world.sign_in().await.access;
    let jwks = world.get("/oauth/jwks", &[]).await.json();
    let mut forged = Vec::new();
    for (good, key) in [(&rs256, &jwks["keys"][0]), (&es256, &jwks["keys"][1])] {
        let [_, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        for alg in ["none", "HS256", "RS256", "ES256"] {
            if key["alg"] == alg {
                continue;
            }
            let header = serde_json::json!({ "alg": alg, "kid": key["kid"], "typ": "at+jwt" }).to_string();
            let signed = format!("{}.{claims}", encode(header.as_bytes()));
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.to_string().as_bytes());
            let tag = hmac::sign(&secret, signed.as_bytes());
            forged.extend(["", signature, &encode(tag.as_ref())].map(|end| format!("{signed}.{end}")));
        }
        // The genuine token, under the name of the other key.
        let other = if key["alg"] == "RS256" { &jwks["keys"][1] } else { &jwks["keys"][0] };
        let header = serde_json::json!({ "alg": key["alg"], "kid": other["kid"], "typ": "at+jwt" });
        forged.push(format!("{}.{claims}.{signature}", encode(header.to_string().as_bytes())));
    }
    for token in &forged {
        assert_eq!(world.userinfo(token).await.status, StatusCode::UNAUTHORIZED, "{token}");
        let read = world.get("/v1/notes", &[(AUTHORIZATION, &format!("Bearer {token}"))]).await;
        assert_eq!(read.status, StatusCode::UNAUTHORIZED, "{token}");
        world.revoke(token).await;
    }
    for good in [&rs256, &es256] {
        assert_eq!(world.userinfo(good).await.status, StatusCode::OK, "no forged token ended a session");
    }
}
