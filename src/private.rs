//! Files that only the server's own user may read, whatever the folder that they are in and the umask.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Permissions of a file: its owner reads and writes.
const MODE: u32 = 0o600;

/// Returns options that make a file for its owner alone.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(MODE);
    options
}

/// Takes a file away from everybody but its owner. One that does not exist is fine.
///
/// # Errors
/// The system's.
pub fn tighten(path: &Path) -> io::Result<()> {
    // What a link leads to may belong to somebody else.
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    if !there.is_file() || there.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))
}
