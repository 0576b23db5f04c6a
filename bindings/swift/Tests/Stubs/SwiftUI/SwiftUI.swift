// The declarations of SwiftUI that Moorline uses: for type-checking on Linux. Signatures follow Apple's documentation.
// What begins with `stub` is its own: a `Screen` plays views with it.
@_exported import Foundation
@_exported import Observation
import UIKit

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor @preconcurrency var body: Body { get }
    @MainActor func stubShow(on screen: Screen, at place: Place)
}

extension View {
    public func stubShow(on screen: Screen, at place: Place) {
        screen.connect(self, at: place)
        body.stubShow(on: screen, at: place.below("body"))
    }
}

extension Never: View {
    public var body: Never { fatalError() }
}

@MainActor @preconcurrency public protocol Primitive: View where Body == Never {}

extension Primitive {
    public var body: Never { fatalError() }
}

public struct EmptyView: Primitive {
    public nonisolated init() {}

    public func stubShow(on screen: Screen, at place: Place) {}
}

public enum Either<First: View, Second: View>: Primitive {
    case first(First)
    case second(Second)

    public func stubShow(on screen: Screen, at place: Place) {
        switch self {
        case .first(let view): view.stubShow(on: screen, at: place.below("first"))
        case .second(let view): view.stubShow(on: screen, at: place.below("second"))
        }
    }
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError() }

    public func stubShow(on screen: Screen, at place: Place) { self?.stubShow(on: screen, at: place.below("some")) }
}

@resultBuilder public enum ViewBuilder {
    public static func buildExpression<V: View>(_ view: V) -> V { view }
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<V: View>(_ view: V) -> V { view }
    @MainActor public static func buildBlock<each V: View>(_ view: repeat each V) -> Several<repeat each V> {
        Several(repeat each view)
    }
    public static func buildIf<V: View>(_ view: V?) -> V? { view }
    public static func buildEither<A: View, B: View>(first: A) -> Either<A, B> { .first(first) }
    public static func buildEither<A: View, B: View>(second: B) -> Either<A, B> { .second(second) }
}

public struct Text: Primitive {
    private let content: String

    @_disfavoredOverload public init<S: StringProtocol>(_ content: S) {
        self.content = String(content)
    }

    public init(_ key: LocalizedStringKey) {
        content = key.key
    }

    public init(verbatim content: String) {
        self.content = content
    }

    public func stubShow(on screen: Screen, at place: Place) { screen.show(text: content) }
}

// A key with its values in their places: the stub has no translations.
public struct LocalizedStringKey: ExpressibleByStringInterpolation, Equatable {
    let key: String

    public init(_ value: String) {
        key = value
    }

    public init(stringLiteral value: String) {
        key = value
    }
}

@MainActor @preconcurrency public protocol Scene {
    associatedtype Body: Scene
    @SceneBuilder @MainActor @preconcurrency var body: Body { get }
}

extension Never: Scene {}

@resultBuilder public enum SceneBuilder {
    public static func buildBlock<S: Scene>(_ scene: S) -> S { scene }
}

@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @SceneBuilder @MainActor @preconcurrency var body: Body { get }
    @MainActor @preconcurrency init()
}

extension App {
    @MainActor public static func main() {}
}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}

    public var body: Never { fatalError() }
}

public struct Button<Label: View>: Primitive {
    private let title: String
    private let label: Label?
    private let action: @MainActor () -> Void

    @_disfavoredOverload
    public init<S: StringProtocol>(_ title: S, action: @escaping @MainActor () -> Void) where Label == Text {
        (self.title, label, self.action) = (String(title), nil, action)
    }

    public init(_ titleKey: LocalizedStringKey, action: @escaping @MainActor () -> Void) where Label == Text {
        (title, label, self.action) = (titleKey.key, nil, action)
    }

    public init(_ titleKey: LocalizedStringKey, role: ButtonRole?, action: @escaping @MainActor () -> Void)
    where Label == Text {
        (title, label, self.action) = (titleKey.key, nil, action)
    }

    public init(_ titleKey: LocalizedStringKey, systemImage: String, action: @escaping @MainActor () -> Void)
    where Label == SwiftUI.Label<Text, Image> {
        (title, label, self.action) = (titleKey.key, nil, action)
    }

    public init(action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Label) {
        (title, self.label, self.action) = ("", label(), action)
    }

    public func stubShow(on screen: Screen, at place: Place) {
        guard let label else { return screen.show(button: title, action: action) }
        // Its texts are its title.
        screen.showButton(action) { label.stubShow(on: screen, at: place.below("label")) }
    }
}

public struct ProgressView: Primitive {
    public init() {}

    public func stubShow(on screen: Screen, at place: Place) {}
}

@MainActor @preconcurrency public protocol DynamicProperty {
    func stubConnect(to screen: Screen, at place: Place)
}

extension DynamicProperty {
    public func stubConnect(to screen: Screen, at place: Place) {}
}

@propertyWrapper public struct State<Value>: DynamicProperty {
    private let box: StateBox<Value>

    public nonisolated init(wrappedValue: Value) {
        box = StateBox(wrappedValue)
    }

    public nonisolated init(initialValue: Value) {
        box = StateBox(initialValue)
    }

    public var wrappedValue: Value {
        get { box.value }
        nonmutating set { box.value = newValue }
    }

    public var projectedValue: Binding<Value> {
        let box = box
        return Binding(read: { box.value }, write: { box.value = $0 })
    }

    public func stubConnect(to screen: Screen, at place: Place) { box.connect(to: screen, at: place) }
}

@propertyWrapper @dynamicMemberLookup public struct Binding<Value>: DynamicProperty {
    private let read: @MainActor () -> Value
    private let write: @MainActor (Value) -> Void

    fileprivate init(read: @escaping @MainActor () -> Value, write: @escaping @MainActor (Value) -> Void) {
        self.read = read
        self.write = write
    }

    // Nothing plays such a binding: only an asynchronous function can call what may be isolated to any actor.
    @preconcurrency public init(
        get: @escaping @isolated(any) @Sendable () -> Value,
        set: @escaping @isolated(any) @Sendable (Value) -> Void
    ) {
        self.init(read: { fatalError() }, write: { _ in })
    }

    public var wrappedValue: Value {
        get { read() }
        nonmutating set { write(newValue) }
    }

    public var projectedValue: Binding<Value> { self }

    public subscript<Subject>(dynamicMember keyPath: WritableKeyPath<Value, Subject>) -> Binding<Subject> {
        let (read, write) = (read, write)
        return Binding<Subject>(
            read: { read()[keyPath: keyPath] },
            write: {
                var value = read()
                value[keyPath: keyPath] = $0
                write(value)
            }
        )
    }
}

@propertyWrapper public struct Environment<Value>: DynamicProperty {
    private let read: (EnvironmentValues) -> Value
    private let box = EnvironmentBox()

    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) {
        read = { $0[keyPath: keyPath] }
    }

    public init(_ objectType: Value.Type) where Value: AnyObject & Observable {
        read = { values in
            guard let object = values.objects[ObjectIdentifier(objectType)] as? Value else {
                fatalError("no \(objectType) in the environment")
            }
            return object
        }
    }

    public var wrappedValue: Value { read(box.values) }

    public func stubConnect(to screen: Screen, at place: Place) { box.values = place.environment }
}

public protocol EnvironmentKey {
    associatedtype Value
    static var defaultValue: Value { get }
}

public struct EnvironmentValues {
    private var values: [ObjectIdentifier: Any] = [:]
    var objects: [ObjectIdentifier: AnyObject] = [:]

    public subscript<K: EnvironmentKey>(key: K.Type) -> K.Value {
        get { values[ObjectIdentifier(key)] as? K.Value ?? K.defaultValue }
        set { values[ObjectIdentifier(key)] = newValue }
    }
}

@MainActor @preconcurrency public protocol ViewModifier {
    associatedtype Body: View
    typealias Content = ModifierContent
    @ViewBuilder func body(content: Content) -> Body
}

public struct ModifierContent: Primitive {
    let show: @MainActor (Screen, Place) -> Void

    public func stubShow(on screen: Screen, at place: Place) { show(screen, place) }
}

public struct UIViewRepresentableContext<Representable: UIViewRepresentable> {}

@MainActor @preconcurrency public protocol UIViewRepresentable: View where Body == Never {
    associatedtype UIViewType: UIView
    typealias Context = UIViewRepresentableContext<Self>
    @MainActor @preconcurrency func makeUIView(context: Context) -> UIViewType
    @MainActor @preconcurrency func updateUIView(_ uiView: UIViewType, context: Context)
}

extension UIViewRepresentable {
    public var body: Never { fatalError() }

    public func stubShow(on screen: Screen, at place: Place) {
        let view = screen.kept(at: place) { makeUIView(context: Context()) }
        view.stubWindow = screen.window
        updateUIView(view, context: Context())
    }
}

extension View {
    public nonisolated func background<Background: View>(_ background: Background) -> some View {
        Backed(content: self, background: background)
    }

    public nonisolated func id<ID: Hashable>(_ id: ID) -> some View { Identified(content: self, id: id) }

    public nonisolated func modifier<T: ViewModifier>(_ modifier: T) -> some View {
        Modified(content: self, modifier: modifier)
    }

    public nonisolated func environment<V>(
        _ keyPath: WritableKeyPath<EnvironmentValues, V>,
        _ value: V
    ) -> some View { WithEnvironment(content: self) { $0[keyPath: keyPath] = value } }

    public nonisolated func environment<T: AnyObject & Observable>(_ object: T?) -> some View {
        WithEnvironment(content: self) { $0.objects[ObjectIdentifier(T.self)] = object }
    }

    public nonisolated func task(
        priority: TaskPriority = .userInitiated,
        @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { WithTask(content: self, id: 0, action: action) }

    public nonisolated func task<T: Equatable>(
        id value: T,
        priority: TaskPriority = .userInitiated,
        @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { WithTask(content: self, id: value, action: action) }
}
