import org.jetbrains.kotlin.gradle.plugin.KotlinPlatformType

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

// What an Android app gets of this module, on every path to it: the same jar, without JNA's, which has the desktops'
// native code. `moorline-android` brings JNA's Android archive, and both together are duplicate classes. Gradle chooses
// by the environment, which the Android plugin names for apps and the Java plugin for everything else.
configurations.runtimeElements {
    attributes.attribute(
        TargetJvmEnvironment.TARGET_JVM_ENVIRONMENT_ATTRIBUTE,
        objects.named(TargetJvmEnvironment.STANDARD_JVM),
    )
}
val androidRuntimeElements = configurations.create("androidRuntimeElements") {
    isCanBeResolved = false
    extendsFrom(configurations.api.get())
    outgoing.artifact(tasks.jar)
    attributes {
        attribute(Category.CATEGORY_ATTRIBUTE, objects.named(Category.LIBRARY))
        attribute(Usage.USAGE_ATTRIBUTE, objects.named(Usage.JAVA_RUNTIME))
        attribute(LibraryElements.LIBRARY_ELEMENTS_ATTRIBUTE, objects.named(LibraryElements.JAR))
        attribute(Bundling.BUNDLING_ATTRIBUTE, objects.named(Bundling.EXTERNAL))
        attribute(TargetJvmVersion.TARGET_JVM_VERSION_ATTRIBUTE, 11)
        attribute(KotlinPlatformType.attribute, KotlinPlatformType.androidJvm)
        attribute(
            TargetJvmEnvironment.TARGET_JVM_ENVIRONMENT_ATTRIBUTE,
            objects.named(TargetJvmEnvironment.ANDROID),
        )
    }
}
// For Gradle alone: in the POM, which has no variants, the module keeps JNA's jar.
(components["java"] as AdhocComponentWithVariants).addVariantsFromConfiguration(androidRuntimeElements) {}
