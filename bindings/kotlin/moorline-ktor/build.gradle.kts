plugins {
    alias(libs.plugins.kotlin.jvm)
}

dependencies {
    api(project(":moorline"))
    api(libs.ktor.client.core)
    // For apps that use this engine: others do not get it.
    compileOnly(libs.ktor.client.okhttp)
    testImplementation(project(":moorline-testing"))
    testImplementation(libs.ktor.client.mock)
    testImplementation(libs.ktor.client.java)
    testImplementation(libs.ktor.client.okhttp)
    testImplementation(libs.okhttp.mockwebserver)
    testImplementation(libs.okhttp.tls)
}
