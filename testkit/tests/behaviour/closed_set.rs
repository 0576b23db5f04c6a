//! Every error and every reason of `docs/errors.md` has a row, with the advice that the document gives.

use std::collections::BTreeSet;

use moorline_testkit::rows;

const ERRORS: &str = include_str!("../../../docs/errors.md");

/// Refusal codes without a row, each with why.
const NO_ROW: [(&str, &str); 14] = [
    ("unauthorized_client", "the same as invalid_client"),
    ("invalid_client", "at a sign-in, as invalid_scope; at a refresh, it is misconfigured"),
    ("login_required", "the same as invalid_scope: the provider's own code is passed on"),
    ("interaction_required", "the same"),
    ("consent_required", "the same"),
    ("sign_in_expired", "it takes an hour: a test of the core has a clock for it"),
    (
        "invalid_auth_state",
        "each platform has AppAuth's state in a form of its own: each language has its tests",
    ),
    ("auth_state_mismatch", "the same"),
    ("key_gone", "it needs a signer: each language has its tests of one"),
    ("redirect_mismatch", "the browser never comes to another address here: a test of the core"),
    ("bad_response", "Foundation alone"),
    ("browser_failed", "Apple's browser session alone"),
    ("no_browser", "Android alone"),
    ("internal_error", "nothing that a provider does causes one"),
];

#[test]
fn every_kind_of_error_has_a_row_with_the_advice_of_the_document() {
    let rows = rows::all().unwrap();
    let kinds = kinds();
    assert_eq!(kinds.len(), 13, "{kinds:?}");
    for (code, retry) in kinds {
        let of_kind: Vec<_> = rows.iter().filter(|row| row.then.error.as_ref() == Some(&code)).collect();
        assert!(!of_kind.is_empty(), "no row ends with {code}");
        for row in of_kind {
            let advice = row.then.retry.as_deref();
            assert!(
                retry.is_none() || advice == retry.as_deref(),
                "{}: {advice:?} is not {retry:?}",
                row.name
            );
        }
    }
}

#[test]
fn every_reason_has_a_row() {
    let rows = rows::all().unwrap();
    let found: BTreeSet<_> = rows
        .iter()
        .filter_map(|row| Some(format!("{} {}", row.then.error.as_ref()?, row.then.reason.as_ref()?)))
        .collect();
    for reason in [
        "signed_out never_signed_in",
        "signed_out by_user",
        "needs_reauth revoked",
        "needs_reauth no_refresh_token",
        "needs_reauth interaction_required",
        "needs_reauth refused",
        "storage_unavailable locked",
        "storage_unavailable no_space",
        "storage_unavailable busy",
        "storage_unavailable no_key_store",
        "storage_unavailable failed",
        "storage_lost key_gone",
        "storage_lost damaged",
        "storage_lost newer_version",
    ] {
        assert!(found.contains(reason), "no row ends with {reason}: {found:?}");
        let name = reason.split_once(' ').expect("two words").1;
        assert!(ERRORS.contains(&format!("`{}`", camel(name))), "docs/errors.md does not name {name}");
    }
}

#[test]
fn offline_and_response_too_large_have_a_row_in_which_the_request_may_have_taken_effect() {
    let rows = rows::all().unwrap();
    for (error, maybe_sent) in [("offline", true), ("offline", false)] {
        let found = rows
            .iter()
            .any(|row| row.then.error.as_deref() == Some(error) && row.then.maybe_sent == Some(maybe_sent));
        assert!(found, "no row ends with {error} and maybe_sent = {maybe_sent}");
    }
    let sent = rows.iter().filter(|row| row.then.maybe_sent == Some(true));
    for row in sent {
        let allowed = row.then.error.as_deref() == Some("offline")
            || row.then.refusal.as_deref() == Some("response_too_large");
        assert!(allowed, "{}: docs/errors.md says otherwise", row.name);
    }
}

#[test]
fn every_refusal_code_has_a_row_or_a_reason_why_not() {
    let rows = rows::all().unwrap();
    let found: BTreeSet<_> = rows.iter().filter_map(|row| row.then.refusal.as_deref()).collect();
    for code in refusal_codes() {
        let excused = NO_ROW.iter().any(|(excused, _)| *excused == code);
        assert!(
            found.contains(code.as_str()) != excused,
            "{code}: a row, or a reason in NO_ROW, and not both"
        );
    }
}

/// The codes of the first table, and the advice where it is one for all reasons.
fn kinds() -> Vec<(String, Option<String>)> {
    let lines = ERRORS.lines().filter(|line| line.starts_with("| [`"));
    lines
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let code = cells[1].split('`').nth(1).expect("a code").to_owned();
            let retry = cells[3].strip_prefix('`').map(|advice| {
                let advice = advice.trim_end_matches('`').trim_end_matches("(time)");
                advice.to_lowercase()
            });
            (code, retry)
        })
        .collect()
}

/// The codes of the two tables under `refused`.
fn refusal_codes() -> Vec<String> {
    let section =
        ERRORS.split("\n## refused\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let first_cells =
        section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            word.chars()
                .enumerate()
                .map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c })
                .collect::<String>()
        })
        .collect()
}
