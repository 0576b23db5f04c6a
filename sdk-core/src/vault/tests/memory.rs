//! No copy of a secret stays in this process's memory: looked for in all of it.

use std::{fs::File, os::unix::fs::FileExt as _};

use super::*;

/// A secret to look for, kept so that it isn't found here.
struct Masked(Vec<u8>);

impl Masked {
    fn of(secret: &Secret) -> Self {
        Self(secret.expose().bytes().map(|byte| byte ^ MASK).collect())
    }

    fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.0.len() && self.0.iter().zip(bytes).all(|(masked, byte)| masked ^ MASK == *byte)
    }

    /// How often it is in the memory that this process may write to.
    fn copies_in_memory(&self) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut found = 0;
        let mut chunk = vec![0; CHUNK + self.0.len()];
        for region in maps.lines().filter(|line| line.contains(" rw-p ")) {
            let (start, end) = region.split(' ').next().unwrap().split_once('-').unwrap();
            let (start, end) =
                (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
            for at in (start..end).step_by(CHUNK) {
                // What other threads give back meanwhile can't be read any more.
                let Ok(length) = memory.read_at(&mut chunk, at) else { continue };
                let starts = 0..length.min(CHUNK);
                let first = self.0[0] ^ MASK;
                found += starts.filter(|at| chunk[*at] == first && self.is_at(&chunk[*at..length])).count();
                // Or the next reading might find what this one has left.
                chunk.fill(0);
            }
        }
        found
    }
}

const MASK: u8 = 0xa5;
const CHUNK: usize = 64 * 1024;

#[test]
fn no_token_and_no_attempt_stays_in_memory_once_the_vault_is_done_with_it() {
    let home = Home::new();
    let (masked_token, masked_attempt) = {
        let token = Secret::random();
        let masked = Masked::of(&token);
        assert!(masked.copies_in_memory() >= 1, "while it lives, it is found");
        sign_in(&home.open(), token.expose());
        let begun = home.open().begin_refresh(&id("a"), true).unwrap();
        (masked, Masked::of(begun.attempt.as_ref().unwrap()))
    };
    // Also when the vault grows far beyond what was made room for.
    for _ in 0..3 {
        queue(&home.open(), &"t".repeat(20_000)).unwrap();
    }
    let standing = home.open().read().unwrap().state(&id("a"));
    assert!(
        masked_token.is_at(standing.session().unwrap().refresh_token.as_ref().unwrap().expose().as_bytes())
    );
    drop(standing);
    assert_eq!(masked_token.copies_in_memory(), 0, "copies of the token");
    assert_eq!(masked_attempt.copies_in_memory(), 0, "copies of the attempt");
}

#[test]
fn no_token_of_an_answer_and_no_form_stays_in_memory_once_they_were_read() {
    use crate::{net, provider::TokenResponse};
    let masked = {
        let token = Secret::random();
        let masked = Masked::of(&token);
        let form = net::Request::post_form(
            url::Url::parse("https://id.example/token").unwrap(),
            [("grant_type", "refresh_token"), ("refresh_token", token.expose())],
        );
        let authorization = crate::dpop::secret_value(&token);
        let authorized = form.clone().header(::http::header::AUTHORIZATION, authorization);
        drop((form, authorized));
        // The body comes in parts, and there is more room for it only by and by.
        let mut body = WipedBytes::default();
        body.extend(br#"{"access_token":"a","refresh_token":""#);
        body.extend(token.expose().as_bytes());
        for part in [&br#"","nested":[{"again":""#[..], token.expose().as_bytes(), br#""}]}"#] {
            body.extend(part);
        }
        let response = net::Response {
            status: ::http::StatusCode::OK,
            headers: ::http::HeaderMap::new(),
            body: body.into_inner(),
        };
        let TokenResponse::Issued(tokens) = TokenResponse::read(&response, &[], std::time::UNIX_EPOCH) else {
            panic!("tokens")
        };
        assert_eq!(tokens.refresh_token, Some(token));
        masked
    };
    assert_eq!(masked.copies_in_memory(), 0, "copies of the token");
}
