import MoorlineUI
import SwiftUI

/// What fits the account that is shown, and the state of its session.
struct RootView: View {
    @Environment(Sessions.self) private var sessions
    @Environment(\.scenePhase) private var scenePhase

    var body: some View {
        page.overlay {
            // The app switcher keeps a picture of the app.
            if sessions.locksWithUser, scenePhase != .active { Cover() }
        }
    }

    @ViewBuilder private var page: some View {
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

/// Over the notes, while another app is in front.
private struct Cover: View {
    var body: some View {
        CentredPage(symbol: "lock", title: "locked_title") { EmptyView() }.background(.background)
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
