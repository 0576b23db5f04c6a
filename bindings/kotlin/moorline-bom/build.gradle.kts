plugins {
    `java-platform`
}

dependencies {
    constraints {
        api(project(":moorline"))
        api(project(":moorline-testing"))
        api(project(":moorline-okhttp"))
        api(project(":moorline-ktor"))
        api(project(":moorline-android"))
        api(project(":moorline-compose"))
    }
}
