//! A network that lets nobody through before a sign-in to it: it answers all requests itself, or some of them.

use moorline_tests::Canned;
use moorline_tests::http1::Message;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portal {
    /// What it says; without that it shows a certificate of its own.
    says: Option<Canned>,
    to: Asked,
    met: usize,
}

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Everything,
    Discovery,
    Keys,
    Token,
}

impl Portal {
    /// Answers these requests with this; without that it shows a certificate of its own.
    pub(crate) const fn new(says: Option<Canned>, to: Asked) -> Self {
        Self { says, to, met: 0 }
    }

    /// How often it was met.
    pub(crate) const fn met(self) -> usize {
        self.met
    }

    /// Whether it is between the app and the provider before anything is sent.
    pub(crate) fn meets_a_connection(&mut self) -> bool {
        let meets = self.says.is_none();
        self.met += usize::from(meets);
        meets
    }

    /// What it says to this request.
    pub(crate) fn answers(&mut self, request: &Message) -> Option<Canned> {
        let target = request.method_and_path();
        let path = target.split(' ').nth(1).unwrap_or_default();
        let answers = match self.to {
            Asked::Everything => true,
            Asked::Discovery => path.contains("/.well-known/"),
            Asked::Keys => path.contains("jwks"),
            Asked::Token => path.ends_with("/token"),
        };
        let says = self.says.filter(|_| answers)?;
        self.met += 1;
        Some(says)
    }
}
