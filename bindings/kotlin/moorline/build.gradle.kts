plugins {
    alias(libs.plugins.kotlin.jvm)
}

// The generated code on its own: explicit API mode and warnings-as-errors are for what people wrote.
// `cargo xtask bindings kotlin` makes it.
val ffi: SourceSet by sourceSets.creating {
    extensions.getByName<SourceDirectorySet>("kotlin").srcDir(rootDir.resolve("target/generated-sources/uniffi"))
}

dependencies {
    api(libs.kotlin.stdlib)
    api(libs.coroutines.core)
    implementation(libs.jna)
    "ffiImplementation"(libs.kotlin.stdlib)
    "ffiImplementation"(libs.coroutines.core)
    "ffiImplementation"(libs.jna)
    compileOnly(ffi.output)
    testImplementation(ffi.output)
}

tasks.jar {
    from(ffi.output)
}
