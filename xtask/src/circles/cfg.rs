//! Which code is product code: all that some build without tests and without fuzzing compiles.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, Meta, Token};

/// Whether code with these attributes is part of a product build. Platforms and features stay open: code for any of
/// them counts, so that the answer is the same on every machine.
pub(super) fn is_product(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .filter_map(|attribute| attribute.parse_args::<Meta>().ok())
        .all(|condition| holds(&condition) != Some(false))
}

/// Whether a condition holds in a product build; `None` where that depends on the platform or on a feature.
fn holds(condition: &Meta) -> Option<bool> {
    match condition {
        Meta::Path(path) if path.is_ident("test") || path.is_ident("doctest") => Some(false),
        Meta::NameValue(pair) if pair.path.is_ident("feature") && is_text(&pair.value, "fuzzing") => {
            Some(false)
        }
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
            let parts: Vec<_> = parts.iter().map(holds).collect();
            if list.path.is_ident("not") {
                parts.first().copied().flatten().map(|inner| !inner)
            } else if list.path.is_ident("any") {
                either(&parts, true)
            } else if list.path.is_ident("all") {
                either(&parts, false)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// `any` is decided by one part that holds, `all` by one that does not; otherwise every part has to be known.
fn either(parts: &[Option<bool>], decides: bool) -> Option<bool> {
    if parts.contains(&Some(decides)) {
        Some(decides)
    } else if parts.contains(&None) {
        None
    } else {
        Some(!decides)
    }
}

fn is_text(value: &Expr, text: &str) -> bool {
    matches!(value, Expr::Lit(literal) if matches!(&literal.lit, Lit::Str(string) if string.value() == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(condition: &str) -> bool {
        let item: syn::ItemStruct = syn::parse_str(&format!("#[cfg({condition})] struct S;")).unwrap();
        is_product(&item.attrs)
    }

    #[test]
    fn code_for_tests_and_fuzzing_is_no_product_code() {
        for left_out in
            ["test", "doctest", "all(test, unix)", r#"any(test, feature = "fuzzing")"#, "not(not(test))"]
        {
            assert!(!product(left_out), "{left_out}");
        }
    }

    #[test]
    fn code_for_any_platform_or_feature_is_product_code() {
        for kept in
            ["unix", "not(unix)", "not(test)", r#"any(target_os = "android", test)"#, r#"feature = "ring""#]
        {
            assert!(product(kept), "{kept}");
        }
    }
}
