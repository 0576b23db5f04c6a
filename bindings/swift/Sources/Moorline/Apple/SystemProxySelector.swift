#if canImport(CFNetwork)
    import CFNetwork
    import Foundation

    /// The proxies of the system's settings: of the Wi-Fi, of a script (PAC), of a profile.
    struct SystemProxySelector: MoorlineProxySelector {
        func proxy(for server: URL) throws -> MoorlineProxy? {
            guard let settings = CFNetworkCopySystemProxySettings()?.takeRetainedValue() else { return nil }
            let found = CFNetworkCopyProxiesForURL(server as CFURL, settings).takeRetainedValue()
            return try Self.first(of: found, for: server, script: Self.run)
        }

        /// The first proxy of a list that can be used. A direct connection is `nil`.
        static func first(
            of list: CFArray,
            for server: URL,
            script: (_ entry: [String: Any], _ server: URL) throws -> CFArray
        ) throws -> MoorlineProxy? {
            for entry in list as? [[String: Any]] ?? [] {
                switch entry[kCFProxyTypeKey as String] as? String {
                case kCFProxyTypeNone as String:
                    return nil
                case kCFProxyTypeHTTP as String, kCFProxyTypeHTTPS as String:
                    if let proxy = proxy(.http, entry) { return proxy }
                case kCFProxyTypeSOCKS as String:
                    if let proxy = proxy(.socks5, entry) { return proxy }
                case kCFProxyTypeAutoConfigurationURL as String, kCFProxyTypeAutoConfigurationJavaScript as String:
                    // A script names proxies, never another script.
                    return try first(of: try script(entry, server), for: server) { _, _ in [] as CFArray }
                default:
                    continue
                }
            }
            return nil
        }

        private static func proxy(_ scheme: MoorlineProxy.Scheme, _ entry: [String: Any]) -> MoorlineProxy? {
            guard let host = entry[kCFProxyHostNameKey as String] as? String, !host.isEmpty else { return nil }
            return MoorlineProxy(
                scheme,
                host: host,
                port: entry[kCFProxyPortNumberKey as String] as? Int ?? (scheme == .http ? 80 : 1080),
                user: entry[kCFProxyUsernameKey as String] as? String,
                password: entry[kCFProxyPasswordKey as String] as? String
            )
        }

        /// What a script answers. It blocks the thread, which Moorline keeps for this.
        private static func run(_ entry: [String: Any], for server: URL) throws -> CFArray {
            let answer = ScriptAnswer()
            var context = CFStreamClientContext(
                version: 0,
                info: Unmanaged.passUnretained(answer).toOpaque(),
                retain: nil,
                release: nil,
                copyDescription: nil
            )
            let source: CFRunLoopSource
            if let url = entry[kCFProxyAutoConfigurationURLKey as String] as? URL {
                source = CFNetworkExecuteProxyAutoConfigurationURL(url as CFURL, server as CFURL, answered, &context)
                    .takeRetainedValue()
            } else if let text = entry[kCFProxyAutoConfigurationJavaScriptKey as String] as? String {
                source = CFNetworkExecuteProxyAutoConfigurationScript(
                    text as CFString,
                    server as CFURL,
                    answered,
                    &context
                ).takeRetainedValue()
            } else {
                throw ScriptFailed()
            }
            let (loop, mode) = (CFRunLoopGetCurrent(), CFRunLoopMode("dev.moorline.proxy" as CFString))
            CFRunLoopAddSource(loop, source, mode)
            defer { CFRunLoopRemoveSource(loop, source, mode) }
            let end = Date(timeIntervalSinceNow: 30)
            while answer.list == nil, !answer.failed, Date() < end {
                CFRunLoopRunInMode(mode, 0.5, true)
            }
            guard let list = answer.list else { throw ScriptFailed() }
            return list
        }
    }

    /// A script has given no answer.
    private struct ScriptFailed: Error {}

    /// What a script answers, on the thread that waits for it.
    private final class ScriptAnswer {
        var list: CFArray?
        var failed = false
    }

    private func answered(_ info: UnsafeMutableRawPointer, _ proxies: CFArray, _ error: CFError?) {
        let answer = Unmanaged<ScriptAnswer>.fromOpaque(info).takeUnretainedValue()
        if error == nil {
            answer.list = proxies
        } else {
            answer.failed = true
        }
        CFRunLoopStop(CFRunLoopGetCurrent())
    }
#endif
