import Foundation
import Moorline
import Observation

/// The report for the support team, and the buttons that break something, in development.
@MainActor @Observable final class DiagnosticsModel {
    /// It holds no secret, and the user sees all of it before sharing it.
    private(set) var report: String?
    private(set) var message: UserMessage?
    private(set) var hasPlayed = false

    var faults: [Fault] { session.backend.faults }

    @ObservationIgnored private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func read() {
        do {
            report = Self.indented(try session.moorline.diagnostics())
        } catch {
            message = UserMessage(error)
        }
    }

    func play(_ fault: Fault) async {
        do {
            try await session.backend.play(fault, session.moorline)
            (message, hasPlayed) = (nil, true)
        } catch {
            (message, hasPlayed) = (UserMessage(error), false)
        }
    }

    private static func indented(_ json: String) -> String {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)),
            let data = try? JSONSerialization.data(
                withJSONObject: object,
                options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            )
        else { return json }
        return String(decoding: data, as: UTF8.self)
    }
}
