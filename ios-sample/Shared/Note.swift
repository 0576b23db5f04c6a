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
    /// The app's own name for it.
    let key: String
    /// The note that was changed, as it was then; `nil` for a new note.
    var base: Note?
    let title: String
    let body: String
    /// Whether it was sent once and no answer came.
    var mayHaveArrived = false

    func hasSameText(as other: Edit) -> Bool { title == other.title && body == other.body }
}

/// What the user was writing when the app went to the background.
struct Draft: Codable, Equatable, Sendable {
    /// Which note it is a change of; `nil` for a new one.
    var note: String?
    let title: String
    let body: String
}

/// A note as the user sees it: with the edit, if there is one.
struct ShownNote: Equatable, Sendable, Identifiable {
    /// Of the note, or of the edit that will make it.
    let id: String
    let title: String
    let body: String
    /// `nil` for what the server does not have yet.
    let updatedAt: Date?
    /// Whether an edit of it waits for the network.
    let isQueued: Bool
}
