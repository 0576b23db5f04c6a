import Foundation
import Moorline
import XCTest

/// Proxies of the app's choice, at a real server.
final class ProxySelectorTests: FolderTestCase {
    private struct Unreadable: Error {}

    /// Chooses as the test says, and remembers what it was asked.
    private final class Settings: MoorlineProxySelector, @unchecked Sendable {
        private let lock = NSLock()
        private var selected: Result<MoorlineProxy?, any Error> = .success(nil)
        private var servers: Set<URL> = []

        var asked: Set<URL> { lock.withLock { servers } }

        func select(_ selection: Result<MoorlineProxy?, any Error>) {
            lock.withLock { selected = selection }
        }

        func proxy(for server: URL) throws -> MoorlineProxy? {
            try lock.withLock {
                servers.insert(server)
                return try selected.get()
            }
        }
    }

    private func moorline(_ settings: Settings) throws -> Moorline {
        let server = try DevServer.running()
        var configuration = Moorline.Configuration(issuer: server.description.issuer, clientID: "moorline-demo")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.extraRootPEMs = [server.description.ca_pem]
        var platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        platform.proxySelector = settings
        return try Moorline(configuration, platform: platform)
    }

    func testTheProxyThatTheSelectorNamesIsUsedFromTheNextRequestOn() async throws {
        let (settings, proxy) = (Settings(), try FakeProvider())
        defer { proxy.stop() }
        let moorline = try moorline(settings)
        let request = try await moorline.startSignIn()
        let issuer = try DevServer.running().description.issuer
        XCTAssertEqual(settings.asked.map(\.absoluteString), [issuer + "/"], "it sees no path")
        // It is a server that does not know CONNECT, and so a proxy that refuses.
        let port = try XCTUnwrap(URL(string: proxy.issuer)?.port)
        settings.select(.success(MoorlineProxy(.http, host: "127.0.0.1", port: port, user: "ada", password: "secret")))
        let callback = try await DevServer.running().browse(request.url)
        let error = await failure { try await moorline.finishSignIn(callbackURL: callback) }
        XCTAssertEqual(error?.code, "offline")
        let log = try moorline.diagnostics()
        XCTAssertTrue(log.contains("the proxy 127.0.0.1:\(port) refused to connect to"), log)
        XCTAssertFalse(log.contains("secret"), log)
        settings.select(.success(nil))
        let user = try await moorline.finishSignIn(callbackURL: callback)
        XCTAssertFalse(user.subject.isEmpty)
    }

    func testSettingsThatCannotBeReadOrUsedAreBeingOffline() async throws {
        let settings = Settings()
        let unusable = MoorlineProxy(.socks5, host: "", port: 0, user: "ada", password: "secret")
        for selection in [.failure(Unreadable()), .success(unusable)] as [Result<MoorlineProxy?, any Error>] {
            settings.select(selection)
            let moorline = try moorline(settings)
            let error = await failure { try await moorline.startSignIn() }
            XCTAssertEqual(error?.code, "offline")
            XCTAssertEqual(error?.maybeSent, false)
            XCTAssertFalse(try moorline.diagnostics().contains("secret"))
        }
    }
}
