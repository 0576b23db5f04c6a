import Foundation
import Moorline
import Observation

/// Adds a note from text that another app shares, with the session of the app.
@MainActor @Observable final class ShareModel {
    enum Outcome: Equatable {
        /// The server has the note.
        case added
        /// There is no network: the app sends it when it is opened.
        case kept
        /// The server does not accept it: it waits in the app, for the user to change it.
        case refused
    }

    private(set) var isSending = false
    private(set) var outcome: Outcome?
    private(set) var message: UserMessage?

    /// The first line, and what is after it.
    let title: String
    let body: String

    @ObservationIgnored private let moorline: Moorline
    @ObservationIgnored private let api: NotesAPI
    @ObservationIgnored private let inbox: Inbox

    /// - Parameter folder: of the account's notes.
    init(_ text: String, _ moorline: Moorline, _ provider: Provider, in folder: URL) {
        let lines = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let first = lines.prefix { !$0.isNewline }
        title = String(first).asTitle
        let isCut = first.unicodeScalars.count > title.unicodeScalars.count
        body = isCut ? lines : String(lines.dropFirst(first.count)).trimmingCharacters(in: .newlines)
        self.moorline = moorline
        api = provider.notesAPI(moorline)
        inbox = Inbox(in: folder)
    }

    var canAdd: Bool { !title.isEmpty && !isSending && outcome == nil }

    func add() async {
        isSending = true
        defer { isSending = false }
        do {
            try await moorline.opened()
            if moorline.state == .locked { try await moorline.unlock(reason: UserMessage("unlock_reason").text) }
            _ = try await api.create(title: title, body: body)
            (outcome, message) = (.added, nil)
        } catch let error as MoorlineError where error.kind == .offline {
            keep(.kept, mayHaveArrived: error.maybeSent)
        } catch let error as APIError where error.isRefusal {
            keep(.refused)
        } catch {
            message = UserMessage(error)
        }
    }

    private func keep(_ how: Outcome, mayHaveArrived: Bool = false) {
        guard case .signedIn(let user) = moorline.state else { return message = UserMessage("error_signed_out") }
        let item = Inbox.Item(owner: user.subject, title: title, body: body, mayHaveArrived: mayHaveArrived)
        do {
            try inbox.add(item)
            (outcome, message) = (how, nil)
        } catch {
            message = UserMessage(error)
        }
    }
}
