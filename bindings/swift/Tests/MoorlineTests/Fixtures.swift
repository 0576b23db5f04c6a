import Foundation
import Moorline
import XCTest

/// Keys in memory. ``failure``, where there is one, is thrown by every function.
final class MapKeyStore: MoorlineKeyStore, @unchecked Sendable {
    private let lock = NSLock()
    private var keys: [String: Data] = [:]
    private var currentFailure: (any Error)?

    init(failure: (any Error)? = nil) {
        currentFailure = failure
    }

    var failure: (any Error)? {
        get { lock.withLock { currentFailure } }
        set { lock.withLock { currentFailure = newValue } }
    }

    /// Gives each key this many bytes.
    func resizeKeys(to bytes: Int) {
        lock.withLock { keys = keys.mapValues { _ in Data(repeating: 7, count: bytes) } }
    }

    func loadKey(named keyID: String) throws -> Data? { try guarded { keys[keyID] } }

    func ready() throws { try guarded {} }

    func storeKey(_ key: Data, named keyID: String) throws { try guarded { keys[keyID] = key } }

    func deleteKey(named keyID: String) throws { try guarded { keys[keyID] = nil } }

    /// Loses every key.
    func loseKeys() {
        lock.withLock { keys = [:] }
    }

    private func guarded<Answer>(_ call: () -> Answer) throws -> Answer {
        try lock.withLock {
            if let currentFailure { throw currentFailure }
            return call()
        }
    }
}

/// A test with a folder of its own.
class FolderTestCase: XCTestCase {
    private(set) var folder = FileManager.default.temporaryDirectory

    override func setUp() async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    override func tearDown() async throws {
        // What a test began may go on after its call has ended, and still put a file there.
        for _ in 0..<50 {
            if (try? FileManager.default.removeItem(at: folder)) != nil { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        try FileManager.default.removeItem(at: folder)
    }
}

extension FolderTestCase {
    /// Runs a test with a provider of its own.
    func withProvider(_ test: (FakeProvider) async throws -> Void) async throws {
        let provider = try FakeProvider()
        defer { provider.stop() }
        try await test(provider)
    }

    /// A folder with a copy of the vault in `device` (the test's own if not set), as after a restart: this process
    /// still uses the vault that it has read, and has not read this one.
    func restarted(_ device: URL? = nil, as name: String = "restarted") throws -> URL {
        let copy = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            at: (device ?? folder).appendingPathComponent("vault.moorline"),
            to: copy.appendingPathComponent("vault.moorline")
        )
        return copy
    }
}

/// The error that a call of Moorline's ends with.
func failure<Answer>(of call: () async throws -> Answer) async -> MoorlineError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? MoorlineError
    }
}
