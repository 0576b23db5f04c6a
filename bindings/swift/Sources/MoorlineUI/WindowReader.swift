#if canImport(SwiftUI) && canImport(AuthenticationServices) && !os(tvOS) && !os(watchOS)
    import AuthenticationServices
    import SwiftUI

    #if canImport(UIKit)
        import UIKit

        typealias PlatformView = UIView
    #else
        import AppKit

        typealias PlatformView = NSView
    #endif

    /// Finds the window that a SwiftUI view is in: without `UIApplication.shared`, which extensions do not have.
    @MainActor final class WindowFinder {
        weak var view: PlatformView?

        var anchor: ASPresentationAnchor? { view?.window }
    }

    /// An empty view in the window.
    struct WindowReader {
        let finder: WindowFinder

        @MainActor private func make() -> PlatformView {
            let view = PlatformView()
            finder.view = view
            return view
        }
    }

    #if canImport(UIKit)
        extension WindowReader: UIViewRepresentable {
            func makeUIView(context: Context) -> UIView { make() }

            func updateUIView(_ view: UIView, context: Context) { finder.view = view }
        }
    #else
        extension WindowReader: NSViewRepresentable {
            func makeNSView(context: Context) -> NSView { make() }

            func updateNSView(_ view: NSView, context: Context) { finder.view = view }
        }
    #endif
#endif
