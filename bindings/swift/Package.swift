// swift-tools-version: 6.0

import Foundation
import PackageDescription

let swift6: [SwiftSetting] = [.swiftLanguageMode(.v6)]

/// A variable of the environment, if it says something.
func setting(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
}

/// The XCFramework in the package's folder.
let framework: String? = {
    if let path = setting("MOORLINE_XCFRAMEWORK_PATH") { return path }
    let built = "build/MoorlineFFI.xcframework"
    return FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(built)") ? built : nil
}()

/// The C module under the generated Swift, with the native library.
///
/// - In a checkout: written by uniffi-bindgen-swift, as is `Generated/MoorlineGenerated`; the library comes from cargo,
///   through `-Xlinker -L…`. See ../README.md.
/// - In a release: an XCFramework of both, at MOORLINE_XCFRAMEWORK_URL with MOORLINE_XCFRAMEWORK_CHECKSUM, or in the
///   package's folder at MOORLINE_XCFRAMEWORK_PATH or, for Xcode, where `cargo xtask ios --out bindings/swift/build`
///   puts it.
func native() -> Target {
    if let url = setting("MOORLINE_XCFRAMEWORK_URL") {
        guard let checksum = setting("MOORLINE_XCFRAMEWORK_CHECKSUM") else {
            fatalError(
                "MOORLINE_XCFRAMEWORK_URL needs MOORLINE_XCFRAMEWORK_CHECKSUM: `swift package compute-checksum FILE`"
            )
        }
        return .binaryTarget(name: "MoorlineFFI", url: url, checksum: checksum)
    }
    if let framework {
        return .binaryTarget(name: "MoorlineFFI", path: framework)
    }
    return .systemLibrary(name: "MoorlineFFI", path: "Generated/MoorlineFFI")
}

let isRelease = setting("MOORLINE_XCFRAMEWORK_URL") != nil || framework != nil

/// Apple's modules, as far as Moorline uses them: with MOORLINE_APPLE_STUBS=1, what is for Apple's platforms alone is
/// type-checked on Linux.
let stubs =
    setting("MOORLINE_APPLE_STUBS") == nil
    ? []
    : [
        "UIKit", "AuthenticationServices", "Security", "LocalAuthentication", "CryptoKit", "SwiftUI", "CFNetwork",
        "Network", "Accessibility",
    ]
let apple = stubs.map { Target.Dependency(stringLiteral: $0) }

/// What a stub imports of the others.
let beneath = [
    "AuthenticationServices": ["UIKit"], "SwiftUI": ["UIKit"], "CryptoKit": ["Security", "LocalAuthentication"],
]

var targets: [Target] = [
    native(),
    // The generated Swift is not ready for the Swift 6 language mode, so it is alone in the mode before that.
    .target(
        name: "MoorlineGenerated",
        dependencies: ["MoorlineFFI"],
        path: "Generated/MoorlineGenerated",
        swiftSettings: [.swiftLanguageMode(.v5)],
        linkerSettings: isRelease ? [] : [.linkedLibrary("moorline_ffi")]
    ),
    .target(
        name: "Moorline",
        dependencies: ["MoorlineGenerated"] + apple,
        resources: [.copy("PrivacyInfo.xcprivacy")],
        swiftSettings: swift6
    ),
    .target(name: "MoorlineUI", dependencies: ["Moorline"] + apple, swiftSettings: swift6),
    .target(name: "MoorlineTesting", dependencies: ["Moorline"], swiftSettings: swift6),
]

if stubs.isEmpty {
    targets.append(
        .testTarget(
            name: "MoorlineTestingTests",
            dependencies: ["Moorline", "MoorlineTesting"],
            swiftSettings: swift6
        )
    )
    // These start a server, which an app on a simulator cannot: with MOORLINE_SIMULATOR=1 they are left out.
    if setting("MOORLINE_SIMULATOR") == nil {
        targets.append(
            .testTarget(
                name: "MoorlineTests",
                dependencies: ["Moorline", "MoorlineUI", "MoorlineTesting", "MoorlineGenerated"],
                swiftSettings: swift6
            )
        )
    }
} else {
    targets += stubs.map { name in
        Target.target(
            name: name,
            dependencies: (beneath[name] ?? []).map { .init(stringLiteral: $0) },
            path: "Tests/Stubs/\(name)",
            swiftSettings: swift6
        )
    }
    targets.append(
        .testTarget(
            name: "MoorlineAppleTests",
            dependencies: ["Moorline", "MoorlineUI", "MoorlineTesting"] + apple,
            swiftSettings: swift6
        )
    )
}

var products: [Product] = [
    .library(name: "Moorline", targets: ["Moorline"]),
    .library(name: "MoorlineUI", targets: ["MoorlineUI"]),
    .library(name: "MoorlineTesting", targets: ["MoorlineTesting"]),
]
// For the tests of ios-sample on Linux.
if !stubs.isEmpty { products.append(.library(name: "AppleStubs", targets: stubs)) }

let package = Package(
    name: "Moorline",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: products,
    targets: targets
)
