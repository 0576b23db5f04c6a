import Foundation

/// Makes keys of the Secure Enclave and signs with them. A key leaves it only as a blob that this Enclave alone can
/// use.
package protocol EnclaveKeys: Sendable {
    /// Returns the blob of a new key and its public point, uncompressed.
    func generate() throws -> (blob: Data, publicPoint: Data)

    /// Signs a message with SHA-256, and returns r and s.
    func signature(of message: Data, with blob: Data) throws -> Data
}

/// The keys that tokens are bound to, in the Secure Enclave; their blobs are in the Keychain.
///
/// An error of the Enclave never counts as a lost key. Only a blob that is missing from a Keychain that can be read
/// does.
package final class EnclaveSigner: MoorlineSigner {
    private let enclave: any EnclaveKeys
    private let items: any SecItems
    private let installation: KeychainInstallation

    package init(_ enclave: any EnclaveKeys, _ items: any SecItems, _ installation: KeychainInstallation) {
        self.enclave = enclave
        self.items = items
        self.installation = installation
    }

    package func generateKey(named keyID: String) throws -> Data {
        installation.noteGenerated(keyID)
        let key = try enclave.generate()
        let status = items.write(item(keyID), key.blob)
        guard status == .success else { throw status.signerError }
        return key.publicPoint
    }

    package func signature(of message: Data, withKeyNamed keyID: String) throws -> Data {
        try enclave.signature(of: message, with: blob(keyID))
    }

    package func deleteKey(named keyID: String) throws {
        let status = KeychainStatus(items.delete(item(keyID)))
        guard status == .success || status == .notFound else { throw status.signerError }
    }

    private func blob(_ keyID: String) throws -> Data {
        switch items.read(item(keyID)) {
        case .success(let blob): return blob
        case .failure(.notFound):
            do { try installation.proveReadable(items) } catch { throw error.signerError }
            switch items.read(item(keyID)) {
            case .success(let blob): return blob
            case .failure(.notFound): throw MoorlineSignerError.gone
            case .failure(let status): throw status.signerError
            }
        case .failure(let status): throw status.signerError
        }
    }

    private func item(_ keyID: String) -> KeychainItem {
        KeychainItem(service: installation.signerService, account: keyID)
    }
}

extension KeychainStatus {
    /// The same as ``keyStoreError``, for a signer.
    var signerError: MoorlineSignerError { keyStoreError.signerError }
}

extension MoorlineKeyStoreError {
    fileprivate var signerError: MoorlineSignerError {
        switch self {
        case .locked: .locked
        case .unavailable(let reason): .unavailable(reason)
        case .timedOut: .timedOut
        case .damaged(let reason), .failed(let reason): .failed(reason)
        }
    }
}
