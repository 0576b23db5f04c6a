import Foundation
internal import MoorlineGenerated

#if !os(iOS)
    extension Moorline {
        /// Waits on the loopback interface for the browser to come back (RFC 8252 §7.3): for apps on macOS and Linux.
        /// iOS suspends an app behind its browser, and does not have it; use a private-use scheme or a universal link
        /// there.
        ///
        /// ```swift
        /// let receiver = try await Moorline.LoopbackReceiver()
        /// var options = Moorline.SignInOptions()
        /// options.redirectURI = receiver.redirectURI
        /// let request = try await moorline.startSignIn(options)
        /// open(request.url)
        /// let user = try await moorline.finishSignIn(callbackURL: receiver.wait(for: request))
        /// ```
        public final class LoopbackReceiver: Sendable {
            /// How the redirect URI names this machine.
            public enum Host: Sendable {
                /// `127.0.0.1`, or `[::1]` if there is no IPv4.
                case address
                /// `localhost`, at both of its addresses, for a provider that accepts no other. RFC 8252 §8.3 prefers
                /// the address: a name may lead elsewhere.
                case localhost
            }

            /// The redirect URI for ``Moorline/SignInOptions/redirectURI``, such as `http://127.0.0.1:49152/callback`.
            public let redirectURI: String

            private let receiver: MoorlineGenerated.LoopbackReceiver

            /// Listens on a port, until this is waited for or gone. The redirect URI's path is `/callback`.
            ///
            /// - Parameters:
            ///   - host: how the redirect URI names this machine.
            ///   - port: 0 for a free one; another for a provider that compares the port too.
            /// - Throws: ``MoorlineError/Kind/misconfigured(_:)`` if the port cannot be listened on.
            public init(host: Host = .address, port: UInt16 = 0) async throws {
                do {
                    receiver = try await .bind(
                        host: host == .localhost ? .localhost : .address,
                        port: port,
                        vocabulary: .swift
                    )
                } catch {
                    throw translated(error)
                }
                redirectURI = receiver.redirectUri()
            }

            /// Waits for the callback of this sign-in, answers the browser with a small page, and returns the
            /// callback's URL for ``Moorline/finishSignIn(callbackURL:)``. Whatever else comes to the port is
            /// answered and ignored. It can be called once; the port is free again once it has returned or was
            /// cancelled.
            ///
            /// - Throws: ``MoorlineError/Kind/cancelled`` if nobody came back within `timeout`, or this was closed;
            ///   ``MoorlineError/Kind/misconfigured(_:)`` if this was waited for already, or closed.
            public func wait(
                for request: AuthorizationRequest,
                timeout: Duration = .seconds(5 * 60)
            ) async throws -> URL {
                let limit = try min(timeout, .longest).checkedSeconds("timeout")
                let callback = try await cancellable {
                    try await self.receiver.wait(state: request.state, timeout: limit, cancellation: $0)
                }
                guard let url = URL(string: callback) else {
                    throw MoorlineError.refused(code: "invalid_callback", description: "the callback is not a URL")
                }
                return url
            }

            /// Stops listening. A call that is waiting throws ``MoorlineError/Kind/cancelled``.
            public func close() {
                receiver.release()
            }
        }
    }
#endif
