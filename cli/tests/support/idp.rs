//! A provider that signs one user in and rotates refresh tokens strictly: a spent one ends the session.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{Desk, Provider, Said, Waiting, browse};

pub(crate) struct Idp {
    pub(crate) provider: Provider,
    shared: Arc<Shared>,
}

struct Shared {
    issuer: String,
    key: EcdsaKeyPair,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rules: Rules,
    requests: Vec<(String, String)>,
    released: bool,
    issued: usize,
}

/// How the provider behaves.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) expires_in: u64,
    pub(crate) without_refresh_token: bool,
    /// The token endpoint issues tokens, and sends its answer only after `release`.
    pub(crate) holds_answers: bool,
    /// Answers to the next requests of these paths, instead of the usual ones: path, status line and headers.
    pub(crate) next: VecDeque<(&'static str, &'static str)>,
    /// The same, for each request of the path.
    pub(crate) always: Option<(&'static str, &'static str)>,
    pub(crate) nonce: String,
    /// What the device authorization endpoint answers, in place of the right answer; without a grant if it is `null`.
    pub(crate) device: Option<Value>,
    /// The error code in the answers of `next` and `always`, if it is not `invalid_grant`.
    pub(crate) error: Option<&'static str>,
    /// How many bytes longer than that these answers are.
    pub(crate) padding: usize,
}

impl Idp {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let rules = Rules { expires_in: 900, ..Rules::default() };
        let state = Mutex::new(State { rules, ..State::default() });
        let shared = Arc::new(Shared { issuer: issuer.clone(), key, state, changed: Condvar::new() });
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = serving.clone();
                thread::spawn(move || shared.answer(&stream));
            }
        });
        Self { provider: Provider { issuer }, shared }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.state.lock().unwrap().rules);
    }

    /// Sends the answers that are held, and holds none from now on.
    pub(crate) fn release(&self) {
        self.shared.state.lock().unwrap().released = true;
        self.shared.changed.notify_all();
    }

    /// Waits until this many requests of the path have come.
    pub(crate) fn wait_for(&self, path: &str, count: usize) {
        let state = self.shared.state.lock().unwrap();
        drop(self.shared.changed.wait_while(state, |state| state.count(path) < count).unwrap());
    }

    /// The bodies of the requests of this path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        state.requests.iter().filter(|(found, _)| found == path).map(|(_, body)| body.clone()).collect()
    }

    /// A sign-in that waits for its callback.
    pub(crate) fn start_login(&self, desk: &Desk, more: &[&str]) -> Waiting {
        let waiting = desk.start_login(&self.provider, &[&["--allow-bearer"], more].concat());
        self.change(|rules| rules.nonce = waiting.parameter("nonce"));
        waiting
    }

    /// The callback of a user who has signed in.
    pub(crate) fn callback(&self, waiting: &Waiting) -> String {
        waiting.callback(&format!("code=c0de&iss={}", self.provider.issuer))
    }

    /// Signs in, and returns the desk.
    pub(crate) fn signed_in(&self) -> Desk {
        let desk = Desk::new();
        let said = self.sign_in(&desk, &[]);
        assert_eq!(said.code, 0, "{}", said.err);
        desk
    }

    pub(crate) fn sign_in(&self, desk: &Desk, more: &[&str]) -> Said {
        let waiting = self.start_login(desk, more);
        browse(&self.callback(&waiting));
        waiting.end()
    }
}

impl State {
    fn count(&self, path: &str) -> usize {
        self.requests.iter().filter(|(found, _)| found == path).count()
    }
}

impl Shared {
    fn answer(&self, stream: &TcpStream) {
        let Some((path, body)) = read(stream) else { return };
        let scripted = {
            let mut state = self.state.lock().unwrap();
            state.requests.push((path.clone(), body.clone()));
            let next = state.rules.next.iter().position(|(of, _)| *of == path);
            let next = next.and_then(|at| state.rules.next.remove(at));
            let scripted = next.or(state.rules.always.filter(|(of, _)| *of == path));
            let Rules { error, padding, .. } = state.rules;
            let error = |head| {
                let mut body = json!({ "error": error.unwrap_or("invalid_grant") });
                if padding > 0 {
                    body["padding"] = "x".repeat(padding).into();
                }
                (head, body)
            };
            scripted.map(|(_, head)| error(head))
        };
        self.changed.notify_all();
        let (head, body) = match (scripted, path.as_str()) {
            (Some(scripted), _) => scripted,
            (None, "/device") => ("200 OK", self.device_codes()),
            (None, "/token") => self.tokens(&body),
            (None, "/jwks") => ("200 OK", self.jwks()),
            (None, "/userinfo") => {
                ("200 OK", json!({ "sub": "ada", "email": "ada@example.com", "nonce": "n", "sid": "s" }))
            }
            (None, "/revoke" | "/api") => ("200 OK", json!({ "text": "x".repeat(100_000) })),
            (None, path) if path.starts_with("/.well-known/") => ("200 OK", self.metadata()),
            _ => ("404 Not Found", json!({})),
        };
        // A text is a page.
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let _ = write!(
            &*stream,
            "HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n\
             {body}",
            body.len()
        );
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "userinfo_endpoint": at("/userinfo"),
            "device_authorization_endpoint": self.offers_devices().then(|| at("/device")),
            "revocation_endpoint": at("/revoke"),
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn offers_devices(&self) -> bool {
        self.state.lock().unwrap().rules.device != Some(Value::Null)
    }

    fn device_codes(&self) -> Value {
        let changed = self.state.lock().unwrap().rules.device.clone();
        let page = format!("{}/enter", self.issuer);
        changed.unwrap_or_else(|| {
            json!({
                "device_code": "d3v1ce", "user_code": "WDJB-MJHT", "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code=WDJB-MJHT"), "expires_in": 600, "interval": 1,
            })
        })
    }

    fn jwks(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        }] })
    }

    fn tokens(&self, body: &str) -> (&'static str, Value) {
        let mut state = self.state.lock().unwrap();
        let refreshes = body.contains("grant_type=refresh_token");
        if refreshes && !body.split('&').any(|field| field == format!("refresh_token=rt-{}", state.issued)) {
            return ("400 Bad Request", json!({ "error": "invalid_grant" }));
        }
        state.issued += 1;
        let rules = state.rules.clone();
        let mut tokens = json!({
            "access_token": format!("at-{}", state.issued),
            "token_type": "Bearer",
            "expires_in": rules.expires_in,
        });
        if !rules.without_refresh_token {
            tokens["refresh_token"] = format!("rt-{}", state.issued).into();
        }
        if !refreshes {
            tokens["id_token"] = self.id_token(&rules.nonce).into();
        }
        if rules.holds_answers {
            drop(self.changed.wait_while(state, |state| !state.released).unwrap());
        }
        ("200 OK", tokens)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test checks the token against the real time"
    )]
    fn id_token(&self, nonce: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": self.issuer, "aud": "notes", "sub": "ada", "nonce": nonce, "iat": now, "exp": now + 300,
            "auth_time": now, "sid": "s1", "acr": "1", "amr": ["pwd"], "name": "Ada",
        });
        let encoded =
            [json!({ "alg": "ES256", "kid": "1" }), claims].map(|part| BASE64.encode(part.to_string()));
        let input = encoded.join(".");
        let signature = self.key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", BASE64.encode(signature.as_ref()))
    }
}

/// The path and the body of a request.
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
    });
    let mut body = String::new();
    reader.take(length.unwrap_or(0)).read_to_string(&mut body).ok()?;
    Some((path, body))
}
