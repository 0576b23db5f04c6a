import Moorline
import SwiftUI
import UIKit

/// What the system shows when another app shares text with Notes.
final class ShareViewController: UIViewController {
    override func viewDidLoad() {
        super.viewDidLoad()
        Task {
            let text = await sharedText()
            show(ShareView(start: { try Self.model(text) }, close: { [weak self] in self?.close() }))
        }
    }

    /// The session of the account that the app shows.
    private static func model(_ text: String) throws -> ShareModel {
        let (provider, settings) = (AppGroup.provider, AppGroup.settings)
        var configuration = provider.configuration
        configuration.account = settings.account
        let platform = try AppGroup.platform(unlock: settings.locksWithUser ? .userPresence : .afterFirstUnlock)
        let moorline = try Moorline(configuration, platform: platform)
        return ShareModel(text, moorline, provider, in: AppGroup.folder(of: settings.account))
    }

    private func sharedText() async -> String {
        let items = extensionContext?.inputItems.compactMap { $0 as? NSExtensionItem } ?? []
        let attachments = items.flatMap { $0.attachments ?? [] }
        if let text = attachments.first(where: { $0.canLoadObject(ofClass: String.self) }) {
            return await withCheckedContinuation { continuation in
                _ = text.loadObject(ofClass: String.self) { text, _ in continuation.resume(returning: text ?? "") }
            }
        }
        if let page = attachments.first(where: { $0.canLoadObject(ofClass: URL.self) }) {
            return await withCheckedContinuation { continuation in
                _ = page.loadObject(ofClass: URL.self) { url, _ in
                    continuation.resume(returning: url?.absoluteString ?? "")
                }
            }
        }
        return ""
    }

    private func show(_ view: ShareView) {
        let page = UIHostingController(rootView: view)
        addChild(page)
        page.view.frame = self.view.bounds
        page.view.autoresizingMask = [.flexibleWidth, .flexibleHeight]
        self.view.addSubview(page.view)
        page.didMove(toParent: self)
    }

    private func close() {
        extensionContext?.completeRequest(returningItems: nil, completionHandler: nil)
    }
}
