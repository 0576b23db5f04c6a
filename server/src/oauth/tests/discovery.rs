//! What the server says of itself.

use super::*;

#[tokio::test]
async fn both_documents_name_the_issuer_and_what_is_supported() {
    let world = World::new().await;
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let reply = world.get(path, &[]).await;
        let json = reply.json();
        assert_eq!(json["issuer"], ISSUER);
        assert_eq!(json["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert_eq!(json["authorization_response_iss_parameter_supported"], true);
        assert_eq!(json["refresh_attempt_supported"], true);
        assert_eq!(json["dpop_signing_alg_values_supported"], serde_json::json!(["ES256", "EdDSA", "PS256"]));
        for endpoint in [
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
            "jwks_uri",
            "revocation_endpoint",
        ] {
            let address = json[endpoint].as_str().unwrap();
            let path = address.strip_prefix(ISSUER).unwrap();
            assert_ne!(world.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{address}");
        }
        assert!(reply.headers["cache-control"].to_str().unwrap().contains("max-age"));
    }
}

#[tokio::test]
async fn the_published_key_verifies_a_token_and_is_public_only() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let reply = world.get("/oauth/jwks", &[]).await;
    assert!(reply.headers["cache-control"].to_str().unwrap().contains("max-age"));
    let json = reply.json();
    let key = &json["keys"][0];
    let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);

    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    use base64::Engine as _;
    let decode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let public = RsaPublicKeyComponents {
        n: decode(key["n"].as_str().unwrap()),
        e: decode(key["e"].as_str().unwrap()),
    };
    for token in [tokens.access, tokens.id] {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature)).unwrap();
    }
}
