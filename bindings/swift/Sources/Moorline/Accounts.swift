import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// The accounts of one client at one issuer, all in one vault. Each is a ``Moorline/Moorline`` of its own, with
    /// its own session and its own ``Moorline/Moorline/states``; to switch, use another one.
    ///
    /// The name of an account is the app's: an id of its own making, not text of the provider's. Names of other
    /// issuers and clients in the same vault are neither seen nor reached.
    public final class Accounts: Sendable {
        private let accounts: MoorlineGenerated.Accounts
        private let redirectURI: String?
        private let unlocking: (@Sendable (String) async throws -> Void)?

        /// Reads and sends nothing before the first call. The configuration's `account` is not used.
        ///
        /// - Throws: as ``Moorline/Moorline/init(_:platform:)``.
        public init(_ configuration: Configuration, platform: Platform = .standard) throws {
            redirectURI = configuration.redirectURI
            unlocking = platform.unlocking
            let record = try configuration.record()
            try platform.preparation?()
            accounts = try translating { try .init(configuration: record, platform: platform.record) }
        }

        /// The accounts that have ever signed in and were not removed, the oldest first. Sends, in the background, the
        /// revocations that accounts without a session have queued.
        ///
        /// The names are in the vault: a key that needs the user is needed for the list, too. Once one of the accounts
        /// is unlocked (``Moorline/Moorline/unlock(reason:)``), the list can be read until they are locked.
        ///
        /// - Throws: ``MoorlineError/Kind/storageUnavailable(_:)`` with `locked` while the key store is locked; other
        ///   errors of the storage.
        public func list() async throws -> [AccountInfo] {
            try await cancellable { try await self.accounts.list(cancellation: $0).map(AccountInfo.init) }
        }

        /// The list as ``list()`` returns it, and then each change of it, for any number of readers: a user signs in
        /// or out, or an account is removed or needs a new sign-in.
        ///
        /// It sees what any object of this process changes. Changes made by other processes appear the next time this
        /// process reads the vault. A slow reader gets the latest list and may miss those between; while the vault
        /// cannot be read, it waits. The sequence ends when the reader's task is cancelled.
        public var lists: AccountLists { AccountLists(accounts: accounts) }

        /// Opens an account: the same one twice is one session. A name that is not in the vault yet is a new account:
        /// sign in with it.
        ///
        /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if the name is empty, longer than 128 bytes or has
        ///   control characters, and as ``Moorline/Moorline/init(_:platform:)``.
        public func open(_ account: String) throws -> Moorline {
            let client = try translating { try accounts.open(account: account) }
            return Moorline(backend: NativeBackend(client: client, redirectURI: redirectURI, unlocking: unlocking))
        }

        /// Signs an account out, as ``Moorline/Moorline/signOut(_:)`` does, and deletes it from the vault. What the
        /// provider could not revoke now stays queued; a later call of this type sends it. The name can be used again.
        ///
        /// At a provider that may end all sessions of a user together, the revocation waits while another account of
        /// the same user is signed in.
        ///
        /// - Throws: as ``open(_:)`` and ``Moorline/Moorline/signOut(_:)``.
        @discardableResult
        public func remove(
            _ account: String,
            options: SignOutOptions = SignOutOptions()
        ) async throws -> SignOutOutcome {
            let record = options.record
            return try await cancellable {
                SignOutOutcome(
                    try await self.accounts.remove(account: account, options: record, cancellation: $0)
                )
            }
        }
    }

    /// The list of the accounts, and each change of it.
    public struct AccountLists: AsyncSequence, Sendable {
        /// A list.
        public typealias Element = [AccountInfo]

        let accounts: MoorlineGenerated.Accounts

        /// Starts reading: the current list comes first.
        public func makeAsyncIterator() -> Iterator { Iterator(watch: accounts.lists()) }

        /// Reads the lists one by one.
        public struct Iterator: AsyncIteratorProtocol {
            let watch: MoorlineGenerated.AccountWatch

            /// Waits for the next list. Returns `nil` when the task is cancelled.
            public mutating func next() async -> [AccountInfo]? {
                let watch = watch
                return await withTaskCancellationHandler {
                    await watch.next()
                } onCancel: {
                    watch.stop()
                }?.map(AccountInfo.init)
            }
        }
    }

    /// An account in the vault.
    public struct AccountInfo: Sendable, Equatable {
        /// Its name, for ``Moorline/Moorline/Accounts/open(_:)``.
        public let account: String
        /// Who is signed in, or `nil` if nobody is.
        public let user: User?
        /// Its state in the vault: never `signingIn` or `locked`.
        public let state: SessionState
    }
}

extension Moorline.AccountInfo {
    init(_ info: MoorlineGenerated.AccountInfo) {
        self.init(
            account: info.account,
            user: info.user.map(Moorline.User.init),
            state: Moorline.SessionState(info.state)
        )
    }
}
