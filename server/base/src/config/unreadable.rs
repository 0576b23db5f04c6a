//! What an operator reads of a file that can't be read.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// Which file, why it can't be read, and what to do.
pub fn unreadable(file: &Path, error: &Error) -> String {
    let why = match error.kind() {
        // Which folder a relative path goes by is what is unknown then.
        ErrorKind::NotFound => {
            let tried = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            return format!("{} does not exist: name the right file", tried.display());
        }
        ErrorKind::PermissionDenied => {
            "this account may not: run this as the server's user, or let that one read the file (chown, chmod)"
        }
        ErrorKind::IsADirectory => "it is a folder: name the file in it",
        ErrorKind::InvalidData => "it is not text in UTF-8",
        _ => return format!("can't read {}: {error}", file.display()),
    };
    format!("can't read {}: {why}", file.display())
}
