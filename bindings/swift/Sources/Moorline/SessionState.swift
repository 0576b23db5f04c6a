internal import MoorlineGenerated

extension Moorline {
    /// Where the session stands.
    public enum SessionState: Sendable, Equatable {
        /// Nobody is signed in.
        case signedOut(SignedOutReason)
        /// A sign-in has started and the browser is open.
        case signingIn
        /// Somebody is signed in.
        case signedIn(User)
        /// There may be a session, and the storage can't be read just now: the device is locked, say.
        case locked
        /// There was a session and it has ended: say so, and offer a sign-in.
        case needsReauth(ReauthReason)
    }

    /// Why nobody is signed in.
    public enum SignedOutReason: Sendable, Equatable {
        /// No sign-in was ever finished on this device with this account.
        case neverSignedIn
        /// Somebody signed out on this device.
        case byUser
    }

    /// Why a session ended without anybody signing out.
    public enum ReauthReason: Sendable, Equatable {
        /// The provider says that the session has ended: expired, revoked, or its refresh token was used by another.
        case revoked
        /// The access token has expired and the provider gave no refresh token (was `offline_access` asked for?).
        case noRefreshToken
        /// What was stored about the session is lost.
        case storageLost(StorageLostReason)
    }

    /// Why the vault can't be read any more.
    public enum StorageLostReason: Sendable, Equatable {
        /// The key store no longer holds the vault's key: a restored backup, or a reset of the key store.
        case keyGone
        /// The vault's file is damaged. It was moved aside, not deleted.
        case damaged
        /// A newer version of the SDK wrote the vault. It is left as it is: update the app.
        case newerVersion
    }

    /// The session's states, for one reader or several. See ``Moorline/Moorline/sessions``.
    public struct SessionStates: AsyncSequence, Sendable {
        /// A state.
        public typealias Element = SessionState

        let client: MoorlineGenerated.Client

        /// Starts reading: the present state comes first.
        public func makeAsyncIterator() -> Iterator {
            // A client that was closed has no more states: the sequence is at its end.
            Iterator(watch: try? client.states())
        }

        /// Reads the states one by one.
        public struct Iterator: AsyncIteratorProtocol {
            let watch: MoorlineGenerated.StateWatch?

            /// The next state; nothing at the end.
            public mutating func next() async -> SessionState? {
                guard let watch else { return nil }
                return await withTaskCancellationHandler {
                    await watch.next()
                } onCancel: {
                    watch.stop()
                }.map(SessionState.init)
            }
        }
    }
}

extension Moorline.SessionState {
    init(_ state: MoorlineGenerated.SessionState) {
        switch state {
        case .signedOut(let reason): self = .signedOut(.init(reason))
        case .signingIn: self = .signingIn
        case .signedIn(let user): self = .signedIn(.init(user))
        case .locked: self = .locked
        case .needsReauth(let reason): self = .needsReauth(.init(reason))
        }
    }
}

extension Moorline.SignedOutReason {
    init(_ reason: MoorlineGenerated.SignedOutReason) {
        switch reason {
        case .neverSignedIn: self = .neverSignedIn
        case .byUser: self = .byUser
        }
    }

    var record: MoorlineGenerated.SignedOutReason {
        switch self {
        case .neverSignedIn: .neverSignedIn
        case .byUser: .byUser
        }
    }
}

extension Moorline.ReauthReason {
    init(_ reason: MoorlineGenerated.ReauthReason) {
        switch reason {
        case .revoked: self = .revoked
        case .noRefreshToken: self = .noRefreshToken
        case .storageLost(let reason): self = .storageLost(.init(reason))
        }
    }

    var record: MoorlineGenerated.ReauthReason {
        switch self {
        case .revoked: .revoked
        case .noRefreshToken: .noRefreshToken
        case .storageLost(let reason): .storageLost(reason: reason.record)
        }
    }
}

extension Moorline.StorageLostReason {
    init(_ reason: MoorlineGenerated.StorageLostReason) {
        switch reason {
        case .keyGone: self = .keyGone
        case .damaged: self = .damaged
        case .newerVersion: self = .newerVersion
        }
    }

    var record: MoorlineGenerated.StorageLostReason {
        switch self {
        case .keyGone: .keyGone
        case .damaged: .damaged
        case .newerVersion: .newerVersion
        }
    }
}
