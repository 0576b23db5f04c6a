import Foundation

/// Answers as the notes API does, from memory.
final class FakeNotesServer: @unchecked Sendable {
    private struct Text: Decodable {
        let title: String
        let body: String
    }

    private struct Page: Encodable {
        let items: [Note]
        let next: String?
    }

    /// Guards what follows.
    private let lock = NSLock()
    /// The newest first.
    private var notes: [Note] = []
    private var created = 0

    init() {
        create(Text(title: "Ideas for the talk", body: "Lost answers, and why nobody has to sign in again."))
        create(Text(title: "Analytical engine", body: "Ask Mr Babbage about the punched cards."))
        create(Text(title: "Groceries", body: "Milk, bread, coffee"))
    }

    func answer(_ request: URLRequest) -> (status: Int, body: Data) {
        lock.withLock {
            let name = request.url?.lastPathComponent ?? ""
            let text = request.httpBody.flatMap { try? JSONDecoder().decode(Text.self, from: $0) }
            if name == "notes" {
                guard let text else { return answer(200, Page(items: notes, next: nil)) }
                return answer(201, create(text))
            }
            guard let index = notes.firstIndex(where: { $0.id == name }) else { return (404, Data()) }
            switch request.httpMethod {
            case "PUT":
                guard let text else { return (422, Data()) }
                notes[index] = note(name, text)
                return answer(200, notes[index])
            case "DELETE":
                notes.remove(at: index)
                return (204, Data())
            default: return answer(200, notes[index])
            }
        }
    }

    @discardableResult
    private func create(_ text: Text) -> Note {
        created += 1
        let made = note("note-\(created)", text)
        notes.insert(made, at: 0)
        return made
    }

    private func note(_ id: String, _ text: Text) -> Note {
        Note(id: id, title: text.title, body: text.body, updatedAt: Date.now.ISO8601Format())
    }

    private func answer(_ status: Int, _ value: some Encodable) -> (status: Int, body: Data) {
        ((try? JSONEncoder().encode(value)).map { (status, $0) }) ?? (500, Data())
    }
}
