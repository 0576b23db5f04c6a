import SwiftUI

/// While the session is locked: nothing of the notes is on the screen.
struct LockedView: View {
    @Environment(Session.self) private var session
    @State private var model: LockModel?

    var body: some View {
        if session.isOpening {
            ProgressView()
        } else {
            CentredPage(symbol: "lock", title: "locked_title") {
                if let message = model?.message { ErrorCard(message: message) }
                WideButton(title: "unlock") {
                    let model = model ?? LockModel(session.moorline)
                    self.model = model
                    Task { await model.unlock(reason: UserMessage("unlock_reason").text) }
                }
            }
        }
    }
}
