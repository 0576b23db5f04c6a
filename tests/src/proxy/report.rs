//! What becomes of an exchange, for a weather that wants to know.

use crate::http1::Message;

use super::delivery::Delivery;
use super::fault::Fault;
use super::weather::Weather;

/// See the module. An exchange that fails has lost its answer.
pub(super) struct Report<'a> {
    wanted: Option<(&'a dyn Weather, u64)>,
    delivery: Delivery,
}

impl<'a> Report<'a> {
    pub(super) fn begin(weather: Option<&'a dyn Weather>, request: &Message, fault: Option<Fault>) -> Self {
        let wanted = weather.and_then(|weather| Some((weather, weather.began(request, fault)?)));
        Self { wanted, delivery: Delivery::Lost }
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    pub(super) fn answered(&self, answer: Option<&Message>) {
        if let (Some((weather, number)), Some(answer)) = (self.wanted, answer) {
            weather.answered(number, answer);
        }
    }

    pub(super) fn end(mut self, delivery: Delivery) {
        self.delivery = delivery;
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if let Some((weather, number)) = self.wanted {
            weather.ended(number, self.delivery);
        }
    }
}
