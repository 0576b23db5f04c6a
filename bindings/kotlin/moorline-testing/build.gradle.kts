plugins {
    alias(libs.plugins.kotlin.jvm)
}

dependencies {
    api(project(":moorline"))
}

tasks.compileKotlin {
    // The fake makes results and errors, whose constructors are internal to the library.
    val library = project(":moorline").layout.buildDirectory.file("libs/moorline-$version.jar")
    compilerOptions.freeCompilerArgs.add(library.map { "-Xfriend-paths=${it.asFile}" })
}

tasks.test {
    systemProperty("moorline.docs", rootDir.resolve("../../docs").path)
}
