import Foundation
import Moorline
import XCTest

/// Critical sections as expiring activities, with a system that the test plays.
final class ExpiringSectionsTests: XCTestCase {
    /// Calls the block as the system does.
    private final class System: ExpiringActivities, @unchecked Sendable {
        private let lock = NSLock()
        private var blocks: [@Sendable (Bool) -> Void] = []
        private let grants: Bool
        let finished = DispatchSemaphore(value: 0)

        init(grants: Bool = true) {
            self.grants = grants
        }

        func perform(_ reason: String, _ block: @escaping @Sendable (Bool) -> Void) {
            lock.withLock { blocks.append(block) }
            let isExpired = !grants
            Thread.detachNewThread { [finished] in
                block(isExpired)
                finished.signal()
            }
        }

        func expireAll() {
            for block in lock.withLock({ blocks }) { block(true) }
        }
    }

    private final class Count: @unchecked Sendable {
        private let lock = NSLock()
        private var count = 0
        var value: Int { lock.withLock { count } }
        func add() { lock.withLock { count += 1 } }
    }

    func testAnActivityLastsUntilItsSectionEndsAndSectionsOverlap() {
        let system = System()
        let sections = ExpiringSections(system)
        let expired = Count()
        let first = sections.begin { expired.add() }
        let second = sections.begin { expired.add() }
        XCTAssertNotEqual(first, second)
        sections.endCritical(first)
        system.finished.wait()
        sections.endCritical(second)
        system.finished.wait()
        // Once more, or a name that nobody has: nothing happens.
        sections.endCritical(second)
        sections.endCritical(99)
        XCTAssertEqual(expired.value, 0)
    }

    func testWhenTheTimeIsOverTheSectionExpiresAndTheActivityReturns() {
        let system = System()
        let sections = ExpiringSections(system)
        let expired = Count()
        let section = sections.begin { expired.add() }
        system.expireAll()
        system.finished.wait()
        XCTAssertEqual(expired.value, 1)
        sections.endCritical(section)
    }

    func testASystemThatGrantsNoTimeExpiresTheSection() {
        let system = System(grants: false)
        let sections = ExpiringSections(system)
        let expired = Count()
        let section = sections.begin { expired.add() }
        system.finished.wait()
        XCTAssertEqual(expired.value, 1)
        sections.endCritical(section)
    }
}
