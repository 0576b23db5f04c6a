import Foundation

/// What the device has of one account's notes, for a start without a network: in a folder of the app's own, in no
/// backup. The system encrypts it with the device. An app with notes that need more can encrypt them with a key of its
/// own.
struct NotesFile: Sendable {
    struct Content: Codable, Equatable, Sendable {
        var notes: [Note] = []
        var edits: [Edit] = []
        var draft: Draft?
    }

    private struct Stored: Codable {
        /// Whose notes they are. Another user of the same account finds nothing of them.
        let owner: String
        let content: Content
    }

    private let folder: URL
    private let owner: String

    init(in folder: URL, owner: String) {
        self.folder = folder
        self.owner = owner
    }

    /// Nothing, if there is no file, or one that another user has left.
    func read() -> Content {
        guard let data = try? Data(contentsOf: file),
            let stored = try? JSONDecoder().decode(Stored.self, from: data),
            stored.owner == owner
        else { return Content() }
        return stored.content
    }

    /// Replaces the file in one step, so that a full disk or a crash leaves the one before.
    func write(_ content: Content) throws {
        try FileManager.default.createPrivateFolder(folder)
        try JSONEncoder().encode(Stored(owner: owner, content: content)).write(to: file, options: .atomic)
    }

    private var file: URL { folder.appending(path: "notes.json") }
}

extension FileManager {
    /// Makes a folder that no backup holds.
    func createPrivateFolder(_ folder: URL) throws {
        try createDirectory(at: folder, withIntermediateDirectories: true)
        var (folder, values) = (folder, URLResourceValues())
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
    }
}
