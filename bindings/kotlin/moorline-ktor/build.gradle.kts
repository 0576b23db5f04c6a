plugins {
    alias(libs.plugins.kotlin.jvm)
}

dependencies {
    api(project(":moorline"))
    api(libs.ktor.client.core)
    testImplementation(project(":moorline-testing"))
    testImplementation(libs.ktor.client.mock)
    testImplementation(libs.ktor.client.okhttp)
    testImplementation(libs.okhttp.tls)
}
