import Foundation
import Moorline
import XCTest

/// The running `moorline-server dev` that `MOORLINE_DEV_JSON` describes.
struct DevServer: Sendable {
    struct Description: Decodable, Sendable {
        struct Pins: Decodable, Sendable {
            let host: String
            let primary: String
            let backup: String
            let expires: String
        }

        let issuer: String
        let api: String
        let ca_pem: String
        let pins: Pins
    }

    let description: Description
    private let file: String
    private let browser: String

    /// From the environment. Tests without it fail.
    static func running() throws -> DevServer {
        let file = try setting("MOORLINE_DEV_JSON")
        let description = try JSONDecoder().decode(
            Description.self,
            from: Data(contentsOf: URL(fileURLWithPath: file))
        )
        return DevServer(description: description, file: file, browser: try setting("MOORLINE_BROWSE_BIN"))
    }

    private static func setting(_ name: String) throws -> String {
        try XCTUnwrap(
            ProcessInfo.processInfo.environment[name],
            "\(name) is not set. Run `cargo xtask test --only swift`, which starts a server and sets it, "
                + "or see bindings/README.md."
        )
    }

    /// The server's own pins.
    var pins: Moorline.HostPins {
        let pins = description.pins
        return .init(host: pins.host, primary: pins.primary, backups: [pins.backup], expires: pins.expires)
    }

    /// The demo app on this device.
    func moorline(on platform: Moorline.Platform, pins: Moorline.HostPins? = nil) throws -> Moorline {
        var configuration = configuration()
        configuration.pins = pins.map { [$0] } ?? configuration.pins
        return try Moorline(configuration, platform: platform)
    }

    func configuration() -> Moorline.Configuration {
        var configuration = Moorline.Configuration(issuer: description.issuer, clientID: "moorline-demo")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.scopes = ["openid", "profile", "email", "offline_access", "notes.read", "notes.write"]
        configuration.extraRootPEMs = [description.ca_pem]
        configuration.pins = [pins]
        return configuration
    }

    /// Fills in the server's real pages, and returns the callback URL.
    func browse(_ url: URL, as user: String = "ada", consent: String = "allow") async throws -> URL {
        let arguments = ["--dev", file, "--user", user, "--consent", consent, url.absoluteString]
        let browser = browser
        let printed = try await Task.detached {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: browser)
            process.arguments = arguments
            process.standardOutput = output
            try process.run()
            let printed = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw POSIXError(.ECHILD) }
            return String(decoding: printed, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }.value
        return try XCTUnwrap(URL(string: printed), "moorline-browse printed no URL")
    }
}
