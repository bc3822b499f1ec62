//! The data folder: made when it is not there, and locked so that one server at a time uses it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

/// A data folder that this process holds. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder and locks it.
    ///
    /// # Errors
    /// What went wrong, with the process that holds it.
    pub fn hold(path: &Path) -> Result<Self, String> {
        make(path)?;
        let file = path.join("server.lock");
        let said = |e: std::io::Error| format!("{}: {e}", file.display());
        let mut lock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file).map_err(said)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                return Err(format!(
                    "another server (process {}) uses {} already; stop it, or set data_dir to another folder",
                    pid.trim(),
                    path.display()
                ));
            }
            Err(TryLockError::Error(e)) => return Err(said(e)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(said)?;
        writeln!(lock, "{}", std::process::id()).map_err(said)?;
        Ok(Self { _lock: lock })
    }

    /// Whether a server holds the folder now.
    #[must_use]
    pub fn is_held(path: &Path) -> bool {
        File::open(path.join("server.lock")).is_ok_and(|f| matches!(f.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Makes the folder, for its owner alone.
///
/// # Errors
/// What went wrong.
pub fn make(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| format!("data_dir {}: {e}", path.display()))
}
