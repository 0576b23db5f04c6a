//! The SDK's own threads, so that it works under any executor.
