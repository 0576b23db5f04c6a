#if canImport(Security)
    import Foundation
    import Security

    #if canImport(FoundationNetworking)
        import FoundationNetworking
    #endif

    extension TransferDelegate {
        /// The system decides about the server first, and then the pins do. Only a task's delegate is asked like this,
        /// so that it is known whose connection it is.
        func urlSession(
            _ session: URLSession,
            task: URLSessionTask,
            didReceive challenge: URLAuthenticationChallenge,
            completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
        ) {
            // The system refuses an untrusted server by itself, with its own error.
            guard let trust = challenge.protectionSpace.serverTrust, SecTrustEvaluateWithError(trust, nil) else {
                return completionHandler(.performDefaultHandling, nil)
            }
            let chain = SecTrustCopyCertificateChain(trust) as? [SecCertificate] ?? []
            do {
                try checkPins(challenge.protectionSpace.host, chain.map { SecCertificateCopyData($0) as Data })
                completionHandler(.performDefaultHandling, nil)
            } catch {
                transfer(session, task)?.fail(error)
                completionHandler(.cancelAuthenticationChallenge, nil)
            }
        }
    }
#endif
