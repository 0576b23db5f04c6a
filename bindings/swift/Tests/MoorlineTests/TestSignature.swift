import Foundation

/// ES256 signatures of a key that everybody knows: the private key is 1, and so is the number that each signature
/// must keep secret. The public key is then the generator of P-256, and a signature needs no arithmetic on the curve.
/// It lets the tests sign ID tokens where Foundation brings no cryptography, and is good for nothing else.
enum TestSignature {
    /// The public key, as a JSON Web Key.
    static let publicKey =
        #"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"k1","#
        + #""x":"\#(base64url(generatorX))","y":"\#(base64url(generatorY))"}"#

    /// A JSON Web Signature of this payload.
    static func sign(_ payload: String) -> String {
        let signed = [#"{"alg":"ES256","kid":"k1"}"#, payload].map { base64url(Array($0.utf8)) }.joined(separator: ".")
        return "\(signed).\(base64url(Array(signature(of: Data(signed.utf8)))))"
    }

    /// The public key, as an uncompressed point.
    static let publicPoint = Data([4] + generatorX + generatorY)

    /// The signature of a message, r and s.
    static func signature(of message: Data) -> Data {
        // s = k⁻¹ (z + r d), with k = d = 1 and r the generator's x.
        Data(generatorX + sumModuloOrder(sha256(Array(message)), generatorX))
    }

    static func base64url(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    private static let generatorX = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
    private static let generatorY = bytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    private static let order = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { at in
            let start = hex.index(hex.startIndex, offsetBy: at)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    private static func sumModuloOrder(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        var sum = [UInt8](repeating: 0, count: 33)
        var carry = 0
        for at in (0..<32).reversed() {
            carry += Int(left[at]) + Int(right[at])
            sum[at + 1] = UInt8(carry & 0xff)
            carry >>= 8
        }
        sum[0] = UInt8(carry)
        let order = [0] + order
        while !sum.lexicographicallyPrecedes(order) {
            var borrow = 0
            for at in (0..<33).reversed() {
                let difference = Int(sum[at]) - Int(order[at]) - borrow
                sum[at] = UInt8(difference & 0xff)
                borrow = difference < 0 ? 1 : 0
            }
        }
        return Array(sum.dropFirst())
    }

    /// FIPS 180-4. Its constants are the first 32 bits of the fractional parts of roots of primes.
    static func sha256(_ message: [UInt8]) -> [UInt8] {
        let primes = (2...311).filter { number in !(2..<number).contains { number % $0 == 0 } }
        func fraction(_ root: Double) -> UInt32 { UInt32((root - root.rounded(.down)) * 4_294_967_296) }
        let constants = primes.prefix(64).map { fraction(cbrt(Double($0))) }
        var state = primes.prefix(8).map { fraction(Double($0).squareRoot()) }

        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
        padded += (0..<8).reversed().map { UInt8(truncatingIfNeeded: (message.count * 8) >> ($0 * 8)) }
        func rotated(_ word: UInt32, _ by: UInt32) -> UInt32 { word >> by | word << (32 - by) }
        for block in stride(from: 0, to: padded.count, by: 64) {
            var words = (0..<16).map { at in
                padded[(block + at * 4)..<(block + at * 4 + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            }
            for at in 16..<64 {
                let (early, late) = (words[at - 15], words[at - 2])
                let first = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3
                let second = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10
                words.append(words[at - 16] &+ first &+ words[at - 7] &+ second)
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            var (e, f, g, h) = (state[4], state[5], state[6], state[7])
            for at in 0..<64 {
                let mixed = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
                let first = h &+ mixed &+ (e & f ^ ~e & g) &+ constants[at] &+ words[at]
                let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ (a & b ^ a & c ^ b & c)
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
            }
            state = zip(state, [a, b, c, d, e, f, g, h]).map { $0 &+ $1 }
        }
        return state.flatMap { word in (0..<4).reversed().map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }
}
