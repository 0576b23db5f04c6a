//! The development server: one command, no configuration.
