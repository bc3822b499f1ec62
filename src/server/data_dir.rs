//! The data folder. The server creates it and locks it, so that only one server at a time uses it.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use crate::{private, reader::last_good};

/// Name of the lock file.
const LOCK_FILE: &str = "server.lock";
/// Prefixes of the names of all files that the server keeps here.
const PRIVATE_PREFIXES: [&str; 3] = ["trimtab.", LOCK_FILE, last_good::NAME];
/// Name of the settings file, which may be in this folder too. The server does not change its mode.
const SETTINGS_FILE: &str = "trimtab.toml";

/// A data folder that this process has locked. The operating system releases the lock when the process ends.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Creates the folder if needed and locks it.
    ///
    /// # Errors
    /// Fails if another server holds the lock, with its process id, or if the folder cannot be used.
    pub fn create_and_lock(path: &Path) -> Result<Self, String> {
        create(path)?;
        let file = path.join(LOCK_FILE);
        let said = |e: std::io::Error| format!("{}: {e}", file.display());
        let mut lock =
            private::options().read(true).write(true).create(true).truncate(false).open(&file).map_err(said)?;
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

    /// Returns whether a server holds the lock now.
    pub fn is_locked(path: &Path) -> bool {
        File::open(path.join(LOCK_FILE)).is_ok_and(|f| matches!(f.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Creates the folder with mode 0700. Existing files of the server become private, because older versions left them
/// readable by others.
///
/// # Errors
/// Fails if the folder cannot be created.
pub fn create(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| format!("data_dir {}: {e}", path.display()))?;
    for file in fs::read_dir(path).into_iter().flatten().flatten() {
        let name = file.file_name();
        let ours = PRIVATE_PREFIXES.iter().any(|ours| name.as_encoded_bytes().starts_with(ours.as_bytes()))
            && name != SETTINGS_FILE;
        if let Err(error) = if ours { private::restrict_to_owner(&file.path()) } else { Ok(()) } {
            tracing::warn!(file = %file.path().display(), %error, "other users of this machine may read this file");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn server_files_are_private_in_any_folder() {
        let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
        create(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let old =
            ["trimtab.db", "trimtab.db-wal", "last-known-good", "last-known-good.journal", "trimtab.toml", "mine"];
        for name in old {
            fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(folder.join(name)).unwrap();
        }
        let _held = DataDir::create_and_lock(&folder).unwrap();
        let modes = old.map(|name| mode(&folder.join(name)));
        assert_eq!(modes, [0o600, 0o600, 0o600, 0o600, 0o644, 0o644]);
        assert_eq!((mode(&folder.join(LOCK_FILE)), mode(&folder)), (0o600, 0o755));
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn database_files_are_private() {
        let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let url = format!("sqlite://{}", folder.join("other.db").display());
        let db = crate::storage::Db::open(&url).await.unwrap();
        let service = crate::service::Service::new(db.clone(), std::sync::Arc::default());
        service.signer().await.unwrap();
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 3, "{files:?}");
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        db.close().await;
        fs::remove_dir_all(folder).unwrap();
    }
}
