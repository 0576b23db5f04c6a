// swift-tools-version: 6.0

import PackageDescription

// For the tests on Linux alone (`cargo xtask test --only swift`), over stubs of Apple's modules. Xcode builds the app
// by Notes.xcodeproj: open that.
let moorline: [Target.Dependency] = ["Moorline", "MoorlineUI", "MoorlineTesting", "AppleStubs"].map {
    .product(name: $0, package: "swift")
}

let package = Package(
    name: "Notes",
    platforms: [.iOS(.v17), .macOS(.v14)],
    dependencies: [.package(path: "../bindings/swift")],
    targets: [
        // The app, both flavours and the share extension, as one module.
        .executableTarget(
            name: "Notes",
            dependencies: moorline,
            path: ".",
            exclude: [
                "Notes.xcodeproj", "Config", "NotesTests", "ServerTests", "NotesUITests", "README.md",
                "Notes/Assets.xcassets", "Notes/InfoPlist.xcstrings", "ShareExtension/InfoPlist.xcstrings",
                "Shared/Localizable.xcstrings", "Shared/PrivacyInfo.xcprivacy",
            ],
            sources: ["Notes", "Model", "Shared", "Server", "Fake", "ShareExtension", "Linux"],
            swiftSettings: [.swiftLanguageMode(.v6), .define("DEBUG")]
        ),
        .testTarget(
            name: "NotesTests",
            dependencies: ["Notes"] + moorline,
            path: "NotesTests",
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .testTarget(
            name: "ServerTests",
            dependencies: ["Notes"] + moorline,
            path: "ServerTests",
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)
