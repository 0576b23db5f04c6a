import Foundation

/// The API has answered with an error.
struct APIError: Error, Equatable {
    /// Somebody else has changed the note meanwhile.
    static let changed = 412
    static let notFound = 404

    let status: Int

    /// Whether the note is another one now, or is gone.
    var isConflict: Bool { [Self.changed, Self.notFound].contains(status) }

    /// Whether the API does not accept the request as it is: sent again, it gets the same answer.
    var isRefusal: Bool { 400..<500 ~= status && ![401, 408, 429].contains(status) }
}

/// The server's API. Every function throws what `send` throws, and an ``APIError``.
struct NotesAPI: Sendable {
    /// Sends a request with an access token: `moorline.data(for:)`.
    typealias Send = @Sendable (URLRequest) async throws -> (Data, HTTPURLResponse)

    private struct Page: Decodable {
        let items: [Note]
        let next: String?
    }

    private struct Text: Encodable {
        let title: String
        let body: String
    }

    private let address: URL
    private let send: Send

    /// - Parameter address: of the list of notes.
    init(at address: URL, send: @escaping Send) {
        self.address = address
        self.send = send
    }

    /// All notes, the newest first.
    func list() async throws -> [Note] {
        var notes: [Note] = []
        var cursor: String?
        repeat {
            let query = [URLQueryItem(name: "limit", value: "100")]
            let next = cursor.map { [URLQueryItem(name: "cursor", value: $0)] } ?? []
            let (data, _) = try await call(address.appending(queryItems: query + next))
            let page = try JSONDecoder().decode(Page.self, from: data)
            notes += page.items
            cursor = page.next
        } while cursor != nil
        return notes
    }

    func create(title: String, body: String) async throws -> Note {
        let (data, _) = try await call(address, "POST", Text(title: title, body: body))
        return try JSONDecoder().decode(Note.self, from: data)
    }

    /// Changes a note, unless somebody has changed it since it was `base`: then it throws ``APIError/changed``, as the
    /// API does.
    func replace(_ base: Note, title: String, body: String) async throws -> Note {
        let (data, response) = try await call(address(of: base.id))
        let now = try JSONDecoder().decode(Note.self, from: data)
        guard now.updatedAt == base.updatedAt else { throw APIError(status: APIError.changed) }
        let version = response.value(forHTTPHeaderField: "ETag")
        let (changed, _) = try await call(
            address(of: base.id),
            "PUT",
            Text(title: title, body: body),
            version: version
        )
        return try JSONDecoder().decode(Note.self, from: changed)
    }

    /// Deletes a note. One that is gone already is no error.
    func delete(_ id: String) async throws {
        do {
            _ = try await call(address(of: id), "DELETE")
        } catch let error as APIError where error.status == APIError.notFound {
            // Deleted elsewhere.
        }
    }

    private func address(of id: String) -> URL { address.appending(path: id) }

    private func call(
        _ url: URL,
        _ method: String = "GET",
        _ text: Text? = nil,
        version: String? = nil
    ) async throws -> (Data, HTTPURLResponse) {
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.setValue(version, forHTTPHeaderField: "If-Match")
        if let text {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try JSONEncoder().encode(text)
        }
        let (data, response) = try await send(request)
        guard 200..<300 ~= response.statusCode else { throw APIError(status: response.statusCode) }
        return (data, response)
    }
}
