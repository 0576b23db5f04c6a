//! The command line program, used by hand and by scripts.

use std::path::Path;

use anyhow::Result;
use moorline_tests::cli::Cli;
use moorline_tests::oauth::{Answer, HandMade, answer};
use moorline_tests::world::TOKEN;
use moorline_tests::{Consent, Fault, World, audit, sessions};

/// The exit codes that `cli/README.md` documents.
const USAGE: i32 = 2;
const SIGNED_OUT: i32 = 3;
const NEEDS_REAUTH: i32 = 4;
const OFFLINE: i32 = 5;
const CANCELLED: i32 = 6;
const PIN_MISMATCH: i32 = 9;
const HTTP_STATUS: i32 = 13;
const UNTRUSTED: i32 = 15;

fn dev_file(world: &World) -> String {
    world.server.dev_file().display().to_string()
}

/// ada at her desk, signed in.
async fn signed_in(world: &World) -> Result<Cli> {
    let cli = Cli::new()?;
    let ada = world.server.dev().user("ada")?;
    let dev = dev_file(world);
    cli.login(&world.browser, ada, Consent::Allow, &["--insecure-file-key", "--dev", &dev])
        .await?
        .success()?;
    Ok(cli)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_calls_the_api_refreshes_and_signs_out() -> Result<()> {
    let world = World::start().await?;
    let cli = Cli::new()?;
    assert_eq!(cli.run(&["status"]).await?.code, SIGNED_OUT);

    let (ada, dev) = (world.server.dev().user("ada")?, dev_file(&world));
    let login = cli
        .login(&world.browser, ada, Consent::Allow, &["--insecure-file-key", "--dev", &dev])
        .await?
        .success()?;
    assert!(login.stdout.contains("Signed in as"), "{login:?}");
    assert!(
        login.stderr.contains("plain file") || login.stderr.contains("insecure"),
        "the risk is said: {login:?}"
    );

    let status = cli.run(&["status"]).await?.success()?;
    assert!(
        status.stdout.contains("Ada") && status.stdout.contains(&world.server.dev().issuer),
        "{status:?}"
    );

    assert!(status.stdout.contains("DPoP"), "{status:?}");
    let token = cli.run(&["token"]).await?.success()?.stdout.trim().to_owned();
    let by_hand = HandMade::new(&world.server, "ada")?;
    assert_eq!(by_hand.notes(&token).await?.status, 401, "alone, the token is of no use");
    let challenge = send_with(&by_hand, &printed_headers(&cli, None).await?).await?;
    assert_eq!(challenge.status, 401, "a proof without a nonce");
    let nonce = challenge.header("dpop-nonce");
    let proved = printed_headers(&cli, Some(nonce)).await?;
    assert_eq!(send_with(&by_hand, &proved).await?.status, 200, "what was printed is good");

    let added = cli
        .run(&["post", "/v1/notes", "--data", r#"{"title":"From the desk","body":""}"#])
        .await?
        .success()?;
    assert!(added.stdout.contains("From the desk"), "{added:?}");
    let listed = cli.run(&["get", "/v1/notes"]).await?.success()?;
    assert!(listed.stdout.contains("From the desk"), "{listed:?}");

    cli.run(&["refresh"]).await?.success()?;
    assert_ne!(cli.run(&["token"]).await?.success()?.stdout.trim(), token);

    let kept = printed_headers(&cli, Some(nonce)).await?;
    cli.run(&["logout"]).await?.success()?;
    assert_eq!(cli.run(&["status"]).await?.code, SIGNED_OUT);
    let refused = cli.run(&["token"]).await?;
    assert_eq!((refused.code, refused.stdout.as_str()), (SIGNED_OUT, ""));
    assert!(refused.stderr.contains("moorline login"), "it says what to do: {refused:?}");
    assert_eq!(send_with(&by_hand, &kept).await?.status, 401, "the token has ended at the provider too");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_both_readmes_work_as_they_are_written() -> Result<()> {
    let world = World::start().await?;
    let (dev, ada) = (world.server.dev(), world.server.dev().user("ada")?);
    let ca = dev.ca_file.as_ref().expect("it speaks TLS").display().to_string();
    let pages =
        [include_str!("../../README.md").split_once("\n## From a terminal").expect("the section").1, README];
    for page in pages {
        let mut ran = Vec::new();
        let cli = Cli::new()?;
        for words in commands(page) {
            let words: Vec<_> =
                words.iter().map(|word| word.replace("https://id.example.com", &dev.issuer)).collect();
            let mut words: Vec<_> = words.iter().map(String::as_str).collect();
            let command = words.remove(0);
            ran.push(command.to_owned());
            if command == "login" {
                let client = words.iter().position(|word| *word == "--client-id").expect("a client") + 1;
                words[client] = "moorline-demo";
                words.extend(["--ca", &ca, "--insecure-file-key"]);
                cli.login(&world.browser, ada, Consent::Allow, &words).await?.success()?;
            } else {
                words.insert(0, command);
                cli.run(&words).await?.success()?;
            }
        }
        assert!(ran.first().is_some_and(|first| first == "login"), "{ran:?}");
        assert!(ran.last().is_some_and(|last| last == "logout") && ran.len() > 2, "{ran:?}");
    }
    Ok(())
}

const README: &str = include_str!("../../cli/README.md");

/// The commands in the first block of shell lines of a page: the words of each, without the program's name.
fn commands(page: &str) -> Vec<Vec<String>> {
    let block = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let joined = block.replace("\\\n", " ");
    joined.lines().filter_map(|line| line.strip_prefix("moorline ")).map(words).collect()
}

/// The words of a line, as a shell reads them: quotes hold words together, and a comment ends the line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for character in line.chars().chain([' ']) {
        match quote {
            Some(open) if character == open => quote = None,
            None if character == '"' || character == '\'' => quote = Some(character),
            None if character == '#' && word.is_empty() => break,
            None if character == ' ' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    words
}

/// What `moorline token --for` prints, as `curl -H @-` would read it.
async fn printed_headers(cli: &Cli, nonce: Option<&str>) -> Result<Vec<(String, String)>> {
    let mut words = vec!["token", "--for", "GET", "/v1/notes"];
    words.extend(nonce.into_iter().flat_map(|nonce| ["--nonce", nonce]));
    let printed = cli.run(&words).await?.success()?.stdout;
    let fields = printed.lines().filter_map(|line| line.split_once(": "));
    Ok(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn send_with(by_hand: &HandMade<'_>, headers: &[(String, String)]) -> Result<Answer> {
    let request = by_hand.browser().client().get(by_hand.notes_url());
    answer(headers.iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_json_from_every_command_and_errors_too() -> Result<()> {
    let world = World::start().await?;
    let cli = Cli::new()?;
    let (ada, dev) = (world.server.dev().user("ada")?, dev_file(&world));
    let options = ["--json", "--insecure-file-key", "--dev", dev.as_str()];
    let login = cli.login(&world.browser, ada, Consent::Allow, &options).await?.success()?;
    assert_eq!(login.json()?["state"], "signed_in");

    let status = cli.run(&["status", "--json"]).await?.success()?.json()?;
    assert_eq!((&status["state"], &status["has_refresh_token"]), (&"signed_in".into(), &true.into()));
    assert_eq!(status["issuer"], world.server.dev().issuer);
    assert!(!status.to_string().contains("mrt1_"), "no refresh token is ever printed");
    assert_eq!(cli.run(&["token", "--json"]).await?.success()?.json()?["token_type"], "DPoP");
    assert_eq!(cli.run(&["user", "--json"]).await?.success()?.json()?["sub"], status["user"]["sub"]);
    let listed = cli.run(&["get", "/v1/notes", "--json"]).await?.success()?.json()?;
    assert_eq!(listed["status"], 200);
    assert!(listed["body"]["items"].is_array());
    assert_eq!(cli.run(&["refresh", "--json"]).await?.success()?.json()?["refreshes"], 1);
    assert_eq!(cli.run(&["profiles", "--json"]).await?.success()?.json()?["profiles"][0]["name"], "default");

    let missing = cli.run(&["get", "/v1/notes/none", "--json"]).await?;
    assert_eq!((missing.code, &missing.json()?["status"]), (HTTP_STATUS, &404.into()));
    assert_eq!(cli.run(&["logout", "--json"]).await?.success()?.json()?["revoked"], true);
    let refused = cli.run(&["token", "--json"]).await?;
    assert_eq!((refused.code, &refused.json()?["error"]["code"]), (SIGNED_OUT, &"signed_out".into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_stand_side_by_side() -> Result<()> {
    let world = World::start().await?;
    let cli = Cli::new()?;
    let dev = dev_file(&world);
    for name in ["ada", "grace"] {
        let browser = moorline_tests::Browser::for_server(&world.server)?;
        let options = ["--profile", name, "--insecure-file-key", "--dev", &dev];
        cli.login(&browser, world.server.dev().user(name)?, Consent::Allow, &options).await?.success()?;
    }
    let subject = async |name: &str| -> Result<_> {
        Ok(cli.run(&["status", "--json", "--profile", name]).await?.success()?.json()?["user"]["sub"]
            .to_string())
    };
    assert_ne!(subject("ada").await?, subject("grace").await?);
    cli.run(&["logout", "--profile", "ada"]).await?.success()?;
    assert_eq!(cli.run(&["status", "--profile", "ada"]).await?.code, SIGNED_OUT);
    cli.run(&["refresh", "--profile", "grace"]).await?.success()?;
    let profiles = cli.run(&["profiles"]).await?.success()?;
    assert!(profiles.stdout.contains("ada") && profiles.stdout.contains("grace"), "{profiles:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_make_one_successor_though_the_answer_is_lost() -> Result<()> {
    let world = World::start().await?;
    let cli = signed_in(&world).await?;
    world.proxy.on_next(TOKEN, Fault::SwallowAnswer);
    let (one, two, three) = tokio::join!(cli.run(&["refresh"]), cli.run(&["refresh"]), cli.run(&["refresh"]));
    for outcome in [one?, two?, three?] {
        assert!([0, OFFLINE].contains(&outcome.code), "{outcome:?}");
    }
    assert_eq!(audit::count(&world.server, "refresh.reuse")?, 0);
    cli.run(&["refresh"]).await?.success()?;
    cli.run(&["get", "/v1/notes"]).await?.success()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_killed_before_its_answer_goes_on_with_the_next_command() -> Result<()> {
    let world = World::start().await?;
    let cli = signed_in(&world).await?;
    let before = world.proxy.exchanges_of(TOKEN).len();
    // Each process is asked for a nonce first, and that alone is let through at once.
    world.proxy.on_next(TOKEN, Fault::Delay(std::time::Duration::ZERO));
    world.proxy.on_next(TOKEN, Fault::Delay(std::time::Duration::from_secs(600)));
    let mut killed = cli.start(&["refresh"])?;
    world.proxy.wait_for(TOKEN, before + 2).await?;
    killed.kill().await?;

    cli.run(&["refresh"]).await?.success()?;
    let exchanges = world.proxy.exchanges_of(TOKEN).split_off(before);
    assert_eq!(exchanges.len(), 4);
    let attempts = exchanges.iter().map(|exchange| exchange.parameter("refresh_attempt"));
    assert!(attempts.clone().all(|attempt| attempt == exchanges[0].parameter("refresh_attempt")));
    assert_eq!(audit::count(&world.server, "refresh.rotated")?, 1);
    cli.run(&["get", "/v1/notes"]).await?.success()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_error_has_its_exit_code_and_says_what_to_do() -> Result<()> {
    let mut world = World::start().await?;
    let cli = signed_in(&world).await?;
    let dev = dev_file(&world);

    let nobody_comes = Cli::new()?
        .run(&["login", "--no-browser", "--insecure-file-key", "--timeout", "1", "--dev", &dev])
        .await?;
    assert_eq!(nobody_comes.code, CANCELLED, "{nobody_comes:?}");
    for wrong in
        [&["get"][..], &["nonsense"], &["get", "https://elsewhere.example/"], &["login", "--issuer", "x"]]
    {
        assert_eq!(cli.run(wrong).await?.code, USAGE, "{wrong:?}");
    }
    let grace = Cli::new()?;
    let denied = grace
        .login(
            &moorline_tests::Browser::for_server(&world.server)?,
            world.server.dev().user("grace")?,
            Consent::Deny,
            &["--insecure-file-key", "--dev", &dev],
        )
        .await?;
    assert_eq!(denied.code, CANCELLED, "{denied:?}");

    let ca = world.server.folder().join("ca.pem").display().to_string();
    let (one, two) = (
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    );
    let issuer = world.server.dev().issuer.clone();
    let provider =
        ["login", "--no-browser", "--insecure-file-key", "--issuer", &issuer, "--client-id", "moorline-demo"];
    let pins = ["--ca", ca.as_str(), "--pin", one, "--backup-pin", two, "--pin-expires", "2099-01-01"];
    let pinned = Cli::new()?.run(&[&provider[..], &pins].concat()).await?;
    assert_eq!(pinned.code, PIN_MISMATCH, "{pinned:?}");
    let untrusted = Cli::new()?.run(&provider).await?;
    assert_eq!(untrusted.code, UNTRUSTED, "{untrusted:?}");
    assert!(untrusted.stderr.contains("--ca"), "{untrusted:?}");

    world.server.stop()?;
    let offline = cli.run(&["refresh"]).await?;
    assert_eq!(offline.code, OFFLINE, "{offline:?}");
    world.server.restart()?;
    cli.run(&["refresh"]).await?.success()?;

    sessions::end_all(&world.server)?;
    let ended = cli.run(&["refresh"]).await?;
    assert_eq!(ended.code, NEEDS_REAUTH, "{ended:?}");
    assert_eq!(cli.run(&["status"]).await?.code, NEEDS_REAUTH);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_any_file_or_message() -> Result<()> {
    let world = World::start().await?;
    let cli = signed_in(&world).await?;
    let access = cli.run(&["token"]).await?.success()?.stdout.trim().to_owned();
    let verbose = cli.run(&["refresh"]).await?.success()?;
    let tokens: Vec<String> = world
        .proxy
        .exchanges_of(TOKEN)
        .iter()
        .filter_map(|exchange| exchange.answer.as_ref())
        .filter_map(|answer| serde_json::from_slice::<moorline_tests::oauth::Tokens>(&answer.body).ok())
        .flat_map(|tokens| [tokens.refresh_token, tokens.access_token])
        .chain([access])
        .collect();
    assert!(tokens.len() >= 5);
    let mut files = Vec::new();
    gather(cli.home(), &mut files)?;
    assert!(!files.is_empty());
    for token in &tokens {
        for file in &files {
            let content = std::fs::read(file)?;
            assert!(
                !content.windows(token.len()).any(|window| window == token.as_bytes()),
                "{}",
                file.display()
            );
        }
        assert!(!verbose.stdout.contains(token) && !verbose.stderr.contains(token));
        assert!(!world.server.output().contains(token), "the server's log has a token");
    }
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() { gather(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
