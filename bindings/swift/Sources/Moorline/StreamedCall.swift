import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One call of ``Moorline/Moorline/stream(for:)``: hop by hop, each with a token of its own.
struct StreamedCall {
    let backend: any MoorlineBackend
    let transport: StreamTransport

    func run(_ request: URLRequest) async throws -> (Moorline.ResponseBody, HTTPURLResponse) {
        var hop = try Self.checked(request)
        try await backend.opened()
        let user = Self.user(backend.state)
        for _ in 0...Self.mostRedirects {
            // The first hop asks for a token in any case, and fails where none may be sent.
            let isForTokens = hop == request || backend.mayReceiveTokens(hop.url)
            let (transfer, response) = try await isForTokens ? authorized(hop, of: user) : transport.send(hop)
            guard let next = Redirect(response, of: hop)?.request else {
                return (Moorline.ResponseBody(source: StreamedResponse(transfer)), response)
            }
            transfer.cancel()
            hop = next
        }
        throw MoorlineError.refused(
            code: "bad_response",
            description: "the API redirects more than \(Self.mostRedirects) times",
            maybeSent: true
        )
    }

    /// Sends a hop with the token, and again if the API wants another token or a nonce.
    private func authorized(_ hop: URLRequest, of user: String?) async throws -> (Transfer, HTTPURLResponse) {
        var nonces = 0
        var refreshes = 0
        while true {
            let headers = try await backend.requestHeaders(for: hop, token: .forOneSend)
            try check(user)
            var sent = hop
            for (name, value) in headers.fields { sent.setValue(value, forHTTPHeaderField: name) }
            let (transfer, response) = try await transport.send(sent)
            do {
                try backend.learnNonce(from: response)
                if let stepUp = try backend.stepUp(of: response) { throw MoorlineError.stepUpRequired(stepUp) }
                guard response.statusCode == 401 else { return (transfer, response) }
                if Self.asksForNonce(response) {
                    nonces += 1
                    if nonces > Self.mostNonces { return (transfer, response) }
                } else {
                    refreshes += 1
                    guard refreshes == 1, try await isRefreshed(headers), user == Self.user(backend.state) else {
                        return (transfer, response)
                    }
                }
            } catch {
                transfer.cancel()
                throw error
            }
            transfer.cancel()
        }
    }

    /// The token of another user is not for this call.
    private func check(_ user: String?) throws {
        let now = Self.user(backend.state)
        if user != nil, now != nil, user != now {
            throw MoorlineError.refused(
                code: "another_user",
                description: "another user has signed in since this call began; nothing was sent. Make the call again"
            )
        }
    }

    /// Whether there is a newer token than the one that the API has rejected.
    private func isRefreshed(_ rejected: Moorline.RequestHeaders) async throws -> Bool {
        let secret = rejected.authorization.split(separator: " ").last.map(String.init) ?? ""
        let token = Moorline.AccessToken(
            secret: secret,
            tokenType: rejected.dpop == nil ? .bearer : .dpop,
            expiresIn: nil,
            resource: nil,
            narrowedScope: []
        )
        do {
            return try await backend.refresh(rejected: token).secret != secret
        } catch is MoorlineError {
            return false
        }
    }

    private static func checked(_ request: URLRequest) throws -> URLRequest {
        guard request.httpBodyStream == nil else {
            throw MoorlineError.misconfigured("the request's body is a stream; use httpBody, which can be sent twice")
        }
        for name in ["Authorization", "DPoP"] where request.value(forHTTPHeaderField: name) != nil {
            throw MoorlineError.misconfigured("the request sets the header \(name), which the SDK sets itself")
        }
        return request
    }

    private static func user(_ state: Moorline.SessionState) -> String? {
        if case .signedIn(let user) = state { user.subject } else { nil }
    }

    /// RFC 9449 §9.
    private static func asksForNonce(_ response: HTTPURLResponse) -> Bool {
        let challenge = response.value(forHTTPHeaderField: "WWW-Authenticate")?.lowercased() ?? ""
        return response.value(forHTTPHeaderField: "DPoP-Nonce") != nil && challenge.contains("dpop")
            && challenge.contains("use_dpop_nonce")
    }

    private static let mostRedirects = 20
    /// Once for the nonce, and once more where it was renewed just then.
    private static let mostNonces = 2
}

/// Where a response sends the client instead (RFC 9110 §15.4, as browsers read it).
struct Redirect {
    /// What to send there.
    let request: URLRequest

    /// `nil` if the response is no redirect, or one that is not followed.
    init?(_ response: HTTPURLResponse, of hop: URLRequest) {
        guard [301, 302, 303, 307, 308].contains(response.statusCode),
            let location = response.value(forHTTPHeaderField: "Location"),
            let from = hop.url,
            let target = URL(string: location, relativeTo: from)?.absoluteURL,
            let scheme = target.scheme?.lowercased(), target.host != nil,
            scheme == "https" || (scheme == "http" && from.scheme?.lowercased() == "http")
        else { return nil }
        var next = hop
        next.url = target
        let method = hop.httpMethod ?? "GET"
        let keepsMethod = [307, 308].contains(response.statusCode) || ["GET", "HEAD"].contains(method)
        if !keepsMethod {
            next.httpMethod = "GET"
            next.httpBody = nil
            for name in ["Content-Type", "Content-Length", "Content-Encoding"] {
                next.setValue(nil, forHTTPHeaderField: name)
            }
        }
        if Self.origin(of: target) != Self.origin(of: from) {
            for name in ["Cookie", "Proxy-Authorization", "Host"] { next.setValue(nil, forHTTPHeaderField: name) }
        }
        request = next
    }

    private static func origin(of url: URL) -> [String] {
        let scheme = url.scheme?.lowercased() ?? ""
        return [scheme, url.host?.lowercased() ?? "", String(url.port ?? (scheme == "https" ? 443 : 80))]
    }
}

/// The body of a response. Dropping it cancels the transfer.
private final class StreamedResponse: ResponseSource {
    private let transfer: Transfer

    init(_ transfer: Transfer) {
        self.transfer = transfer
    }

    deinit {
        transfer.cancel()
    }

    func next() async throws -> Data? { try await transfer.next() }
}

extension Moorline.TokenRequest {
    /// A token that does not expire on its way.
    fileprivate static var forOneSend: Self { .init(minValidity: .seconds(60), resource: nil, scope: []) }
}
