import MoorlineUI
import SwiftUI

/// What fits the account that is shown, and the state of its session.
struct RootView: View {
    @Environment(Sessions.self) private var sessions

    var body: some View {
        if let session = sessions.current {
            MoorlineGate { user in
                HomeView(user: user)
            } signedOut: { reason in
                WelcomeView(ended: reason)
            } locked: {
                LockedView()
            }
            .moorline(session.moorline)
            .environment(session)
            .id(ObjectIdentifier(session))
        } else {
            BrokenView()
        }
    }
}

/// Wrong settings, or a disk that cannot be read: there is no session to show.
struct BrokenView: View {
    @Environment(Sessions.self) private var sessions

    var body: some View {
        CentredPage(symbol: "exclamationmark.triangle", title: "broken_title") {
            if let failure = sessions.failure { ErrorCard(message: failure) }
            WideButton(title: "try_again") { sessions.open() }
        }
    }
}
