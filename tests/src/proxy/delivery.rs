//! Whether an answer has reached the client. The proxy looks at the connection itself, and asks nobody.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What became of an answer on its way to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The client has read all of it.
    Read,
    /// It arrived whole at the client's machine. The client closed the connection and had not read all of it.
    Unread,
    /// The client had closed the connection before the answer was there, after it had waited so long.
    HungUp(Duration),
    /// The network lost it, or there was none.
    Lost,
}

/// A connection that can be broken off as a crashed machine does.
pub(super) trait Client: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Client for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Client for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// When a client hung up, if it has.
#[derive(Debug)]
pub(super) struct Line {
    since: Instant,
    hung_up: Option<Duration>,
}

impl Line {
    /// From the time at which the client connected: what an app waits for includes the connection.
    pub(super) const fn since(connected: Instant) -> Self {
        Self { since: connected, hung_up: None }
    }

    /// Does `work` to its end, and notices when the client hangs up meanwhile.
    pub(super) async fn during<T>(&mut self, client: &impl Client, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        if self.hung_up.is_none() {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = hang_up(client.tcp()) => self.hung_up = Some(self.since.elapsed()),
            }
        }
        work.await
    }

    /// Waits until the client has closed its side after a whole answer was written, and says what became of that.
    ///
    /// Linux resets a connection that is closed with unread bytes, also when the closing process was killed; and it
    /// resets one that gets bytes after it was closed. Only a client that has read everything ends it in an orderly
    /// way.
    pub(super) async fn delivery(&self, client: &mut impl Client, written: bool) -> Delivery {
        if let Some(waited) = self.hung_up {
            return Delivery::HungUp(waited);
        }
        let before = self.since.elapsed();
        if !written {
            return Delivery::HungUp(before);
        }
        let mut rest = [0; 256];
        let reset = loop {
            match client.read(&mut rest).await {
                Ok(0) => break false,
                Ok(_) => {}
                Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        };
        if reset {
            return Delivery::Unread;
        }
        // Closed just before the answer was written: its end was in the queue already, and the reset came after it.
        match client.tcp().take_error() {
            Ok(None) => Delivery::Read,
            _ => Delivery::HungUp(before),
        }
    }
}

/// Returns once the client has closed its side.
async fn hang_up(client: &TcpStream) {
    // A client of one request has nothing more to send but the end of TLS, which says the same.
    let _ = client.peek(&mut [0]).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const ANSWER: &[u8] = &[b'a'; 4_000];

    /// What the proxy finds after it has written an answer to a client that does `acts`.
    async fn found<F: Future<Output = ()>>(acts: impl FnOnce(TcpStream) -> F, after: Duration) -> Delivery {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let serving = async {
            let mut line = Line::since(Instant::now());
            line.during(&server, tokio::time::sleep(after)).await;
            let written = server.write_all(ANSWER).await.is_ok();
            line.delivery(&mut server, written).await
        };
        tokio::join!(serving, acts(client)).0
    }

    #[tokio::test]
    async fn an_answer_that_was_read_is_distinguished_from_one_that_only_arrived() {
        let reads = |mut client: TcpStream| async move {
            client.read_exact(&mut vec![0; ANSWER.len()]).await.unwrap();
        };
        assert_eq!(found(reads, Duration::ZERO).await, Delivery::Read);
        let reads_half = |mut client: TcpStream| async move {
            client.read_exact(&mut vec![0; ANSWER.len() / 2]).await.unwrap();
        };
        assert_eq!(found(reads_half, Duration::ZERO).await, Delivery::Unread);
        let arrives = |client: TcpStream| async move {
            client.readable().await.unwrap();
        };
        assert_eq!(found(arrives, Duration::ZERO).await, Delivery::Unread);
    }

    #[tokio::test]
    async fn a_client_that_hung_up_first_has_got_nothing() {
        let leaves = |client: TcpStream| async move { drop(client) };
        let found = found(leaves, Duration::from_secs(1)).await;
        assert!(matches!(found, Delivery::HungUp(waited) if waited < Duration::from_secs(1)), "{found:?}");
    }

    #[tokio::test]
    async fn a_client_that_hung_up_unnoticed_has_got_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let line = Line::since(Instant::now());
        drop(client);
        let written = server.write_all(ANSWER).await.is_ok();
        assert!(matches!(line.delivery(&mut server, written).await, Delivery::HungUp(_)));
    }
}
