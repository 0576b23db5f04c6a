//! TLS, pins, requests.
