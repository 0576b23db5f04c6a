// The declarations of CFNetwork (and of CoreFoundation beneath it) that Moorline uses: for type-checking on Linux.
// Signatures follow Apple's documentation. Linux bridges nothing to CoreFoundation, so that its types are Swift's here.
@_exported import Foundation

public typealias CFURL = URL
public typealias CFString = String
public typealias CFArray = [[String: Any]]
public typealias CFDictionary = NSDictionary
public typealias CFError = NSError
public typealias CFIndex = Int
public typealias CFTimeInterval = Double

/// Of values that are Swift's here, too.
public struct Unmanaged<Instance> {
    let instance: Instance

    public func takeRetainedValue() -> Instance { instance }

    public func takeUnretainedValue() -> Instance { instance }

    public func toOpaque() -> UnsafeMutableRawPointer { fatalError("for type-checking alone") }

    public static func passUnretained(_ value: Instance) -> Unmanaged { Unmanaged(instance: value) }

    public static func fromOpaque(_ value: UnsafeRawPointer) -> Unmanaged { fatalError("for type-checking alone") }
}

public let kCFProxyTypeKey: CFString = "kCFProxyTypeKey"
public let kCFProxyHostNameKey: CFString = "kCFProxyHostNameKey"
public let kCFProxyPortNumberKey: CFString = "kCFProxyPortNumberKey"
public let kCFProxyUsernameKey: CFString = "kCFProxyUsernameKey"
public let kCFProxyPasswordKey: CFString = "kCFProxyPasswordKey"
public let kCFProxyAutoConfigurationURLKey: CFString = "kCFProxyAutoConfigurationURLKey"
public let kCFProxyAutoConfigurationJavaScriptKey: CFString = "kCFProxyAutoConfigurationJavaScriptKey"
public let kCFProxyTypeNone: CFString = "kCFProxyTypeNone"
public let kCFProxyTypeHTTP: CFString = "kCFProxyTypeHTTP"
public let kCFProxyTypeHTTPS: CFString = "kCFProxyTypeHTTPS"
public let kCFProxyTypeSOCKS: CFString = "kCFProxyTypeSOCKS"
public let kCFProxyTypeAutoConfigurationURL: CFString = "kCFProxyTypeAutoConfigurationURL"
public let kCFProxyTypeAutoConfigurationJavaScript: CFString = "kCFProxyTypeAutoConfigurationJavaScript"

public func CFNetworkCopySystemProxySettings() -> Unmanaged<CFDictionary>? { nil }

public func CFNetworkCopyProxiesForURL(_ url: CFURL, _ proxySettings: CFDictionary) -> Unmanaged<CFArray> {
    Unmanaged(instance: [])
}

public struct CFStreamClientContext {
    public init(
        version: CFIndex,
        info: UnsafeMutableRawPointer?,
        retain: (@convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?)?,
        release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
        copyDescription: ((UnsafeMutableRawPointer?) -> Unmanaged<CFString>?)?
    ) {}
}

// Swift's own types are no C functions' arguments.
public typealias CFProxyAutoConfigurationResultCallback = (UnsafeMutableRawPointer, CFArray, CFError?) -> Void

public func CFNetworkExecuteProxyAutoConfigurationURL(
    _ proxyAutoConfigURL: CFURL,
    _ targetURL: CFURL,
    _ cb: CFProxyAutoConfigurationResultCallback,
    _ clientContext: UnsafeMutablePointer<CFStreamClientContext>
) -> Unmanaged<CFRunLoopSource> { Unmanaged(instance: CFRunLoopSource()) }

public func CFNetworkExecuteProxyAutoConfigurationScript(
    _ proxyAutoConfigurationScript: CFString,
    _ targetURL: CFURL,
    _ cb: CFProxyAutoConfigurationResultCallback,
    _ clientContext: UnsafeMutablePointer<CFStreamClientContext>
) -> Unmanaged<CFRunLoopSource> { Unmanaged(instance: CFRunLoopSource()) }

public final class CFRunLoop {}

public final class CFRunLoopSource {}

public struct CFRunLoopMode {
    public init(_ rawValue: CFString) {}
}

public enum CFRunLoopRunResult: Int32 {
    case finished = 1, stopped, timedOut, handledSource
}

public func CFRunLoopGetCurrent() -> CFRunLoop! { CFRunLoop() }

public func CFRunLoopAddSource(_ rl: CFRunLoop!, _ source: CFRunLoopSource!, _ mode: CFRunLoopMode!) {}

public func CFRunLoopRemoveSource(_ rl: CFRunLoop!, _ source: CFRunLoopSource!, _ mode: CFRunLoopMode!) {}

@discardableResult
public func CFRunLoopRunInMode(
    _ mode: CFRunLoopMode!,
    _ seconds: CFTimeInterval,
    _ returnAfterSourceHandled: Bool
) -> CFRunLoopRunResult { .finished }

public func CFRunLoopStop(_ rl: CFRunLoop!) {}
