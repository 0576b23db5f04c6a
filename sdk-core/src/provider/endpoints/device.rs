//! The endpoints of a device grant (RFC 8628).

use url::Url;

use super::{
    super::device_grant::{self, DeviceAnswer, DeviceCodes},
    Metadata, Provider,
};
use crate::{
    dpop::{Credentials, ProofKey},
    error::Error,
    net::{NetError, Request},
    secret::Secret,
};

impl Provider {
    /// Exchanges a device code (RFC 8628 §3.4), if the user has approved the device.
    pub(crate) async fn exchange_device_code(
        &self,
        metadata: &Metadata,
        device_code: &Secret,
        proof_key: Option<&ProofKey>,
    ) -> Result<DeviceAnswer, NetError> {
        let fields = [
            ("grant_type", device_grant::GRANT_TYPE),
            ("device_code", device_code.expose()),
            ("client_id", self.configuration.client_id()),
        ];
        let limit = &self.code_rate_limit;
        let response = self.send_for_tokens(limit, metadata, fields, proof_key).await?;
        Ok(match DeviceAnswer::without_tokens(&response) {
            Some(answer) => answer,
            None => DeviceAnswer::Tokens(self.read_tokens(limit, &response, &[device_code])),
        })
    }

    /// Asks for a device code, and for a code that the user enters (RFC 8628 §3.1).
    ///
    /// # Errors
    /// [`Error::Refused`] if the provider refuses the request, or its answer cannot be used, and those of the network.
    pub(crate) async fn authorize_device(
        &self,
        endpoint: &Url,
        fields: &[(&str, &str)],
    ) -> Result<DeviceCodes, Error> {
        let request = Request::post_form(endpoint.clone(), fields.iter().copied());
        let response = self.sender.send(&request, Credentials::default()).await?;
        if let Some(wait) = self.wait_asked(&response) {
            return Err(Error::RateLimited { retry_after: wait });
        }
        DeviceCodes::read(&response, &self.configuration)
    }
}
