//! The clients and people of a development server.

use super::directory::Directory;
use super::summary::{ClientSummary, Summary, UserSummary};
use crate::accounts::{HashError, Password, Verdict, users};
use crate::http::AppState;
use crate::manage::{ClientSpec, Consent, Fixtures, UserSpec};
use crate::oauth::clients;
use moorline_server_base::policy::SUPPORTED;
use moorline_server_base::random::Random;
use moorline_server_keys::Algorithm;
use moorline_server_store::{Actor, StoreError, Tx, Value};

/// A client or a person can't be added.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// A client is not valid.
    #[error("{0}")]
    Client(String),
    /// A person is not valid.
    #[error(transparent)]
    User(#[from] users::AddError),
    /// A password can't be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const ACTOR: Actor = Actor::System("the development server sets itself up");

/// Registers the demo client and adds the demo people, and those that were asked for. What is there is brought up to
/// date; passwords of the demo people stay what the folder's summary says.
pub(super) async fn populate(
    state: &AppState,
    folder: &Directory,
    fixtures: &Fixtures,
) -> Result<(Vec<ClientSummary>, Vec<UserSummary>), PopulationError> {
    let mut client_summaries = Vec::new();
    for spec in std::iter::once(&demo_client()).chain(&fixtures.clients) {
        let client = spec.client(state.clock.now()).map_err(PopulationError::Client)?;
        client_summaries.retain(|other: &ClientSummary| other.client_id != client.id);
        client_summaries.push(ClientSummary {
            client_id: client.id.clone(),
            redirect_uris: client.redirect_uris.clone(),
            scopes: client.scopes.names().map(str::to_owned).collect(),
        });
        state.store.write(&ACTOR, move |tx| clients::put(tx, &client)).await?;
    }
    let mut user_summaries = Vec::new();
    for (spec, password) in demo_people(folder, &state.random) {
        put_user(state, &spec).await?;
        user_summaries.push(UserSummary { username: spec.username, password, roles: spec.roles });
    }
    for spec in &fixtures.users {
        put_user(state, spec).await?;
        user_summaries.retain(|other: &UserSummary| other.username != spec.username);
        let password = spec.password.expose().to_owned();
        user_summaries.push(UserSummary {
            username: spec.username.clone(),
            password,
            roles: spec.roles.clone(),
        });
    }
    Ok((client_summaries, user_summaries))
}

fn demo_client() -> ClientSpec {
    ClientSpec {
        client_id: "moorline-demo".to_owned(),
        client_secret: None,
        name: Some("Moorline Demo".to_owned()),
        redirect_uris: ["http://127.0.0.1/callback", "http://[::1]/callback", "com.example.notes:/signed-in"]
            .map(str::to_owned)
            .to_vec(),
        scopes: SUPPORTED.iter().copied().map(str::to_owned).collect(),
        origins: Vec::new(),
        consent: Consent::Ask,
        dpop_bound_access_tokens: false,
        access_token_alg: Algorithm::default(),
    }
}

/// Ada is anybody, Grace looks after the server. Their passwords are random and this folder's own.
fn demo_people(folder: &Directory, random: &Random) -> Vec<(UserSpec, String)> {
    let known = std::fs::read(folder.path(Summary::FILE))
        .ok()
        .and_then(|text| serde_json::from_slice::<Summary>(&text).ok())
        .map(|summary| summary.users)
        .unwrap_or_default();
    let password = |username: &str| {
        let known = known.iter().find(|user| user.username == username);
        known.map_or_else(|| new_password(random), |user| user.password.clone())
    };
    [("ada", "Ada Lovelace", &["user"][..]), ("grace", "Grace Hopper", &["user", "admin"])]
        .into_iter()
        .map(|(username, name, roles)| {
            let password = password(username);
            let spec = UserSpec {
                username: username.to_owned(),
                password: Password::new(password.clone()),
                name: Some(name.to_owned()),
                email: Some(format!("{username}@example.com")),
                roles: roles.iter().copied().map(str::to_owned).collect(),
            };
            (spec, password)
        })
        .collect()
}

/// 80 random bits in letters and digits that are easy to tell apart and to type on a phone.
fn new_password(random: &Random) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters: Vec<char> =
        random.bytes::<16>().iter().map(|byte| LETTERS[usize::from(byte % 32)].into()).collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// Adds the person, or brings an account of that user name up to date; its id stays.
async fn put_user(state: &AppState, spec: &UserSpec) -> Result<(), PopulationError> {
    let username = spec.username.clone();
    let found = state.store.read(&ACTOR, move |tx| users::find_by_username(tx, &username)).await?;
    let (random, now) = (state.random.clone(), state.clock.now());
    let Some(user) = found else {
        let new = spec.new_user(state.passwords.hash(spec.password.clone()).await?);
        state.store.write(&ACTOR, move |tx| users::add(tx, &random, now, new)).await?;
        return Ok(());
    };
    let verdict = state.passwords.verify(spec.password.clone(), user.stored_password(), Vec::new()).await;
    let hash = match verdict {
        Verdict::Right { upgrade } => upgrade,
        Verdict::Wrong => Some(state.passwords.hash(spec.password.clone()).await?),
    };
    let (name, email) = (spec.name.clone(), spec.email.clone());
    let roles = serde_json::Value::from(spec.roles.clone()).to_string();
    if hash.is_none() && user.name == name && user.email == email && user.roles == spec.roles {
        return Ok(());
    }
    let update = move |tx: &mut dyn Tx| {
        if let Some(hash) = &hash {
            users::set_password(tx, &user.id, hash)?;
        }
        tx.execute(
            "UPDATE users SET name = $2, email = $3, roles = $4, updated_at = $5 WHERE id = $1",
            &[Value::from(user.id), name.into(), email.into(), roles.into(), now.into()],
        )
    };
    state.store.write::<_, StoreError, _>(&ACTOR, update).await?;
    Ok(())
}
