// The declarations of CryptoKit that Moorline uses: for type-checking on Linux. Signatures follow Apple's
// documentation.
@_exported import Foundation
import LocalAuthentication
import Security

public enum P256 {
    public enum Signing {
        public struct PublicKey: Sendable {
            public var x963Representation: Data { Data() }
        }

        public struct ECDSASignature: Sendable {
            public var rawRepresentation: Data { Data() }
            public var derRepresentation: Data { Data() }
        }
    }
}

public enum SecureEnclave {
    public static var isAvailable: Bool { false }

    public enum P256 {
        public enum Signing {
            public struct PrivateKey {
                public init(
                    compactRepresentable: Bool = true,
                    accessControl: SecAccessControl,
                    authenticationContext: LAContext? = nil
                ) throws {
                    throw CocoaError(.featureUnsupported)
                }

                public init(dataRepresentation: Data, authenticationContext: LAContext? = nil) throws {
                    throw CocoaError(.featureUnsupported)
                }

                public var dataRepresentation: Data { Data() }

                public var publicKey: CryptoKit.P256.Signing.PublicKey { .init() }

                public func signature<D: DataProtocol>(for data: D) throws -> CryptoKit.P256.Signing.ECDSASignature {
                    .init()
                }
            }
        }
    }
}
