#if canImport(SwiftUI) && canImport(AuthenticationServices) && !os(tvOS) && !os(watchOS)
    import AuthenticationServices
    import Moorline
    import SwiftUI

    extension View {
        /// Shows the provider's sign-in page while `isPresented` is `true`, and sets it to `false` when the user is
        /// done.
        ///
        /// ```swift
        /// Button("Sign in") { isSigningIn = true }
        ///     .moorlineSignIn(isPresented: $isSigningIn) { error in message = text(for: error) }
        /// ```
        ///
        /// - Parameters:
        ///   - options: of the sign-in.
        ///   - ephemeral: without the browser's cookies: see `Moorline.signIn(presenting:options:ephemeral:)`.
        ///   - onFailure: gets every error but `cancelled`, which needs no words: the user has closed the page.
        public func moorlineSignIn(
            isPresented: Binding<Bool>,
            options: Moorline.SignInOptions = Moorline.SignInOptions(),
            ephemeral: Bool = false,
            onFailure: @escaping @MainActor (MoorlineError) -> Void = { _ in }
        ) -> some View {
            modifier(
                SignInModifier(
                    isPresented: isPresented,
                    options: options,
                    ephemeral: ephemeral,
                    onFailure: onFailure
                )
            )
        }
    }

    /// Counts the changes of `isPresented`.
    @MainActor private final class Presentations {
        private(set) var latest = 0

        func next() -> Int {
            latest += 1
            return latest
        }
    }

    struct SignInModifier: ViewModifier {
        @Environment(\.moorline) private var moorline
        @Binding var isPresented: Bool
        @State private var finder = WindowFinder()
        @State private var presentations = Presentations()
        let options: Moorline.SignInOptions
        let ephemeral: Bool
        let onFailure: @MainActor (MoorlineError) -> Void

        init(
            isPresented: Binding<Bool>,
            options: Moorline.SignInOptions,
            ephemeral: Bool,
            onFailure: @escaping @MainActor (MoorlineError) -> Void
        ) {
            _isPresented = isPresented
            self.options = options
            self.ephemeral = ephemeral
            self.onFailure = onFailure
        }

        // A task of the view: it is cancelled, and the page is closed, when `isPresented` becomes `false` or the view
        // disappears.
        func body(content: Content) -> some View {
            content.background(WindowReader(finder: finder)).task(id: isPresented) { await present() }
        }

        @MainActor private func present() async {
            let presentation = presentations.next()
            guard isPresented else { return }
            // Not if the page was closed and opened again meanwhile: that is another task's. And also if this task was
            // cancelled: the view may be gone because the user is signed in now, and must open no page when it is back.
            defer { if presentations.latest == presentation { isPresented = false } }
            do {
                guard let moorline, let anchor = finder.anchor else {
                    throw MoorlineError.notInAWindow
                }
                try await moorline.signIn(presenting: anchor, options: options, ephemeral: ephemeral)
            } catch let error as MoorlineError where error.kind != .cancelled {
                onFailure(error)
            } catch {
                // The user has closed the page, or the view is gone.
            }
        }
    }
#endif
