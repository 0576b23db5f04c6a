//! What stops a TLS connection is named as what it is.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// What comes of a connection that is answered with these bytes, whatever it sends.
async fn answered_with(bytes: &'static [u8]) -> NetError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    let ca = Authority::root("CA");
    let transport = transport(configuration().extra_root_pem(&ca.pem()));
    transport.send(Request::new(Method::GET, url)).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_named() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.9\r\n"] {
        let error = answered_with(bytes).await;
        let NetError::Untrusted { host, reason } = error else { panic!("{error:?}") };
        assert_eq!(host, "localhost");
        assert!(reason.contains("does not speak TLS there; check the port"), "{reason}");
    }
}

#[tokio::test]
async fn a_server_that_only_has_old_versions_is_named() {
    // A fatal alert: protocol_version, then handshake_failure (RFC 8446 §6).
    for (bytes, named) in
        [(b"\x15\x03\x01\x00\x02\x02\x46", "TLS 1.2"), (b"\x15\x03\x03\x00\x02\x02\x28", "accepts no TLS")]
    {
        let error = answered_with(bytes).await;
        assert!(matches!(&error, NetError::Untrusted { reason, .. } if reason.contains(named)), "{error:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_breaks_off_or_takes_too_long_has_sent_nothing() {
    let error = answered_with(b"").await;
    let NetError::Offline { maybe_sent: false, reason } = &error else { panic!("{error:?}") };
    assert!(reason.starts_with("localhost:") && reason.contains("closed the connection"), "{reason}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let ca = Authority::root("CA");
    let short = configuration().extra_root_pem(&ca.pem()).connect_timeout(Duration::from_millis(50));
    let error = transport(short).send(Request::new(Method::GET, url)).await.unwrap_err();
    let NetError::Timeout { maybe_sent: false, reason } = &error else { panic!("{error:?}") };
    assert!(reason.starts_with("no connection to localhost:") && reason.ends_with("within 1 s"), "{reason}");
    assert_eq!(Error::from(error), Error::offline());
}

#[tokio::test]
async fn a_name_that_is_not_known_is_named() {
    // RFC 6761 §6.4: no resolver knows it.
    let url = "https://nobody.invalid/path?secret".parse().unwrap();
    let error = transport(configuration()).send(Request::new(Method::GET, url)).await.unwrap_err();
    assert_eq!(error.to_string(), "nobody.invalid is not known by name (DNS)");
}
