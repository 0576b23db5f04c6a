import AuthenticationServices
import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

// The code of docs/guide: each page includes what is between two anchors.

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

func add(_ json: Data, to url: URL, _ moorline: Moorline) async throws {
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = json
    do {
        _ = try await moorline.data(for: request)
    } catch let error as MoorlineError where error.maybeSent {
        // The note may be there already: look before it is sent a second time.
        throw error
    }
}
// ANCHOR_END: call

// ANCHOR: offline
actor Drafts {
    private let moorline: Moorline
    private let url: URL
    private var waiting: [Data] = []

    init(to url: URL, _ moorline: Moorline) { (self.url, self.moorline) = (url, moorline) }

    func save(_ json: Data) async throws {
        waiting.append(json)
        try await send()
    }

    /// Call it again when the network is back: the session needs nothing.
    func send() async throws {
        while let next = waiting.first {
            do {
                try await add(next, to: url, moorline)
                waiting.removeFirst()
            } catch let error as MoorlineError where error.kind == .offline {
                return
            }
        }
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
        if case .refused(let code, _) = error.kind, ofNoUse.contains(code) {
            UserDefaults.standard.removeObject(forKey: "authState")
        } else {
            report(error)  // the next start goes on
        }
    } catch {}  // the task was cancelled
}

/// The old state is of no use any more: show the sign-in.
let ofNoUse: Set = ["invalid_grant", "invalid_auth_state", "already_signed_in"]
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
