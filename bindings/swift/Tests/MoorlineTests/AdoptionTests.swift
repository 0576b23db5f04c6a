import Foundation
import XCTest

@testable import Moorline

/// Sessions of other libraries that go on here. The behaviour table has the rest of what `adopt` does.
final class AdoptionTests: FolderTestCase {
    /// An `OIDAuthState` of AppAuth for iOS 1.7 after a refresh, in the binary property list that Apple's
    /// `NSKeyedArchiver` writes.
    private static let archive = """
        YnBsaXN0MDDUAAEAAgADAAQABQAGAScBKlkkYXJjaGl2ZXJYJG9iamVjdHNUJHRvcFgkdmVyc2lvbl8QD05TS2V5ZWRBcmNoaXZlcq8QSQAH
        AAgAFQAfADYARABKAEsAUQBVAFYAWgBbAF8AOgB1AHYAdwB4AHkAegB7AHwAfQAXAIEAhACIAIkAjQASAI4AkQCUAJcAmACZAJ0AngCfAKAA
        oQCiAKMApwCqAKsArwCyAMEAwgDFAMkAygDLANoA4gDmAOoA7gDxAQUBCQENABIAtgERARIBFgEaAR0BIQEkVSRudWxs1gAJAAoACwAMAA0A
        DgAPABAAEQASABMAFFYkY2xhc3NfEBlsYXN0QXV0aG9yaXphdGlvblJlc3BvbnNlXxARbGFzdFRva2VuUmVzcG9uc2VfEBFuZWVkc1Rva2Vu
        UmVmcmVzaFxyZWZyZXNoVG9rZW5Vc2NvcGWASIACgDAIgDWAI9UACQAWABcAGAAZABoAGwAcAB0AHl8QFGFkZGl0aW9uYWxQYXJhbWV0ZXJz
        VGNvZGVXcmVxdWVzdFVzdGF0ZYAvgC6ALYADgCbdAAkAFgAgACEAIgAjACQAJQAmACcAKAAOABkAKQAqACsALAAtAC4ALwAwADEAMgAzADQA
        NVljbGllbnRfaWRdY2xpZW50X3NlY3JldF5jb2RlX2NoYWxsZW5nZV8QFWNvZGVfY2hhbGxlbmdlX21ldGhvZF1jb2RlX3ZlcmlmaWVyXWNv
        bmZpZ3VyYXRpb25Vbm9uY2VccmVkaXJlY3RfdXJpXXJlc3BvbnNlX3R5cGWALIArgCKAAIApgCqAKIAEgCeAJIAYgCOAJtcACQA3ADgAOQA6
        ADsAPAA9AD4APwBAAEEAQgBDXxAVYXV0aG9yaXphdGlvbkVuZHBvaW50XxARZGlzY292ZXJ5RG9jdW1lbnRfEBJlbmRTZXNzaW9uRW5kcG9p
        bnRWaXNzdWVyXxAUcmVnaXN0cmF0aW9uRW5kcG9pbnRddG9rZW5FbmRwb2ludIAhgAWADIAAgAqAAIAI0wAJAEUARgBHAEgASVdOUy5iYXNl
        W05TLnJlbGF0aXZlgAeAAIAGXxAgaHR0cHM6Ly9pZC5leGFtcGxlLmNvbS9hdXRob3JpemXSAEwATQBOAE9YJGNsYXNzZXNaJGNsYXNzbmFt
        ZaIATwBQVU5TVVJMWE5TT2JqZWN00wAJAEUARgBSAFMAVIAHgACACV8QImh0dHBzOi8vaWQuZXhhbXBsZS5jb20vb2F1dGgvdG9rZW7TAAkA
        RQBGAFcAWABZgAeAAIALXxAWaHR0cHM6Ly9pZC5leGFtcGxlLmNvbdIACQBcAF0AXl8QE2Rpc2NvdmVyeURpY3Rpb25hcnmAIIAN0wAJAGAA
        YQBiAGMAbFdOUy5rZXlzWk5TLm9iamVjdHOAH6gAZABlAGYAZwBoAGkAagBrgA6AD4AQgBGAEoATgBSAFagAbQBuAG8AcABxAHIAcwB0gAuA
        BoAJgBaAF4AagByAHl8QFmF1dGhvcml6YXRpb25fZW5kcG9pbnRedG9rZW5fZW5kcG9pbnRYandrc191cmlfEBhyZXNwb25zZV90eXBlc19z
        dXBwb3J0ZWRfEBdzdWJqZWN0X3R5cGVzX3N1cHBvcnRlZF8QJWlkX3Rva2VuX3NpZ25pbmdfYWxnX3ZhbHVlc19zdXBwb3J0ZWRfEBpjbGFp
        bXNfcGFyYW1ldGVyX3N1cHBvcnRlZF8QG2h0dHBzOi8vaWQuZXhhbXBsZS5jb20vandrc9IACQBhAH4Af4AZoQCAgBjSAEwATQCCAIOiAIMA
        UFdOU0FycmF50gAJAGEAhQCGgBmhAIeAG1ZwdWJsaWPSAAkAYQCKAIuAGaEAjIAdVUVTMjU20gBMAE0AjwCQogCQAFBcTlNEaWN0aW9uYXJ5
        0gBMAE0AkgCTogCTAFBfEBNPSURTZXJ2aWNlRGlzY292ZXJ50gBMAE0AlQCWogCWAFBfEBdPSURTZXJ2aWNlQ29uZmlndXJhdGlvblVub3Rl
        c18QFW9wZW5pZCBvZmZsaW5lX2FjY2Vzc9MACQBFAEYAmgCbAJyAB4AAgCVfEBxjb20uZXhhbXBsZS5ub3Rlczovc2lnbmVkLWluUXNRblF2
        UWNUUzI1NtMACQBgAGEApAClAKaAH6Cg0gBMAE0AqACpogCpAFBfEBdPSURBdXRob3JpemF0aW9uUmVxdWVzdFJjMdMACQBgAGEArACtAK6A
        H6Cg0gBMAE0AsACxogCxAFBfEBhPSURBdXRob3JpemF0aW9uUmVzcG9uc2XZAAkAswAWALQAtQC2ABgADgC3ALgAuQC6ALsAvAC9AL4AvwDA
        XGFjY2Vzc190b2tlblpleHBpcmVzX2luWGlkX3Rva2VuXXJlZnJlc2hfdG9rZW5adG9rZW5fdHlwZYBHgDGARoAygACANYA2gACANFRhdC0y
        0gBMAE0AwwDEogDEAFBWTlNEYXRl0gAJAMYAxwDIV05TLnRpbWWAMiNBx2y0QEAAAFZCZWFyZXJUcnQtMtwACQDMABYAIAAhABcAJAAlAM0A
        JwC2AA4AzgDPANAA0QDSANMA1ADVANYA1wDYANlfEBFhZGRpdGlvbmFsSGVhZGVyc1pncmFudF90eXBlgEWARIBDgCKAAIAAgACAN4BBgACA
        QoAA1wAJADcAOAA5ADoAOwA8ANsA3ADdAN4A3wDgAOGAIYA4gDuAAIA6gACAOdMACQBFAEYA4wDkAOWAB4AAgAbTAAkARQBGAOcA6ADpgAeA
        AIAJ0wAJAEUARgDrAOwA7YAHgACAC9IACQBcAO8A8IAggDzTAAkAYABhAPIA8wD8gB+oAPQA9QD2APcA+AD5APoA+4AOgA+AEIARgBKAE4AU
        gBWoAP0A/gD/AQABAQECAQMBBIALgAaACYAWgD2APoA/gEDSAAkAYQEGAQeAGaEBCIAY0gAJAGEBCgELgBmhAQyAG9IACQBhAQ4BD4AZoQEQ
        gB1UcnQtMdMACQBgAGEBEwEUARWAH6Cg0wAJAGAAYQEXARgBGYAfoKDSAEwATQEbARyiARwAUF8QD09JRFRva2VuUmVxdWVzdNMACQBgAGEB
        HgEfASCAH6Cg0gBMAE0BIgEjogEjAFBfEBBPSURUb2tlblJlc3BvbnNl0gBMAE0BJQEmogEmAFBcT0lEQXV0aFN0YXRl0QEoASlUcm9vdIAB
        EgABhqAACAAZACMALAAxADoATADhAOcBAAEHASMBNwFLAVgBXgFgAWIBZAFlAWcBaQF+AZUBmgGiAagBqgGsAa4BsAGyAecB8QH/Ag4CJgI0
        AkICSAJVAmMCZQJnAmkCawJtAm8CcQJzAnUCdwJ5AnsCfQKaArICxgLbAuIC+QMHAwkDCwMNAw8DEQMTAxUDIgMqAzYDOAM6AzwDXwNoA3ED
        fAOBA4cDkAOdA58DoQOjA8gD1QPXA9kD2wP0A/0EEwQVBBcEJAQsBDcEOQRKBEwETgRQBFIEVARWBFgEWgRrBG0EbwRxBHMEdQR3BHkEewSU
        BKMErATHBOEFCQUmBUQFTQVPBVIFVAVdBWIFagVzBXUFeAV6BYEFigWMBY8FkQWXBaAFpQWyBbsFwAXWBd8F5AX+BgQGHAYpBisGLQYvBk4G
        UAZSBlQGVgZbBmgGagZrBmwGdQZ6BpQGlwakBqYGpwaoBrEGtgbRBvYHAwcOBxcHJQcwBzIHNAc2BzgHOgc8Bz4HQAdCB0cHUAdVB1wHZQdt
        B28HeAd/B4QHtQfJB9QH1gfYB9oH3AfeB+AH4gfkB+YH6AfqB+wICQgLCA0IDwgRCBMIFQgXCCQIJggoCCoINwg5CDsIPQhKCEwITghQCFkI
        WwhdCGoIbAh9CH8IgQiDCIUIhwiJCIsIjQieCKAIogikCKYIqAiqCKwIrgi3CLkIvAi+CMcIyQjMCM4I1wjZCNwI3gjjCPAI8gjzCPQJAQkD
        CQQJBQkOCRMJJQkyCTQJNQk2CT8JRAlXCWAJZQlyCXcJfAl+AAAAAAAAAgIAAAAAAAABKwAAAAAAAAAAAAAAAAAACYM=
        """

    private func archive() throws -> Data {
        try XCTUnwrap(Data(base64Encoded: Self.archive, options: .ignoreUnknownCharacters))
    }

    private func refusal(of archive: Data, by moorline: Moorline) async -> String? {
        let error = await failure { try await moorline.adoptAppAuth(archive) }
        guard case .refused(let code, let description) = error?.kind else { return nil }
        XCTAssertFalse(description.contains("rt-"), description)
        return code
    }

    func testAnArchiveOfAppAuthIsReadWithoutAppAuth() throws {
        let json = try AppAuthArchive.json(of: archive())
        let state = try JSONDecoder().decode(JSON.self, from: Data(json.utf8)).object
        XCTAssertEqual(state["refreshToken"]?.text, "rt-2")
        XCTAssertEqual(state["scope"]?.text, "openid offline_access")
        XCTAssertEqual(state["lastRegistrationResponse"]?.object["client_id"]?.text, "notes")
        let configuration = state["config"]?.object
        XCTAssertEqual(configuration?["tokenEndpoint"]?.text, "https://id.example.com/oauth/token")
        XCTAssertEqual(configuration?["discoveryDoc"]?.object["issuer"]?.text, "https://id.example.com")
    }

    func testAnArchiveOfAnotherIssuerIsRefusedAndSoIsWhatIsNoArchive() async throws {
        try await withProvider { provider in
            let moorline = try provider.moorline(in: folder)
            let archive = try archive()
            let other = await refusal(of: archive, by: moorline)
            XCTAssertEqual(other, "auth_state_mismatch")
            let text = "rt-2" as NSString
            let foreign = try NSKeyedArchiver.archivedData(withRootObject: text, requiringSecureCoding: true)
            let half = Data(archive.prefix(archive.count / 2))
            for data in [Data(), Data("rt-2".utf8), half, foreign, Data(count: 2 << 20)] {
                let code = await refusal(of: data, by: moorline)
                XCTAssertEqual(code, "invalid_auth_state")
            }
            XCTAssertEqual(provider.tokenRequests, 0)
            XCTAssertEqual(moorline.state, .signedOut(.neverSignedIn))
        }
    }

    func testTheSessionOfAnArchiveGoesOnHere() async throws {
        let testKit = try TestKit()
        defer { testKit.stop() }
        let started = try await testKit.command("start")
        let issuer = try XCTUnwrap(started["issuer"]?.text)
        let number = ["provider": started["provider"] ?? .null]
        let issued = try await testKit.command("issue_refresh_token", number)
        let token = try XCTUnwrap(issued["refresh_token"]?.text)
        var configuration = Moorline.Configuration(issuer: issuer, clientID: "notes")
        configuration.allowsHTTPOnLoopback = true
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let moorline = try Moorline(configuration, platform: platform)
        let archive = archivedState(refreshToken: token, issuer: issuer)
        let user = try await moorline.adoptAppAuth(archive)
        XCTAssertEqual(user.subject, "ada")
        XCTAssertEqual(moorline.state, .signedIn(user))
        let bound = try await moorline.accessToken().tokenType
        XCTAssertEqual(bound, .dpop)
        let again = try await moorline.adoptAppAuth(archive)
        XCTAssertEqual(again, user)
    }
}

/// A keyed archive in XML, with what AppAuth writes of a configuration that was made without discovery.
private func archivedState(refreshToken: String, issuer: String) -> Data {
    func reference(_ object: Int) -> String { "<dict><key>CF$UID</key><integer>\(object)</integer></dict>" }
    func instance(of kind: Int, _ members: [(String, Int)]) -> String {
        let written = (members + [("$class", kind)]).map { "<key>\($0)</key>\(reference($1))" }
        return "<dict>\(written.joined())</dict>"
    }
    func kind(_ name: String) -> String {
        let names = "<array><string>\(name)</string><string>NSObject</string></array>"
        return "<dict><key>$classname</key><string>\(name)</string><key>$classes</key>\(names)</dict>"
    }
    func text(_ text: String) -> String { "<string>\(text)</string>" }
    let objects = [
        text("$null"),
        instance(of: 9, [("lastAuthorizationResponse", 2), ("refreshToken", 5)]),
        instance(of: 10, [("request", 3)]),
        instance(of: 11, [("configuration", 4), ("client_id", 6), ("scope", 7)]),
        instance(of: 12, [("authorizationEndpoint", 8), ("tokenEndpoint", 8)]),
        text(refreshToken), text("notes"), text("openid"),
        instance(of: 13, [("NS.base", 0), ("NS.relative", 14)]),
        kind("OIDAuthState"), kind("OIDAuthorizationResponse"), kind("OIDAuthorizationRequest"),
        kind("OIDServiceConfiguration"), kind("NSURL"), text(issuer + "/token"),
    ]
    let plist = """
        <?xml version="1.0" encoding="UTF-8"?>
        <plist version="1.0"><dict>
        <key>$version</key><integer>100000</integer><key>$archiver</key><string>NSKeyedArchiver</string>
        <key>$top</key><dict><key>root</key>\(reference(1))</dict>
        <key>$objects</key><array>\(objects.joined(separator: "\n"))</array>
        </dict></plist>
        """
    return Data(plist.utf8)
}
