extension Moorline {
    /// Lets the user unlock the vault's key with Face ID, Touch ID or the passcode, and reads the vault: the state
    /// goes from ``SessionState/locked`` to ``SessionState/signedIn(_:)``, if somebody is signed in. If the vault can
    /// be read without the user, they are not asked. The key stays in memory until ``lock()`` or the end of the
    /// process. If the task is cancelled, the system's prompt closes.
    ///
    /// - Parameter reason: why, in the user's language, as the system shows it: "See your notes".
    /// - Throws: ``MoorlineError/Kind/cancelled`` if the user cancelled; errors of the storage: `locked` if the user
    ///   was not recognised.
    public func unlock(reason: String) async throws {
        try await backend.unlock(reason: reason)
        finishUnfinishedSignIn()
    }
}
