import Foundation

/// A note as the server has it.
struct Note: Codable, Equatable, Sendable, Identifiable {
    /// The server's name for it.
    let id: String
    let title: String
    let body: String
    /// When it was last changed, as the server writes it.
    let updatedAt: String

    enum CodingKeys: String, CodingKey {
        case id, title, body
        case updatedAt = "updated_at"
    }
}

/// An edit that has not reached the server yet.
struct Edit: Codable, Equatable, Sendable {
    /// The id of the note that was changed; for a new note, a name of the app's own making.
    var key: String
    /// The note that was changed, as it was then; `nil` for a new note.
    var base: Note?
    let title: String
    let body: String
    /// Whether it was sent once and no answer came.
    var mayHaveArrived = false
    /// The status with which the API does not accept it, as it is.
    var refusal: Int?

    /// Makes it an edit of this note, or a new one, that was not sent yet.
    mutating func change(to key: String, of base: Note?) {
        (self.key, self.base, mayHaveArrived) = (key, base, false)
    }

    func hasSameText(as other: Edit) -> Bool { title == other.title && body == other.body }

    /// Whether the server's note is what this edit makes.
    func made(_ note: Note) -> Bool {
        (base == nil || base?.id == note.id) && title == note.title && body == note.body
    }
}

/// What the user was writing when the app went to the background.
struct Draft: Codable, Equatable, Sendable {
    /// Which note it is a change of; `nil` for a new one.
    var note: String?
    /// The version of the note that the editor was opened with.
    var base: Note?
    let title: String
    let body: String
}

/// A note as the user sees it: with the edit, if there is one.
struct ShownNote: Equatable, Sendable, Identifiable {
    /// Of the note, or of the edit that will make it.
    let id: String
    let title: String
    let body: String
    /// The server's version that is shown, or that the edit changes; `nil` for a new note.
    var base: Note?
    /// `nil` for what the server does not have yet.
    let updatedAt: Date?
    /// Whether an edit of it was not sent yet.
    let isQueued: Bool
    /// Why the server does not accept the edit.
    var refusal: UserMessage?
}

extension String {
    /// What the API accepts as a title: one line of at most 200 characters.
    var asTitle: String {
        let line = unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
        return String(line).prefix(scalars: 200)
    }

    /// As much of the beginning as the API counts as this many characters: it counts Unicode scalars, of which an emoji
    /// can have several.
    private func prefix(scalars most: Int) -> String {
        var left = most
        return String(
            prefix { character in
                left -= character.unicodeScalars.count
                return left >= 0
            }
        )
    }
}
