import Foundation

/// `ProcessInfo.performExpiringActivity`, which apps and extensions have. The system calls the block with `false` and
/// keeps the process running until it returns; with `true`, also while the first call waits, when the time is over or
/// none is granted.
package protocol ExpiringActivities: Sendable {
    func perform(_ reason: String, _ block: @escaping @Sendable (_ isExpired: Bool) -> Void)
}

/// Critical sections as expiring activities.
package final class ExpiringSections: MoorlineCriticalSections, @unchecked Sendable {
    private let activities: any ExpiringActivities
    private let lock = NSLock()
    private var last = 0
    private var open: [Int: DispatchSemaphore] = [:]

    package init(_ activities: any ExpiringActivities) {
        self.activities = activities
    }

    package func beginCritical(_ expiry: MoorlineExpiry) -> Int {
        begin { expiry.expire() }
    }

    /// Begins a section; `expire` is called on another thread if the system's time is over before its end.
    package func begin(onExpiry expire: @escaping @Sendable () -> Void) -> Int {
        let ended = DispatchSemaphore(value: 0)
        let section = lock.withLock {
            last += 1
            open[last] = ended
            return last
        }
        activities.perform("Moorline stores a session") { isExpired in
            if isExpired {
                expire()
                // The call that waits returns too: the system suspends the process in any case.
                ended.signal()
            } else {
                ended.wait()
                ended.signal()
            }
        }
        return section
    }

    package func endCritical(_ section: Int) {
        lock.withLock { open.removeValue(forKey: section) }?.signal()
    }
}
