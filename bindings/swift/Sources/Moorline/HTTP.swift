import Foundation
internal import MoorlineGenerated

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension MoorlineGenerated.HttpRequest {
    init(_ request: URLRequest) throws {
        guard let url = request.url else { throw MoorlineError.misconfigured("the request has no URL") }
        guard request.httpBodyStream == nil else {
            throw MoorlineError.misconfigured("the request's body is a stream; use httpBody, which can be sent twice")
        }
        self.init(
            method: request.httpMethod ?? "GET",
            url: url.absoluteString,
            headers: (request.allHTTPHeaderFields ?? [:]).sorted { $0.key < $1.key }.map {
                MoorlineGenerated.HeaderField(name: $0.key, value: $0.value)
            },
            body: request.httpBody ?? Data()
        )
    }
}

extension MoorlineGenerated.HttpResponse {
    /// The response in Foundation's form. Fields of the same name are joined, as RFC 9110 §5.3 allows.
    func foundation(for request: URLRequest) throws -> (Data, HTTPURLResponse) {
        let fields = Dictionary(headers.map { ($0.name, $0.value) }) { "\($0), \($1)" }
        guard let url = request.url,
            let response = HTTPURLResponse(
                url: url,
                statusCode: Int(status),
                httpVersion: nil,
                headerFields: fields
            )
        else {
            let description = "the response cannot be represented by Foundation"
            throw MoorlineError.refused(code: "bad_response", description: description, maybeSent: true)
        }
        return (body, response)
    }
}
