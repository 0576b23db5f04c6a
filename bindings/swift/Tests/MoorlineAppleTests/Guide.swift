import AuthenticationServices
import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

// The code of docs/guide: each page includes what is between two anchors.

// ANCHOR: start
func start() throws -> Moorline { try Moorline(configuration(for: "https://id.example.com")) }
// ANCHOR_END: start

// ANCHOR: sign_in
func signIn(_ moorline: Moorline, from window: ASPresentationAnchor) async -> String? {
    do {
        _ = try await moorline.signIn(presenting: window)
        return nil
    } catch let error as MoorlineError {
        return error.kind == .cancelled ? nil : text(of: error)
    } catch {
        return nil  // the task was cancelled
    }
}
// ANCHOR_END: sign_in

// ANCHOR: errors
func text(of error: MoorlineError) -> String {
    switch error.kind {
    case .offline: "You are offline. Try again when there is a connection."
    case .rateLimited(let retryAfter): "Too many requests. Try again in \(retryAfter.components.seconds) seconds."
    case .untrusted, .pinMismatch:
        "This network changes the connection. Try another one, or sign in to the Wi-Fi first."
    case .needsReauth, .signedOut, .storageLost: "Please sign in again."
    case .stepUpRequired: "Please confirm that it is you."
    case .clockSkew: "The clock of this device is wrong. Set it, and try again."
    case .storageUnavailable:
        error.retry == .whenUnlocked
            ? "Unlock the device, and try again." : "The device has no room for this, or no lock screen."
    case .cancelled: "Nothing was changed."
    case .refused(let code, _): "Signing in did not work (\(code))."
    case .misconfigured: "This version of the app has a mistake. Please update it."
    }
}
// ANCHOR_END: errors

// ANCHOR: call
func notes(at url: URL, _ moorline: Moorline) async throws -> Data {
    try await moorline.data(for: URLRequest(url: url)).0
}

/// Whether the API has taken a note. It never takes one that is `refused`, with this status.
enum Added: Equatable { case yes, notYet, maybe, refused(Int) }

/// After `.maybe`, look whether the note is there before you send it again. An error: nothing was sent.
func add(_ json: Data, to url: URL, _ moorline: Moorline) async throws -> Added {
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = json
    do {
        switch try await moorline.data(for: request).1.statusCode {
        case 200..<300: return .yes
        case 500...: return .maybe  // also from a gateway that did not wait for the API
        case let status where [400, 403, 404, 409, 413, 422].contains(status): return .refused(status)
        default: return .notYet
        }
    } catch let error as MoorlineError where error.maybeSent {
        return .maybe
    }
}
// ANCHOR_END: call

// ANCHOR: offline
struct Draft: Equatable, Sendable {
    let json: Data
    var maybeSent = false
    /// The status with which the API has refused it for good.
    var refusal: Int?
}

actor Drafts {
    private let moorline: Moorline
    private let url: URL
    private let isThere: @Sendable (Data) async throws -> Bool
    private var sending: Task<Void, any Error>?
    /// Yours to store and to show. Only the first one without a refusal is ever on its way.
    private(set) var unsent: [Draft] = []

    /// `isThere` asks the API for a note, by an id that the app has put into it.
    init(to url: URL, _ moorline: Moorline, isThere: @escaping @Sendable (Data) async throws -> Bool) {
        (self.url, self.moorline, self.isThere) = (url, moorline, isThere)
    }

    func save(_ json: Data) async throws {
        unsent.append(Draft(json: json))
        try await send()
    }

    /// When the user has seen a refused draft: they delete it, or save a better one.
    func discard(_ draft: Draft) {
        if draft.refusal != nil { change(draft, to: nil) }
    }

    /// Call it again when the network is back: the session needs nothing. A second call waits for the first: while an
    /// actor waits, it takes other calls.
    func send() async throws {
        let before = sending
        let now = Task {
            _ = await before?.result
            try await sendAll()
        }
        sending = now
        try await now.value
    }

    private func sendAll() async throws {
        do {
            while let draft = unsent.first(where: { $0.refusal == nil }), try await settles(draft) {}
        } catch let error as MoorlineError where error.kind == .offline {}  // the draft stays
    }

    /// Whether the next draft may be sent.
    private func settles(_ draft: Draft) async throws -> Bool {
        if draft.maybeSent, try await isThere(draft.json) {
            change(draft, to: nil)
            return true
        }
        let sent = Draft(json: draft.json, maybeSent: true)
        change(draft, to: sent)  // before it is sent: the process may end before there is an answer
        do {
            switch try await add(draft.json, to: url, moorline) {
            case .yes: change(sent, to: nil)
            case .refused(let status): change(sent, to: Draft(json: draft.json, refusal: status))
            case .notYet:
                change(sent, to: Draft(json: draft.json))
                return false
            case .maybe: return false
            }
            return true
        } catch let error as MoorlineError {
            change(sent, to: Draft(json: draft.json))
            throw error
        }
    }

    private func change(_ old: Draft, to new: Draft?) {
        guard let index = unsent.firstIndex(of: old) else { return }
        unsent.replaceSubrange(index...index, with: new.map { [$0] } ?? [])
    }
}
// ANCHOR_END: offline

// ANCHOR: lock
func lockedNotes() throws -> Moorline {
    try Moorline(.notes, platform: .keychain(unlock: .userPresence))
}

func unlock(_ moorline: Moorline) async throws {
    try await moorline.unlock(reason: "See your notes")
}
// ANCHOR_END: lock

// ANCHOR: step_up
func delete(_ note: URL, _ moorline: Moorline, from window: ASPresentationAnchor) async throws {
    var request = URLRequest(url: note)
    request.httpMethod = "DELETE"
    _ = try await moorline.data(for: request, presenting: window)
}
// ANCHOR_END: step_up

// ANCHOR: accounts
func accounts() throws -> Moorline.Accounts { try Moorline.Accounts(.notes) }

/// The browser may know another user already: the provider asks which one it is.
func signIn(_ account: String, of accounts: Moorline.Accounts, from window: ASPresentationAnchor) async throws
    -> Moorline
{
    let moorline = try accounts.open(account)
    var options = Moorline.SignInOptions()
    options.prompt = "select_account"
    _ = try await moorline.signIn(presenting: window, options: options)
    return moorline
}

func remove(_ account: String, of accounts: Moorline.Accounts) async throws {
    try await accounts.remove(account)
}

func follow(_ accounts: Moorline.Accounts, show: ([Moorline.AccountInfo]) -> Void) async {
    for await list in accounts.lists { show(list) }
}
// ANCHOR_END: accounts

// ANCHOR: pins
func pinned() throws -> Moorline {
    var configuration = Moorline.Configuration.notes
    configuration.pins = [
        .init(
            host: "id.example.com",
            primary: "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            backups: ["sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="],
            expires: "2027-06-01"
        )
    ]
    return try Moorline(configuration)
}
// ANCHOR_END: pins

// ANCHOR: extension
func shared() throws -> Moorline {
    try Moorline(.notes, platform: .shared(accessGroup: "TEAMID.com.example.shared", appGroup: "group.com.example"))
}
// ANCHOR_END: extension

// ANCHOR: sign_out
func signOut(_ moorline: Moorline, from window: ASPresentationAnchor) async throws -> Bool {
    var options = Moorline.SignOutOptions()
    options.endSession = true
    options.postLogoutRedirectURI = "com.example.notes:/signed-out"  // where the provider's page comes back to
    return try await moorline.signOut(presenting: window, options: options).revocation == .revoked
}
// ANCHOR_END: sign_out

// ANCHOR: app_auth
func takeOver(_ moorline: Moorline) async {
    guard let archive = UserDefaults.standard.data(forKey: "authState") else { return }
    do {
        _ = try await moorline.adoptAppAuth(archive)
        UserDefaults.standard.removeObject(forKey: "authState")  // done: the session is Moorline's now
    } catch let error as MoorlineError {
        if isOfNoUse(after: error) {
            UserDefaults.standard.removeObject(forKey: "authState")
        } else {
            report(error)  // see the table below
        }
    } catch {}  // the task was cancelled
}

/// Whether the old state is of no use any more. Where nobody is signed in, the app shows the sign-in then.
func isOfNoUse(after error: MoorlineError) -> Bool {
    switch error.kind {
    case .signedOut, .needsReauth: true  // it was taken over, and has ended since
    case .refused(let code, _): ["invalid_grant", "invalid_auth_state", "already_signed_in"].contains(code)
    default: false  // the next start goes on
    }
}
// ANCHOR_END: app_auth

private func report(_ error: MoorlineError) { print(error.code) }

/// What Auth0's credentials manager has.
protocol OldManager: Sendable {
    func refreshToken() async throws -> String?
    func clear() -> Bool
}

// ANCHOR: auth0
func takeOver(_ moorline: Moorline, from manager: some OldManager) async throws {
    if try await moorline.resumeAdoption() == nil {  // what an earlier start has begun
        guard let token = try await manager.refreshToken() else { return }  // offline_access was not requested
        _ = try await moorline.adopt(refreshToken: token)
    }
    _ = manager.clear()
}
// ANCHOR_END: auth0
