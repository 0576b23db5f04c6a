#if canImport(AuthenticationServices) && !os(tvOS) && !os(watchOS)
    import AuthenticationServices
    import Foundation

    #if canImport(FoundationNetworking)
        import FoundationNetworking
    #endif

    extension Moorline {
        /// Signs in: shows the provider's page over the app's window, waits until the user is done there, and finishes
        /// the sign-in.
        ///
        /// A redirect URI with a private-use scheme (`com.example.notes:/signed-in`) works on every system. An `https`
        /// one needs iOS 17.4 or macOS 14.4 and the domain's association file; only the app that the domain names can
        /// get its callback.
        ///
        /// - Parameters:
        ///   - anchor: the window that the page is shown over.
        ///   - options: of the sign-in: a user's name to fill in, another redirect URI.
        ///   - ephemeral: use a browser session without cookies, which the system deletes afterwards. The system then
        ///     asks no permission first. The price: the user has to enter their credentials each time, also if they
        ///     are signed in to the provider in Safari or in another app, and other apps cannot use this sign-in.
        /// - Throws: ``MoorlineError/Kind/cancelled`` if the user closes the page. The sign-in can still be finished
        ///   with ``finishSignIn(callbackURL:)`` for an hour: call ``cancelSignIn()`` to delete it.
        ///   ``MoorlineError/Kind/offline`` if the network was away when the user came back, and ``states`` report
        ///   the user once ``networkChanged()`` or ``reload()`` has finished the sign-in.
        ///   ``MoorlineError/Kind/misconfigured(_:)`` if the system cannot detect the redirect URI or show the page;
        ///   as ``startSignIn(_:)`` and ``finishSignIn(callbackURL:)``.
        @MainActor
        @discardableResult
        public func signIn(
            presenting anchor: ASPresentationAnchor,
            options: SignInOptions = SignInOptions(),
            ephemeral: Bool = false
        ) async throws -> User {
            let browser = WebAuthenticationBrowser(anchor)
            return try await signIn(through: browser, options: options, ephemeral: ephemeral)
        }

        /// Answers what an API asks of the user (``MoorlineError/Kind/stepUpRequired(_:)``): the same user signs in
        /// once more, and the session goes on meanwhile. Repeat the call of the API once afterwards.
        ///
        /// - Throws: as ``signIn(presenting:options:ephemeral:)``.
        @MainActor
        @discardableResult
        public func stepUp(_ stepUp: StepUp, presenting anchor: ASPresentationAnchor) async throws -> User {
            var options = SignInOptions()
            options.stepUp = stepUp
            return try await signIn(presenting: anchor, options: options)
        }

        /// Sends a request as ``data(for:)`` does. If the API asks more of the user, they answer in the system's
        /// browser session, and the request is sent once more.
        ///
        /// - Throws: ``MoorlineError/Kind/cancelled`` if the user closes the page: the session is unchanged, and the
        ///   request had no effect. ``MoorlineError/Kind/stepUpRequired(_:)`` if the API asks again. As ``data(for:)``
        ///   and ``stepUp(_:presenting:)``.
        @MainActor
        public func data(
            for request: URLRequest,
            presenting anchor: ASPresentationAnchor
        ) async throws -> (Data, HTTPURLResponse) {
            try await data(for: request, steppingUpThrough: WebAuthenticationBrowser(anchor))
        }

        /// Signs out as ``signOut(_:)`` does and, only if the options have ``SignOutOptions/endSession``, shows the
        /// provider's sign-out page afterwards. Set ``SignOutOptions/postLogoutRedirectURI``, so that the page closes
        /// by itself.
        ///
        /// - Throws: as ``signOut(_:)``. A page that the user closes is not an error.
        @MainActor
        @discardableResult
        public func signOut(
            presenting anchor: ASPresentationAnchor,
            options: SignOutOptions
        ) async throws -> SignOutOutcome {
            try await signOut(through: WebAuthenticationBrowser(anchor), options: options)
        }
    }

    /// The system's browser session.
    @MainActor
    final class WebAuthenticationBrowser: NSObject, MoorlineBrowser {
        private let anchor: ASPresentationAnchor
        private var session: ASWebAuthenticationSession?

        init(_ anchor: ASPresentationAnchor) {
            self.anchor = anchor
        }

        func visit(_ page: URL, returningTo redirectURI: String, ephemeral: Bool) async throws -> URL {
            let callback = try BrowserCallback(redirectURI: redirectURI)
            let result = FirstResult<URL>()
            // The system may call this on any thread.
            let session = try Self.session(page, callback) { @Sendable url, error in
                result.resume(with: Self.outcome(url, error))
            }
            session.presentationContextProvider = self
            session.prefersEphemeralWebBrowserSession = ephemeral
            self.session = session
            defer { self.session = nil }
            return try await withTaskCancellationHandler {
                do {
                    return try await result.wait {
                        if !session.start() {
                            let what = "the system could not show the sign-in page; present it over a window on screen"
                            result.resume(with: .failure(MoorlineError.misconfigured(what)))
                        }
                    }
                } catch {
                    // Here, and not in the handler: that runs on any thread, and may come after the end of this call.
                    // A page that is closed already stays closed.
                    session.cancel()
                    throw error
                }
            } onCancel: {
                result.resume(with: .failure(CancellationError()))
            }
        }

        private static func session(
            _ page: URL,
            _ callback: BrowserCallback,
            completion: @escaping @Sendable (URL?, (any Error)?) -> Void
        ) throws -> ASWebAuthenticationSession {
            switch callback {
            case .scheme(let scheme):
                return ASWebAuthenticationSession(url: page, callbackURLScheme: scheme, completionHandler: completion)
            case .https(let host, let path):
                guard #available(iOS 17.4, macOS 14.4, *) else {
                    throw MoorlineError.misconfigured(
                        "an https redirectURI needs iOS 17.4 or macOS 14.4; on this system, set "
                            + "SignInOptions.redirectURI to one with a private-use scheme"
                    )
                }
                return ASWebAuthenticationSession(
                    url: page,
                    callback: .https(host: host, path: path),
                    completionHandler: completion
                )
            }
        }

        private nonisolated static func outcome(_ url: URL?, _ error: (any Error)?) -> Result<URL, any Error> {
            if let url { return .success(url) }
            switch (error as? ASWebAuthenticationSessionError)?.code {
            case .canceledLogin: return .failure(MoorlineError.cancelled)
            case .presentationContextInvalid, .presentationContextNotProvided:
                let what = "the system has no window for the sign-in page; present it over a window on screen"
                return .failure(MoorlineError.misconfigured(what))
            default:
                let what =
                    "the system's browser session failed: \(error.map { "\(type(of: $0))" } ?? "no reason given")"
                return .failure(MoorlineError.refused(code: "browser_failed", description: what))
            }
        }
    }

    extension WebAuthenticationBrowser: ASWebAuthenticationPresentationContextProviding {
        // The system calls this on the main thread, whether or not its SDK declares so.
        nonisolated func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor {
            MainActor.assumeIsolated { anchor }
        }
    }
#endif
