import Foundation
internal import MoorlineGenerated

/// Chooses the proxy of each HTTPS request, instead of the environment's variables. Set it as
/// ``Moorline/Platform/proxySelector``. On Apple's platforms the system's settings decide without one.
///
/// Its function is called for each request, on a thread that Moorline keeps for this, one call at a time; it may block
/// for as long as a connection may take. An error ends the request with ``MoorlineError/Kind/offline``, before anything
/// is sent. Pins hold through a proxy.
public protocol MoorlineProxySelector: Sendable {
    /// The proxy for requests to this server (`https://HOST:PORT/`), or `nil` to connect directly.
    func proxy(for server: URL) throws -> MoorlineProxy?
}

/// A proxy. Its user name and password are never part of its description.
public struct MoorlineProxy: Sendable, Equatable {
    /// How a proxy is talked to.
    public enum Scheme: String, Sendable {
        /// HTTP (CONNECT).
        case http
        /// SOCKS 5; the proxy looks names up.
        case socks5 = "socks5h"
    }

    /// How it is talked to.
    public let scheme: Scheme
    /// Its name or IP address.
    public let host: String
    /// Its port.
    public let port: Int
    private let credentials: String

    /// A proxy at this address.
    ///
    /// - Parameters:
    ///   - scheme: how it is talked to.
    ///   - host: a name or an IP address.
    ///   - port: 1 to 65535.
    ///   - user: a user name, if the proxy asks for one.
    ///   - password: its password.
    public init(_ scheme: Scheme, host: String, port: Int, user: String? = nil, password: String? = nil) {
        self.scheme = scheme
        self.host = host
        self.port = port
        credentials = user.map { "\(Self.encoded($0)):\(Self.encoded(password ?? ""))@" } ?? ""
    }

    /// As the native library takes it.
    var address: String {
        "\(scheme.rawValue)://\(credentials)\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    /// RFC 3986, section 2.3.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    )
}

extension MoorlineProxy: CustomStringConvertible, CustomReflectable {
    /// Without the user's name and password.
    public var description: String { "MoorlineProxy(\(scheme), \(host), \(port))" }

    /// Without the user's name and password.
    public var customMirror: Mirror { Mirror(self, children: ["scheme": scheme, "host": host, "port": port]) }
}

/// Adapts the app's choice to the native library.
final class ProxySelectorAdapter: MoorlineGenerated.AppProxySelector {
    private let selector: any MoorlineProxySelector

    init(_ selector: any MoorlineProxySelector) {
        self.selector = selector
    }

    func select(server: String) throws -> String? {
        do {
            guard let url = URL(string: server) else { return nil }
            return try selector.proxy(for: url)?.address
        } catch {
            throw MoorlineGenerated.AppProxySelectorError.Failed(reason: "it threw a \(type(of: error))")
        }
    }
}
