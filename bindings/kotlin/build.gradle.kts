import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.dsl.KotlinJvmProjectExtension
import org.jetbrains.kotlin.gradle.dsl.KotlinVersion
import org.jetbrains.kotlin.gradle.tasks.KotlinCompile

plugins {
    alias(libs.plugins.android.library) apply false
    alias(libs.plugins.compose.compiler) apply false
    alias(libs.plugins.kotlin.jvm) apply false
    alias(libs.plugins.binary.compatibility.validator)
}

// The same dumps as `cargo xtask test --only kotlin` compares: `apiCheck` and `apiDump`.
apiValidation {
    ignoredPackages.addAll(listOf("dev.moorline.ffi", "uniffi"))
}

// What the modules share. Each says what it is and what it needs in its own file.
allprojects {
    group = "dev.moorline"
    version = "0.1.0"
}

subprojects {
    plugins.withId("org.jetbrains.kotlin.jvm") {
        apply(plugin = "maven-publish")

        configure<KotlinJvmProjectExtension> {
            explicitApi()
            // Two minor versions before the compiler's, so that apps on older compilers can use the library.
            coreLibrariesVersion = libs.versions.kotlin.stdlib.get()
            compilerOptions {
                languageVersion = KotlinVersion.KOTLIN_2_2
                apiVersion = KotlinVersion.KOTLIN_2_2
                jvmTarget = JvmTarget.JVM_11
            }
        }
        tasks.named<KotlinCompile>("compileKotlin") {
            compilerOptions {
                allWarningsAsErrors = true
                freeCompilerArgs.addAll("-Xjdk-release=11", "-jvm-default=no-compatibility")
            }
        }
        tasks.named<KotlinCompile>("compileTestKotlin") {
            compilerOptions.jvmTarget = JvmTarget.JVM_17
        }
        configure<JavaPluginExtension> {
            withSourcesJar()
            withJavadocJar()
            sourceCompatibility = JavaVersion.VERSION_11
            targetCompatibility = JavaVersion.VERSION_11
        }
        tasks.named<JavaCompile>("compileTestJava") {
            sourceCompatibility = "17"
            targetCompatibility = "17"
        }
        configure<SourceSetContainer> {
            named("test") {
                if (project.name in listOf("moorline", "moorline-okhttp", "moorline-ktor", "moorline-testing")) {
                    extensions.getByName<SourceDirectorySet>("kotlin").srcDir(rootDir.resolve("test-support/dev"))
                }
                resources.srcDir(rootDir.resolve("test-support/resources"))
            }
        }
        dependencies {
            "testImplementation"(libs.junit.jupiter)
            "testImplementation"(libs.kotlin.test)
            "testImplementation"(libs.serialization.json)
            "testRuntimeOnly"(libs.junit.platform.launcher)
        }
        tasks.named<Test>("test") {
            useJUnitPlatform()
            // The folder of libmoorline_ffi: `cargo build -p moorline-ffi` makes it.
            val native = providers.gradleProperty("moorline.native.dir")
                .getOrElse(rootDir.resolve("../../target/debug").path)
            jvmArgs("-Djna.library.path=$native", "-Djna.nosys=true")
        }
        configure<PublishingExtension> {
            publications.create<MavenPublication>("maven") {
                from(components["java"])
                pom { describe() }
            }
        }
    }
    plugins.withId("java-platform") {
        apply(plugin = "maven-publish")
        configure<PublishingExtension> {
            publications.create<MavenPublication>("maven") {
                from(components["javaPlatform"])
                pom { describe() }
            }
        }
    }
}

fun MavenPom.describe() {
    name = "Moorline for Kotlin"
    description = "Keeps users signed in to an app, safely"
    licenses {
        license {
            name = "Apache-2.0 OR MIT"
            url = "https://spdx.org/licenses/Apache-2.0.html"
        }
    }
}
