//! Small crates on disk, with a circle and without.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use super::examine::{Found, examine};
use super::find::{Circle, Kind, Use};
use super::levels::{Broken, Levels};
use crate::scratch::Scratch;

/// What is found in a crate of these files.
fn examine_crate(files: &[(&str, &str)], levels: Option<Levels>) -> Result<Found> {
    let scratch = Scratch::new("circles")?;
    for (name, code) in files {
        let file = scratch.path().join(name);
        fs::create_dir_all(file.parent().unwrap())?;
        fs::write(file, code)?;
    }
    examine(scratch.path(), &[scratch.path().join("lib.rs")], levels)
}

/// The edges that are in a circle, each with the names that cause it.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let found = examine_crate(files, None).unwrap();
    let of = |circle: &Circle| -> Vec<_> {
        let line = |(edge, names): (&Use, &BTreeSet<String>)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("{} -> {}: {}", edge.from, edge.to, names.join(", "))
        };
        circle.uses.iter().map(line).collect()
    };
    found.circles.iter().flat_map(of).collect()
}

const ROOT: (&str, &str) = ("lib.rs", "mod a; mod b;");

#[test]
fn two_files_that_import_each_other_are_a_circle_with_the_names_that_cause_it() {
    let a = "use crate::b::{One, two}; pub struct Mine; fn f(_: One) { two() }";
    let b = "pub struct One; pub fn two() { let _ = crate::a::Mine; }";
    assert_eq!(edges(&[ROOT, ("a.rs", a), ("b.rs", b)]), ["a.rs -> b.rs: One, two", "b.rs -> a.rs: Mine"]);
}

#[test]
fn imports_one_way_only_are_no_circle() {
    assert!(edges(&[ROOT, ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")]).is_empty());
}

#[test]
fn a_reexport_leads_to_the_file_that_defines_the_item() {
    let files = [
        ROOT,
        ("a.rs", "pub struct A; fn f(_: crate::b::Deep) {}"),
        ("b/mod.rs", "mod deep; pub use self::deep::Deep;"),
        ("b/deep.rs", "pub struct Deep(crate::a::A);"),
    ];
    let found = edges(&files);
    assert!(found.contains(&"a.rs -> b/deep.rs: Deep".to_owned()), "{found:?}");
    assert!(!found.iter().any(|edge| edge.contains("b/mod.rs")), "{found:?}");
}

#[test]
fn a_reexport_of_a_function_that_is_named_like_its_module_is_followed() {
    let files = [
        ROOT,
        ("a.rs", "pub struct A; fn f() { crate::b::show() }"),
        ("b/mod.rs", "mod show; pub use self::show::show;"),
        ("b/show.rs", "pub fn show() { let _ = crate::a::A; }"),
    ];
    assert!(edges(&files).contains(&"a.rs -> b/show.rs: show".to_owned()));
}

#[test]
fn super_and_self_are_the_modules_that_they_name() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod x; mod y;"),
        ("a/x.rs", "use super::y::Y; pub struct X;"),
        ("a/y.rs", "pub struct Y; mod inner { fn f(_: super::super::x::X) {} }"),
    ];
    assert_eq!(edges(&files), ["a/x.rs -> a/y.rs: Y", "a/y.rs -> a/x.rs: X"]);
}

#[test]
fn names_in_macros_attributes_function_bodies_and_globs_count_too() {
    let b = "pub struct B;";
    for a in [
        "pub struct A; fn f() { println!(\"{:?}\", crate::b::B) }",
        "pub struct A; #[serde(with = \"crate::b::B\")] struct S;",
        "pub struct A; fn f() { use crate::b; let _ = b::B; }",
        "pub struct A; use crate::b::*;",
        "pub struct A; impl From<crate::b::B> for A {}",
    ] {
        let b = format!("{b} use crate::a::A;");
        assert_eq!(edges(&[ROOT, ("a.rs", a), ("b.rs", &b)]).len(), 2, "{a}");
    }
}

#[test]
fn a_method_a_lifetime_and_another_crates_path_are_no_use_of_a_file() {
    let a = "use ::b::B; pub struct A; fn f<'b>(x: &'b str) { dbg!(x.b(), x.b::c()); std::b::f(); }";
    assert!(edges(&[ROOT, ("a.rs", a), ("b.rs", "pub struct B; fn f(_: crate::a::A) {}")]).is_empty());
}

#[test]
fn code_for_tests_and_fuzzing_is_left_out() {
    let a = "pub struct A;
        #[cfg(test)] use crate::b::B;
        #[cfg(any(test, feature = \"fuzzing\"))] pub fn fuzz() { crate::b::f() }
        fn f() { #[cfg(test)] crate::b::f(); }
        struct S { #[cfg(test)] gate: crate::b::B }
        impl A { #[cfg(test)] fn hook(_: crate::b::B) {} }
        #[cfg(test)] mod tests { use crate::b::B; }";
    let b = "pub struct B; pub fn f() { let _ = crate::a::A; }";
    assert!(edges(&[ROOT, ("a.rs", a), ("b.rs", b)]).is_empty());
}

#[test]
fn code_for_a_platform_counts_on_every_machine() {
    let a = "pub struct A; #[cfg(target_os = \"ios\")] use crate::b::B; #[cfg(not(test))] use crate::b::C;";
    let b = "pub struct B; pub struct C; use crate::a::A;";
    assert_eq!(edges(&[ROOT, ("a.rs", a), ("b.rs", b)])[0], "a.rs -> b.rs: B, C");
}

#[test]
fn a_facade_is_no_circle_unless_its_own_code_uses_what_it_reexports() {
    let child = "use super::Shared; pub struct Child(Shared);";
    let facade = "mod child; pub use child::Child; pub struct Shared;";
    let files = |parent: &str| edges(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/child.rs", child)]);
    assert!(files(facade).is_empty());
    assert_eq!(
        files(&format!("{facade} fn f(_: Child) {{}}")),
        ["a/child.rs -> a/mod.rs: Shared", "a/mod.rs -> a/child.rs: Child"]
    );
}

#[test]
fn folders_that_import_each_other_are_a_circle_even_if_no_files_are() {
    let files = [
        ROOT,
        ("a/mod.rs", "mod high; mod low; pub use low::Low;"),
        ("a/high.rs", "use crate::b::Middle;"),
        ("a/low.rs", "pub struct Low;"),
        ("b.rs", "pub struct Middle(crate::a::Low);"),
    ];
    let found = examine_crate(&files, None).unwrap();
    let [circle] = &found.circles[..] else { panic!("{found:?}") };
    assert_eq!(circle.kind, Kind::Siblings { parent: String::new() });
    assert_eq!(circle.members, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!(circle.shortest(), ["a", "b", "a"]);
    assert_eq!(edges(&files), ["a/high.rs -> b.rs: Middle", "b.rs -> a/low.rs: Low"]);
}

#[test]
fn a_module_with_a_written_path_is_read_from_there() {
    let files = [
        ("lib.rs", "#[path = \"elsewhere/one.rs\"] mod a; mod b;"),
        ("elsewhere/one.rs", "pub struct A; use crate::b::B;"),
        ("b.rs", "pub struct B; use crate::a::A;"),
    ];
    assert_eq!(edges(&files), ["b.rs -> elsewhere/one.rs: A", "elsewhere/one.rs -> b.rs: B"]);
}

#[test]
fn a_module_without_a_file_and_code_that_is_none_are_errors_that_name_the_file() {
    let missing = examine_crate(&[("lib.rs", "mod gone;")], None).unwrap_err();
    assert!(format!("{missing:#}").contains("`mod gone;`"), "{missing:#}");
    let broken = examine_crate(&[("lib.rs", "mod a;"), ("a.rs", "fn (")], None).unwrap_err();
    assert!(format!("{broken:#}").contains("a.rs"), "{broken:#}");
}

const LEVELS: Levels = &[&["low", "other"], &["high"]];

/// A crate of two levels, with what its modules say.
fn broken(low: &str, high: &str, more: &str) -> Vec<Broken> {
    let root = format!("mod low; mod other; mod high; {more}");
    let files =
        [("lib.rs", root.as_str()), ("low.rs", low), ("other.rs", "pub struct Other;"), ("high.rs", high)];
    examine_crate(&files, Some(LEVELS)).unwrap().broken
}

#[test]
fn an_import_from_a_lower_level_passes() {
    assert!(broken("pub struct Low;", "use crate::low::Low; use crate::other::Other;", "").is_empty());
}

#[test]
fn an_import_that_goes_up_a_level_is_refused_though_there_is_no_circle() {
    let [Broken::Upward { from, to, uses }] = &broken("use crate::high::High;", "pub struct High;", "")[..]
    else {
        panic!("it was accepted")
    };
    assert_eq!((from, to), (&("low".to_owned(), 0), &("high".to_owned(), 1)));
    let edge = Use { from: "low.rs".to_owned(), to: "high.rs".to_owned() };
    assert_eq!(uses, &[(edge, BTreeSet::from(["High".to_owned()]))].into());
}

#[test]
fn an_import_between_two_modules_of_one_level_is_refused() {
    let found = broken("use crate::other::Other;", "", "");
    assert!(matches!(&found[..], [Broken::Upward { from, to, .. }] if from.1 == to.1), "{found:?}");
}

#[test]
fn what_only_a_test_imports_from_above_passes() {
    assert!(broken("#[cfg(test)] mod tests { use crate::high::High; }", "pub struct High;", "").is_empty());
}

#[test]
fn a_module_without_a_level_and_a_level_without_its_module_are_refused() {
    let found =
        examine_crate(&[("lib.rs", "mod low; mod new;"), ("low.rs", ""), ("new.rs", "")], Some(LEVELS));
    let missing = |name: &str| Broken::Missing(name.to_owned());
    assert_eq!(
        found.unwrap().broken,
        [Broken::Unlisted("new".to_owned()), missing("other"), missing("high")]
    );
}
