import SwiftUI

/// The report for the support team, and the buttons that break something, in development.
struct DiagnosticsView: View {
    @State private var model: DiagnosticsModel

    init(_ model: DiagnosticsModel) {
        _model = State(initialValue: model)
    }

    var body: some View {
        List {
            Text("diagnostics_text")
            if let message = model.message { ErrorCard(message: message) }
            if let report = model.report {
                ShareLink(item: report, subject: Text("report_subject")) {
                    Label("share", systemImage: "square.and.arrow.up")
                }
                if !model.faults.isEmpty { faults }
                Text(verbatim: report)
                    .font(.caption.monospaced())
                    .textSelection(.enabled)
                    .environment(\.layoutDirection, .leftToRight)
                    .accessibilityIdentifier("report")
            }
        }
        .navigationTitle("diagnostics")
        .task { model.read() }
    }

    private var faults: some View {
        Section {
            ForEach(model.faults, id: \.self) { fault in
                Button(label(fault)) { Task { await model.play(fault) } }
            }
        } header: {
            Text("faults")
        } footer: {
            Text(model.hasPlayed ? "fault_played" : "faults_text")
        }
    }

    private func label(_ fault: Fault) -> LocalizedStringKey {
        switch fault {
        case .loseAnswer: "fault_lose_answer"
        case .rejectToken: "fault_reject_token"
        case .revokeSession: "fault_revoke_session"
        case .skewClock: "fault_skew_clock"
        }
    }
}
