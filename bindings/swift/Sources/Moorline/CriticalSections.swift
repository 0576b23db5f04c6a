internal import MoorlineGenerated

/// Keeps the process running for a while, on a system that suspends apps. Set it as
/// ``Moorline/Platform/criticalSections``; macOS and Linux need none.
///
/// Moorline begins a section before it sends a refresh token or an authorization code, and around each change of the
/// vault: iOS ends an app that is suspended while it holds a lock in a shared container. It ends the section when the
/// answer is stored and the locks are released. Sections overlap, and both functions are called on any thread: they
/// return at once, and call nothing of Moorline's but ``MoorlineExpiry/expire()``.
///
/// On iOS, a section is a background task, and its name is the task identifier's `rawValue`: `beginCritical` calls
/// `beginBackgroundTask`, and `endCritical` calls `endBackgroundTask`. The expiration handler calls
/// ``MoorlineExpiry/expire()`` and then `endBackgroundTask`, since iOS ends an app that keeps an expired task. In an
/// extension, use `ProcessInfo.performExpiringActivity`.
public protocol MoorlineCriticalSections: Sendable {
    /// Begins a section and returns a name for it, which need not be unique. If the system grants only so much time,
    /// call ``MoorlineExpiry/expire()`` when it is over, before the process is suspended; if it grants none, call it
    /// here. Without time, nothing is sent to a provider that would end the session over it, and the call fails with
    /// ``Moorline/StorageUnavailableReason/busy``.
    func beginCritical(_ expiry: MoorlineExpiry) -> Int

    /// Ends a section that ``beginCritical(_:)`` has returned: once for each, also if it has expired.
    func endCritical(_ section: Int)
}

/// Tells Moorline that the time of a section of ``MoorlineCriticalSections`` is over.
public final class MoorlineExpiry: Sendable {
    private let expiry: MoorlineGenerated.Expiry

    init(_ expiry: MoorlineGenerated.Expiry) {
        self.expiry = expiry
    }

    /// Releases every lock that is held in this section, and notes for other processes that a request of this one is
    /// under way. It has happened when this returns, which takes one small write to the disk. The request itself goes
    /// on: if the process is resumed, its answer is still stored.
    ///
    /// A second call, or one after the section has ended, does nothing.
    public func expire() {
        expiry.expire()
    }
}

/// Adapts the app's critical sections to the native library.
final class CriticalSectionsAdapter: MoorlineGenerated.AppCriticalSections {
    private let sections: any MoorlineCriticalSections

    init(_ sections: any MoorlineCriticalSections) {
        self.sections = sections
    }

    func beginCritical(expiry: MoorlineGenerated.Expiry) -> UInt64 {
        UInt64(bitPattern: Int64(sections.beginCritical(MoorlineExpiry(expiry))))
    }

    func endCritical(section: UInt64) {
        sections.endCritical(Int(Int64(bitPattern: section)))
    }
}
