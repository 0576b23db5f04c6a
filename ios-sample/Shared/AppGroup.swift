import Foundation
import Moorline

/// What the app and its share extension have in common on the device. The names are in the Info.plist of both, where
/// the build settings put them: see `Config/Base.xcconfig`.
enum AppGroup {
    static var provider: Provider { Provider(issuer: value("NotesIssuer")) }

    /// The vault in the group's container, and the keys in the access group.
    static func platform(unlock: Moorline.Unlock) throws -> Moorline.Platform {
        try .shared(accessGroup: value("NotesAccessGroup"), appGroup: name, unlock: unlock)
    }

    @MainActor static var settings: Settings { Settings(UserDefaults(suiteName: name) ?? .standard) }

    /// The folder of an account's notes.
    static func folder(of account: String) -> URL { folder.appending(path: account) }

    static var folder: URL {
        let container = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: name)
        return (container ?? .applicationSupportDirectory).appending(path: "Library/Application Support/Notes")
    }

    private static var name: String { value("NotesAppGroup") }

    private static func value(_ key: String) -> String {
        Bundle.main.object(forInfoDictionaryKey: key) as? String ?? ""
    }
}
