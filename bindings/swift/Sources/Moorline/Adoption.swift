import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// Options of an adoption.
    public struct AdoptOptions: Sendable, Equatable {
        /// The scopes that the refresh token was granted, if the other library knows them. They are not sent. `nil`:
        /// those of the configuration.
        public var scopes: [String]?
        /// The user (`sub`) whose session it has to be, if the app knows.
        public var subject: String?

        /// No options.
        public init() {}

        var record: MoorlineGenerated.AdoptOptions { .init(scopes: scopes, subject: subject) }
    }

    /// Adopts the session of another library, so that nobody has to sign in again: refreshes its refresh token once,
    /// bound to this device's key if the provider can, and stores what comes. Call it at each start of the app for as
    /// long as the other library's token is there, and delete that when it returns a user: the provider may have
    /// replaced it.
    ///
    /// The token is in the vault before it is sent. After an error that can be retried (``MoorlineError/retry``), call
    /// again with the same token: it goes on where it stopped, also in another process. Once the session is there, the
    /// same token returns its user and sends nothing. After a sign-out, it does not bring the session back.
    ///
    /// - Throws: ``MoorlineError/Kind/refused(code:description:)`` with the provider's code if it refused the token
    ///   (`invalid_grant`), with `already_signed_in` if another session is there, `another_user`, `no_subject` if the
    ///   provider does not say whose the token is, `unbound_token` if it does not bind the token and the configuration
    ///   does not allow bearer tokens, or `invalid_refresh_token` for text that is none: ``state`` is unchanged.
    ///   ``MoorlineError/Kind/signedOut(_:)`` or ``MoorlineError/Kind/needsReauth(_:)`` if the session of this token
    ///   has ended. Errors of the network and the storage, and as for ``startSignIn(_:)``.
    @discardableResult
    public func adopt(refreshToken: String, options: AdoptOptions = AdoptOptions()) async throws -> User {
        try await backend.adopt(refreshToken: refreshToken, options)
    }

    /// Goes on with an adoption that has begun, and returns its user, also if it is done already; `nil` if there is
    /// none. For a library that gives its token only together with a refresh of its own: call this first, and ask that
    /// library for its token only if this returns `nil`. The token that was handed over may be spent, and a provider
    /// may take another use of it for a theft.
    ///
    /// - Throws: as for ``adopt(refreshToken:options:)``.
    public func resumeAdoption(options: AdoptOptions = AdoptOptions()) async throws -> User? {
        try await backend.resumeAdoption(options)
    }

    /// The same with AppAuth's `OIDAuthState`, as `NSKeyedArchiver` archived it: its refresh token is adopted if its
    /// issuer and client are those of the configuration. The app needs no AppAuth any more.
    ///
    /// - Throws: ``MoorlineError/Kind/refused(code:description:)`` with `invalid_auth_state` if the archive cannot be
    ///   read or has no refresh token, or with `auth_state_mismatch` if it is of another issuer or client: nothing was
    ///   sent. And as for ``adopt(refreshToken:options:)``.
    @discardableResult
    public func adoptAppAuth(_ archive: Data, options: AdoptOptions = AdoptOptions()) async throws -> User {
        try await backend.adoptAppAuth(AppAuthArchive.json(of: archive), options)
    }
}
