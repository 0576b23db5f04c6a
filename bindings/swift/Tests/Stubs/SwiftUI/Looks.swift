// Modifiers of SwiftUI that ios-sample uses, and that a `Screen` does not show: for type-checking on Linux. Signatures
// follow Apple's documentation.
import UIKit

/// A view as it is.
struct Plain<Content: View>: Primitive {
    let parts: Parts<Content>

    nonisolated init(_ content: Content) {
        parts = Parts(content)
    }

    func stubShow(on screen: Screen, at place: Place) { parts.values.stubShow(on: screen, at: place.below("plain")) }
}

public protocol ShapeStyle: Sendable {}

public struct Color: ShapeStyle, Equatable {
    public static let red = Color()
    public static let orange = Color()

    public func opacity(_ opacity: Double) -> Color { self }
}

public struct HierarchicalShapeStyle: ShapeStyle {}
public struct TintShapeStyle: ShapeStyle {}
public struct BackgroundStyle: ShapeStyle {}

extension ShapeStyle where Self == Color {
    public static var red: Color { Color.red }
    public static var orange: Color { Color.orange }
}

extension ShapeStyle where Self == HierarchicalShapeStyle {
    public static var secondary: HierarchicalShapeStyle { HierarchicalShapeStyle() }
}

extension ShapeStyle where Self == TintShapeStyle {
    public static var tint: TintShapeStyle { TintShapeStyle() }
}

extension ShapeStyle where Self == BackgroundStyle {
    public static var background: BackgroundStyle { BackgroundStyle() }
}

public protocol Shape: Sendable {}
public protocol InsettableShape: Shape {}

public struct RoundedRectangle: InsettableShape {
    public init(cornerRadius: CGFloat) {}
}

public struct Font: Sendable, Hashable {
    public static let largeTitle = Font()
    public static let headline = Font()
    public static let subheadline = Font()
    public static let callout = Font()
    public static let caption = Font()

    public func monospaced() -> Font { self }
}

public protocol TextSelectability {}

public struct EnabledTextSelectability: TextSelectability {}

extension TextSelectability where Self == EnabledTextSelectability {
    public static var enabled: EnabledTextSelectability { EnabledTextSelectability() }
}

public protocol PrimitiveButtonStyle {}
public struct BorderedProminentButtonStyle: PrimitiveButtonStyle {}
public struct BorderlessButtonStyle: PrimitiveButtonStyle {}

extension PrimitiveButtonStyle where Self == BorderedProminentButtonStyle {
    public static var borderedProminent: BorderedProminentButtonStyle { BorderedProminentButtonStyle() }
}

extension PrimitiveButtonStyle where Self == BorderlessButtonStyle {
    public static var borderless: BorderlessButtonStyle { BorderlessButtonStyle() }
}

public enum ControlSize: Sendable { case small, regular, large }

public struct UnitPoint: Sendable, Hashable {
    public static let center = UnitPoint()
}

public struct AccessibilityChildBehavior: Sendable {
    public static let combine = AccessibilityChildBehavior()
}

public struct AccessibilityTraits: SetAlgebra, Sendable {
    private var traits: Set<Int>

    public init() { traits = [] }
    private init(_ trait: Int) { traits = [trait] }

    public static let isHeader = AccessibilityTraits(1)
    public static let isSelected = AccessibilityTraits(2)

    public func contains(_ member: AccessibilityTraits) -> Bool { traits.isSuperset(of: member.traits) }
    public func union(_ other: AccessibilityTraits) -> AccessibilityTraits { self }
    public func intersection(_ other: AccessibilityTraits) -> AccessibilityTraits { self }
    public func symmetricDifference(_ other: AccessibilityTraits) -> AccessibilityTraits { self }
    public mutating func insert(
        _ newMember: AccessibilityTraits
    ) -> (inserted: Bool, memberAfterInsert: AccessibilityTraits) { (true, newMember) }
    public mutating func remove(_ member: AccessibilityTraits) -> AccessibilityTraits? { nil }
    public mutating func update(with newMember: AccessibilityTraits) -> AccessibilityTraits? { nil }
    public mutating func formUnion(_ other: AccessibilityTraits) {}
    public mutating func formIntersection(_ other: AccessibilityTraits) {}
    public mutating func formSymmetricDifference(_ other: AccessibilityTraits) {}
}

extension View {
    public nonisolated func font(_ font: Font?) -> some View { Plain(self) }
    public nonisolated func bold(_ isActive: Bool = true) -> some View { Plain(self) }
    public nonisolated func lineLimit(_ number: Int?) -> some View { Plain(self) }
    public nonisolated func lineLimit(_ limit: PartialRangeFrom<Int>) -> some View { Plain(self) }
    public nonisolated func textSelection<S: TextSelectability>(_ selectability: S) -> some View { Plain(self) }
    public nonisolated func foregroundStyle<S: ShapeStyle>(_ style: S) -> some View { Plain(self) }
    public nonisolated func background<S: ShapeStyle, T: InsettableShape>(_ style: S, in shape: T) -> some View {
        Plain(self)
    }
    public nonisolated func background<S: ShapeStyle>(_ style: S) -> some View { Plain(self) }
    public nonisolated func padding(_ length: CGFloat) -> some View { Plain(self) }
    public nonisolated func padding() -> some View { Plain(self) }
    public nonisolated func frame(
        minWidth: CGFloat? = nil,
        maxWidth: CGFloat? = nil,
        alignment: Alignment = .center
    ) -> some View { Plain(self) }
    public nonisolated func buttonStyle<S: PrimitiveButtonStyle>(_ style: S) -> some View { Plain(self) }
    public nonisolated func controlSize(_ controlSize: ControlSize) -> some View { Plain(self) }
    public nonisolated func disabled(_ disabled: Bool) -> some View { Plain(self) }
    public nonisolated func defaultScrollAnchor(_ anchor: UnitPoint?) -> some View { Plain(self) }
    public nonisolated func onAppear(perform action: (() -> Void)? = nil) -> some View { Plain(self) }
    public nonisolated func onChange<V: Equatable>(of value: V, initial: Bool = false, _ action: @escaping () -> Void)
        -> some View
    { Plain(self) }
    public nonisolated func refreshable(action: @escaping @Sendable () async -> Void) -> some View { Plain(self) }

    public nonisolated func accessibilityElement(children: AccessibilityChildBehavior) -> some View { Plain(self) }
    public nonisolated func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { Plain(self) }
    public nonisolated func accessibilityHidden(_ hidden: Bool) -> some View { Plain(self) }
    public nonisolated func accessibilityLabel(_ labelKey: LocalizedStringKey) -> some View { Plain(self) }
    public nonisolated func accessibilityIdentifier(_ identifier: String) -> some View { Plain(self) }
    public nonisolated func accessibilityAction(
        named nameKey: LocalizedStringKey,
        _ handler: @escaping () -> Void
    ) -> some View { Plain(self) }
}
