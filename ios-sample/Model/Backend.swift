import Foundation
import Moorline

/// Where sessions and notes come from: from a server, or from a fake of one inside the app.
@MainActor protocol Backend: AnyObject {
    /// The accounts that have ever signed in, the oldest first, and then each change of the list.
    var accounts: AsyncStream<[Account]> { get }

    /// Opens an account. A name that nobody has used before is a new account.
    ///
    /// - Throws: `misconfigured` if the settings of the app are wrong; errors of the storage.
    func open(_ account: String) throws -> Moorline

    /// The notes of whoever is signed in there.
    func notesAPI(_ moorline: Moorline) -> NotesAPI

    /// What it can break on request. A server that users have breaks nothing.
    var faults: [Fault] { get }

    /// Breaks this once. Throws what a call to the server throws.
    func play(_ fault: Fault, _ moorline: Moorline) async throws

    /// Signs an account out and removes it from this device.
    func remove(_ account: String) async throws

    /// From now on, opens accounts with the lock that the settings say. What was opened before is closed already.
    func reopen()
}

/// An account on this device.
struct Account: Equatable, Sendable, Identifiable {
    /// A name of the app's own making, which no user sees.
    let name: String
    /// Who is signed in, or `nil` if nobody is.
    let user: Moorline.User?

    var id: String { name }
}

extension Moorline.User {
    /// What to call a user on the screen.
    var shownName: String { name ?? preferredUsername ?? email ?? subject }
}

/// What a development server, or the fake, breaks on request: to see that nobody loses a session by it.
enum Fault: String, CaseIterable, Sendable {
    case loseAnswer = "lose-next-answer"
    case rejectToken = "reject-next-token"
    case revokeSession = "revoke-session"
    case skewClock = "skew-clock?seconds=3600"
}
