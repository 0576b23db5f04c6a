import Foundation

/// What a session knows about its sign-ins through a browser.
final class BrowserPages: @unchecked Sendable {
    private let lock = NSLock()
    private var open = 0
    /// The callback of the latest sign-in, if it could not be finished for want of a network, or of a storage that can
    /// be read. The native library ends the sign-in after an hour.
    private var unfinished: URL?
    /// How often there was a reason to keep no callback.
    private var drops = 0

    /// A sign-in has begun.
    func begin() {
        lock.withLock { open += 1 }
    }

    /// A sign-in has ended, in whichever way.
    func end() {
        lock.withLock { open -= 1 }
    }

    /// What to call ``keep(_:since:)`` with, from before the attempt to finish the sign-in.
    var attempt: Int { lock.withLock { drops } }

    /// Keeps a callback, unless a sign-out or another sign-in has come since the attempt began.
    func keep(_ callback: URL, since attempt: Int) {
        lock.withLock { if drops == attempt { unfinished = callback } }
    }

    func takeUnfinished() -> URL? {
        lock.withLock {
            defer { unfinished = nil }
            return unfinished
        }
    }

    /// Another sign-in or a sign-out has made it obsolete.
    func dropUnfinished() {
        lock.withLock {
            drops += 1
            unfinished = nil
        }
    }

    var areOpen: Bool { lock.withLock { open > 0 } }
}
