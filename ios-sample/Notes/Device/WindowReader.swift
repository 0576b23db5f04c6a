import SwiftUI
import UIKit

/// The window that a view is in: the provider's page is shown over it.
@MainActor final class WindowFinder {
    fileprivate weak var view: UIView?

    var window: UIWindow? { view?.window }
}

/// An empty view behind the others, which knows its window.
struct WindowReader: UIViewRepresentable {
    let finder: WindowFinder

    func makeUIView(context: Context) -> UIView {
        let view = UIView()
        finder.view = view
        return view
    }

    func updateUIView(_ view: UIView, context: Context) { finder.view = view }
}
