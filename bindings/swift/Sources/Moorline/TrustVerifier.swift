import Foundation
internal import MoorlineGenerated

/// Decides whether a server is trusted, in the place of the platform's roots. Set it as ``Moorline/Platform/trust``.
/// Apple's systems are asked without one; it is for an app with rules of its own, such as `SecTrust` with a policy
/// that an organisation sets.
///
/// Moorline checks the name in the certificate, the pins and that the server has the certificate's key, whatever this
/// decides. ``Moorline/Configuration/extraRootPEMs`` do not count beside it.
public protocol MoorlineTrustVerifier: Sendable {
    /// Returns if this chain is trusted for this host: certificates in DER, the server's own first, then what the
    /// server has sent along. Every error that is thrown refuses the server, and the call fails with
    /// ``MoorlineError/Kind/untrusted(host:reason:)``; throw a ``MoorlineUntrustedError`` to say why.
    ///
    /// It is called for each new connection, on a thread that Moorline keeps for this, one call at a time; it may
    /// block, and takes no longer than a connection may.
    func verify(chain: [Data], host: String) throws
}

/// Why a ``MoorlineTrustVerifier`` trusts no server.
public struct MoorlineUntrustedError: Error, Sendable, Equatable {
    /// For a developer.
    public let reason: String

    /// With a reason for a developer.
    public init(_ reason: String) {
        self.reason = reason
    }
}

/// Adapts the app's trust to the native library. Only a return is trust.
final class TrustAdapter: MoorlineGenerated.AppTrust {
    private let trust: any MoorlineTrustVerifier

    init(_ trust: any MoorlineTrustVerifier) {
        self.trust = trust
    }

    func verify(chainDer: [Data], host: String) throws {
        do {
            try trust.verify(chain: chainDer, host: host)
        } catch let error as MoorlineUntrustedError {
            throw MoorlineGenerated.AppTrustError.Refused(reason: error.reason)
        } catch {
            throw MoorlineGenerated.AppTrustError.Failed(reason: "the app's trust verifier threw a \(type(of: error))")
        }
    }
}
