import Moorline
import XCTest

final class ConfigurationTests: FolderTestCase {
    private let pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    private let other = "sha256/AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    private func assertRefused(
        saying word: String,
        line: UInt = #line,
        _ change: (inout Moorline.Configuration) -> Void
    ) {
        var configuration = Moorline.Configuration(issuer: "https://id.example.com", clientID: "notes")
        change(&configuration)
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        XCTAssertThrowsError(try Moorline(configuration, platform: platform), line: line) { error in
            guard let error = error as? MoorlineError, case .misconfigured(let what) = error.kind else {
                return XCTFail("\(error)", line: line)
            }
            XCTAssertTrue(what.contains(word), what, line: line)
            XCTAssertEqual(error.retry, .never, line: line)
        }
    }

    private func assertPinsRefused(
        saying word: String,
        host: String = "id.example.com",
        primary: String? = nil,
        backups: [String]? = nil,
        expires: String = "2099-01-01",
        line: UInt = #line
    ) {
        assertRefused(saying: word, line: line) {
            $0.pins = [
                .init(host: host, primary: primary ?? pin, backups: backups ?? [other], expires: expires)
            ]
        }
    }

    func testAnEmptyIssuerOrClientIDIsNamed() {
        assertRefused(saying: "issuer") { $0.issuer = "" }
        assertRefused(saying: "client id") { $0.clientID = "" }
    }

    func testAnIssuerOverPlainHTTPIsRefusedAndAnywhereButOnLoopbackAlways() {
        assertRefused(saying: "allowsHTTPOnLoopback") { $0.issuer = "http://127.0.0.1:1" }
        assertRefused(saying: "https") {
            $0.issuer = "http://id.example.com"
            $0.allowsHTTPOnLoopback = true
        }
        assertRefused(saying: "URL") { $0.issuer = "id.example.com" }
    }

    func testPinsNeedABackupAnExpiryAndTheRightForm() {
        assertPinsRefused(saying: "backup", backups: [])
        assertPinsRefused(saying: "twice", backups: [pin])
        assertPinsRefused(saying: "malformed", primary: "sha256/x")
        assertPinsRefused(saying: "date", expires: "soon")
        assertPinsRefused(saying: "host", host: "https://id.example.com/")
    }

    func testTimeoutsThatMakeNoSenseAreRefusedBeforeTheyReachTheNativeLibrary() {
        assertRefused(saying: "connectTimeout") { $0.connectTimeout = .seconds(-1) }
        assertRefused(saying: "requestTimeout") { $0.requestTimeout = .seconds(-1) }
        assertRefused(saying: "zero") { $0.requestTimeout = .zero }
    }

    func testWhatElseIsMalformedIsNamed() {
        assertRefused(saying: "PEM") { $0.extraRootPEMs = ["not a certificate"] }
        assertRefused(saying: "redirect") { $0.redirectURI = "http://example.com/callback" }
        assertRefused(saying: "scope") { $0.scopes = ["two words"] }
        assertRefused(saying: "account") { $0.account = "" }
        assertRefused(saying: "state") { $0.authorizationParameters = ["state": "mine"] }
        assertRefused(saying: "origin") { $0.apiOrigins = ["https://api.example.com/v1"] }
    }
}
