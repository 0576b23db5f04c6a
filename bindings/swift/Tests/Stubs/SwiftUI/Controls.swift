// The declarations of SwiftUI that ios-sample uses: for type-checking on Linux. Signatures follow Apple's
// documentation. A `Screen` shows what is in a container; nothing has a place, a size or a colour.
import UIKit

/// Several views of a builder.
public struct Several<each V: View>: Primitive {
    let views: (repeat each V)

    init(_ views: repeat each V) {
        self.views = (repeat each views)
    }

    public func stubShow(on screen: Screen, at place: Place) {
        var number = 0
        for view in repeat each views {
            view.stubShow(on: screen, at: place.below("\(number)"))
            number += 1
        }
    }
}

/// What shows its content and is nothing by itself.
public protocol Container: Primitive {
    associatedtype Content: View
    var content: Content { get }
}

extension Container {
    public func stubShow(on screen: Screen, at place: Place) {
        content.stubShow(on: screen, at: place.below("content"))
    }
}

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom }
public enum Alignment: Sendable { case leading, center, trailing }
public enum Axis: Sendable { case horizontal, vertical }

public struct VStack<Content: View>: Container {
    public let content: Content

    public init(
        alignment: HorizontalAlignment = .center,
        spacing: CGFloat? = nil,
        @ViewBuilder content: () -> Content
    ) { self.content = content() }
}

public struct HStack<Content: View>: Container {
    public let content: Content

    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {
        self.content = content()
    }
}

public struct ScrollView<Content: View>: Container {
    public let content: Content

    public init(@ViewBuilder content: () -> Content) { self.content = content() }
}

public struct List<Content: View>: Container {
    public let content: Content

    public init(@ViewBuilder content: () -> Content) { self.content = content() }
}

public struct Form<Content: View>: Container {
    public let content: Content

    public init(@ViewBuilder content: () -> Content) { self.content = content() }
}

public struct Spacer: Primitive {
    public init() {}

    public func stubShow(on screen: Screen, at place: Place) {}
}

public struct Image: Primitive {
    public init(systemName: String) {}

    public func stubShow(on screen: Screen, at place: Place) {}
}

public struct Section<Parent: View, Content: View, Footer: View>: Primitive {
    let parts: (header: Parent, content: Content, footer: Footer)

    public init(
        @ViewBuilder content: () -> Content,
        @ViewBuilder header: () -> Parent,
        @ViewBuilder footer: () -> Footer
    ) { parts = (header(), content(), footer()) }

    public init(@ViewBuilder content: () -> Content, @ViewBuilder header: () -> Parent) where Footer == EmptyView {
        parts = (header(), content(), EmptyView())
    }

    public init(@ViewBuilder content: () -> Content, @ViewBuilder footer: () -> Footer) where Parent == EmptyView {
        parts = (EmptyView(), content(), footer())
    }

    public init(@ViewBuilder content: () -> Content) where Parent == EmptyView, Footer == EmptyView {
        parts = (EmptyView(), content(), EmptyView())
    }

    public func stubShow(on screen: Screen, at place: Place) {
        parts.header.stubShow(on: screen, at: place.below("header"))
        parts.content.stubShow(on: screen, at: place.below("content"))
        parts.footer.stubShow(on: screen, at: place.below("footer"))
    }
}

public struct Label<Title: View, Icon: View>: Primitive {
    let title: Title

    public init(@ViewBuilder title: () -> Title, @ViewBuilder icon: () -> Icon) { self.title = title() }

    public init(_ titleKey: LocalizedStringKey, systemImage name: String) where Title == Text, Icon == Image {
        title = Text(titleKey)
    }

    public func stubShow(on screen: Screen, at place: Place) {
        title.stubShow(on: screen, at: place.below("title"))
    }
}

public struct ForEach<Data: RandomAccessCollection, ID: Hashable, Content: View>: Primitive {
    let items: [(id: ID, view: () -> Content)]

    public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content)
    where Data.Element: Identifiable, ID == Data.Element.ID {
        items = data.map { element in (element.id, { content(element) }) }
    }

    public init(
        _ data: Data,
        id: KeyPath<Data.Element, ID>,
        @ViewBuilder content: @escaping (Data.Element) -> Content
    ) {
        items = data.map { element in (element[keyPath: id], { content(element) }) }
    }

    public func stubShow(on screen: Screen, at place: Place) {
        for item in items { item.view().stubShow(on: screen, at: place.below("\(item.id)")) }
    }
}

public struct ButtonRole: Sendable, Equatable {
    let name: String

    public static let destructive = ButtonRole(name: "destructive")
    public static let cancel = ButtonRole(name: "cancel")
}

public struct TextField<Label: View>: Primitive {
    let label: Label
    let text: Binding<String>

    public init(_ titleKey: LocalizedStringKey, text: Binding<String>) where Label == Text {
        (label, self.text) = (Text(titleKey), text)
    }

    public init(_ titleKey: LocalizedStringKey, text: Binding<String>, axis: Axis) where Label == Text {
        (label, self.text) = (Text(titleKey), text)
    }

    public func stubShow(on screen: Screen, at place: Place) { screen.show(text: text.wrappedValue) }
}

public struct Toggle<Label: View>: Primitive {
    let label: Label

    public init(_ titleKey: LocalizedStringKey, isOn: Binding<Bool>) where Label == Text { label = Text(titleKey) }

    public func stubShow(on screen: Screen, at place: Place) {
        label.stubShow(on: screen, at: place.below("label"))
    }
}

public struct Menu<Label: View, Content: View>: Container {
    public let content: Content

    public init(@ViewBuilder content: () -> Content, @ViewBuilder label: () -> Label) { self.content = content() }
}

public struct ShareLink<Label: View>: Primitive {
    let label: Label

    public init(item: String, subject: Text? = nil, message: Text? = nil, @ViewBuilder label: () -> Label) {
        self.label = label()
    }

    public func stubShow(on screen: Screen, at place: Place) {
        screen.showButton({}, label: { label.stubShow(on: screen, at: place.below("label")) })
    }
}

open class UIHostingController<Content: View>: UIViewController {
    public init(rootView: Content) {}
}
