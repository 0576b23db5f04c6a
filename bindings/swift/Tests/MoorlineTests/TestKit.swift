import Foundation
import XCTest

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A value of JSON, as rows and commands have it.
enum JSON: Codable, Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Int)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Int.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let bool): try value.encode(bool)
        case .number(let number): try value.encode(number)
        case .text(let text): try value.encode(text)
        case .list(let list): try value.encode(list)
        case .object(let object): try value.encode(object)
        }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }

    var number: Int? { if case .number(let number) = self { number } else { nil } }

    var list: [JSON] { if case .list(let list) = self { list } else { [] } }

    var object: [String: JSON] { if case .object(let object) = self { object } else { [:] } }
}

/// A mistake in a row, or an answer of the testkit's that is an error.
struct TestKitError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The running `moorline-testkit`: a provider in a process, which fails as a test wants it to.
final class TestKit: @unchecked Sendable {
    private let process: Process
    /// The program ends when this does: with this process at the latest.
    private let input = Pipe()
    private let address: URL

    init() throws {
        process = Process()
        let output = Pipe()
        process.executableURL = try TestKit.program()
        process.arguments = ["serve", "--with-parent"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while line.last != 10 {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw TestKitError("moorline-testkit printed no address") }
            line.append(more)
        }
        let address = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        self.address = try XCTUnwrap(URL(string: address))
    }

    /// Ends the program. It may have inherited a mask that blocks signals, so its input ends instead.
    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Obeys a command of `testkit/README.md`.
    @discardableResult
    func command(_ word: String, _ arguments: [String: JSON] = [:]) async throws -> [String: JSON] {
        var command = arguments
        command["do"] = .text(word)
        var request = URLRequest(url: address)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(JSON.object(command))
        let (answer, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw TestKitError("moorline-testkit refused \(word): \(String(decoding: answer, as: UTF8.self))")
        }
        return try JSONDecoder().decode(JSON.self, from: answer).object
    }

    /// The rows of the behaviour table.
    static func rows() throws -> [JSON] {
        let process = Process()
        let output = Pipe()
        process.executableURL = try program()
        process.arguments = ["rows"]
        process.standardOutput = output
        try process.run()
        let rows = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TestKitError("moorline-testkit printed no rows") }
        return try JSONDecoder().decode(JSON.self, from: rows).list
    }

    private static func program() throws -> URL {
        let path = try XCTUnwrap(
            ProcessInfo.processInfo.environment["MOORLINE_TESTKIT_BIN"],
            "MOORLINE_TESTKIT_BIN is not set. Run `cargo xtask test --only swift`, or build the program with "
                + "`cargo build -p moorline-testkit`, and set the variable to its path."
        )
        return URL(fileURLWithPath: path)
    }
}
