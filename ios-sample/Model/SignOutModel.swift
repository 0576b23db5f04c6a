import Moorline
import Observation

/// The question before a sign-out.
@MainActor @Observable final class SignOutModel {
    var inBrowser = false
    private(set) var message: UserMessage?

    @ObservationIgnored private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// - Parameter call: `moorline.signOut(presenting:options:)`.
    func signOut(_ call: (Moorline.SignOutOptions) async throws -> Moorline.SignOutOutcome) async {
        var options = Moorline.SignOutOptions()
        options.endSession = inBrowser
        do {
            let outcome = try await call(options)
            session.lastRevocation = outcome.revocation
            session.staysInBrowser = inBrowser && outcome.endSession == nil
            message = nil
        } catch {
            message = UserMessage(error)
        }
    }
}
