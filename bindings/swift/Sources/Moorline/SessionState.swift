internal import MoorlineGenerated

extension Moorline {
    /// The state of a session.
    public enum SessionState: Sendable, Equatable {
        /// Nobody is signed in.
        case signedOut(SignedOutReason)
        /// A sign-in has started and the browser is open.
        case signingIn
        /// A user is signed in.
        case signedIn(User)
        /// There may be a session, and the storage cannot be read at present: the device is locked, for example.
        case locked
        /// There was a session, and it needs a new sign-in: say so, and offer one.
        case needsReauth(ReauthReason)
    }

    /// Why nobody is signed in.
    public enum SignedOutReason: Sendable, Equatable {
        /// No sign-in was ever finished on this device with this account.
        case neverSignedIn
        /// The user signed out on this device.
        case byUser
    }

    /// Why a session needs a new sign-in though nobody signed out.
    public enum ReauthReason: Sendable, Equatable {
        /// The provider says that the session has ended: it expired, was revoked, or somebody else used its refresh
        /// token.
        case revoked
        /// The access token has expired and the provider gave no refresh token (was `offline_access` requested?).
        case noRefreshToken
        /// The provider wants the user to sign in or to consent again.
        case interactionRequired
        /// The provider has refused the refresh token repeatedly, without saying that the session has ended.
        case refused
        /// What was stored about the session is lost.
        case storageLost(StorageLostReason)
    }

    /// Why the vault or its key store cannot be used at present.
    public enum StorageUnavailableReason: Sendable, Equatable {
        /// The device or the key store is locked.
        case locked
        /// The disk is full, a quota is used up, or the folder is read-only.
        case noSpace
        /// Another process uses the vault, or the key store takes too long to answer.
        case busy
        /// This machine has no key store, or none is running.
        case noKeyStore
        /// Reading or writing failed otherwise; the log has the details.
        case failed
    }

    /// Why the vault cannot be read any more.
    public enum StorageLostReason: Sendable, Equatable {
        /// The key store no longer holds the vault's key: a restored backup, or a reset of the key store.
        case keyGone
        /// The vault's file is damaged. It was moved aside, not deleted.
        case damaged
        /// A newer version of the SDK wrote the vault. It is left as it is: update the app.
        case newerVersion
    }

    /// The states of a session, for one reader or several. See ``Moorline/Moorline/states``.
    public struct SessionStates: AsyncSequence, Sendable {
        /// A state.
        public typealias Element = SessionState

        let backend: any MoorlineBackend

        /// Starts reading: the current state comes first.
        public func makeAsyncIterator() -> Iterator {
            // A closed session has no more states: the sequence is empty.
            Iterator(reader: backend.stateReader())
        }

        /// Reads the states one by one.
        public struct Iterator: AsyncIteratorProtocol {
            let reader: (any MoorlineStateReader)?

            /// Waits for the next state; returns `nil` at the end.
            public mutating func next() async -> SessionState? {
                await reader?.next()
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
}

extension Moorline.ReauthReason {
    init(_ reason: MoorlineGenerated.ReauthReason) {
        switch reason {
        case .revoked: self = .revoked
        case .noRefreshToken: self = .noRefreshToken
        case .interactionRequired: self = .interactionRequired
        case .refused: self = .refused
        case .storageLost(let reason): self = .storageLost(.init(reason))
        }
    }
}

extension Moorline.StorageUnavailableReason {
    init(_ reason: MoorlineGenerated.StorageUnavailableReason) {
        switch reason {
        case .locked: self = .locked
        case .noSpace: self = .noSpace
        case .busy: self = .busy
        case .noKeyStore: self = .noKeyStore
        case .failed: self = .failed
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
}
