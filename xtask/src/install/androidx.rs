//! AndroidX as one jar, for the modules that use Compose: its archives, and the classes of their resources' numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{DOWNLOAD, QUICK, once, version_in};
use crate::process::Log;
use crate::workspace::Workspace;

const PACK: Duration = Duration::from_secs(5 * 60);

/// One row of `gradle/androidx.txt`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Archive {
    group: String,
    name: String,
    version: String,
    kind: String,
}

impl Archive {
    /// Whether only tests have it on their class path.
    fn is_for_tests(&self) -> bool {
        self.group.starts_with("androidx.test") || self.name.starts_with("ui-test")
    }
}

/// What an app's build takes out of an archive, beside the resources.
const OF_AN_APP: [&str; 5] = ["AndroidManifest.xml", "classes.jar", "jni", "libs", "proguard.txt"];

/// How the folder is laid out that is made of the archives. Another number makes it anew.
const LAYOUT: u32 = 2;

/// Everything that `gradle/androidx.txt` names.
#[derive(Debug)]
pub(crate) struct AndroidX {
    /// All classes in one jar.
    pub(crate) jar: PathBuf,
    resources: PathBuf,
}

impl AndroidX {
    /// The folder of each archive that an app ships: its `classes.jar`, and what it has of [`OF_AN_APP`] besides.
    pub(crate) fn shipped(&self) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in self.jar.with_file_name("shipped").read_dir()? {
            folders.push(entry?.path());
        }
        folders.sort();
        Ok(folders)
    }

    /// The packages of the archives that have an `R` class, each with the folder of its resources if it has some.
    pub(crate) fn packages(&self) -> Result<Vec<(String, Option<PathBuf>)>> {
        let mut packages = Vec::new();
        for entry in self.resources.read_dir()? {
            let folder = entry?.path();
            let name = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
            let resources = folder.join("res");
            packages.push((name, resources.is_dir().then_some(resources)));
        }
        packages.sort();
        Ok(packages)
    }
}

/// Fetches the archives. It is done once for each list.
pub(crate) fn androidx(
    workspace: &Workspace,
    log: &mut Log,
    sources: &Path,
    versions: &BTreeMap<String, String>,
) -> Result<AndroidX> {
    let list = sources.join("gradle/androidx.txt");
    let text = std::fs::read_to_string(&list).with_context(|| format!("can't read {}", list.display()))?;
    let archives = archives(&text, versions).with_context(|| format!("in {}", list.display()))?;
    let mut hasher = DefaultHasher::new();
    (LAYOUT, &archives).hash(&mut hasher);
    let folder = Workspace::tools()?.join("aar");
    let made = folder.join(format!("androidx-{:016x}", hasher.finish()));
    if !made.exists() {
        log.ui().note(&format!("fetching {} archives of AndroidX (once)", archives.len()));
        once(&made, |scratch| make(workspace, log, &archives, scratch))
            .context("can't make one jar of AndroidX's archives")?;
    }
    Ok(AndroidX { jar: made.join("androidx.jar"), resources: made.join("resources") })
}

/// The rows of the list. A version in braces is one of the catalog.
fn archives(list: &str, versions: &BTreeMap<String, String>) -> Result<Vec<Archive>> {
    let rows = list.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| {
        let parts: Vec<&str> = row.split(':').collect();
        let [group, name, version, kind] = parts[..] else {
            bail!("`{row}` is not group:artifact:VERSION:type");
        };
        ensure!(matches!(kind, "aar" | "jar"), "`{row}` is neither an aar nor a jar");
        let version = match version.strip_prefix('{').and_then(|version| version.strip_suffix('}')) {
            Some(name) => version_in(versions, name)?,
            None => version,
        };
        let [group, name, version, kind] = [group, name, version, kind].map(str::to_owned);
        Ok(Archive { group, name, version, kind })
    })
    .collect()
}

/// Fetches the archives into this folder, packs their classes and keeps their resources.
fn make(workspace: &Workspace, log: &mut Log, archives: &[Archive], folder: &Path) -> Result<PathBuf> {
    let pom = folder.join("pom.xml");
    std::fs::write(&pom, copying(archives, folder))?;
    let mut copy = workspace.command("mvn");
    copy.args(["--batch-mode", "--no-transfer-progress", "--quiet", "--file"])
        .arg(&pom)
        .arg("dependency:copy");
    log.must(copy, DOWNLOAD)?;
    let (classes, sources) = (folder.join("classes"), folder.join("sources"));
    let made = folder.join("made");
    let resources_of = made.join("resources");
    for needed in [&classes, &resources_of] {
        std::fs::create_dir_all(needed)?;
    }
    let mut numbers = Numbers::default();
    let mut java = Vec::new();
    for archive in archives {
        let file = folder.join(format!("{}-{}.{}", archive.name, archive.version, archive.kind));
        let shipped = made.join("shipped").join(format!("{}.{}", archive.group, archive.name));
        if archive.kind == "jar" {
            unpack(workspace, log, &file, &classes)?;
            std::fs::create_dir_all(&shipped)?;
            std::fs::rename(&file, shipped.join("classes.jar"))?;
            continue;
        }
        let parts = folder.join("parts").join(format!("{}.{}", archive.group, archive.name));
        std::fs::create_dir_all(&parts)?;
        unpack(workspace, log, &file, &parts)?;
        unpack(workspace, log, &parts.join("classes.jar"), &classes)?;
        if let Ok(libraries) = parts.join("libs").read_dir() {
            for library in libraries {
                unpack(workspace, log, &library?.path(), &classes)?;
            }
        }
        let resources = std::fs::read_to_string(parts.join("R.txt")).unwrap_or_default();
        if !resources.is_empty() {
            let package = package_of(&std::fs::read_to_string(parts.join("AndroidManifest.xml"))?)
                .with_context(|| format!("the manifest of {} names no package", archive.name))?;
            let source = sources.join(package.replace('.', "/")).join("R.java");
            std::fs::create_dir_all(source.parent().context("a file is in a folder")?)?;
            std::fs::write(&source, numbers.class(&package, &resources)?)?;
            java.push(source);
            let kept = resources_of.join(&package);
            std::fs::create_dir_all(&kept)?;
            if parts.join("res").is_dir() && !kept.join("res").exists() {
                std::fs::rename(parts.join("res"), kept.join("res"))?;
            }
        }
        if !archive.is_for_tests() {
            keep(&parts, &shipped)?;
        }
    }
    let mut compile = workspace.command("javac");
    compile.args(["--release", "11", "-d"]).arg(&classes).args(java);
    log.must(compile, PACK)?;
    let jar = made.join("androidx.jar");
    let mut pack = workspace.command("jar");
    pack.args(["--create", "--no-manifest", "--file"]).arg(&jar).arg("-C").arg(&classes).arg(".");
    log.must(pack, PACK)?;
    Ok(made)
}

/// Moves what an app's build needs out of an unpacked archive.
fn keep(parts: &Path, shipped: &Path) -> Result<()> {
    std::fs::create_dir_all(shipped)?;
    for name in OF_AN_APP.iter().filter(|name| parts.join(name).exists()) {
        std::fs::rename(parts.join(name), shipped.join(name))?;
    }
    Ok(())
}

/// A project that copies each archive alone, without what it depends on.
fn copying(archives: &[Archive], folder: &Path) -> String {
    let mut items = String::new();
    for Archive { group, name, version, kind } in archives {
        let _ = write!(
            items,
            "<artifactItem><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>\
             <type>{kind}</type></artifactItem>"
        );
    }
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>fetch</groupId><artifactId>fetch</artifactId><version>1</version><packaging>pom</packaging>\
         <build><plugins><plugin><artifactId>maven-dependency-plugin</artifactId><configuration>\
         <outputDirectory>{}</outputDirectory><artifactItems>{items}</artifactItems></configuration></plugin>\
         </plugins></build></project>",
        folder.display(),
    )
}

fn unpack(workspace: &Workspace, log: &mut Log, file: &Path, folder: &Path) -> Result<()> {
    ensure!(file.exists(), "{} is not there", file.display());
    let mut unpack = workspace.command("jar");
    unpack.args(["--extract", "--file"]).arg(file).current_dir(folder);
    log.must(unpack, QUICK)?;
    Ok(())
}

fn package_of(manifest: &str) -> Option<String> {
    Some(manifest.split("package=\"").nth(1)?.split('"').next()?.to_owned())
}

/// What an app's build does for archives: it numbers each resource, for the `R` class of each archive. The resources
/// themselves are left out: tests that draw text, shapes and colours of their own need none.
#[derive(Default)]
struct Numbers {
    kinds: Vec<String>,
    names: BTreeMap<(String, String), usize>,
}

impl Numbers {
    /// The source of an archive's `R` class. A row of `R.txt` is `int KIND NAME 0x0`,
    /// `int[] styleable NAME { 0x0, … }` or `int styleable NAME_ATTRIBUTE INDEX`.
    fn class(&mut self, package: &str, resources: &str) -> Result<String> {
        let mut fields: BTreeMap<&str, String> = BTreeMap::new();
        for row in resources.lines() {
            let words: Vec<&str> = row.splitn(4, ' ').collect();
            let [of, kind, name, value] = words[..] else {
                bail!("`{row}` of R.txt is no resource");
            };
            let fields = fields.entry(kind).or_default();
            let _ = if of == "int[]" {
                let zeros = vec!["0"; value.matches("0x").count()].join(", ");
                writeln!(fields, "public static final int[] {name} = {{ {zeros} }};")
            } else if kind == "styleable" {
                writeln!(fields, "public static final int {name} = {value};")
            } else {
                writeln!(fields, "public static final int {name} = {:#010x};", self.number(kind, name))
            };
        }
        let classes = fields.iter().fold(String::new(), |mut all, (kind, fields)| {
            let _ = writeln!(all, "public static final class {kind} {{\n{fields}}}");
            all
        });
        Ok(format!("package {package};\npublic final class R {{\n{classes}}}\n"))
    }

    /// An app's own resources have numbers of 0x7f: package, kind, entry.
    fn number(&mut self, kind: &str, name: &str) -> usize {
        if !self.kinds.iter().any(|known| known == kind) {
            self.kinds.push(kind.to_owned());
        }
        let of_kind = self.kinds.iter().position(|known| known == kind).unwrap_or_default() + 1;
        let next = self.names.len();
        let entry = *self.names.entry((kind.to_owned(), name.to_owned())).or_insert(next);
        0x7f00_0000 | of_kind << 16 | entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> BTreeMap<String, String> {
        BTreeMap::from([("compose".to_owned(), "1.2".to_owned())])
    }

    #[test]
    fn a_row_has_a_version_of_its_own_or_one_of_the_catalog() {
        let list = "# A comment.\n\na.b:c:{compose}:aar\nd.e:f:3:jar\n";
        let archive = |row: [&str; 4]| {
            let [group, name, version, kind] = row.map(str::to_owned);
            Archive { group, name, version, kind }
        };
        let expected = [archive(["a.b", "c", "1.2", "aar"]), archive(["d.e", "f", "3", "jar"])];
        assert_eq!(archives(list, &versions()).unwrap(), expected);
    }

    #[test]
    fn what_drives_tests_is_not_shipped() {
        let list = "androidx.test:core:1:aar\nandroidx.compose.ui:ui-test-android:1:aar\na.ui:ui-text:1:aar";
        let tests =
            archives(list, &versions()).unwrap().iter().map(Archive::is_for_tests).collect::<Vec<_>>();
        assert_eq!(tests, [true, true, false]);
    }

    #[test]
    fn a_row_that_is_no_archive_is_refused_by_its_text() {
        for row in ["a.b:c:1", "a.b:c:{ktor}:aar", "a.b:c:1:zip"] {
            let error = format!("{:#}", archives(row, &versions()).unwrap_err());
            assert!(error.contains(row) || error.contains("ktor"), "{error}");
        }
    }

    #[test]
    fn a_resource_has_one_number_in_all_archives() {
        let mut numbers = Numbers::default();
        let first = numbers.class("a.b", "int id one 0x0\nint string two 0x0").unwrap();
        assert!(first.starts_with("package a.b;"), "{first}");
        assert!(first.contains("public static final int one = 0x7f010000;"), "{first}");
        assert!(first.contains("public static final int two = 0x7f020001;"), "{first}");
        let second = numbers
            .class("c", "int id one 0x0\nint[] styleable S { 0x0, 0x0 }\nint styleable S_a 1")
            .unwrap();
        assert!(second.contains("int one = 0x7f010000;"), "{second}");
        assert!(second.contains("int[] S = { 0, 0 };") && second.contains("int S_a = 1;"), "{second}");
        assert!(numbers.class("d", "int id").is_err());
    }
}
