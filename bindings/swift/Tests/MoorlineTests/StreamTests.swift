import Foundation
import XCTest

@testable import Moorline

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Responses that come piece by piece, from real servers on loopback.
final class StreamTests: FolderTestCase {
    private var provider: FakeProvider!
    private var servers: [StreamedAPI] = []

    override func setUp() async throws {
        try await super.setUp()
        provider = try FakeProvider()
    }

    override func tearDown() async throws {
        for server in servers { server.stop() }
        servers = []
        provider.stop()
        try await super.tearDown()
    }

    private func serve(_ answers: StreamedAPI.Answer...) throws -> StreamedAPI {
        let api = try StreamedAPI(answers)
        servers.append(api)
        return api
    }

    /// A signed-in session that may send its tokens to these origins.
    /// Both accounts of a test are in one vault, which has one key.
    private let keys = MapKeyStore()

    private func signedIn(
        _ origins: [String],
        account: String? = nil,
        pins: [Moorline.HostPins] = []
    ) async throws -> Moorline {
        var configuration = provider.configuration()
        configuration.apiOrigins = origins
        configuration.account = account
        configuration.pins = pins
        let moorline = try Moorline(
            configuration,
            platform: .init(vaultDirectory: folder, keyStore: keys)
        )
        try await provider.signIn(moorline)
        return moorline
    }

    private func request(_ url: String) throws -> URLRequest { URLRequest(url: try XCTUnwrap(URL(string: url))) }

    func testABodyComesPieceByPieceAndTheHeadBeforeIt() async throws {
        let goOn = Signal()
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head(200, ["X-Kind": "stream"]) + "first")
            goOn.waitBlocking()
            connection.send("second")
        }
        let moorline = try await signedIn([api.origin()])
        let (body, response) = try await moorline.stream(for: request("\(api.origin())/notes?page=2"))
        XCTAssertEqual(response.statusCode, 200)
        XCTAssertEqual(response.value(forHTTPHeaderField: "X-Kind"), "stream")
        var pieces = body.makeAsyncIterator()
        let first = try await pieces.next()
        XCTAssertEqual(first, Data("first".utf8))
        goOn.send()
        let second = try await pieces.next()
        XCTAssertEqual(second, Data("second".utf8))
        let end = try await pieces.next()
        XCTAssertNil(end)
        let sent = try XCTUnwrap(api.seen.first)
        XCTAssertEqual(sent.headers["authorization"], "DPoP access-1")
        let proof = try claims(sent)
        XCTAssertEqual(proof["htm"], .text("GET"))
        XCTAssertEqual(proof["htu"], .text("\(api.origin())/notes"))
    }

    func testARejectedTokenIsReplacedOnceBeforeTheBodyIsHandedOut() async throws {
        let api = try serve(StreamedAPI.answer(401, body: "rejected"), StreamedAPI.answer(body: "notes"))
        let moorline = try await signedIn([api.origin()])
        let (body, response) = try await moorline.stream(for: request("\(api.origin())/notes"))
        XCTAssertEqual(response.statusCode, 200)
        let whole = try await text(body)
        XCTAssertEqual(whole, "notes")
        XCTAssertEqual(api.seen.map { $0.headers["authorization"] }, ["DPoP access-1", "DPoP access-2"])
    }

    func testAnAPIThatRejectsEveryTokenIsReadAsItIs() async throws {
        let api = try serve(StreamedAPI.answer(401, body: "rejected"))
        let moorline = try await signedIn([api.origin()])
        let (body, response) = try await moorline.stream(for: request("\(api.origin())/notes"))
        XCTAssertEqual(response.statusCode, 401)
        let whole = try await text(body)
        XCTAssertEqual(whole, "rejected")
        XCTAssertEqual(api.seen.count, 2)
        // Without a network for a newer token, the API's own response is returned as well.
        provider.replace("/token", with: nil)
        let (_, again) = try await moorline.stream(for: request("\(api.origin())/notes"))
        XCTAssertEqual(again.statusCode, 401)
        XCTAssertEqual(api.seen.count, 3)
    }

    func testANonceThatTheAPIAsksForIsInTheNextProof() async throws {
        let challenge = ["DPoP-Nonce": "n-1", "WWW-Authenticate": #"DPoP error="use_dpop_nonce""#]
        let api = try serve(StreamedAPI.answer(401, challenge), StreamedAPI.answer(200, ["DPoP-Nonce": "n-2"]))
        let moorline = try await signedIn([api.origin()])
        for _ in 0..<2 {
            let (_, response) = try await moorline.stream(for: request("\(api.origin())/notes"))
            XCTAssertEqual(response.statusCode, 200)
        }
        let nonces = try api.seen.map { try claims($0)["nonce"] }
        XCTAssertEqual(nonces, [nil, .text("n-1"), .text("n-2")])
        XCTAssertEqual(Set(api.seen.map { $0.headers["authorization"] }), ["DPoP access-1"])
    }

    func testAnAPIThatAsksForNoncesForEverIsReadAsItIs() async throws {
        let challenge = ["DPoP-Nonce": "n", "WWW-Authenticate": #"DPoP error="use_dpop_nonce""#]
        let api = try serve(StreamedAPI.answer(401, challenge))
        let moorline = try await signedIn([api.origin()])
        let (_, response) = try await moorline.stream(for: request("\(api.origin())/notes"))
        XCTAssertEqual(response.statusCode, 401)
        XCTAssertEqual(api.seen.count, 3)
        XCTAssertEqual(provider.tokenRequests, 1)
    }

    func testAnAPIThatAsksMoreOfTheUserLeavesTheSessionAsItIs() async throws {
        let challenge = #"DPoP error="insufficient_user_authentication", acr_values="urn:mfa", max_age="5""#
        let api = try serve(StreamedAPI.answer(401, ["WWW-Authenticate": challenge]))
        let moorline = try await signedIn([api.origin()])
        let request = try request("\(api.origin())/notes")
        let error = await failure { try await moorline.stream(for: request) }
        guard case .stepUpRequired(let stepUp) = error?.kind else { return XCTFail("\(String(describing: error))") }
        XCTAssertEqual(stepUp.acrValues, ["urn:mfa"])
        XCTAssertEqual(api.seen.count, 1)
        guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
    }

    func testARedirectGetsAProofOfItsOwnAndAForeignOneGetsNothing() async throws {
        let elsewhere = try serve(StreamedAPI.answer(body: "elsewhere"))
        let api = try serve(
            StreamedAPI.answer(302, ["Location": "/moved?x=1"]),
            StreamedAPI.answer(302, ["Location": "\(elsewhere.origin("localhost"))/foreign"])
        )
        let moorline = try await signedIn([api.origin()])
        var first = try request("\(api.origin())/notes")
        first.setValue("a=b", forHTTPHeaderField: "Cookie")
        first.setValue("kept", forHTTPHeaderField: "X-App")
        let (body, response) = try await moorline.stream(for: first)
        XCTAssertEqual(response.url?.path, "/foreign")
        let whole = try await text(body)
        XCTAssertEqual(whole, "elsewhere")
        let targets = try api.seen.map { try claims($0)["htu"] }
        XCTAssertEqual(targets, [.text("\(api.origin())/notes"), .text("\(api.origin())/moved")])
        XCTAssertNotEqual(api.seen[0].headers["dpop"], api.seen[1].headers["dpop"])
        let foreign = try XCTUnwrap(elsewhere.seen.first)
        for name in ["authorization", "dpop", "cookie"] { XCTAssertNil(foreign.headers[name], name) }
        XCTAssertEqual(foreign.headers["x-app"], "kept")
    }

    func testARedirectThatComesBackGetsATokenAgain() async throws {
        let elsewhere = Box("")
        let away = try serve { _, connection in
            connection.send(StreamedAPI.head(307, ["Location": elsewhere.value, "Content-Length": "0"]))
        }
        let api = try serve(
            StreamedAPI.answer(307, ["Location": "\(away.origin("localhost"))/away"]),
            StreamedAPI.answer(body: "back")
        )
        elsewhere.value = "\(api.origin())/back"
        let moorline = try await signedIn([api.origin()])
        var post = try request("\(api.origin())/notes")
        post.httpMethod = "POST"
        post.httpBody = Data("a note".utf8)
        let (body, _) = try await moorline.stream(for: post)
        let whole = try await text(body)
        XCTAssertEqual(whole, "back")
        XCTAssertEqual((api.seen + away.seen).map(\.method), ["POST", "POST", "POST"])
        XCTAssertEqual((api.seen + away.seen).map(\.body), Array(repeating: Data("a note".utf8), count: 3))
        XCTAssertNil(away.seen.first?.headers["authorization"])
        XCTAssertEqual(try claims(api.seen[1])["htu"], .text("\(api.origin())/back"))
    }

    func testAPostThatIsSeenElsewhereIsAGetThereAndEndlessRedirectsEnd() async throws {
        let api = try serve(StreamedAPI.answer(303, ["Location": "/seen"]), StreamedAPI.answer())
        let circle = try serve(StreamedAPI.answer(302, ["Location": "/round"]))
        let moorline = try await signedIn([api.origin(), circle.origin()])
        var post = try request("\(api.origin())/notes")
        post.httpMethod = "POST"
        post.httpBody = Data("a note".utf8)
        _ = try await moorline.stream(for: post)
        XCTAssertEqual(api.seen.map(\.method), ["POST", "GET"])
        XCTAssertEqual(api.seen.last?.body, Data())
        let round = try request("\(circle.origin())/notes")
        let error = await failure { try await moorline.stream(for: round) }
        guard case .refused("bad_response", _) = error?.kind else { return XCTFail("\(String(describing: error))") }
        XCTAssertEqual(circle.seen.count, 21)
    }

    func testARedirectIsReadAsBrowsersDo() throws {
        let hop = try request("https://api.example.com/a/b?c")
        func target(_ location: String?, _ status: Int = 302, of hop: URLRequest) throws -> String? {
            let fields = location.map { ["Location": $0] } ?? [:]
            let url = try XCTUnwrap(hop.url)
            let response = HTTPURLResponse(url: url, statusCode: status, httpVersion: nil, headerFields: fields)
            return Redirect(try XCTUnwrap(response), of: hop)?.request.url?.absoluteString
        }
        XCTAssertEqual(try target("x", of: hop), "https://api.example.com/a/x")
        XCTAssertEqual(try target("//b.example/x", of: hop), "https://b.example/x")
        XCTAssertEqual(try target("?d", 308, of: hop), "https://api.example.com/a/b?d")
        // Never from HTTPS to plain HTTP, and to nothing else.
        for location in ["http://api.example.com/", "ftp://api.example.com/", "javascript:x", "file:///etc/passwd"] {
            XCTAssertNil(try target(location, of: hop), location)
        }
        XCTAssertNil(try target(nil, of: hop))
        for status in [200, 300, 304, 401] { XCTAssertNil(try target("x", status, of: hop), "\(status)") }
    }

    func testARequestThatMayHaveNoTokenAndOneThatCannotBeSentTwiceAreRefused() async throws {
        let api = try serve(StreamedAPI.answer())
        let moorline = try await signedIn([])
        var ofApp = try request("\(provider.issuer)/notes")
        ofApp.setValue("Bearer x", forHTTPHeaderField: "Authorization")
        var streamed = try request("\(provider.issuer)/notes")
        streamed.httpBodyStream = InputStream(data: Data())
        for request in [try request("\(api.origin("localhost"))/notes"), ofApp, streamed] {
            let error = await failure { try await moorline.stream(for: request) }
            XCTAssertEqual(error?.code, "misconfigured")
        }
        XCTAssertEqual(api.seen.count, 0)
        try await moorline.signOut()
        let allowed = try request("\(provider.issuer)/notes")
        let signedOut = await failure { try await moorline.stream(for: allowed) }
        XCTAssertEqual(signedOut?.kind, .signedOut(.byUser))
    }

    func testOnlyAllowedOriginsMayReceiveTokensAndOnlyPinnedHostsAreHeldToPins() async throws {
        var configuration = provider.configuration()
        configuration.apiOrigins = ["https://api.example.com"]
        configuration.pins = [pins("api.example.com", expires: "2999-01-01")]
        let platform = Moorline.Platform(vaultDirectory: folder, keyStore: MapKeyStore())
        let moorline = try Moorline(configuration, platform: platform)
        func may(_ url: String) throws -> Bool { moorline.mayReceiveTokens(try XCTUnwrap(URL(string: url), url)) }
        for url in ["https://api.example.com/x?y", "HTTPS://API.example.com:443", "\(provider.issuer)/../x"] {
            XCTAssertTrue(try may(url), url)
        }
        let foreign = [
            "https://api.example.com:8443/", "http://api.example.com/", "https://ada@api.example.com/",
            "https://api.example.com@evil.example/", "https://api.example.com./", "https://a.api.example.com/",
            "/notes", "api.example.com", "mailto:ada@api.example.com", "http://127.0.0.1/",
        ]
        for url in foreign { XCTAssertFalse(try may(url), url) }
        for host in ["api.example.com", "API.example.com."] {
            XCTAssertThrowsError(try moorline.checkPins(host: host, chain: [Data("no certificate".utf8)])) {
                XCTAssertEqual(($0 as? MoorlineError)?.kind, .pinMismatch(host: "api.example.com"))
            }
        }
        try moorline.checkPins(host: "id.example.com", chain: [])
        moorline.close()
        XCTAssertTrue(try may("https://api.example.com/x"))
    }

    func testTheTimeoutIntervalLimitsTheWaitForTheHead() async throws {
        let over = Signal()
        let api = try serve { _, _ in over.waitBlocking() }
        defer { over.send() }
        let moorline = try await signedIn([api.origin()])
        var request = try request("\(api.origin())/notes")
        request.timeoutInterval = 0.2
        let timed = request
        let error = await failure { try await moorline.stream(for: timed) }
        XCTAssertEqual(error?.kind, .offline)
        XCTAssertEqual(error?.maybeSent, true)
        guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
    }

    func testTheTimeoutIntervalLimitsAPauseOfTheBody() async throws {
        let over = Signal()
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head() + "first")
            over.waitBlocking()
        }
        defer { over.send() }
        let moorline = try await signedIn([api.origin()])
        var request = try request("\(api.origin())/notes")
        request.timeoutInterval = 2
        let (body, _) = try await moorline.stream(for: request)
        let error = await failure { try await text(body) }
        XCTAssertEqual(error?.kind, .offline)
    }

    func testABodyThatIsCutOffIsAnError() async throws {
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head(200, ["Content-Length": "10"]) + "cut")
        }
        let moorline = try await signedIn([api.origin()])
        let (body, _) = try await moorline.stream(for: request("\(api.origin())/notes"))
        let error = await failure { try await text(body) }
        XCTAssertEqual(error?.kind, .offline)
        XCTAssertEqual(error?.maybeSent, true)
    }

    func testACancelledReaderEndsTheRequest() async throws {
        let (closed, reading) = (Signal(), Signal())
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head() + "first")
            connection.waitUntilClosed()
            closed.send()
        }
        let moorline = try await signedIn([api.origin()])
        let request = try request("\(api.origin())/notes")
        let reader = Task {
            let (body, _) = try await moorline.stream(for: request)
            for try await _ in body { reading.send() }
        }
        await reading.wait()
        reader.cancel()
        await closed.wait()
        let outcome = await reader.result
        XCTAssertThrowsError(try outcome.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
    }

    func testACancelledCallerEndsTheRequestBeforeItsHead() async throws {
        let (closed, arrived) = (Signal(), Signal())
        let api = try serve { _, connection in
            arrived.send()
            connection.waitUntilClosed()
            closed.send()
        }
        let moorline = try await signedIn([api.origin()])
        let request = try request("\(api.origin())/notes")
        let caller = Task { try await moorline.stream(for: request) }
        await arrived.wait()
        caller.cancel()
        await closed.wait()
        let outcome = await caller.result
        XCTAssertThrowsError(try outcome.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
    }

    func testADroppedBodyEndsTheRequestAndAClosedMoorlineSendsNone() async throws {
        let closed = Signal()
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head() + "first")
            connection.waitUntilClosed()
            closed.send()
        }
        let moorline = try await signedIn([api.origin()])
        let request = try request("\(api.origin())/notes")
        do {
            let (body, _) = try await moorline.stream(for: request)
            var pieces = body.makeAsyncIterator()
            _ = try await pieces.next()
        }
        await closed.wait()
        let (body, _) = try await moorline.stream(for: request)
        moorline.close()
        await closed.wait()
        let ended = await failure { try await text(body) }
        XCTAssertEqual(ended?.kind, .cancelled)
        let error = await failure { try await moorline.stream(for: request) }
        XCTAssertEqual(error?.code, "misconfigured")
        XCTAssertEqual(api.seen.count, 2)
    }

    func testASlowReaderGetsEveryByteAndMakesTheServerWaitWhereFoundationCan() async throws {
        let (block, blocks) = (64 * 1024, 1024)
        let sent = Counter()
        let api = try serve { _, connection in
            connection.send(StreamedAPI.head(200, ["Content-Length": "\(block * blocks)"]))
            for number in 0..<blocks {
                guard connection.send(Data(repeating: UInt8(number % 251), count: block)) else { return }
                _ = sent.next()
            }
        }
        let moorline = try await signedIn([api.origin()])
        let (body, _) = try await moorline.stream(for: request("\(api.origin())/notes"))
        var pieces = body.makeAsyncIterator()
        var received = try await pieces.next() ?? Data()
        // Until the server stands still.
        var before = -1
        while sent.value != before {
            before = sent.value
            try await Task.sleep(for: .milliseconds(300))
        }
        #if !canImport(FoundationNetworking)
            XCTAssertLessThan(before, blocks, "nothing made the server wait")
        #endif
        while let piece = try await pieces.next() { received.append(piece) }
        XCTAssertEqual(received.count, block * blocks)
        for number in [0, 1, 500, blocks - 1] {
            XCTAssertEqual(received[number * block], UInt8(number % 251))
            XCTAssertEqual(received[(number + 1) * block - 1], UInt8(number % 251))
        }
    }

    func testNoCacheAndNoCookiesMixTwoAccounts() async throws {
        let api = try serve { request, connection in
            let body = request.headers["authorization"] ?? "nobody"
            let fields = [
                "Cache-Control": "max-age=600", "Set-Cookie": "session=\(request.target.count)",
                "Content-Length": "\(body.utf8.count)",
            ]
            connection.send(StreamedAPI.head(200, fields) + body)
        }
        URLCache.shared = URLCache(memoryCapacity: 1 << 20, diskCapacity: 0, diskPath: nil)
        let (work, home) = (
            try await signedIn([api.origin()], account: "work"), try await signedIn([api.origin()], account: "home")
        )
        let request = try request("\(api.origin())/me")
        for (moorline, token) in [(work, "access-1"), (home, "access-2"), (work, "access-1")] {
            let (body, _) = try await moorline.stream(for: request)
            let whole = try await text(body)
            XCTAssertEqual(whole, "DPoP \(token)")
        }
        XCTAssertEqual(api.seen.count, 3)
        XCTAssertTrue(api.seen.allSatisfy { $0.headers["cookie"] == nil })
        XCTAssertNil(URLCache.shared.cachedResponse(for: request))
    }

    // Linux has no way to name a further authority to URLSession. On Apple's platforms, the error has another text.
    #if canImport(FoundationNetworking)
        func testARealServerWhoseAuthorityTheSystemDoesNotKnowGetsNothing() async throws {
            let server = try DevServer.running()
            var configuration = server.configuration()
            configuration.pins = []
            let moorline = try Moorline(
                configuration,
                platform: .init(vaultDirectory: folder, keyStore: MapKeyStore())
            )
            try await moorline.finishSignIn(callbackURL: server.browse(moorline.startSignIn().url))
            let notes = try request("\(server.description.api)/notes")
            let untrusted = await failure { try await moorline.stream(for: notes) }
            guard case .untrusted(let host, _) = untrusted?.kind else {
                return XCTFail("\(String(describing: untrusted))")
            }
            XCTAssertEqual(host, notes.url?.host)
            XCTAssertEqual(untrusted?.maybeSent, false)
            guard case .signedIn = moorline.state else { return XCTFail("\(moorline.state)") }
            try await moorline.signOut()
        }
    #endif

    #if !canImport(Security)
        func testAHostWhosePinsCannotBeCheckedGetsNothingUntilTheyHaveExpired() async throws {
            let api = try serve(StreamedAPI.answer())
            let request = try request("\(api.origin())/notes")
            let inForce = pins("127.0.0.1", expires: "2999-01-01")
            let pinned = try await signedIn([api.origin()], account: "pinned", pins: [inForce])
            let error = await failure { try await pinned.stream(for: request) }
            XCTAssertEqual(error?.code, "misconfigured")
            XCTAssertTrue(error?.message.contains("127.0.0.1") == true, error?.message ?? "")
            XCTAssertEqual(api.seen.count, 0)
            let past = pins("127.0.0.1", expires: "2020-01-01")
            let expired = try await signedIn([api.origin()], account: "expired", pins: [past])
            let (_, response) = try await expired.stream(for: request)
            XCTAssertEqual(response.statusCode, 200)
        }
    #endif

    /// Pins that no key has.
    private func pins(_ host: String, expires: String) -> Moorline.HostPins {
        let rest = String(repeating: "A", count: 42)
        return .init(host: host, primary: "sha256/A\(rest)=", backups: ["sha256/B\(rest)="], expires: expires)
    }

    private func text(_ body: Moorline.ResponseBody) async throws -> String {
        var whole = Data()
        for try await piece in body { whole.append(piece) }
        return String(decoding: whole, as: UTF8.self)
    }

    /// The claims of a request's proof.
    private func claims(_ request: LoopbackConnection.Request) throws -> [String: JSON] {
        let parts = try XCTUnwrap(request.headers["dpop"]).split(separator: ".")
        XCTAssertEqual(parts.count, 3)
        var base64 = parts[1].replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        while base64.count % 4 != 0 { base64 += "=" }
        return try JSONDecoder().decode(JSON.self, from: try XCTUnwrap(Data(base64Encoded: base64))).object
    }
}

/// Counts from several threads.
private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    var value: Int { lock.withLock { count } }

    /// The number before this one is counted.
    func next() -> Int {
        lock.withLock {
            defer { count += 1 }
            return count
        }
    }
}

/// A value that is set later.
private final class Box<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) {
        held = value
    }

    var value: Value {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}
