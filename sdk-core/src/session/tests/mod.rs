//! Whole sessions against a provider that loses, delays and garbles.

mod callers;
mod crashes;
mod device;
mod documents;
mod dpop;
mod end_session;
mod hiccups;
mod interleavings;
mod locking;
mod lost_answers;
mod lost_vault;
mod narrowed_tokens;
mod odd_answers;
mod pushed_requests;
mod races;
mod revocations;
mod secrets;
mod shared;
mod sign_out;
mod signer;
mod step_up;
mod storage;
mod suspension;
mod time;
mod unsaved;
