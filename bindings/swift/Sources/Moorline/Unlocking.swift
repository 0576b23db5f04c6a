extension Moorline {
    /// Lets the user unlock the vault's key with Face ID, Touch ID or the passcode, and reads the vault: the state
    /// goes from ``SessionState/locked`` to ``SessionState/signedIn(_:)``, if somebody is signed in. Does nothing but
    /// read the vault on a platform whose key needs no user. The key stays in memory until ``lock()`` or the end of
    /// the process.
    ///
    /// - Parameter reason: why, in the user's language, as the system shows it: "See your notes".
    /// - Throws: ``MoorlineError/Kind/cancelled`` if the user cancelled; errors of the storage: `locked` if the user
    ///   was not recognised.
    public func unlock(reason: String) async throws {
        try await backend.unlock(reason: reason)
    }
}
