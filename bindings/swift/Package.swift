// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "Moorline",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Moorline", targets: ["Moorline"])],
    targets: [
        // Both folders are written by uniffi-bindgen-swift from the native library: see ../README.md. The generated Swift
        // is not ready for the Swift 6 language mode, so it stands alone in the mode before that.
        .systemLibrary(name: "MoorlineFFI", path: "Generated/MoorlineFFI"),
        .target(
            name: "MoorlineGenerated",
            dependencies: ["MoorlineFFI"],
            path: "Generated/MoorlineGenerated",
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [.linkedLibrary("moorline_ffi")]
        ),
        .target(
            name: "Moorline",
            dependencies: ["MoorlineGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .testTarget(
            name: "MoorlineTests",
            dependencies: ["Moorline", "MoorlineGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
