import Moorline
import Observation

/// While the session is locked: nothing of the notes is on the screen.
@MainActor @Observable final class LockModel {
    private(set) var message: UserMessage?

    @ObservationIgnored private let moorline: Moorline

    init(_ moorline: Moorline) {
        self.moorline = moorline
    }

    /// - Parameter reason: as the system shows it, in the user's language.
    func unlock(reason: String) async {
        do {
            try await moorline.unlock(reason: reason)
            message = nil
        } catch let error as MoorlineError where error.kind == .cancelled {
            message = nil
        } catch {
            message = UserMessage(error)
        }
    }
}
