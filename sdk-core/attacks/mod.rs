//! Known attacks on what the SDK reads, one table for each reader.

mod algorithms;
mod id_token;
mod quirks;
mod tls;
