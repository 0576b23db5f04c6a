plugins {
    `java-platform`
}

dependencies {
    constraints {
        api(project(":moorline"))
    }
}
