import Foundation
internal import MoorlineGenerated

/// The access token that the native library has in memory. A token that crosses is copied piece by piece, so a copy is
/// kept here, and each call asks only whether it is still the one, and for how long.
final class HeldToken: @unchecked Sendable {
    private let client: MoorlineGenerated.Client
    private let id: UInt64
    private let lock = NSLock()
    private var copy: (token: Moorline.AccessToken, serial: UInt64)?

    init(client: MoorlineGenerated.Client) {
        self.client = client
        id = client.id()
    }

    /// `nil` if there is none that lasts so long.
    func read(minValidityMs: UInt64) -> Moorline.AccessToken? {
        if let (token, serial) = lock.withLock({ copy }) {
            let lifetime = heldTokenLifetimeMs(client: id, minValidityMs: minValidityMs, serial: serial)
            if lifetime >= 0 { return token.lasting(lifetime) }
        }
        let held = client.heldAccessToken(minValidityMs: minValidityMs).map { held in
            (token: Moorline.AccessToken(held.token), serial: held.serial)
        }
        lock.withLock { copy = held }
        return held?.token
    }

    /// Drops the copy, once nobody is signed in or the session is locked.
    func forget() {
        lock.withLock { copy = nil }
    }
}

extension Moorline.AccessToken {
    fileprivate func lasting(_ lifetime: Int64) -> Self {
        .init(
            secret: secret,
            tokenType: tokenType,
            expiresIn: lifetime == .max ? nil : .milliseconds(lifetime),
            resource: resource,
            narrowedScope: narrowedScope
        )
    }
}
