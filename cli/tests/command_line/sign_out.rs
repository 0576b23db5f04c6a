//! What a sign-out says about the session at the provider.

use serde_json::json;

use crate::support::Desk;
use crate::support::idp::Idp;

fn log_out(desk: &Desk) -> (serde_json::Value, serde_json::Value, serde_json::Value) {
    let said = desk.run(&["logout", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let json = said.json();
    (json["revoked"].clone(), json["revocation"].clone(), json["revocation_error"].clone())
}

#[test]
fn a_revocation_that_was_queued_is_confirmed_by_the_next_sign_out() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    idp.change(|rules| rules.next.push_back(("/revoke", "503 Service Unavailable")));
    assert_eq!(log_out(&desk), (json!(false), json!("queued"), json!(null)));
    assert_eq!(idp.bodies("/revoke").len(), 1, "once in one command");
    desk.run(&["status"]);
    assert_eq!(idp.bodies("/revoke").len(), 1, "a status sends nothing");
    assert_eq!(log_out(&desk), (json!(true), json!("revoked"), json!(null)));
    assert_eq!(log_out(&desk), (json!(false), json!("nothing_to_revoke"), json!(null)));
}

#[test]
fn a_refusal_is_reported_as_that_in_words_and_in_json() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    idp.change(|rules| rules.always = Some(("/revoke", "400 Bad Request")));
    assert_eq!(log_out(&desk), (json!(false), json!("refused"), json!("invalid_grant")));
    let desk = idp.signed_in();
    let said = desk.run(&["logout"]);
    assert!(said.err.contains("refuses to revoke the session (invalid_grant)"), "{}", said.err);
    let sent = idp.bodies("/revoke").len();
    desk.run(&["logout"]);
    assert_eq!(idp.bodies("/revoke").len(), sent, "a refusal ends it");
}

#[test]
fn a_sign_out_says_that_its_revocation_is_queued_and_what_to_do() {
    let idp = Idp::new();
    let desk = idp.signed_in();
    idp.change(|rules| rules.always = Some(("/revoke", "502 Bad Gateway")));
    let said = desk.run(&["logout"]);
    assert_eq!((said.code, said.out.trim()), (0, "Signed out on this machine"));
    assert!(said.err.contains("queued") && said.err.contains("moorline logout"), "{}", said.err);
}
