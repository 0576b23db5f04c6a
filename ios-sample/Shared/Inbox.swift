import Foundation

/// Notes that the share extension could not send: each in a file of its own, so that the extension and the app never
/// write the same one. The app takes them into its queue.
struct Inbox: Sendable {
    struct Item: Codable, Equatable, Sendable {
        let owner: String
        let title: String
        let body: String
        /// Whether it was sent once and no answer came.
        var mayHaveArrived = false
    }

    private let folder: URL

    /// - Parameter folder: of the account's notes.
    init(in folder: URL) {
        self.folder = folder.appending(path: "inbox")
    }

    func add(_ item: Item) throws {
        try FileManager.default.createPrivateFolder(folder)
        let file = folder.appending(path: "\(UUID().uuidString).json")
        try JSONEncoder().encode(item).write(to: file, options: .atomic)
    }

    /// Hands the items of this user to `store`, and deletes them after it has returned. Another user's are deleted.
    func take(_ owner: String, store: ([Item]) throws -> Void) throws {
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        let known = files.filter { $0.pathExtension == "json" }
        if known.isEmpty { return }
        let items = known.compactMap { file in
            (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Item.self, from: $0) }
        }
        try store(items.filter { $0.owner == owner })
        for file in known { try? FileManager.default.removeItem(at: file) }
    }
}
