#if canImport(SwiftUI)
    import Moorline
    import SwiftUI

    /// Shows what fits the state of the session, and follows it.
    ///
    /// ```swift
    /// MoorlineGate { user in
    ///     NotesView(user: user)
    /// } signedOut: { reason in
    ///     WelcomeView(mustSignInAgain: reason != nil)
    /// } locked: {
    ///     UnlockView()
    /// }
    /// ```
    ///
    /// While a sign-in is under way, the page for signed-out users stays, with its reason: the provider's page is over
    /// it, and it is there when the user closes that. If somebody is signed in meanwhile, as when they switch accounts,
    /// their page stays.
    ///
    /// Each user has views of their own: with another user or another session, states below the gate (`@State`) begin
    /// anew.
    public struct MoorlineGate<SignedIn: View, SignedOut: View, Locked: View>: View {
        @Environment(\.moorline) private var moorline

        private let signedIn: (Moorline.User) -> SignedIn
        private let signedOut: (Moorline.ReauthReason?) -> SignedOut
        private let locked: () -> Locked

        /// - Parameters:
        ///   - signedIn: for a user who is signed in.
        ///   - signedOut: for nobody; with the reason if a session has ended and its user has to sign in again.
        ///   - locked: before the vault is read, and while it cannot be: offer `Moorline.unlock(reason:)`.
        public init(
            @ViewBuilder signedIn: @escaping (Moorline.User) -> SignedIn,
            @ViewBuilder signedOut: @escaping (Moorline.ReauthReason?) -> SignedOut,
            @ViewBuilder locked: @escaping () -> Locked
        ) {
            self.signedIn = signedIn
            self.signedOut = signedOut
            self.locked = locked
        }

        /// The view of the current state.
        public var body: some View {
            SessionGate(moorline: moorline, signedIn: signedIn, signedOut: signedOut, locked: locked)
                .id(moorline.map(ObjectIdentifier.init))
        }
    }

    /// The gate of one session: the page of another session is another view, with states of its own.
    private struct SessionGate<SignedIn: View, SignedOut: View, Locked: View>: View {
        // For as long as this view is there, no other session has its address.
        let moorline: Moorline?
        let signedIn: (Moorline.User) -> SignedIn
        let signedOut: (Moorline.ReauthReason?) -> SignedOut
        let locked: () -> Locked
        @State private var page = GatePage.locked

        init(
            moorline: Moorline?,
            signedIn: @escaping (Moorline.User) -> SignedIn,
            signedOut: @escaping (Moorline.ReauthReason?) -> SignedOut,
            locked: @escaping () -> Locked
        ) {
            self.moorline = moorline
            self.signedIn = signedIn
            self.signedOut = signedOut
            self.locked = locked
        }

        var body: some View {
            content.task {
                guard let moorline else { return }
                for await state in moorline.states { page = GatePage(state, after: page) }
            }
        }

        @ViewBuilder private var content: some View {
            switch page {
            // What one user has typed is not for the next.
            case .signedIn(let user): signedIn(user).id(user.subject)
            case .signedOut(let reason): signedOut(reason)
            case .locked: locked()
            }
        }
    }
#endif
