import Foundation
import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// What a step has brought: a status, an error, or neither.
struct Acted {
    var status: Int?
    var error: MoorlineError?
}

/// The app of a row: what each word does through the library's public API.
final class RowApp {
    /// What a command for its provider names.
    let provider: [String: JSON]

    /// The type of the access token that came last.
    private(set) var lastTokenType: Moorline.TokenType?

    private let testKit: TestKit
    private let configuration: Moorline.Configuration
    private let issuer: String
    private let keys = MapKeyStore()
    private let folder: URL
    private var moorline: Moorline?
    private var lastState = Moorline.SessionState.locked
    private var url = ""
    private var callback = ""
    private var deviceSignIn = ""
    private var stepUp: Moorline.StepUp?

    init(at started: [String: JSON], of testKit: TestKit, settings: [String: JSON], in device: URL) throws {
        self.testKit = testKit
        provider = ["provider": started["provider"] ?? .null]
        issuer = started["issuer"]?.text ?? ""
        // Even the superuser makes no folder in the first one.
        let path = settings["vault"] == nil ? device.appendingPathComponent("vault").path : "/dev/pts/moorline"
        folder = URL(fileURLWithPath: path)
        configuration = try Self.configuration(at: started, settings: settings)
    }

    private static func configuration(
        at started: [String: JSON],
        settings: [String: JSON]
    ) throws -> Moorline.Configuration {
        var configuration = Moorline.Configuration(issuer: started["issuer"]?.text ?? "", clientID: "notes")
        configuration.redirectURI = "com.example.notes:/signed-in"
        configuration.scopes = ["openid", "offline_access"]
        configuration.allowsHTTPOnLoopback = true
        if settings["trusts"] != .bool(false) {
            configuration.extraRootPEMs = [started["authority_pem"]?.text ?? ""]
        }
        for (name, value) in settings {
            switch name {
            case "trusts": break
            case "vault": guard value == .text("read_only") else { throw TestKitError("\(value) is no vault") }
            case "bearer": configuration.allowsBearer = true
            case "resources": configuration.resources = value.list.compactMap(\.text)
            case "pins":
                let primary = value == .text("right") ? started["pin"]?.text ?? "" : unusedPin
                configuration.pins = [
                    .init(host: "127.0.0.1", primary: primary, backups: [unusedBackup], expires: "9999-01-01")
                ]
            default: throw TestKitError("\(name) is no setting of a row's app")
            }
        }
        return configuration
    }

    var state: Moorline.SessionState { moorline?.state ?? lastState }

    /// Does what a word says. An unknown one throws.
    func act(_ step: [String: JSON]) async throws -> Acted {
        do {
            return Acted(status: try await obey(step["do"]?.text ?? "", step))
        } catch let error as MoorlineError {
            if case .stepUpRequired(let stepUp) = error.kind { self.stepUp = stepUp }
            return Acted(error: error)
        }
    }

    func restart() async throws {
        close()
        let opened = try Moorline(configuration, platform: .init(vaultDirectory: folder, keyStore: keys))
        try await opened.opened()
        moorline = opened
    }

    func close() {
        lastState = state
        moorline?.close()
        moorline = nil
    }

    /// The status of a response, where there is one.
    private func obey(_ word: String, _ step: [String: JSON]) async throws -> Int? {
        switch word {
        case "restart": try await restart()
        case "close": close()
        case "vault":
            try await testKit.command("vault", ["folder": .text(folder.path), "becomes": step["becomes"] ?? .null])
        case "key_store":
            if step["loses"] != nil { keys.loseKeys() }
            keys.failure = try step["fails"].map { try Self.failure($0.text ?? "") }
        case "browse": try await browse(step)
        default:
            guard let moorline else { throw TestKitError("the app is closed") }
            return try await call(moorline, word, step)
        }
        return nil
    }

    private func call(_ moorline: Moorline, _ word: String, _ step: [String: JSON]) async throws -> Int? {
        switch word {
        case "start_sign_in": url = try await moorline.startSignIn().url.absoluteString
        case "finish_sign_in":
            guard let back = URL(string: step["callback"]?.text ?? callback) else { throw TestKitError("no URL") }
            try await moorline.finishSignIn(callbackURL: back)
        case "sign_in": try await signIn(moorline, step, Moorline.SignInOptions())
        case "step_up":
            var options = Moorline.SignInOptions()
            guard let stepUp else { throw TestKitError("no API has asked for more") }
            options.stepUp = stepUp
            try await signIn(moorline, step, options)
        case "cancel_sign_in": try await moorline.cancelSignIn()
        case "start_device_sign_in": deviceSignIn = try await moorline.startDeviceSignIn().id
        case "finish_device_sign_in": _ = try await moorline.finishDeviceSignIn(id: deviceSignIn)
        case "adopt":
            var options = Moorline.AdoptOptions()
            options.subject = step["subject"]?.text
            try await moorline.adopt(refreshToken: step["token"]?.text ?? "", options: options)
        case "resume_adoption": _ = try await moorline.resumeAdoption()
        case "access_token": try await accessToken(moorline, step)
        case "refresh": try await refresh(moorline, step)
        case "request_headers": _ = try await moorline.requestHeaders(for: target(step))
        case "send": return try await send(moorline, step)
        case "user_info": _ = try await moorline.userInfo()
        case "id_token":
            guard try moorline.idToken() != nil else { throw TestKitError("there is no ID token") }
        case "session_info":
            guard try moorline.sessionInfo() != nil else { throw TestKitError("there is no session") }
        case "sign_out": try await moorline.signOut()
        case "network_changed": moorline.networkChanged()
        case "shutdown": try await moorline.shutdown(limit: .seconds(30))
        default: throw TestKitError("\(word) is no word that this driver knows")
        }
        return nil
    }

    private func browse(_ step: [String: JSON]) async throws {
        var command = provider
        command["url"] = .text(url)
        command["error"] = step["error"]
        callback = try await testKit.command("authorize", command)["callback"]?.text ?? ""
    }

    private func signIn(
        _ moorline: Moorline,
        _ step: [String: JSON],
        _ options: Moorline.SignInOptions
    ) async throws {
        url = try await moorline.startSignIn(options).url.absoluteString
        try await browse(step)
        guard let back = URL(string: callback) else { throw TestKitError("\(callback) is no URL") }
        try await moorline.finishSignIn(callbackURL: back)
    }

    private func accessToken(_ moorline: Moorline, _ step: [String: JSON]) async throws {
        let validity = Duration.seconds(step["min_validity"]?.number ?? 60)
        let resource = step["resource"]?.text
        repeat {
            lastTokenType = try await moorline.accessToken(minValidity: validity, resource: resource).tokenType
        } while try goesOn(step)
    }

    /// With several callers, all of them have the same token, which an API has rejected.
    private func refresh(_ moorline: Moorline, _ step: [String: JSON]) async throws {
        let callers = step["callers"]?.number
        let rejected = callers == nil ? nil : try await moorline.accessToken()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<(callers ?? 1) {
                group.addTask { try await moorline.refresh(rejected: rejected) }
            }
            try await group.waitForAll()
        }
    }

    private func send(_ moorline: Moorline, _ step: [String: JSON]) async throws -> Int {
        var request = try target(step)
        request.httpMethod = step["method"]?.text ?? "GET"
        request.httpBody = step["body"]?.text.map { Data($0.utf8) }
        var status = 0
        repeat {
            status = try await moorline.send(request).1.statusCode
        } while try goesOn(step)
        return status
    }

    /// Whether a step is taken until it fails.
    private func goesOn(_ step: [String: JSON]) throws -> Bool {
        switch step["until"] {
        case nil: return false
        case .text("fails"): return true
        case let until?: throw TestKitError("\(until) is no end")
        }
    }

    /// Where a request goes: the provider's API, if the step does not say.
    private func target(_ step: [String: JSON]) throws -> URLRequest {
        guard let url = URL(string: step["url"]?.text ?? "\(issuer)/api") else { throw TestKitError("no URL") }
        return URLRequest(url: url)
    }

    private static func failure(_ how: String) throws -> MoorlineKeyStoreError {
        switch how {
        case "locked": .locked
        case "unavailable": .unavailable("a row says so")
        case "timed_out": .timedOut
        case "failed": .failed("a row says so")
        case "damaged": .damaged("a row says so")
        default: throw TestKitError("\(how) is no failure of a key store")
        }
    }

    private static let unusedPin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    private static let unusedBackup = "sha256/BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
}
