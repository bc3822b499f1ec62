//! Files that only the server's own user may read, independent of their folder and the umask.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Mode of a file: only its owner reads and writes.
const MODE: u32 = 0o600;

/// Returns options that create a file for its owner alone.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(MODE);
    options
}

/// Removes all permissions except the owner's. A missing file is no error.
///
/// # Errors
/// Those of the system.
pub fn restrict_to_owner(path: &Path) -> io::Result<()> {
    // A link may lead to another user's file.
    let there = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    if !there.is_file() || there.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))
}
