plugins {
    alias(libs.plugins.kotlin.jvm)
}

dependencies {
    api(project(":moorline"))
    api(libs.okhttp)
    testImplementation(project(":moorline-testing"))
    testImplementation(libs.okhttp.mockwebserver)
    testImplementation(libs.okhttp.tls)
}
