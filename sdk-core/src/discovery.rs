//! The provider's metadata.
