//! What to do now: one next step for each failure. `docs/errors.md` advises apps alike.

use std::io;

use moorline::{Error, KeyStoreError, Retry, StorageUnavailableReason};

use super::{Failure, whole};

impl Failure {
    /// What to do now.
    pub(crate) fn hint(&self) -> Option<String> {
        if let Self::Sdk(Error::RateLimited { .. }) = self
            && let Retry::After(wait) = self.retry()
        {
            return Some(format!("The session is unchanged. Retry in {} s.", whole(wait)));
        }
        if let Self::CodeExpired(failure) = self
            && matches!(
                **failure,
                Self::Sdk(Error::ClockSkew(_) | Error::Misconfigured(_) | Error::StorageLost(_))
            )
        {
            return failure.hint();
        }
        if let Self::Check(unjudged) = self {
            return Some(unjudged.hint.clone());
        }
        let hint = match self {
            Self::Sdk(error) => of_sdk(error)?,
            Self::RefreshRefused { error: Error::Misconfigured(_), .. } => {
                "The session is kept. Check the client's registration at the provider; then `moorline refresh` tries \
                 again."
            }
            Self::RefreshRefused { .. } => {
                "The session is kept, and `moorline refresh` tries again. If the provider refuses once more, run \
                 `moorline login`."
            }
            Self::CodeExpired(_) => {
                "This sign-in has ended: its code can be used only once, and for about a minute. Run `moorline login` \
                 again. A session from before is unchanged."
            }
            Self::SessionOutOfSight { .. } => {
                "Unlock the key store and try again, or take another name with --profile."
            }
            Self::Unsaved(_) => {
                "Free some disk space or make the folder writable. If the provider has replaced the stored token, the \
                 session is lost: run `moorline refresh`, and `moorline login` if that reports an ended session."
            }
            Self::KeyStore(KeyStoreError::Locked) => "Unlock the key store, and try again.",
            Self::KeyStore(_) => NO_KEY_STORE,
            Self::InTheWay { is_link: false, .. } => {
                "The session is unchanged. Rename or remove it, and try again."
            }
            Self::InTheWay { is_link: true, .. } => {
                "The session is unchanged. If the link leads to a disk that is not mounted, mount it. If not, remove \
                 the link. Then try again."
            }
            Self::NoProfile(_) => {
                "Run `moorline login --issuer URL --client-id ID`; `moorline profiles` lists what is there."
            }
            Self::DamagedProfile { .. } => {
                "Run `moorline login --issuer URL --client-id ID` with this profile. Once that succeeds, the file is \
                 moved aside and a new one is written. A session of this provider and client goes on."
            }
            Self::Usage(_) => "See `moorline --help` and `moorline COMMAND --help`.",
            Self::TimedOut(_) => "Run `moorline login` to try again; --timeout gives more time.",
            Self::CodeNotEntered(_) => "Run `moorline login --device` to get a new code.",
            Self::ProviderUnavailable { .. } => "Nothing is lost. Run `moorline login` again in a minute.",
            Self::ShortLived { .. } => {
                "Ask for less with --min-validity, or for longer tokens at the provider."
            }
            Self::Local { error, .. } => of_system(error.kind())?,
            Self::Check(_) | Self::Output(_) | Self::Interrupted(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// A file that the program itself cannot read or write. The vault is not touched by that.
const fn of_system(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("Let this user read and write it, or name another folder with --home DIR.")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("Free some disk space, and try again.")
        }
        io::ErrorKind::FileTooLarge => Some("Allow larger files (see `ulimit -f`), and try again."),
        _ => None,
    }
}

fn of_sdk(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Offline { maybe_sent: true } => {
            "The session is unchanged. The request may have taken effect: check that before you send it again."
        }
        Error::Offline { .. } => {
            "Nothing is lost. Check the network and the address, or wait a minute, and try again."
        }
        Error::Untrusted { reason, .. } => of_tls(reason),
        Error::Cancelled => "Run `moorline login` to try again.",
        Error::SignedOut(_) | Error::NeedsReauth(_) => "Run `moorline login` to sign in.",
        Error::StepUpRequired(_) => {
            "The session is unchanged. Run `moorline login` with what the API asks for: --scope, or --parameter \
             acr_values=…."
        }
        Error::StorageUnavailable(reason) => of_storage(*reason),
        Error::StorageLost(_) => "Run `moorline login` to sign in again.",
        Error::PinMismatch(_) => {
            "If the pins are old, ask who runs the server for the new ones, and sign in with those."
        }
        Error::ClockSkew(_) => "Set this machine's clock (or switch network time on), and try again.",
        Error::Refused { code, .. } => of_refusal(code),
        Error::Misconfigured(_) => {
            "A session is unchanged. Correct that, and try again; `moorline login` changes the settings of a profile."
        }
        // Kinds that a later SDK may add describe themselves.
        _ => return None,
    })
}

/// By the SDK's words for the reason.
fn of_tls(reason: &str) -> &'static str {
    if reason.contains("does not speak TLS") {
        "Name a port that speaks TLS. For development on this machine, use an http:// address with --allow-http."
    } else if reason.contains("TLS version") || reason.contains("TLS 1.2") {
        "Ask who runs the server to allow TLS 1.2 or 1.3 with current algorithms."
    } else if reason.contains("clock") {
        "Check this machine's clock. If it is right, ask who runs the server for a new certificate."
    } else {
        "Check the address, and look for a sign-in page or a proxy of this network. If the server is your own, name \
         its authority with `moorline login --ca FILE`."
    }
}

/// For codes of OAuth (RFC 6749 §4.1.2.1 and §5.2) and of the SDK.
fn of_refusal(code: &str) -> &'static str {
    match code {
        "invalid_target" => "Name an API that the provider knows, with `moorline login --resource`.",
        "invalid_scope" => "Name the scopes that the provider has for this client, with --scope.",
        "invalid_client" | "unauthorized_client" => {
            "Check --client-id: it must be registered as a native (public) app, without a secret."
        }
        "invalid_grant" => {
            "The code of this sign-in was used already (the answer to it may have been lost), or is too old. Run \
             `moorline login` again."
        }
        "invalid_request" | "unsupported_response_type" | "unsupported_grant_type" => {
            "The provider does not accept what was sent. Check --client-id, --scope and --parameter against the \
             client's registration."
        }
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            "Run `moorline login` without --prompt none, so that the provider can show its page."
        }
        "state_mismatch" | "sign_in_expired" => {
            "Run `moorline login` again, and use the address that it prints."
        }
        "invalid_callback" => {
            "Run `moorline login` again, and pass on the whole address that the browser ended at, unchanged."
        }
        "redirect_mismatch" => {
            "Register the redirect URI http://127.0.0.1/callback for this client, or see --redirect-host and \
             --redirect-port."
        }
        "key_gone" => "Run `moorline login` to sign in again.",
        "another_user" => {
            "The session is unchanged. Sign in as its user, or run `moorline login` to replace it."
        }
        "issuer_mismatch" => {
            "Check --issuer. If it is right, the answer came from another provider: do not sign in there."
        }
        "device_grant_not_supported" => {
            "Run `moorline login --no-browser` instead: the browser may be on another machine."
        }
        "expired_token" => "Run `moorline login --device` to get a new code.",
        "invalid_device_authorization" => {
            "Report it to who runs the provider, with the text above. `moorline login --no-browser` needs no code."
        }
        "invalid_id_token" | "invalid_userinfo" | "userinfo_refused" => {
            "Report it to who runs the provider, with the text above. `moorline check ISSUER` shows more."
        }
        "already_signed_in"
        | "invalid_refresh_token"
        | "no_subject"
        | "invalid_auth_state"
        | "auth_state_mismatch" => "Run `moorline login` to sign in.",
        "unbound_token" => "If bearer tokens are acceptable, run `moorline login --allow-bearer`.",
        "expired_access_token" => "Ask who runs the provider to correct the lifetime of access tokens.",
        "no_refresh_token" => {
            "The session goes on until then. Sign in with --scope offline_access for a longer one; some providers \
             also want --prompt consent."
        }
        "userinfo_not_supported" => "`moorline status --json` shows the claims of the sign-in.",
        "response_too_large" => {
            "The request took effect: ask for less, or use another client with `moorline token --for METHOD URL`."
        }
        "document_too_large" => "Report it to who runs the provider.",
        "internal_error" => "Please report this; MOORLINE_LOG=debug shows more.",
        _ => "Try again. If it is refused again, ask who runs the provider about this code.",
    }
}

const fn of_storage(reason: StorageUnavailableReason) -> &'static str {
    match reason {
        StorageUnavailableReason::Locked => "Nothing is lost. Unlock the key store, and try again.",
        StorageUnavailableReason::NoSpace => {
            "The session is unchanged. Free some disk space, or make the profile's folder writable for this user, \
             and try again."
        }
        StorageUnavailableReason::Busy => "The session is unchanged. Try again in a minute.",
        StorageUnavailableReason::NoKeyStore => NO_KEY_STORE,
        _ => {
            "The session is unchanged. Check that this user can read and write the profile's folder, and try again. \
             MOORLINE_LOG=debug shows what failed."
        }
    }
}

const NO_KEY_STORE: &str = "\
    Start a key store (on Linux one that offers the Secret Service, such as gnome-keyring or KWallet), \
    or keep the key in a plain file with `moorline login --insecure-file-key`.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use moorline::Vocabulary;

    use super::*;
    use crate::arguments::Arguments;

    fn options() -> Vec<String> {
        let command = Arguments::command();
        let all = std::iter::once(&command).chain(command.get_subcommands());
        let longs = all.flat_map(|command| command.get_arguments().filter_map(clap::Arg::get_long));
        longs.map(|long| format!("--{long}")).collect()
    }

    #[test]
    fn every_option_that_a_message_of_the_sdk_names_is_one_of_the_command_line() {
        let options = options();
        for option in Vocabulary::CommandLine.options() {
            assert!(options.iter().any(|known| known == option), "{option} is no option");
        }
    }

    #[test]
    fn every_refusal_of_the_sdk_has_a_hint_of_its_own_whose_options_exist() {
        let errors = include_str!("../../../docs/errors.md");
        let section = errors.split("### Codes of").skip(1).collect::<Vec<_>>().concat();
        let codes: Vec<&str> = section
            .lines()
            // The libraries for phones have codes of their own.
            .filter(|line| !line.contains(" only: "))
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert!(codes.len() > 14 && codes.contains(&"invalid_grant"), "{codes:?}");
        let options = options();
        for code in codes {
            let hint = of_refusal(code);
            assert_ne!(hint, of_refusal("anything else"), "{code}");
            for word in hint.split([' ', '`', ',', '.', ':', ';']).filter(|word| word.starts_with("--")) {
                assert!(options.iter().any(|known| known == word), "{word} in the hint for {code}");
            }
        }
    }

    #[test]
    fn a_refused_refresh_says_that_the_session_is_kept() {
        let refusal = || "invalid_client".to_owned();
        let error = Error::Misconfigured("the provider refuses (invalid_client)".into());
        let failure = Failure::RefreshRefused { error, refusal: refusal() };
        let hint = failure.hint().unwrap();
        assert!(hint.contains("kept") && !hint.contains("moorline login"), "{hint}");
        assert_eq!((failure.code(), failure.refusal()), (12, Some("invalid_client")));
    }

    #[test]
    fn a_sign_in_that_was_given_up_says_what_to_correct_first_or_to_sign_in_again() {
        let hint = |error| Failure::CodeExpired(Box::new(Failure::Sdk(error))).hint().unwrap();
        assert!(hint(Error::ClockSkew(3_600)).contains("clock"));
        assert!(hint(Error::Misconfigured("x".into())).contains("Correct that"));
        let too_large = Error::Refused { code: "document_too_large".into(), description: String::new() };
        for error in [too_large, Error::Offline { maybe_sent: false }] {
            assert!(hint(error).contains("Run `moorline login` again"));
        }
    }

    #[test]
    fn a_port_without_tls_is_not_a_matter_of_authorities() {
        let hint = of_tls("the server does not speak TLS there; check the port");
        assert!(hint.contains("--allow-http") && !hint.contains("--ca"), "{hint}");
        assert!(of_tls("the server's certificate is from an authority that nobody trusts").contains("--ca"));
    }
}
