//! `moorline-server client …`

use clap::{ArgAction, Args, Subcommand};
use moorline_server::manage::clients::{self as managed, ClientUpdate};
use moorline_server::manage::{ClientSecret, ClientSpec, Consent};
use moorline_server::oauth::clients::{self, Client, ConsentRule};
use moorline_server_keys::Algorithm;
use serde_json::{Value, json};

use super::common::{ACTOR, change};
use crate::terminal::{Common, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Register a client. A secret, if it has one, is printed once and stored as a hash.
    Add(ClientArgs),
    /// List the clients.
    List(Common),
    /// Change a client: only what is named changes, and lists are replaced as a whole.
    Update(UpdateArgs),
    /// Remove a client; its sessions end.
    Remove(Named),
    /// Give a confidential client a new secret, printed once; the old one is worth nothing from then on.
    RotateSecret(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The client identifier.
    id: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    common: Common,
    /// The client identifier.
    #[arg(long)]
    id: String,
    /// The name that people see on the consent page; by default the identifier.
    #[arg(long)]
    name: Option<String>,
    /// Where answers may go; may repeat. For http://127.0.0.1 and http://[::1] any port will do.
    #[arg(long = "redirect", value_name = "URI", required = true)]
    redirects: Vec<String>,
    /// What it may ask for, with spaces between; by default everything.
    #[arg(long, default_value = "")]
    scope: String,
    /// A browser origin that may call the server; may repeat.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// A client that can keep a secret (a web server's back end); apps can't.
    #[arg(long)]
    confidential: bool,
    /// An app of your own: users are not asked for their consent.
    #[arg(long)]
    skip_consent: bool,
    /// Refuse its token requests without a DPoP proof; others may send one.
    #[arg(long)]
    require_dpop: bool,
    /// What its access tokens are signed with. ES256 costs the server less; choose it if every API that the client
    /// calls accepts it.
    #[arg(long, value_name = "RS256|ES256", default_value_t)]
    access_token_alg: Algorithm,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The client identifier.
    id: String,
    #[command(flatten)]
    common: Common,
    /// The name that people see on the consent page.
    #[arg(long)]
    name: Option<String>,
    /// Where answers may go, instead of what was there; may repeat.
    #[arg(long = "redirect", value_name = "URI")]
    redirects: Option<Vec<String>>,
    /// What it may ask for from now on, with spaces between. Sessions that have begun keep theirs.
    #[arg(long)]
    scope: Option<String>,
    /// A browser origin that may call the server, instead of what was there; may repeat. "" for none.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Option<Vec<String>>,
    /// Whether people are not asked for their consent.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    skip_consent: Option<bool>,
    /// Whether its token requests are refused without a DPoP proof.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    require_dpop: Option<bool>,
    /// What its access tokens are signed with from now on; those that it has stay good.
    #[arg(long, value_name = "RS256|ES256")]
    access_token_alg: Option<Algorithm>,
}

impl UpdateArgs {
    fn update(&self) -> ClientUpdate {
        let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
        let consent = |skip| if skip { Consent::Skip } else { Consent::Ask };
        let filled = |list: &Vec<String>| list.iter().filter(|one| !one.is_empty()).cloned().collect();
        ClientUpdate {
            name: self.name.clone(),
            redirect_uris: self.redirects.clone(),
            scopes: self.scope.as_ref().map(words),
            origins: self.origins.as_ref().map(filled),
            consent: self.skip_consent.map(consent),
            dpop_bound_access_tokens: self.require_dpop,
            access_token_alg: self.access_token_alg,
        }
    }

    /// Whether nothing is to change: an operator who forgot the options should hear of it.
    const fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.redirects.is_none()
            && self.scope.is_none()
            && self.origins.is_none()
            && self.skip_consent.is_none()
            && self.require_dpop.is_none()
            && self.access_token_alg.is_none()
    }
}

pub(crate) async fn client(command: ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Add(args) => add(args).await,
        ClientCommand::List(common) => list(&common).await,
        ClientCommand::Update(args) => update(args).await,
        ClientCommand::Remove(args) => remove(args).await,
        ClientCommand::RotateSecret(args) => rotate_secret(args).await,
    }
}

async fn add(args: ClientArgs) -> Result<(), Failure> {
    let state = args.common.open_or_make().await?;
    let secret = args.confidential.then(|| ClientSecret::new(state.random.secret().as_str()));
    let spec = ClientSpec {
        client_id: args.id.clone(),
        client_secret: secret.clone(),
        name: args.name,
        redirect_uris: args.redirects,
        scopes: args.scope.split_whitespace().map(str::to_owned).collect(),
        origins: args.origins,
        consent: if args.skip_consent { Consent::Skip } else { Consent::Ask },
        dpop_bound_access_tokens: args.require_dpop,
        access_token_alg: args.access_token_alg,
    };
    let client = spec.client(state.clock.now())?;
    change(&state, move |tx, _, now| managed::add(tx, now, &client)).await?;
    with_secret(&args.common, &args.id, &format!("added client {}\n", args.id), secret.as_ref())
}

async fn list(common: &Common) -> Result<(), Failure> {
    let state = common.open_to_read().await?;
    let all = state.store.read(&ACTOR, clients::all).await?;
    let words: String = all
        .iter()
        .map(|client| {
            let kind = if client.secret.is_some() { "confidential" } else { "public" };
            let (id, alg) = (&client.id, client.access_token_alg);
            format!("{id}  {kind}  {alg}  {}\n", client.redirect_uris.join(" "))
        })
        .collect();
    common.answer(&all.iter().map(described).collect::<Vec<_>>(), &words)
}

fn described(client: &Client) -> Value {
    json!({
        "client_id": client.id,
        "name": client.name,
        "confidential": client.secret.is_some(),
        "redirect_uris": client.redirect_uris,
        "scopes": client.scopes.names().collect::<Vec<_>>(),
        "origins": client.origins,
        "consent": if client.consent == ConsentRule::Skip { "skip" } else { "ask" },
        "dpop_bound_access_tokens": client.dpop_bound_access_tokens,
        "access_token_alg": client.access_token_alg,
    })
}

async fn update(args: UpdateArgs) -> Result<(), Failure> {
    if args.is_empty() {
        return Err("nothing to change: name what changes, such as --redirect URI (see --help)".into());
    }
    let state = args.common.open().await?;
    let (id, wanted) = (args.id.clone(), args.update());
    change(&state, move |tx, _, now| managed::update(tx, now, &id, wanted)).await?;
    args.common.answer(&json!({ "client_id": args.id }), &format!("updated client {}\n", args.id))
}

async fn remove(args: Named) -> Result<(), Failure> {
    let state = args.common.open().await?;
    let id = args.id.clone();
    let ended = change(&state, move |tx, _, now| managed::remove(tx, now, &id)).await?;
    let words = format!("removed client {}; sessions ended: {ended}\n", args.id);
    args.common.answer(&json!({ "client_id": args.id, "sessions": ended }), &words)
}

async fn rotate_secret(args: Named) -> Result<(), Failure> {
    let state = args.common.open().await?;
    let secret = ClientSecret::new(state.random.secret().as_str());
    let (id, new) = (args.id.clone(), secret.clone());
    change(&state, move |tx, _, now| managed::rotate_secret(tx, now, &id, &new)).await?;
    with_secret(&args.common, &args.id, &format!("new secret for client {}\n", args.id), Some(&secret))
}

/// The only answer that holds a secret: this once.
fn with_secret(common: &Common, id: &str, words: &str, secret: Option<&ClientSecret>) -> Result<(), Failure> {
    let Some(secret) = secret.map(ClientSecret::expose) else {
        return common.answer(&json!({ "client_id": id }), words);
    };
    let result = json!({ "client_id": id, "client_secret": secret });
    common.answer(&result, &format!("{words}secret, shown this once: {secret}\n"))
}
