import Moorline
import Observation

/// Who is signed in, and what they have allowed this app.
@MainActor @Observable final class ProfileModel {
    private(set) var info: Moorline.SessionInfo?
    private(set) var message: UserMessage?

    @ObservationIgnored private let moorline: Moorline

    init(_ moorline: Moorline) {
        self.moorline = moorline
    }

    /// Reads what the device knows, without the network.
    func read() {
        do {
            (info, message) = (try moorline.sessionInfo(), nil)
        } catch {
            message = UserMessage(error)
        }
    }

    /// Asks the provider about the user.
    func reload() async {
        do {
            _ = try await moorline.userInfo()
            read()
        } catch {
            message = UserMessage(error)
        }
    }
}
