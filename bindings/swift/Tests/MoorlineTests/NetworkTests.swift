import Foundation
import Moorline
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Connections of an app to its provider, and of a browser to the app.
final class NetworkTests: FolderTestCase {
    private func signedIn(_ test: (FakeProvider, Moorline) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        let moorline = try provider.moorline(in: folder)
        try await provider.signIn(moorline)
        try await test(provider, moorline)
    }

    func testAnotherNetworkMeansAnotherConnectionAndAClosedMoorlineIgnoresIt() async throws {
        try await signedIn { provider, moorline in
            provider.keepsConnections = true
            _ = try await moorline.refresh()
            let connections = provider.connections
            _ = try await moorline.refresh()
            XCTAssertEqual(provider.connections, connections, "the connection is kept")
            moorline.networkChanged()
            _ = try await moorline.refresh()
            XCTAssertEqual(provider.connections, connections + 1)
            moorline.close()
            moorline.networkChanged()
        }
    }

    #if !os(iOS)
        func testASignInComesBackToAPortOfThisMachineByAddressOrByName() async throws {
            try await signedIn { provider, moorline in
                let hosts: [(Moorline.LoopbackReceiver.Host, String)] = [
                    (.address, "http://127.0.0.1:"), (.localhost, "http://localhost:"),
                ]
                for (host, origin) in hosts {
                    let receiver = try await Moorline.LoopbackReceiver(host: host)
                    XCTAssertTrue(receiver.redirectURI.hasPrefix(origin), receiver.redirectURI)
                    var options = Moorline.SignInOptions()
                    options.redirectURI = receiver.redirectURI
                    let request = try await moorline.startSignIn(options)
                    let callback = try provider.callback(request, redirectURI: receiver.redirectURI)
                    async let shown = Self.status(of: callback)
                    let received = try await receiver.wait(for: request)
                    XCTAssertEqual(received, callback)
                    let user = try await moorline.finishSignIn(callbackURL: received)
                    XCTAssertEqual(user.subject, "ada")
                    let status = try await shown
                    XCTAssertEqual(status, 200)
                    let again = await failure { try await receiver.wait(for: request) }
                    XCTAssertEqual(again?.code, "misconfigured")
                }
            }
        }

        private static func status(of url: URL) async throws -> Int? {
            let (_, response) = try await URLSession.shared.data(from: url)
            return (response as? HTTPURLResponse)?.statusCode
        }

        func testAPortThatIsInUseIsRefusedAndIsFreeAfterAWaitThatEnded() async throws {
            try await signedIn { _, moorline in
                let request = try await moorline.startSignIn()
                let receiver = try await Moorline.LoopbackReceiver(host: .localhost)
                let port = try XCTUnwrap(URL(string: receiver.redirectURI)?.port.flatMap(UInt16.init))
                for host in [Moorline.LoopbackReceiver.Host.address, .localhost] {
                    let taken = await failure { try await Moorline.LoopbackReceiver(host: host, port: port) }
                    XCTAssertEqual(taken?.code, "misconfigured")
                }
                let negative = await failure { try await receiver.wait(for: request, timeout: .seconds(-1)) }
                XCTAssertEqual(negative?.kind, .misconfigured("timeout is negative"))
                let nobody = await failure { try await receiver.wait(for: request, timeout: .zero) }
                XCTAssertEqual(nobody?.kind, .cancelled)

                let second = try await Moorline.LoopbackReceiver(host: .localhost, port: port)
                let waiting = Task { try await second.wait(for: request, timeout: .seconds(3600)) }
                waiting.cancel()
                let outcome = await waiting.result
                XCTAssertThrowsError(try outcome.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }

                let third = try await Moorline.LoopbackReceiver(host: .localhost, port: port)
                third.close()
                let closed = await failure { try await third.wait(for: request) }
                XCTAssertEqual(closed?.code, "misconfigured")
                _ = try await Moorline.LoopbackReceiver(host: .localhost, port: port)
            }
        }
    #endif
}
