import AuthenticationServices
import Foundation
import XCTest

/// A `moorline-server dev --http` as the README starts it, which a test can stop and start again, and a user in its
/// real pages.
final class TestServer: @unchecked Sendable {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "notes-server-\(UUID().uuidString)")
    private let programs: (server: String, browser: String)
    private let lock = NSLock()
    private var process: Process?
    private var port = 0

    /// As the app is configured with it.
    var issuer: String { "http://127.0.0.1:\(port)" }

    init() throws {
        programs = (try Self.setting("MOORLINE_SERVER_BIN"), try Self.setting("MOORLINE_BROWSE_BIN"))
        try start()
    }

    /// Starts it, the second time on the same port and with the same users and notes.
    func start() throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: programs.server)
        process.arguments = ["dev", "--http", "--limits", "off", "--port", "\(port)", "--dir", folder.path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        var said = ""
        while !said.contains("\nready http://127.0.0.1:") || !said.hasSuffix("\n") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw POSIXError(.ECONNREFUSED) }
            said += String(decoding: more, as: UTF8.self)
        }
        let address = said.components(separatedBy: "\nready http://127.0.0.1:")[1]
        port = try XCTUnwrap(Int(address.prefix(while: \.isNumber)))
        // A full pipe would stop it.
        output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
        lock.withLock { self.process = process }
    }

    func stop() {
        guard let process = lock.withLock({ self.process }) else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        lock.withLock { self.process = nil }
    }

    /// Ends it for good.
    func remove() {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Lets this user answer the pages that the app opens from now on. Without a user, the pages are closed.
    @MainActor func browser(_ user: String?) {
        ASWebAuthenticationSession.started = { [self] session in
            guard let user else {
                session.completionHandler(nil, ASWebAuthenticationSessionError(.canceledLogin))
                return true
            }
            let (page, completion) = (session.url, Completion(finish: session.completionHandler))
            Task {
                do {
                    completion.finish(try await browse(page, as: user), nil)
                } catch {
                    completion.finish(nil, error)
                }
            }
            return true
        }
    }

    /// The system may call this on any thread.
    private struct Completion: @unchecked Sendable {
        let finish: ASWebAuthenticationSession.CompletionHandler
    }

    private func browse(_ page: URL, as user: String) async throws -> URL {
        let file = folder.appending(path: "moorline-dev.json").path
        let (program, arguments) = (programs.browser, ["--dev", file, "--user", user, page.absoluteString])
        let printed = try await Task.detached {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(filePath: program)
            process.arguments = arguments
            process.standardOutput = output
            try process.run()
            let printed = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { throw POSIXError(.ECHILD) }
            return String(decoding: printed, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }.value
        return try XCTUnwrap(URL(string: printed), "moorline-browse printed no URL")
    }

    private static func setting(_ name: String) throws -> String {
        try XCTUnwrap(
            ProcessInfo.processInfo.environment[name],
            "\(name) is not set: run `cargo xtask test --only swift`"
        )
    }
}
