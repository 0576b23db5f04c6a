import Moorline
import MoorlineUI
import SwiftUI

/// For an account that nobody is signed in to.
struct WelcomeView: View {
    /// Why a session has ended, if there was one.
    let ended: Moorline.ReauthReason?

    @Environment(Sessions.self) private var sessions
    @Environment(Session.self) private var session
    @State private var isSigningIn = false
    @State private var message: UserMessage?

    var body: some View {
        CentredPage(symbol: "note.text", title: ended == nil ? "welcome_title" : "welcome_again_title") {
            Text("welcome_text")
            if let ended { ErrorCard(message: UserMessage(ended)) }
            if ended == nil, session.lastRevocation == .queued {
                Banner(text: UserMessage("sign_out_queued").text, symbol: "clock", color: .orange)
            }
            if ended == nil, session.staysInBrowser {
                Banner(text: UserMessage("sign_out_not_in_browser").text, symbol: "globe", color: .orange)
            }
            if let message { ErrorCard(message: message) }
            WideButton(title: isSigningIn ? "signing_in" : "sign_in") {
                message = nil
                isSigningIn = true
            }
            .disabled(isSigningIn)
            .moorlineSignIn(isPresented: $isSigningIn, options: sessions.signInOptions) { message = UserMessage($0) }
            ForEach(sessions.others) { account in
                Button("go_on_as \(account.user?.shownName ?? "")") { sessions.show(account.name) }
            }
        }
    }
}
