import Foundation
import Network

/// A value whenever the device has a network again.
func networkReturns() -> AsyncStream<Void> {
    AsyncStream { continuation in
        let monitor = NWPathMonitor()
        monitor.pathUpdateHandler = { path in
            if path.status == .satisfied { continuation.yield() }
        }
        continuation.onTermination = { _ in monitor.cancel() }
        monitor.start(queue: DispatchQueue(label: "com.example.notes.network"))
    }
}
