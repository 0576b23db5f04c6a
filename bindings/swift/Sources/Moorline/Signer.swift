import Foundation
internal import MoorlineGenerated

/// Holds the keys that tokens are bound to (DPoP, RFC 9449) where nobody can copy them: in the Secure Enclave. Set it
/// as ``Moorline/Platform/signer``. Each key is an ECDSA key on P-256 that signs with SHA-256.
///
/// Each sign-in has a key of its own, and each request to the provider or an API is signed with it, so a key that
/// needs the user at each use is of no use here. The functions are called on a thread that Moorline keeps for this,
/// one call at a time, and may block. After ten seconds Moorline stops waiting, and calls fail with
/// ``Moorline/StorageUnavailableReason/busy`` until the signer has answered.
///
/// Throw a ``MoorlineSignerError`` to say why a call failed: any other error counts as
/// ``MoorlineSignerError/failed(_:)``. What is thrown becomes ``MoorlineError/Kind/storageUnavailable(_:)``, and never
/// ends a session. Only ``MoorlineSignerError/gone`` means that the key is lost, and becomes
/// ``MoorlineError/Kind/needsReauth(_:)``.
public protocol MoorlineSigner: Sendable {
    /// Generates a key of this name, durably, and returns its public key: an uncompressed point
    /// (`SecKeyCopyExternalRepresentation`), which is the byte 4 and then x and y, each of 32 bytes. If it throws, no
    /// sign-in starts.
    func generateKey(named keyID: String) throws -> Data

    /// Signs a message, not its hash. Returns the signature in DER, as `ecdsaSignatureMessageX962SHA256` does, or as r
    /// and s, each of 32 bytes. Moorline verifies it before it is sent.
    func signature(of message: Data, withKeyNamed keyID: String) throws -> Data

    /// Deletes a key. A missing key is not an error. Nothing in the vault needs it any more.
    func deleteKey(named keyID: String) throws
}

/// Why a ``MoorlineSigner`` failed.
public enum MoorlineSignerError: Error, Sendable, Equatable {
    /// The device is locked: it will work once the user unlocks it.
    case locked
    /// The key is lost for good: there is no key of this name, or the system has invalidated it. Never throw it for an
    /// error that may pass: it ends the session.
    case gone
    /// This machine has no such hardware. The reason may be logged.
    case unavailable(String)
    /// The signer did not answer in time: a retry may succeed.
    case timedOut
    /// The signer reported another error: a retry may succeed. The reason may be logged.
    case failed(String)
}

/// Adapts the app's signer to the native library. Whatever it throws becomes a declared error.
final class SignerAdapter: MoorlineGenerated.AppSigner {
    private let signer: any MoorlineSigner

    init(_ signer: any MoorlineSigner) {
        self.signer = signer
    }

    func generate(keyId: String) throws -> Data {
        try guarded { try signer.generateKey(named: keyId) }
    }

    func sign(keyId: String, message: Data) throws -> Data {
        try guarded { try signer.signature(of: message, withKeyNamed: keyId) }
    }

    func delete(keyId: String) throws {
        try guarded { try signer.deleteKey(named: keyId) }
    }

    private func guarded<Answer>(_ call: () throws -> Answer) throws -> Answer {
        do {
            return try call()
        } catch MoorlineSignerError.locked {
            throw MoorlineGenerated.AppSignerError.Locked
        } catch MoorlineSignerError.gone {
            throw MoorlineGenerated.AppSignerError.Gone
        } catch MoorlineSignerError.unavailable(let reason) {
            throw MoorlineGenerated.AppSignerError.Unavailable(reason: reason)
        } catch MoorlineSignerError.timedOut {
            throw MoorlineGenerated.AppSignerError.TimedOut
        } catch MoorlineSignerError.failed(let reason) {
            throw MoorlineGenerated.AppSignerError.Failed(reason: reason)
        } catch {
            throw MoorlineGenerated.AppSignerError.Failed(reason: "the app's signer threw a \(type(of: error))")
        }
    }
}
