//! Refreshes that a test stops on their way.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Device, Fault, Gate, a_new_one};
use crate::{AccessToken, Error, session::Session};

/// Begins a refresh.
pub(crate) fn refreshing(session: &Arc<Session>) -> JoinHandle<Result<AccessToken, Error>> {
    let session = session.clone();
    tokio::spawn(async move { session.access_token(a_new_one(&session)).await })
}

/// Begins a refresh, and returns when the provider holds its request or its answer, until the gate opens.
pub(crate) async fn refreshing_held(
    device: &Device,
    session: &Arc<Session>,
    fault: impl FnOnce(Gate) -> Fault,
) -> (Gate, JoinHandle<Result<AccessToken, Error>>) {
    let gate = Gate::new();
    device.provider.fault(fault(gate.clone()));
    let refresh = refreshing(session);
    gate.reached().await;
    (gate, refresh)
}
