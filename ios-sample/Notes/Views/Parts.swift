import Accessibility
import SwiftUI

/// What went wrong. VoiceOver reads it when it appears.
struct ErrorCard: View {
    let message: UserMessage

    var body: some View {
        Banner(text: message.text, symbol: "exclamationmark.circle", color: .red, smallPrint: message.smallPrint)
    }
}

/// A line over the content. VoiceOver reads it when it appears.
struct Banner: View {
    let text: String
    let symbol: String
    let color: Color
    var smallPrint: String?

    var body: some View {
        Label {
            VStack(alignment: .leading, spacing: 4) {
                Text(verbatim: text).font(.callout)
                if let smallPrint { Text(verbatim: smallPrint).font(.caption).foregroundStyle(.secondary) }
            }
        } icon: {
            Image(systemName: symbol).foregroundStyle(color)
        }
        .padding()
        .frame(maxWidth: .infinity, alignment: .leading)
        .background(color.opacity(0.15), in: RoundedRectangle(cornerRadius: 12))
        .accessibilityElement(children: .combine)
        .onAppear { AccessibilityNotification.Announcement(text).post() }
    }
}

/// What is known, under its name.
struct Fact: View {
    let name: LocalizedStringKey
    let value: String

    var body: some View {
        VStack(alignment: .leading) {
            Text(name).font(.subheadline).foregroundStyle(.secondary)
            Text(verbatim: value)
        }
        .accessibilityElement(children: .combine)
    }
}

/// A page without a bar, whose content is in the middle, and scrolls in large type.
struct CentredPage<Content: View>: View {
    let symbol: String
    let title: LocalizedStringKey
    @ViewBuilder let content: () -> Content

    var body: some View {
        ScrollView {
            VStack(alignment: .leading, spacing: 16) {
                Image(systemName: symbol)
                    .font(.largeTitle)
                    .foregroundStyle(.tint)
                    .accessibilityHidden(true)
                Text(title).font(.largeTitle).bold().accessibilityAddTraits(.isHeader)
                content()
            }
            .padding(24)
            .frame(maxWidth: .infinity, alignment: .leading)
        }
        .defaultScrollAnchor(.center)
    }
}

/// The one thing to do on a page.
struct WideButton: View {
    let title: LocalizedStringKey
    let action: @MainActor () -> Void

    var body: some View {
        Button(action: action) { Text(title).frame(maxWidth: .infinity) }
            .buttonStyle(.borderedProminent)
            .controlSize(.large)
    }
}
