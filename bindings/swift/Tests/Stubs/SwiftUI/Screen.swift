// A screen that shows views of the stub without drawing them: a test reads their texts and presses their buttons. It
// is the stub's own, and proves nothing about SwiftUI: only what the views do when SwiftUI keeps its word.
import Observation
import UIKit

/// Where a view is on the screen, and its environment.
public struct Place {
    var path = ""
    var environment = EnvironmentValues()
    /// The value of the page on top of the navigation stack.
    var top: AnyHashable?

    func below(_ step: String) -> Place { Place(path: "\(path)/\(step)", environment: environment, top: top) }
}

/// Shows a view, and shows it again after each change of a state.
@MainActor public final class Screen {
    public private(set) var texts: [String] = []
    public var buttons: [String] { actions.map(\.title) }

    let window = UIWindow()
    private let root: @MainActor (Screen) -> Void
    private var actions: [(title: String, action: @MainActor () -> Void)] = []
    /// By path: states and views of UIKit, for as long as their place is shown.
    private var kept: [String: AnyObject] = [:]
    private var shown: Set<String> = []
    private var running: [String: (id: Any, task: Task<Void, Never>)] = [:]
    private var wanted: Set<String> = []
    private var waiting: [(ready: @MainActor (Screen) -> Bool, reader: CheckedContinuation<Void, Never>)] = []
    private var isDirty = false

    public init<Root: View>(_ view: Root) {
        root = { view.stubShow(on: $0, at: Place()) }
        show()
    }

    /// Waits until what is shown is as the test expects.
    public func wait(until ready: @escaping @MainActor (Screen) -> Bool) async {
        if ready(self) { return }
        await withCheckedContinuation { waiting.append((ready, $0)) }
    }

    /// Presses the button with this title. Returns whether there is one.
    public func press(_ title: String) -> Bool {
        guard let button = actions.first(where: { $0.title == title }) else { return false }
        button.action()
        return true
    }

    /// Ends the tasks of all views.
    public func close() {
        for (_, task) in running.values { task.cancel() }
        running = [:]
    }

    func show(text: String) { texts.append(text) }

    func show(button title: String, action: @escaping @MainActor () -> Void) { actions.append((title, action)) }

    /// Buttons that take away what they are on.
    func show(dismiss: @escaping @MainActor () -> Void, content: @MainActor () -> Void) {
        let before = actions.count
        content()
        for index in before..<actions.count {
            let action = actions[index].action
            actions[index].action = { @MainActor in
                action()
                dismiss()
            }
        }
    }

    /// A button whose label is a view.
    func showButton(_ action: @escaping @MainActor () -> Void, label: () -> Void) {
        let before = texts.count
        label()
        show(button: texts[before...].joined(separator: " "), action: action)
        texts.removeSubrange(before...)
    }

    /// Connects the states and the environment of a view.
    func connect(_ view: Any, at place: Place) {
        for child in Mirror(reflecting: view).children {
            (child.value as? any DynamicProperty)?.stubConnect(to: self, at: place.below(child.label ?? ""))
        }
    }

    /// What was made for this place when it was first shown.
    func kept<Kept: AnyObject>(at place: Place, make: () -> Kept) -> Kept {
        shown.insert(place.path)
        if let before = kept[place.path] as? Kept { return before }
        let made = make()
        kept[place.path] = made
        return made
    }

    /// Runs the task of a view, for as long as the view is there and the id is equal.
    func run<ID: Equatable>(_ action: @escaping @Sendable () async -> Void, id: ID, at place: Place) {
        wanted.insert(place.path)
        if let before = running[place.path] {
            if before.id as? ID == id { return }
            before.task.cancel()
        }
        running[place.path] = (id, Task { await action() })
    }

    func changed() {
        if isDirty { return }
        isDirty = true
        Task {
            isDirty = false
            show()
        }
    }

    private func show() {
        (texts, actions, wanted, shown) = ([], [], [], [])
        withObservationTracking {
            root(self)
        } onChange: { [weak self] in
            Task { @MainActor in self?.changed() }
        }
        kept = kept.filter { shown.contains($0.key) }
        for (path, task) in running where !wanted.contains(path) {
            task.task.cancel()
            running[path] = nil
        }
        let ready = waiting.filter { $0.ready(self) }
        waiting.removeAll { waiter in waiter.ready(self) }
        for waiter in ready { waiter.reader.resume() }
    }
}

/// The value of a state: its own, or that of the first one in the same place.
@MainActor final class StateBox<Value> {
    private nonisolated(unsafe) var own: Value
    private var first: StateBox<Value>?
    private weak var screen: Screen?

    nonisolated init(_ value: Value) {
        own = value
    }

    var value: Value {
        get { if let first { first.own } else { own } }
        set {
            let box = first ?? self
            box.own = newValue
            box.screen?.changed()
        }
    }

    func connect(to screen: Screen, at place: Place) {
        let box = screen.kept(at: place) { self }
        first = box === self ? nil : box
        box.screen = screen
    }
}

@MainActor final class EnvironmentBox {
    var values = EnvironmentValues()

    nonisolated init() {}
}

/// What a modifier is called with, on whichever thread. Only the main one looks at it.
final class Parts<Values>: @unchecked Sendable {
    let values: Values

    init(_ values: Values) {
        self.values = values
    }
}

struct Backed<Content: View, Background: View>: Primitive {
    let parts: Parts<(content: Content, background: Background)>

    nonisolated init(content: Content, background: Background) {
        parts = Parts((content, background))
    }

    func stubShow(on screen: Screen, at place: Place) {
        parts.values.background.stubShow(on: screen, at: place.below("background"))
        parts.values.content.stubShow(on: screen, at: place.below("content"))
    }
}

struct Modified<Content: View, Modifier: ViewModifier>: Primitive {
    let parts: Parts<(content: Content, modifier: Modifier)>

    nonisolated init(content: Content, modifier: Modifier) {
        parts = Parts((content, modifier))
    }

    func stubShow(on screen: Screen, at place: Place) {
        let (content, modifier) = parts.values
        screen.connect(modifier, at: place)
        let shown = modifier.body(content: ModifierContent { content.stubShow(on: $0, at: $1) })
        shown.stubShow(on: screen, at: place.below("modified"))
    }
}

struct WithEnvironment<Content: View>: Primitive {
    let parts: Parts<(content: Content, set: (inout EnvironmentValues) -> Void)>

    nonisolated init(content: Content, set: @escaping (inout EnvironmentValues) -> Void) {
        parts = Parts((content, set))
    }

    func stubShow(on screen: Screen, at place: Place) {
        var below = place.below("content")
        parts.values.set(&below.environment)
        parts.values.content.stubShow(on: screen, at: below)
    }
}

/// With another id, the content is in another place: its states are new.
struct Identified<Content: View, ID: Hashable>: Primitive {
    let parts: Parts<(content: Content, id: ID)>

    nonisolated init(content: Content, id: ID) {
        parts = Parts((content, id))
    }

    func stubShow(on screen: Screen, at place: Place) {
        parts.values.content.stubShow(on: screen, at: place.below("id \(parts.values.id)"))
    }
}

struct WithTask<Content: View, ID: Equatable>: Primitive {
    let parts: Parts<(content: Content, id: ID, action: @Sendable () async -> Void)>

    nonisolated init(content: Content, id: ID, action: @escaping @Sendable () async -> Void) {
        parts = Parts((content, id, action))
    }

    func stubShow(on screen: Screen, at place: Place) {
        parts.values.content.stubShow(on: screen, at: place.below("content"))
        screen.run(parts.values.action, id: parts.values.id, at: place.below("task"))
    }
}
