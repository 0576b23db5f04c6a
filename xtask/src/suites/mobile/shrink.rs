//! A small app with the archive, shrunk by R8 with the archive's own rules alone, signs in on the JVM.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::archive::{Archive, classes, jar};
use super::build::{QUICK, folder};
use super::{jna, manifest};
use crate::bindings::native_library;
use crate::dev_server::DevServer;
use crate::install;
use crate::report::Step;
use crate::suites::inputs::{Inputs, files};
use crate::suites::kotlin::tools::{APP, JNA, R8, ROBOLECTRIC, Tools, class_path};
use crate::workspace::Workspace;

const SHRINKING: Duration = Duration::from_secs(20 * 60);
const TESTING: Duration = Duration::from_secs(5 * 60);

const CHECK: &str = "bindings/kotlin/android-check";
const TEST: &str = "dev.moorline.android.ShrunkAppTest";

/// All classes that lose their names come into one package, as in a build with the Android Gradle plugin: Robolectric
/// loads what is in the package `kotlin` in another class loader.
const OF_THE_APP: &str = "-repackageclasses shrunk";

/// What the test has from the library's own tests: the keys and the browsers of a phone.
const SUPPORT: [&str; 4] = ["Device.kt", "FakeAndroidKeystore.kt", "SharedKeystore.kt", "BareCertificate.kt"];

/// Compiles the app, shrinks it, and lets it sign in; then takes the rules away, which has to break it.
pub(super) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let shrinker =
        Shrinker { tools: Tools::of(workspace)?, workspace, build: folder(workspace).join("shrink") };
    fs::create_dir_all(&shrinker.build)?;
    let app = shrinker.compile(step)?;
    let rules = fs::read_to_string(Archive::of(workspace).part("proguard.txt"))?;
    let shrunk = shrinker.shrink(step, "with-rules", &app, &rules)?;
    let kilobytes = |file: &Path| anyhow::Ok(fs::metadata(file)?.len() / 1000);
    step.note(&format!("the whole app with its libraries: {} kB of classes", kilobytes(&shrunk)?));
    let test = shrinker.test(step)?;
    let output = shrinker.run(step, &shrunk, &test)?;
    ensure!(output.contains("\nOK (1 test)"), "the shrunk app does not sign in");
    step.counts.passed += 1;

    // The check must be able to fail: without the rules, R8 leaves out what native code finds by its name.
    let bare = shrinker.shrink(step, "without-rules", &app, "-dontwarn java.awt.**\n")?;
    let output = shrinker.run(step, &bare, &test)?;
    ensure!(
        !output.contains("\nOK (1 test)"),
        "the app signs in without the archive's rules: the check proves nothing"
    );
    ensure!(output.contains("\nTests run: 1,  Failures: 1"), "without the archive's rules, no test ran");
    step.counts.passed += 1;
    Ok(())
}

struct Shrinker<'a> {
    tools: Tools,
    workspace: &'a Workspace,
    build: PathBuf,
}

impl Shrinker<'_> {
    /// The app's own classes.
    fn compile(&self, step: &mut Step) -> Result<PathBuf> {
        let sources = self.workspace.root().join(CHECK).join("app/NotesActivity.kt");
        let libraries = ["moorline", "moorline-android"].map(|module| classes(self.workspace, module));
        let android = self.tools.android(self.workspace, step)?;
        let mut path = files(&self.tools.jars(self.workspace, step, &APP)?)?;
        path.extend(libraries);
        path.push(android);
        self.kotlin(step, "app", &[sources], &path)
    }

    /// The test's classes.
    fn test(&self, step: &mut Step) -> Result<PathBuf> {
        let own = self
            .workspace
            .root()
            .join("bindings/kotlin/moorline-android/src/test/kotlin/dev/moorline/android");
        let mut sources = vec![self.workspace.root().join(CHECK).join("test/ShrunkAppTest.kt")];
        sources.extend(SUPPORT.map(|name| own.join(name)));
        let mut path = files(&self.tools.jars(self.workspace, step, &ROBOLECTRIC)?)?;
        path.push(self.tools.android(self.workspace, step)?);
        self.kotlin(step, "test", &sources, &path)
    }

    /// Compiles, unless these sources were compiled over this class path before.
    fn kotlin(&self, step: &mut Step, what: &str, sources: &[PathBuf], path: &[PathBuf]) -> Result<PathBuf> {
        let out = self.build.join(what);
        self.tools.compile(self.workspace, step, (sources, path, &[]), &out)?;
        Ok(out)
    }

    /// R8 over the app and all that it uses, to class files; unless it has shrunk the same before.
    fn shrink(&self, step: &mut Step, what: &str, app: &Path, rules: &str) -> Result<PathBuf> {
        let out = self.build.join(what).with_extension("jar");
        let modules = ["moorline", "moorline-android"].map(|module| classes(self.workspace, module));
        let jars = files(&self.tools.jars(self.workspace, step, &APP)?)?;
        let jna = jna::unpacked(self.workspace, &self.tools, step)?.join("classes.jar");
        let rules = format!("{rules}\n{OF_THE_APP}\n{}", self.components()?);
        let mut inputs =
            Inputs::default().word(self.tools.version("r8")?).word(&rules).path(app)?.path(&jna)?;
        for input in modules.iter().chain(&jars) {
            inputs = inputs.path(input)?;
        }
        let work = inputs.of(self.build.join(format!("{what}.shrunk")));
        if work.is_done() && out.exists() {
            step.note(&format!("{what}: R8 has shrunk the same before"));
            return Ok(out);
        }
        step.note(&format!("{what}: R8, about a minute"));
        let file = self.build.join(what).with_extension("pro");
        fs::write(&file, &rules)?;
        let android = self.tools.android(self.workspace, step)?;
        let mut r8 = self.tools.java(self.workspace, step, &R8)?;
        r8.args(["com.android.tools.r8.R8", "--classfile", "--release", "--lib"]).arg(android);
        // Robolectric's classes of Android lack those of `java` and `javax`, which Android's own `android.jar` has.
        r8.arg("--lib").arg(install::java_home()?);
        r8.arg("--output").arg(&out).arg("--pg-conf").arg(&file);
        r8.arg("--pg-map-output").arg(out.with_extension("map"));
        for (name, folder) in [("app", app), ("moorline", &modules[0]), ("moorline-android", &modules[1])] {
            let packed = self.build.join(name).with_extension("jar");
            jar(self.workspace, step, folder, &packed)?;
            r8.arg(packed);
        }
        r8.args(jars).arg(jna);
        step.log.must(r8, SHRINKING).context("R8 refuses the app")?;
        work.done()?;
        Ok(out)
    }

    fn unpack(&self, step: &mut Step, archive: &Path, file: &str) -> Result<()> {
        let mut unpack = self.workspace.command("jar");
        unpack.args(["--extract", "--file"]).arg(archive).arg(file).current_dir(&self.build);
        step.log.must(unpack, QUICK)?;
        ensure!(self.build.join(file).exists(), "{} has no {file}", archive.display());
        Ok(())
    }

    /// The rules that an app's build writes for what is named in its manifest.
    fn components(&self) -> Result<String> {
        let merged = fs::read_to_string(manifest::merged(self.workspace))?;
        let mut rules = String::new();
        for element in manifest::elements(&merged).iter().filter(|element| element.starts_with("activity ")) {
            let name = element.split("android:name=").nth(1).and_then(|rest| rest.split_whitespace().next());
            let name = name.context("an activity without a name")?;
            let _ = writeln!(rules, "-keep class {name} {{ <init>(); }}");
        }
        Ok(rules)
    }

    /// Runs the test over the shrunk classes, with this machine's native library, against a server of its own.
    fn run(&self, step: &mut Step, shrunk: &Path, test: &Path) -> Result<String> {
        let server = DevServer::start(self.workspace)?;
        let robolectric = self.tools.jars(self.workspace, step, &ROBOLECTRIC)?.join("*");
        let archives = self.tools.archives(self.workspace, step)?.join("*");
        let android = self.tools.android(self.workspace, step)?;
        let native = native_library(self.workspace)?;
        let folder = match std::env::consts::ARCH {
            "aarch64" => "com/sun/jna/linux-aarch64",
            _ => "com/sun/jna/linux-x86-64",
        };
        let jna = self.tools.jars(self.workspace, step, &JNA)?;
        let jna = jna.join(format!("jna-{}.jar", self.tools.version("jna")?));
        self.unpack(step, &jna, &format!("{folder}/libjnidispatch.so"))?;

        let mut java = self.workspace.command("java");
        java.args(["--add-opens", "java.base/java.lang=ALL-UNNAMED", "-Djava.awt.headless=true"]);
        java.arg(format!("-Djna.boot.library.path={}", self.build.join(folder).display()));
        java.arg(format!(
            "-Djna.library.path={}",
            native.parent().context("a file is in a folder")?.display()
        ));
        java.arg(format!("-Dmoorline.manifest={}", manifest::merged(self.workspace).display()));
        java.arg("-cp").arg(class_path(&[test, shrunk, &robolectric, &archives, &android])?);
        java.args(["org.junit.runner.JUnitCore", TEST]);
        java.env("MOORLINE_DEV_JSON", server.description());
        java.env("MOORLINE_BROWSE_BIN", self.workspace.program("moorline-browse"));
        Ok(step.log.run(java, TESTING)?.output)
    }
}
