pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
    // The library's own list of versions.
    versionCatalogs {
        create("libs") { from(files("../bindings/kotlin/gradle/libs.versions.toml")) }
    }
}

rootProject.name = "notes"

// `dev.moorline:…` is built from this repository. An app of your own leaves this line out, and names a version.
includeBuild("../bindings/kotlin")

include(":app")
