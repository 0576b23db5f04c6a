//! Decides what the network does, and gets the results.

use crate::http1::Message;

use super::delivery::Delivery;
use super::fault::Fault;

/// Who decides what happens to each exchange, where a queue of faults is not enough.
pub trait Weather: std::fmt::Debug + Send + Sync {
    /// What happens to this request.
    fn fault(&self, request: &Message) -> Option<Fault>;

    /// Changes what the server has said.
    fn bend(&self, request: &Message, answer: &mut Message) {
        let _ = (request, answer);
    }

    /// Gets the exchange before the client is answered.
    fn passed(&self, exchange: Exchange);

    /// Whether a connection that begins now is met with a certificate of somebody else.
    fn shows_a_stranger(&self) -> bool {
        false
    }

    /// A request has arrived, and this will happen to it. What becomes of it is then reported under the number that is
    /// returned; without one, nothing is.
    fn began(&self, request: &Message, fault: Option<Fault>) -> Option<u64> {
        let _ = (request, fault);
        None
    }

    /// What the server has answered, whether or not that arrives.
    fn answered(&self, number: u64, answer: &Message) {
        let _ = (number, answer);
    }

    /// What became of the last answer: always comes, once, and last.
    fn ended(&self, number: u64, delivery: Delivery) {
        let _ = (number, delivery);
    }
}

/// A request that came through, and what the server said to it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// As the client sent it.
    pub request: Message,
    /// As the server answered, whether or not that arrived; `None` when the server was not asked.
    pub answer: Option<Message>,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Exchange {
    /// The decoded value of a form parameter of the request.
    pub fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.request.body)
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// Strikes DPoP out of the metadata: the provider seems to know none.
pub fn strike_dpop(request: &Message, answer: &mut Message) {
    if request.method_and_path().contains("/.well-known/")
        && let Ok(mut metadata) = serde_json::from_slice::<serde_json::Value>(&answer.body)
        && let Some(members) = metadata.as_object_mut()
    {
        members.remove("dpop_signing_alg_values_supported");
        answer.body = metadata.to_string().into_bytes();
    }
}
