plugins {
    alias(libs.plugins.android.library)
    `maven-publish`
}

android {
    namespace = "dev.moorline.android"
    compileSdk = 35
    defaultConfig {
        minSdk = 26
        consumerProguardFiles("consumer-rules.pro")
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    publishing {
        singleVariant("release") { withSourcesJar() }
    }
}

kotlin {
    explicitApi()
    coreLibrariesVersion = libs.versions.kotlin.stdlib.get()
    compilerOptions {
        languageVersion = org.jetbrains.kotlin.gradle.dsl.KotlinVersion.KOTLIN_2_2
        apiVersion = org.jetbrains.kotlin.gradle.dsl.KotlinVersion.KOTLIN_2_2
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11
        // It makes errors and opens the native library, whose constructors are internal to the library.
        val library = project(":moorline").layout.buildDirectory.file("libs/moorline-$version.jar")
        freeCompilerArgs.add("-jvm-default=no-compatibility")
        freeCompilerArgs.add(library.map { "-Xfriend-paths=${it.asFile}" })
    }
}

dependencies {
    // Without JNA, for Android: see its build file. JNA's Android archive has the native code of Android.
    api(project(":moorline"))
    api(variantOf(libs.jna) { artifactType("aar") })
    // On a device or an emulator: `connectedDebugAndroidTest`.
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.kotlin.test)
}

afterEvaluate {
    publishing {
        publications.create<MavenPublication>("maven") {
            from(components["release"])
            artifactId = "moorline-android"
        }
    }
}
