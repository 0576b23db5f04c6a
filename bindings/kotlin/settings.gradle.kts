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
}

rootProject.name = "moorline-kotlin"

include(":moorline", ":moorline-testing", ":moorline-okhttp", ":moorline-ktor", ":moorline-bom")
include(":moorline-android", ":moorline-compose")
