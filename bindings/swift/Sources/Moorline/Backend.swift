import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What is behind a ``Moorline/Moorline``: the native library, or the fake of `MoorlineTesting`. Its functions are
/// those of ``Moorline/Moorline``, and are documented there.
package protocol MoorlineBackend: Sendable {
    var state: Moorline.SessionState { get }

    /// The redirect URI of the configuration.
    var redirectURI: String? { get }

    /// The browser that a fake plays, in the place of the system's.
    var browser: (any MoorlineBrowser)? { get }

    /// A new reader of the states, which gets the current one first; `nil` once this is closed.
    func stateReader() -> (any MoorlineStateReader)?

    func opened() async throws
    func unlock(reason: String) async throws
    func startSignIn(_ options: Moorline.SignInOptions) async throws -> Moorline.AuthorizationRequest
    func finishSignIn(callbackURL: URL) async throws -> Moorline.User
    func isCallback(_ url: URL) async throws -> Bool
    func leaveSignIn() throws
    func cancelSignIn() async throws
    func startDeviceSignIn(_ options: Moorline.DeviceSignInOptions) async throws -> Moorline.DeviceAuthorization
    func finishDeviceSignIn(id: String) async throws -> Moorline.User
    func pendingDeviceSignIn() async throws -> Moorline.DeviceAuthorization?
    func adopt(refreshToken: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User
    func adoptAppAuth(_ authState: String, _ options: Moorline.AdoptOptions) async throws -> Moorline.User
    func resumeAdoption(_ options: Moorline.AdoptOptions) async throws -> Moorline.User?
    func accessToken(_ request: Moorline.TokenRequest) async throws -> Moorline.AccessToken
    func refresh(rejected: Moorline.AccessToken?) async throws -> Moorline.AccessToken
    func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse)
    func requestHeaders(
        for request: URLRequest,
        token: Moorline.TokenRequest
    ) async throws -> Moorline.RequestHeaders
    func stream(_ request: URLRequest) async throws -> (Moorline.ResponseBody, HTTPURLResponse)
    func mayReceiveTokens(_ url: URL?) -> Bool
    func checkPins(host: String, chain: [Data]) throws
    func learnNonce(from response: HTTPURLResponse) throws
    func userInfo() async throws -> Moorline.User
    func sessionInfo() throws -> Moorline.SessionInfo?
    func stepUp(of response: HTTPURLResponse) throws -> Moorline.StepUp?
    func idToken() throws -> String?
    func signOut(_ options: Moorline.SignOutOptions) async throws -> Moorline.SignOutOutcome
    func lock() async throws
    func reload() async throws -> Moorline.SessionState
    func diagnostics() throws -> String
    func networkChanged()
    func shutdown(limit: Duration) async throws
    func close()
}

/// Reads the states of a session one by one.
package protocol MoorlineStateReader: Sendable {
    /// Waits for the next state. Returns `nil` at the end, and when the task is cancelled.
    func next() async -> Moorline.SessionState?
}

/// Shows the provider's pages to the user.
package protocol MoorlineBrowser: Sendable {
    /// Opens a page, and returns the URL that the provider redirects to once it begins with `redirectURI`.
    ///
    /// - Throws: ``MoorlineError/Kind/cancelled`` if the user closes the page, and `CancellationError` if the task is
    ///   cancelled.
    func visit(_ page: URL, returningTo redirectURI: String, ephemeral: Bool) async throws -> URL
}

extension Moorline {
    /// Which access token a call needs.
    package struct TokenRequest: Sendable {
        package let minValidity: Duration
        package let resource: String?
        package let scope: [String]
    }
}
