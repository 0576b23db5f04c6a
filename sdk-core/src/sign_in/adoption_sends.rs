//! The one refresh of an adoption: sent, and its answer durable before anything is checked.

use super::{
    SignIn,
    exchanged::{Unkept, tokens},
    known::Known,
};
use crate::{
    account::{Leased, is_gone},
    dpop::is_about_the_proof,
    error::{Error, StorageUnavailableReason},
    provider::{Metadata, RefreshRequest, Refusal, TokenResponse},
    secret::Secret,
    time::Lifetime,
    vault::{Adoption, AdoptionAnswer, Change, WhenLost},
};

impl SignIn {
    /// Sends the token, and puts its answer into the record. Returns `false` if another process has done so.
    ///
    /// Where the provider knows no attempts, one process at a time sends: two would lose the session.
    pub(super) async fn exchange_adopted(
        &self,
        metadata: &Metadata,
        adoption: &mut Adoption,
        unkept: &mut Vec<Unkept>,
    ) -> Result<bool, Error> {
        if adoption.attempt.is_some() {
            return self.send_adopted(metadata, adoption, unkept).await;
        }
        let Some((_critical, lease)) = self.refresher.lease_for(adoption).await? else { return Ok(false) };
        if !Leased::Adoption(adoption).is_current(&self.store).await? {
            return Ok(false);
        }
        // Space for the answer, and a record for the next holder of the lease.
        self.store.prepare_exchange(&lease, &adoption.token).await?;
        if lease.is_suspended() {
            return Err(Error::StorageUnavailable(StorageUnavailableReason::Busy));
        }
        let sent = self.send_adopted(metadata, adoption, unkept).await?;
        self.store.clear_sent(&lease).await;
        Ok(sent)
    }

    async fn send_adopted(
        &self,
        metadata: &Metadata,
        adoption: &mut Adoption,
        unkept: &mut Vec<Unkept>,
    ) -> Result<bool, Error> {
        let began = Lifetime::starting_now(self.store.clock()).lasting(NEW_FOR);
        let request = RefreshRequest {
            token: adoption.token.clone(),
            attempt: adoption.attempt.clone(),
            proof_key: adoption.proof_key.clone(),
            login_state: Secret::new(String::new()),
            subject: String::new(),
            narrowing: None,
            refused_before: false,
        };
        let key = self.provider.keep_key(adoption.proof_key.as_ref());
        let response = match self.provider.refresh(metadata, &request).await {
            Err(error) if is_gone(&error) => return self.replace_key(adoption).await.map(|()| false),
            response => response?,
        };
        let tokens = match response {
            TokenResponse::Refused(refusal) if is_about_the_proof(&refusal.code) => {
                let skew = self.provider.clock_skew(metadata).map(Error::ClockSkew);
                return Err(skew.unwrap_or_else(|| refusal.into()));
            }
            TokenResponse::Refused(refusal) if refusal.is_invalid_grant() => {
                return Err(self.refuse(adoption, refusal).await);
            }
            response => tokens(response)?,
        };
        let knows_attempts = metadata.refresh_attempt_supported;
        adoption.answer = Some(AdoptionAnswer { tokens, began, knows_attempts });
        match self.keep_answer(adoption.clone()).await {
            Ok(is_kept) => Ok(is_kept),
            Err(error) => {
                unkept.push(Unkept { adoption: adoption.clone(), key });
                Err(error)
            }
        }
    }

    /// Puts an answer into its record. Returns `false`, and queues its revocation, if it is of no use any more.
    async fn keep_answer(&self, adoption: Adoption) -> Result<bool, Error> {
        let kept = self.store.update_reserved(None, move |account| {
            match Known::of(Some(account), &adoption.token_hash) {
                Ok(Known::Begun(found)) if found.token != adoption.token || found.answer.is_some() => {
                    Change::Keep(false)
                }
                // Also where another process has deleted the record, because the token was refused there.
                Ok(Known::Begun(_) | Known::New) => {
                    account.adoptions.retain(|other| other.token_hash != adoption.token_hash);
                    account.adoptions.push(adoption);
                    Change::Write(true)
                }
                // The same session has it, or another one is there.
                Ok(Known::Session(_)) => Change::Keep(false),
                Err(_) => {
                    account.adoptions.push(adoption);
                    account.end_adoptions();
                    Change::Write(false)
                }
            }
        });
        kept.await
    }

    /// Stores what could not be stored before.
    pub(super) async fn keep_unkept(&self, unkept: &mut Vec<Unkept>) -> Result<(), Error> {
        while let Some(last) = unkept.last() {
            self.keep_answer(last.adoption.clone()).await?;
            unkept.pop();
        }
        Ok(())
    }

    /// The same when the process ends.
    pub(crate) async fn keep_adopted(&self) -> Result<(), Error> {
        self.keep_unkept(&mut *self.unkept.lock().await).await
    }

    /// The provider refused the token: the record goes, and all else stays as it was. Returns the error for the caller.
    async fn refuse(&self, adoption: &Adoption, refusal: Refusal) -> Error {
        let (hash, token) = (adoption.token_hash.clone(), adoption.token.clone());
        let deleted = self.store.update(WhenLost::Fail, move |account| {
            match account.adoption(&hash) {
                // Another process has its answer, or has sent the token in another way.
                Some(found) if found.answer.is_some() || found.token != token => Change::Keep(false),
                Some(_) => {
                    account.adoptions.retain(|adoption| adoption.token_hash != hash);
                    Change::Write(true)
                }
                None => Change::Keep(account.adopted(&hash).is_none()),
            }
        });
        match deleted.await {
            // The next look at the vault says what became of it.
            Ok(false) => Error::offline(),
            Ok(true) | Err(_) => {
                let Refusal { code, description, .. } = refusal;
                let said = if description.is_empty() { String::new() } else { format!("{description}; ") };
                Error::refused(&code, format!("{said}{REFUSED}"))
            }
        }
    }

    /// The signer has lost the key, so nothing that is bound to it can be used. The token is sent with a new one.
    async fn replace_key(&self, adoption: &Adoption) -> Result<(), Error> {
        let new = self.provider.new_key().await?;
        let (hash, lost, stored) = (adoption.token_hash.clone(), adoption.proof_key.clone(), new.clone());
        let replaced = self.store.update(WhenLost::Fail, move |account| {
            let mut adoptions = account.adoptions.iter_mut();
            match adoptions.find(|found| found.token_hash == hash && found.proof_key == lost) {
                Some(found) => {
                    found.proof_key = Some(stored);
                    Change::Write(true)
                }
                None => Change::Keep(false),
            }
        });
        let replaced = replaced.await;
        if !matches!(replaced, Ok(true)) {
            self.provider.discard_key(&new).await;
        }
        replaced.map(drop)
    }
}

const REFUSED: &str = "the provider refused the refresh token, and nothing on this device has changed; delete the \
                       other library's state, and offer a sign-in";
/// How long an answer is new enough for its ID token to be checked.
const NEW_FOR: std::time::Duration = std::time::Duration::from_secs(120);
