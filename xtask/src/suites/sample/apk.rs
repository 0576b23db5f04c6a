//! The APK: put together, signed, verified and looked into.

mod zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::zip::Entry;
use super::app::{BuildFile, RELEASE, Sample};
use super::release::dex;
use super::resources::linked;
use crate::report::Step;
use crate::scratch::Scratch;
use crate::suites::kotlin::tools::APKSIG;
use crate::suites::mobile::archive::Archive;
use crate::suites::mobile::{jna, library};

const PACKING: Duration = Duration::from_secs(5 * 60);

/// The program that packs, signs and verifies, which Java compiles as it starts.
const PROGRAM: &str = "xtask/src/suites/sample/apk/Apk.java";

/// The native libraries' folder: the ABI that is linked here.
const ABI: &str = "lib/arm64-v8a/";

const OURS: &str = "libmoorline_ffi.so";

/// How many parts are printed.
const LARGEST: usize = 8;

/// What a release build must not have: what debug builds alone do, and what tests alone do.
const FOREIGN: [&str; 5] = [
    "dev/faults",
    "lose-next-answer",
    "Ldev/moorline/testing/",
    "FakeMoorline",
    "Landroidx/compose/ui/test/",
];

/// Attributes of the manifest that a release build must not have.
const NOT_IN_THE_MANIFEST: [&str; 4] =
    ["networkSecurityConfig", "usesCleartextTraffic", "debuggable", "testOnly"];

/// Packs and signs the APK, with a key made for it, and checks what users would get.
pub(super) fn build(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let apk = RELEASE.built(sample).join("notes.apk");
    pack(sample, step, &apk)?;
    let bytes = fs::read(&apk)?;
    let entries = zip::entries(&bytes).context("the APK")?;
    aligned(&entries)?;
    libraries(sample, step, &bytes, &entries)?;
    code(sample, step)?;
    manifest(sample, step, &apk)?;
    forged(sample, step, &bytes, &entries)?;
    step.note(&format!("{:.2} MB, in {}", bytes.len() as f64 / 1e6, apk.display()));
    largest(step, &entries);
    Ok(())
}

fn pack(sample: &Sample<'_>, step: &mut Step, apk: &Path) -> Result<()> {
    let scratch = Scratch::new("key")?;
    let store = scratch.path().join("key.p12");
    let mut key = sample.workspace.command("keytool");
    key.args(["-genkeypair", "-alias", "key", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "1"]);
    key.args(["-dname", "CN=a key of one test", "-storepass", "of-one-test", "-storetype", "PKCS12"]);
    key.arg("-keystore").arg(&store);
    step.log.must(key, PACKING)?;
    let mut pack = program(sample, step)?;
    pack.arg("pack").arg(apk).arg(BuildFile::read(sample)?.min_sdk).arg(&store).arg("of-one-test");
    pack.arg(linked(sample, &RELEASE)).arg(dex(sample));
    for library in native(sample, step)? {
        let name = library.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        pack.arg(format!("{ABI}{name}={}", library.display()));
    }
    step.log.must(pack, PACKING).context("the APK is not signed")?;
    let verified = verify(sample, step, apk)?;
    let verdict = verified.lines().find(|line| line.starts_with("verified v2"));
    step.note(&format!("apksig: {}", verdict.with_context(|| format!("not signed by v2: {verified}"))?));
    Ok(())
}

/// The library's, JNA's, and those of AndroidX's archives.
fn native(sample: &Sample<'_>, step: &mut Step) -> Result<Vec<PathBuf>> {
    let abi = Path::new("jni/arm64-v8a");
    let mut found = vec![
        Archive::of(sample.workspace).part("jni/arm64-v8a").join(OURS),
        jna::unpacked(sample.workspace, &sample.tools, step)?.join(abi).join("libjnidispatch.so"),
    ];
    for archive in sample.androidx.shipped()? {
        if let Ok(libraries) = archive.join(abi).read_dir() {
            for library in libraries {
                found.push(library?.path());
            }
        }
    }
    Ok(found)
}

fn program(sample: &Sample<'_>, step: &mut Step) -> Result<Command> {
    let mut java = sample.tools.java(sample.workspace, step, &APKSIG)?;
    java.arg(sample.workspace.root().join(PROGRAM));
    Ok(java)
}

/// As Android does before it installs.
fn verify(sample: &Sample<'_>, step: &mut Step, apk: &Path) -> Result<String> {
    let mut verify = program(sample, step)?;
    verify.arg("verify").arg(apk).arg(BuildFile::read(sample)?.min_sdk);
    step.log.must(verify, PACKING)
}

/// Android maps what is stored from the file itself: libraries by pages, the table of resources by words.
fn aligned(entries: &[Entry]) -> Result<()> {
    let resources = entries.iter().find(|entry| entry.name == "resources.arsc");
    ensure!(resources.is_some_and(|entry| entry.stored), "resources.arsc is compressed or missing");
    for entry in entries.iter().filter(|entry| entry.stored) {
        let (alignment, what) =
            if entry.name.ends_with(".so") { (library::PAGE, "page") } else { (4, "word") };
        let (name, offset) = (&entry.name, entry.offset);
        ensure!(offset.is_multiple_of(alignment), "{name} begins at {offset}, in the middle of a {what}");
    }
    Ok(())
}

fn libraries(sample: &Sample<'_>, step: &mut Step, apk: &[u8], entries: &[Entry]) -> Result<()> {
    let libraries: Vec<_> = entries.iter().filter(|entry| entry.name.ends_with(".so")).collect();
    let scratch = Scratch::new("apk")?;
    for entry in &libraries {
        let name =
            entry.name.strip_prefix(ABI).with_context(|| format!("{} is of another ABI", entry.name))?;
        ensure!(entry.stored, "{name} is compressed: Android would unpack a copy of it");
        let file = scratch.path().join(name);
        let start = usize::try_from(entry.offset)?;
        let bytes = apk.get(start..start + usize::try_from(entry.packed)?).context("a library is cut off")?;
        fs::write(&file, bytes)?;
        library::loads(sample.workspace, step, &file).with_context(|| name.to_owned())?;
        if name == OURS {
            library::exports(sample.workspace, step, &file)?;
        }
    }
    let names: Vec<_> = libraries.iter().map(|entry| entry.name.trim_start_matches(ABI)).collect();
    for needed in [OURS, "libjnidispatch.so"] {
        ensure!(names.contains(&needed), "the APK has no {needed}: {names:?}");
    }
    step.note(&format!("{}: each stored, at pages of 16 KiB", names.join(", ")));
    Ok(())
}

/// Looks through the code for what must not be there, and for one thing that must.
fn code(sample: &Sample<'_>, step: &mut Step) -> Result<()> {
    let unpacked = Scratch::new("dex")?;
    let mut unpack = sample.workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(dex(sample)).current_dir(unpacked.path());
    step.log.must(unpack, PACKING)?;
    let mut code = Vec::new();
    for file in crate::suites::inputs::files(unpacked.path())? {
        if file.extension().is_some_and(|ending| ending == "dex") {
            code.extend(fs::read(file)?);
        }
    }
    let has = |text: &str| code.windows(text.len()).any(|window| window == text.as_bytes());
    ensure!(has("Lcom/example/notes/MainActivity;"), "the APK's code has no activity");
    let foreign: Vec<_> = FOREIGN.into_iter().filter(|text| has(text)).collect();
    ensure!(foreign.is_empty(), "the release build has what is for development: {foreign:?}");
    Ok(())
}

fn manifest(sample: &Sample<'_>, step: &mut Step, apk: &Path) -> Result<()> {
    let mut dump = sample.workspace.command("aapt2");
    dump.args(["dump", "xmltree", "--file", "AndroidManifest.xml"]).arg(apk);
    let manifest = step.log.must(dump, PACKING)?;
    for element in ["com.example.notes.MainActivity", "dev.moorline.android.RedirectActivity"] {
        ensure!(manifest.contains(element), "the manifest has no {element}");
    }
    let found: Vec<_> = NOT_IN_THE_MANIFEST.into_iter().filter(|name| manifest.contains(name)).collect();
    ensure!(found.is_empty(), "the release manifest has what is for development: {found:?}");
    step.note("no plain HTTP, nothing debuggable, no faults, no fakes");
    Ok(())
}

/// The check must be able to fail: one bit of the code is turned.
fn forged(sample: &Sample<'_>, step: &mut Step, apk: &[u8], entries: &[Entry]) -> Result<()> {
    let code = entries.iter().find(|entry| entry.name == "classes.dex").context("there is no classes.dex")?;
    let mut forged = apk.to_vec();
    *forged.get_mut(usize::try_from(code.offset + code.packed / 2)?).context("classes.dex is cut off")? ^= 1;
    let file = RELEASE.built(sample).join("forged.apk");
    fs::write(&file, forged)?;
    let refused = verify(sample, step, &file).is_err();
    fs::remove_file(&file)?;
    ensure!(refused, "an APK that was changed after it was signed verifies");
    Ok(())
}

fn largest(step: &Step, entries: &[Entry]) {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.packed));
    for entry in entries.iter().take(LARGEST) {
        step.note(&format!("  {:>7.1} kB  {}", entry.packed as f64 / 1e3, entry.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, stored: bool, offset: u64) -> Entry {
        Entry { name: name.to_owned(), stored, packed: 1, offset }
    }

    #[test]
    fn a_library_begins_at_a_page_and_the_table_of_resources_at_a_word() {
        let table = || entry("resources.arsc", true, 8);
        aligned(&[table(), entry("lib/arm64-v8a/a.so", true, 32768), entry("classes.dex", false, 3)])
            .unwrap();
        let error = aligned(&[table(), entry("lib/arm64-v8a/a.so", true, 4096)]).unwrap_err().to_string();
        assert_eq!(error, "lib/arm64-v8a/a.so begins at 4096, in the middle of a page");
        let error = aligned(&[entry("resources.arsc", true, 6)]).unwrap_err().to_string();
        assert!(error.contains("in the middle of a word"), "{error}");
        let error = aligned(&[entry("resources.arsc", false, 8)]).unwrap_err().to_string();
        assert!(error.contains("is compressed or missing"), "{error}");
    }
}
