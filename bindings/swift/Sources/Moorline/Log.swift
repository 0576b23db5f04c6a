import Foundation
internal import MoorlineGenerated

extension Moorline {
    /// How important an event is, the most important first.
    public enum LogLevel: Int, Sendable, Comparable {
        /// Something is lost, or a developer has to act.
        case error
        /// Something is wrong, and Moorline goes on.
        case warn
        /// What a developer wants to know about a failed call.
        case info
        /// Details of the network.
        case debug
        /// Everything.
        case trace

        /// Whether the first is more important.
        public static func < (first: LogLevel, second: LogLevel) -> Bool { first.rawValue < second.rawValue }
    }

    /// One event that Moorline has logged. It holds no token, code, verifier or key at any level.
    public struct LogEvent: Sendable, CustomStringConvertible {
        /// When, by the device's clock.
        public let time: Date
        /// How important it is.
        public let level: LogLevel
        /// The part of Moorline: `moorline::vault`, for example.
        public let target: String
        /// What happened, in one line.
        public let message: String
        /// Details by name.
        public let fields: [(name: String, value: String)]

        /// The event without its time and level, in one line.
        public var description: String {
            fields.reduce("\(target): \(message)") { $0 + " \($1.name)=\($1.value)" }
        }
    }

    /// Sends what Moorline logs in this process, all accounts together, to `log` from now on, in the place of an
    /// earlier one. With `nil`, events go nowhere; the latest 200 are kept for ``diagnostics()`` in any case.
    ///
    /// Events come on a thread of their own, one at a time and in their order, so `log` may block: if too many events
    /// wait, some are dropped.
    ///
    /// ```swift
    /// try Moorline.setLogger { event in Logger(subsystem: "com.example.notes", category: "sign-in").log("\(event)") }
    /// ```
    public static func setLogger(
        level: LogLevel = .info,
        _ log: (@Sendable (LogEvent) -> Void)?
    ) throws {
        let adapter = log.map(LoggerAdapter.init)
        try translating {
            try MoorlineGenerated.setLogger(level: level.record, logger: adapter, vocabulary: .swift)
        }
    }

    /// Returns a report to attach to a bug report, in JSON: versions, the state without the user, what is known about
    /// the session, the last refusal, the configuration without the account's name and the values of parameters, and
    /// the latest 200 events. It holds no secret. It does name the provider, the client and the scopes.
    public func diagnostics() throws -> String {
        try backend.diagnostics()
    }

    /// Forgets the vault's key and the session in memory: ``state`` is ``SessionState/locked`` until the vault is read
    /// again, which needs the key store. For a key store that asks the user: lock it first. A refresh that is under
    /// way is finished and stored before. Nobody is signed out. The accounts that one ``Accounts`` has opened are
    /// locked together.
    ///
    /// - Throws: errors of the storage if a token is in memory only because it could not be stored: then nothing is
    ///   forgotten.
    public func lock() async throws {
        try await backend.lock()
    }

    /// Reads the vault again, because the key store was unlocked, and returns the state. A sign-in through
    /// `signIn(presenting:)` that could not be finished while the storage was locked is finished after that, and
    /// ``states`` report it.
    ///
    /// - Throws: errors of the storage.
    @discardableResult
    public func reload() async throws -> SessionState {
        let state = try await backend.reload()
        finishUnfinishedSignIn()
        return state
    }
}

/// Adapts the app's logger to the native library.
private final class LoggerAdapter: MoorlineGenerated.AppLogger {
    private let write: @Sendable (Moorline.LogEvent) -> Void

    init(_ write: @escaping @Sendable (Moorline.LogEvent) -> Void) {
        self.write = write
    }

    func log(event: MoorlineGenerated.LogEvent) throws {
        write(
            Moorline.LogEvent(
                time: event.time,
                level: Moorline.LogLevel(event.level),
                target: event.target,
                message: event.message,
                fields: event.fields.map { (name: $0.name, value: $0.value) }
            )
        )
    }
}

extension Moorline.LogLevel {
    fileprivate init(_ level: MoorlineGenerated.LogLevel) {
        self =
            switch level {
            case .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }

    fileprivate var record: MoorlineGenerated.LogLevel {
        switch self {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        case .trace: .trace
        }
    }
}
