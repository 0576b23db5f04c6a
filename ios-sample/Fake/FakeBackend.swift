import Foundation
import Moorline
import MoorlineTesting

/// Sessions and notes that exist only while the process runs. Ada is signed in, and Grace is the next who signs in.
@MainActor final class FakeBackend: Backend {
    private static let ada = person("ada", "Ada Lovelace")
    private static let grace = person("grace", "Grace Hopper")

    private var fakes: [(account: String, fake: FakeMoorline)] = []
    private var servers: [String: FakeNotesServer] = [:]
    private var readers: [UUID: AsyncStream<[Account]>.Continuation] = [:]
    private var watching: [String: Task<Void, Never>] = [:]

    /// The fake of this account.
    func fake(_ account: String) -> FakeMoorline {
        if let known = fakes.first(where: { $0.account == account }) { return known.fake }
        return add(account, fakes.isEmpty ? Self.ada : nil)
    }

    private func add(_ account: String, _ user: Moorline.User?) -> FakeMoorline {
        let fake = user.map { FakeMoorline($0) } ?? FakeMoorline()
        fake.inBrowser(.allows(fakes.isEmpty ? Self.ada : Self.grace))
        fakes.append((account, fake))
        watching[account] = Task { [weak self] in
            for await _ in fake.moorline.states { self?.changed() }
        }
        return fake
    }

    var accounts: AsyncStream<[Account]> {
        let id = UUID()
        let (lists, reader) = AsyncStream.makeStream(of: [Account].self, bufferingPolicy: .bufferingNewest(1))
        readers[id] = reader
        reader.onTermination = { [weak self] _ in
            Task { @MainActor in self?.readers[id] = nil }
        }
        reader.yield(list)
        return lists
    }

    func open(_ account: String) throws -> Moorline { fake(account).moorline }

    func notesAPI(_ moorline: Moorline) -> NotesAPI {
        guard let (account, fake) = fakes.first(where: { $0.fake.moorline === moorline }),
            let address = URL(string: "\(fake.issuer)/v1/notes")
        else { preconditionFailure("a session of this backend's") }
        let server = servers[account] ?? FakeNotesServer()
        servers[account] = server
        fake.onSend { server.answer($0) }
        return NotesAPI(at: address) { request in
            // As the real API does it: the scope `notes.delete` is for deleting alone.
            if request.httpMethod == "DELETE", try moorline.sessionInfo()?.scope.contains("notes.delete") == false {
                throw MoorlineErrors.stepUpRequired(Self.wider)
            }
            return try await moorline.data(for: request)
        }
    }

    let faults: [Fault] = [.loseAnswer, .rejectToken, .revokeSession]

    func play(_ fault: Fault, _ moorline: Moorline) async throws {
        guard let fake = fakes.first(where: { $0.fake.moorline === moorline })?.fake else { return }
        fake.expireToken()
        switch fault {
        case .loseAnswer: fake.nextRefresh(.losesItsAnswer)
        case .revokeSession: fake.nextRefresh(.endsTheSession(.revoked))
        case .rejectToken, .skewClock: break
        }
    }

    func remove(_ account: String) async throws {
        try await fake(account).moorline.signOut()
        watching.removeValue(forKey: account)?.cancel()
        servers[account] = nil
        fakes.removeAll { $0.account == account }
        changed()
    }

    /// A fake that was closed stays closed: another one goes on with its user.
    func reopen() {
        let closed = fakes
        for task in watching.values { task.cancel() }
        (watching, fakes) = ([:], [])
        for (account, fake) in closed { _ = add(account, user(fake)) }
        changed()
    }

    private func user(_ fake: FakeMoorline) -> Moorline.User? {
        if case .signedIn(let user) = fake.moorline.state { user } else { nil }
    }

    private var list: [Account] {
        fakes.compactMap { account, fake in user(fake).map { Account(name: account, user: $0) } }
    }

    private func changed() {
        for reader in readers.values { reader.yield(list) }
    }

    private nonisolated static var wider: Moorline.StepUp {
        var stepUp = Moorline.StepUp()
        stepUp.scope = ["notes.delete"]
        return stepUp
    }

    private static func person(_ id: String, _ name: String) -> Moorline.User {
        Moorline.User(subject: id, name: name, preferredUsername: id, email: "\(id)@example.com")
    }
}
