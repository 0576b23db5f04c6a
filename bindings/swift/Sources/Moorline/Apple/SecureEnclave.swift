#if canImport(CryptoKit) && canImport(Security)
    import CryptoKit
    import Foundation
    import Security

    /// The Secure Enclave of this device.
    struct SystemEnclave: EnclaveKeys {
        /// `nil` on a device or a simulator without one: keys are in the vault then.
        init?() {
            guard SecureEnclave.isAvailable else { return nil }
        }

        func generate() throws -> (blob: Data, publicPoint: Data) {
            // Usable in the background, without the user: each request of the app's is signed.
            let control = SecAccessControlCreateWithFlags(
                nil,
                kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
                .privateKeyUsage,
                nil
            )
            guard let control else {
                throw MoorlineSignerError.failed("no access control for a key of the Secure Enclave")
            }
            let key = try SecureEnclave.P256.Signing.PrivateKey(accessControl: control)
            return (key.dataRepresentation, key.publicKey.x963Representation)
        }

        func signature(of message: Data, with blob: Data) throws -> Data {
            try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: blob).signature(for: message)
                .rawRepresentation
        }
    }
#endif
