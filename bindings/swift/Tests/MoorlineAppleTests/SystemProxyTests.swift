import CFNetwork
import Foundation
@testable import Moorline
import XCTest

/// What CFNetwork says about a server's proxies, and what is made of it.
final class SystemProxyTests: XCTestCase {
    private struct Failed: Error {}

    private let server = URL(string: "https://id.example.com/")!

    private func entry(_ type: String, _ more: [String: Any] = [:]) -> [String: Any] {
        more.merging([kCFProxyTypeKey: type]) { $1 }
    }

    private func first(_ list: [[String: Any]], script: [[String: Any]]? = nil) throws -> MoorlineProxy? {
        try SystemProxySelector.first(of: list, for: server) { _, asked in
            XCTAssertEqual(asked, server)
            guard let script else { throw Failed() }
            return script
        }
    }

    func testTheFirstProxyThatCanBeUsedCounts() throws {
        let host = [kCFProxyHostNameKey: "proxy.example.com", kCFProxyPortNumberKey: 8080] as [String: Any]
        XCTAssertNil(try first([]))
        XCTAssertNil(try first([entry(kCFProxyTypeNone), entry(kCFProxyTypeHTTP, host)]))
        for type in [kCFProxyTypeHTTP, kCFProxyTypeHTTPS] {
            let proxy = try first([entry("unknown"), entry(type), entry(type, host)])
            XCTAssertEqual(proxy, MoorlineProxy(.http, host: "proxy.example.com", port: 8080))
        }
        let socks = try first([entry(kCFProxyTypeSOCKS, [kCFProxyHostNameKey: "::1"])])
        XCTAssertEqual(socks?.address, "socks5h://[::1]:1080")
    }

    func testTheUserOfAProxyIsEncodedAndNotDescribed() throws {
        let user = [
            kCFProxyHostNameKey: "proxy.example.com", kCFProxyUsernameKey: "ada@example.com",
            kCFProxyPasswordKey: "sec/ret?#:ä",
        ]
        let proxy = try XCTUnwrap(first([entry(kCFProxyTypeHTTP, user)]))
        XCTAssertEqual(proxy.address, "http://ada%40example.com:sec%2Fret%3F%23%3A%C3%A4@proxy.example.com:80")
        var dumped = ""
        dump(proxy, to: &dumped)
        for text in ["\(proxy)", String(reflecting: proxy), dumped] {
            XCTAssertTrue(text.contains("proxy.example.com"), text)
            XCTAssertFalse(text.contains("ada") || text.contains("sec"), text)
        }
    }

    func testAScriptIsAskedAndMayNotNameAnother() throws {
        let script = entry(kCFProxyTypeAutoConfigurationURL)
        let host = entry(kCFProxyTypeHTTP, [kCFProxyHostNameKey: "10.0.0.1", kCFProxyPortNumberKey: 3128])
        XCTAssertEqual(try first([script], script: [host])?.address, "http://10.0.0.1:3128")
        XCTAssertNil(try first([script, host], script: [entry(kCFProxyTypeNone)]), "the script's answer counts")
        XCTAssertNil(try first([script], script: [entry(kCFProxyTypeAutoConfigurationJavaScript)]))
        XCTAssertThrowsError(try first([script]), "without the script's answer, nothing goes another way")
    }
}
