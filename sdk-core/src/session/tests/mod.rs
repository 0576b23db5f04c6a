//! Whole sessions against a provider that loses, delays and garbles.

mod callers;
mod crashes;
mod dpop;
mod lost_answers;
mod races;
mod secrets;
mod sign_out;
mod storage;
mod time;
