#if canImport(SwiftUI)
    import Moorline
    import SwiftUI

    private struct MoorlineKey: EnvironmentKey {
        static let defaultValue: Moorline? = nil
    }

    extension EnvironmentValues {
        /// The session of the views below `moorline(_:)`; `nil` outside of them.
        public var moorline: Moorline? {
            get { self[MoorlineKey.self] }
            set { self[MoorlineKey.self] = newValue }
        }
    }

    extension View {
        /// Gives this session to the views below: ``MoorlineGate``, ``moorlineSignIn(isPresented:)``, and your own
        /// with `@Environment(\.moorline)`. Previews and tests give the one of a `FakeMoorline`.
        ///
        /// ```swift
        /// WindowGroup { RootView().moorline(moorline) }
        /// ```
        public func moorline(_ moorline: Moorline) -> some View {
            environment(\.moorline, moorline)
        }
    }
#endif
