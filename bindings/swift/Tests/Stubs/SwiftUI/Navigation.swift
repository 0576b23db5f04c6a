// Navigation, bars and sheets of SwiftUI, as far as ios-sample uses them: for type-checking on Linux. Signatures follow
// Apple's documentation.
import UIKit

public struct NavigationStack<Data, Root: View>: Primitive {
    let root: Root
    let path: (@MainActor () -> [AnyHashable])?

    public init(@ViewBuilder root: () -> Root) where Data == [AnyHashable] { (self.root, path) = (root(), nil) }

    public init(path: Binding<Data>, @ViewBuilder root: () -> Root)
    where Data: MutableCollection & RandomAccessCollection & RangeReplaceableCollection, Data.Element: Hashable {
        self.root = root()
        self.path = { path.wrappedValue.map { AnyHashable($0) } }
    }

    // The page on top, without those under it.
    public func stubShow(on screen: Screen, at place: Place) {
        var place = place.below("root")
        place.top = path?().last
        root.stubShow(on: screen, at: place)
    }
}

public struct NavigationLink<Label: View, Destination: View>: Primitive {
    let label: Label

    public init<P: Hashable>(value: P?, @ViewBuilder label: () -> Label) where Destination == Never {
        self.label = label()
    }

    public func stubShow(on screen: Screen, at place: Place) {
        label.stubShow(on: screen, at: place.below("label"))
    }
}

public struct ToolbarItemPlacement: Sendable {
    public static let topBarTrailing = ToolbarItemPlacement()
    public static let bottomBar = ToolbarItemPlacement()
    public static let confirmationAction = ToolbarItemPlacement()
    public static let cancellationAction = ToolbarItemPlacement()
}

@MainActor @preconcurrency public protocol ToolbarContent {
    func stubShow(on screen: Screen, at place: Place)
}

public struct ToolbarItem<Content: View>: ToolbarContent {
    let content: Content

    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) { self.content = content() }

    public func stubShow(on screen: Screen, at place: Place) {
        content.stubShow(on: screen, at: place.below("item"))
    }
}

public struct ToolbarItems<each T: ToolbarContent>: ToolbarContent {
    let items: (repeat each T)

    public func stubShow(on screen: Screen, at place: Place) {
        var number = 0
        for item in repeat each items {
            item.stubShow(on: screen, at: place.below("\(number)"))
            number += 1
        }
    }
}

@resultBuilder public enum ToolbarContentBuilder {
    @MainActor public static func buildBlock<each T: ToolbarContent>(_ items: repeat each T) -> ToolbarItems<
        repeat each T
    > { ToolbarItems(items: (repeat each items)) }
}

public struct PresentationDetent: Hashable, Sendable {
    let name: String

    public static let medium = PresentationDetent(name: "medium")
    public static let large = PresentationDetent(name: "large")
}

public struct DismissAction: Sendable {
    @MainActor public func callAsFunction() {}
}

public enum ScenePhase: Sendable { case background, inactive, active }

public enum LayoutDirection: Sendable { case leftToRight, rightToLeft }

private struct ScenePhaseKey: EnvironmentKey {
    static let defaultValue = ScenePhase.active
}

extension EnvironmentValues {
    public var dismiss: DismissAction { DismissAction() }

    public var scenePhase: ScenePhase {
        get { self[ScenePhaseKey.self] }
        set { self[ScenePhaseKey.self] = newValue }
    }

    public var layoutDirection: LayoutDirection {
        get { .leftToRight }
        set {}
    }
}

/// A view, and something beside it.
struct Beside<Content: View>: Primitive {
    let parts: Parts<(content: Content, beside: @MainActor (Screen, Place) -> Void)>

    nonisolated init(content: Content, beside: @escaping @MainActor (Screen, Place) -> Void) {
        parts = Parts((content, beside))
    }

    func stubShow(on screen: Screen, at place: Place) {
        parts.values.content.stubShow(on: screen, at: place.below("content"))
        parts.values.beside(screen, place.below("beside"))
    }
}

/// The page of a value on top of the stack, or the view itself.
struct Destination<Content: View, Value: Hashable, Page: View>: Primitive {
    let parts: Parts<(content: Content, page: (Value) -> Page)>

    nonisolated init(content: Content, page: @escaping (Value) -> Page) {
        parts = Parts((content, page))
    }

    func stubShow(on screen: Screen, at place: Place) {
        guard let value = place.top?.base as? Value else {
            return parts.values.content.stubShow(on: screen, at: place.below("content"))
        }
        parts.values.page(value).stubShow(on: screen, at: place.below("page of \(value)"))
    }
}

extension View {
    public nonisolated func navigationTitle(_ titleKey: LocalizedStringKey) -> some View {
        let key = titleKey.key
        return Beside(content: self) { screen, _ in screen.show(text: key) }
    }

    public nonisolated func navigationDestination<D: Hashable, C: View>(
        for data: D.Type,
        @ViewBuilder destination: @escaping (D) -> C
    ) -> some View { Destination(content: self, page: destination) }

    @MainActor public func toolbar<Content: ToolbarContent>(@ToolbarContentBuilder content: () -> Content) -> some View
    {
        let items = content()
        return Beside(content: self) { screen, place in items.stubShow(on: screen, at: place) }
    }

    public nonisolated func sheet<Content: View>(
        isPresented: Binding<Bool>,
        onDismiss: (() -> Void)? = nil,
        @ViewBuilder content: @escaping () -> Content
    ) -> some View {
        let parts = Parts((isPresented: isPresented, content: content))
        return Beside(content: self) { screen, place in
            if parts.values.isPresented.wrappedValue { parts.values.content().stubShow(on: screen, at: place) }
        }
    }

    public nonisolated func alert<A: View, M: View, T>(
        _ titleKey: LocalizedStringKey,
        isPresented: Binding<Bool>,
        presenting data: T?,
        @ViewBuilder actions: @escaping (T) -> A,
        @ViewBuilder message: @escaping (T) -> M
    ) -> some View {
        let title = titleKey.key
        let parts = Parts((isPresented: isPresented, data: data, actions: actions, message: message))
        return Beside(content: self) { screen, place in
            let alert = parts.values
            guard alert.isPresented.wrappedValue, let data = alert.data else { return }
            screen.show(text: title)
            alert.message(data).stubShow(on: screen, at: place.below("message"))
            screen.show {
                alert.isPresented.wrappedValue = false
            } content: {
                alert.actions(data).stubShow(on: screen, at: place.below("actions"))
            }
        }
    }

    public nonisolated func overlay<V: View>(
        alignment: Alignment = .center,
        @ViewBuilder content: () -> V
    ) -> some View {
        let over = Parts(content())
        return Beside(content: self) { screen, place in over.values.stubShow(on: screen, at: place) }
    }

    public nonisolated func presentationDetents(_ detents: Set<PresentationDetent>) -> some View { Plain(self) }
}
