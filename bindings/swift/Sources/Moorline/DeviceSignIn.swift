import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// Options of a sign-in on another device.
    public struct DeviceSignInOptions: Sendable, Equatable {
        /// Further parameters of the device authorization request, such as `acr_values`.
        public var extra: [String: String] = [:]

        /// No options.
        public init() {}
    }

    /// A sign-in on another device that has started (RFC 8628): show the user where to go, and which code to enter.
    /// Its description shows nothing of it.
    public struct DeviceAuthorization: Sendable, Equatable {
        /// Names this sign-in on this device, for ``Moorline/Moorline/finishDeviceSignIn(id:)``.
        public let id: String
        /// The code that the user enters.
        public let userCode: String
        /// The address that the user opens on the other device.
        public let verificationURI: URL
        /// The same address with the code in it, for a QR code. Show the code beside it: the user compares the two.
        public let verificationURIComplete: URL?
        /// How long the code can be entered: an hour at most.
        public let expiresIn: Duration
        /// How long the SDK waits between two polls.
        public let interval: Duration

        package init(
            id: String,
            userCode: String,
            verificationURI: URL,
            verificationURIComplete: URL?,
            expiresIn: Duration,
            interval: Duration
        ) {
            self.id = id
            self.userCode = userCode
            self.verificationURI = verificationURI
            self.verificationURIComplete = verificationURIComplete
            self.expiresIn = expiresIn
            self.interval = interval
        }
    }

    /// Starts a sign-in on another device (RFC 8628), for a device without a browser or a keyboard. Show the code and
    /// the address, and call ``finishDeviceSignIn(id:)`` next. The sign-in is in the vault, so that the process may
    /// end meanwhile. If the task is cancelled before the code is there, the state is what it was.
    ///
    /// - Throws: ``MoorlineError/Kind/refused(code:description:)`` with `device_grant_not_supported` if the provider
    ///   has no device grant, or with `invalid_device_authorization` if its answer cannot be used;
    ///   ``MoorlineError/Kind/misconfigured(_:)`` as for ``startSignIn(_:)``; errors of the network and the storage.
    public func startDeviceSignIn(
        _ options: DeviceSignInOptions = DeviceSignInOptions()
    ) async throws -> DeviceAuthorization {
        pages.dropUnfinished()
        return try await starting { try await $0.startDeviceSignIn(options) }
    }

    /// Waits until the user has decided on the other device, or the code has expired, and finishes the sign-in.
    /// Trouble of the network does not end the wait. A cancelled task ends it, and the sign-in goes on: call again,
    /// also in another process. Once it is finished, the same id returns the same user.
    ///
    /// - Throws: ``MoorlineError/Kind/cancelled`` if the user denied the request, or the sign-in was cancelled or
    ///   replaced by another; ``MoorlineError/Kind/refused(code:description:)`` with `expired_token` if the code has
    ///   expired, or if the provider refused or its response failed a check: then it has ended. After errors of the
    ///   storage, `untrusted`, `pinMismatch` and `clockSkew` it goes on: call again.
    @discardableResult
    public func finishDeviceSignIn(id: String) async throws -> User {
        try await backend.finishDeviceSignIn(id: id)
    }

    /// The latest sign-in on another device whose code still lives: one that another process has started, for example.
    ///
    /// - Throws: errors of the storage.
    public func pendingDeviceSignIn() async throws -> DeviceAuthorization? {
        try await backend.pendingDeviceSignIn()
    }
}

extension Moorline.DeviceAuthorization: CustomStringConvertible, CustomReflectable {
    /// Nothing of the sign-in.
    public var description: String { "DeviceAuthorization([redacted])" }

    /// Nothing of the sign-in.
    public var customMirror: Mirror { Mirror(self, children: []) }

    init(_ authorization: MoorlineGenerated.DeviceAuthorization) throws {
        guard let uri = URL(string: authorization.verificationUri) else {
            throw MoorlineError.misconfigured("the provider's verification_uri is not a URL")
        }
        self.init(
            id: authorization.id,
            userCode: authorization.userCode,
            verificationURI: uri,
            verificationURIComplete: authorization.verificationUriComplete.flatMap { URL(string: $0) },
            expiresIn: .seconds(authorization.expiresIn),
            interval: .seconds(authorization.interval)
        )
    }
}
