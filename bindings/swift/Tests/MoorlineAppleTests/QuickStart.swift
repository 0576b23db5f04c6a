import AuthenticationServices
import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

// docs/guide shows what is between the anchors, and `FirstSignInTests` runs it.
// ANCHOR: ten_lines
func configuration(for provider: String) -> Moorline.Configuration {
    var configuration = Moorline.Configuration(issuer: provider, clientID: "moorline-demo")
    configuration.redirectURI = "com.example.notes:/signed-in"
    configuration.scopes = ["openid", "profile", "offline_access", "notes.read"]
    return configuration
}

func loadNotes(_ moorline: Moorline, from window: ASPresentationAnchor, at url: URL) async throws -> Data {
    if case .signedIn = try await moorline.opened() {} else { _ = try await moorline.signIn(presenting: window) }
    return try await moorline.data(for: URLRequest(url: url)).0
}
// ANCHOR_END: ten_lines
