import Moorline

/// A user of this name, for tests: `user("Ada")` has the subject `ada`, and an address at `example.com`.
public func user(_ name: String) -> Moorline.User {
    let login = name.lowercased()
    return Moorline.User(
        subject: login,
        name: name,
        preferredUsername: login,
        email: "\(login)@example.com",
        emailVerified: true,
        claims: #"{"sub":"\#(login)","name":"\#(name)"}"#
    )
}
