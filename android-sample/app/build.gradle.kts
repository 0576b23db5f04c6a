plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.compose.compiler)
}

android {
    namespace = "com.example.notes"
    compileSdk = 36
    defaultConfig {
        // The redirect URI that is registered at the development server begins with it.
        applicationId = "com.example.notes"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
    buildFeatures {
        compose = true
        resValues = true
    }
    flavorDimensions += "backend"
    productFlavors {
        // With a server.
        create("server") {
            dimension = "backend"
            isDefault = true
            resValue("string", "issuer", providers.gradleProperty("notes.issuer").get())
        }
        // Without one: runs at once, beside the other.
        create("fake") {
            dimension = "backend"
            applicationIdSuffix = ".fake"
        }
    }
    buildTypes {
        release {
            // The library's archive has its own rules.
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

dependencies {
    implementation("dev.moorline:moorline-android")
    implementation("dev.moorline:moorline-compose")
    implementation("dev.moorline:moorline-okhttp")
    "fakeImplementation"("dev.moorline:moorline-testing")

    implementation(libs.androidx.activity.compose)
    implementation(libs.androidx.core.ktx)
    implementation(libs.androidx.lifecycle.compose)
    implementation(libs.compose.material3)
    implementation(libs.coroutines.android)

    // On a device or an emulator: `connectedFakeDebugAndroidTest`, `connectedServerDebugAndroidTest`.
    androidTestImplementation(libs.androidx.test.ext.junit)
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.androidx.test.uiautomator)
    androidTestImplementation(libs.compose.ui.test.junit4)
}
