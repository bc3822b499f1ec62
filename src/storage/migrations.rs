//! The files in `migrations/`, which the program contains.
//!
//! `sqlx::migrate!` is not used: for its macros a first build would compile the drivers of both databases twice.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Name and content of each file. A new migration has one name in both folders.
macro_rules! files {
    ($folder:literal) => {
        files!(
            $folder: "0001_main", "0002_delivery", "0003_outbox", "0004_secrets", "0005_grants",
            "0006_releases_of_app", "0007_removal", "0008_favourites", "0009_undo"
        )
    };
    ($folder:literal: $($name:literal),+) => {
        [$(($name, include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")))),+]
    };
}

/// Returns the migrations of SQLite.
pub(super) fn sqlite() -> Migrator {
    migrator(&files!("sqlite"))
}

/// Returns the migrations of MySQL and MariaDB.
pub(super) fn mysql() -> Migrator {
    migrator(&files!("mysql"))
}

fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migration = |(name, sql): &(&'static str, &'static str)| {
        let (version, description) = name.split_once('_').expect("a name is a number and a description");
        let version = version.parse().expect("a name begins with a number");
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_contained() {
        for (folder, contained) in [("sqlite", files!("sqlite")), ("mysql", files!("mysql"))] {
            let files = std::fs::read_dir(format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap();
            let mut files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            files.sort();
            assert_eq!(files, contained.map(|(name, _)| format!("{name}.sql")), "{folder}");
        }
    }

    /// The checksums in existing databases must not change. They are those of `sha384sum`.
    #[test]
    fn checksums_are_those_of_the_files() {
        let first = |migrator: &Migrator| data_encoding::HEXLOWER.encode(&migrator.iter().next().unwrap().checksum);
        assert_eq!(
            first(&sqlite()),
            "63747085a2bd5a635b3fb93245fec0b2fc63249c5418505e7a95a502571ea474380bdcbc7f50e3ae15d6dd36becc42bf"
        );
        assert_eq!(
            first(&mysql()),
            "24381548686312eeba4cb70393892ea4251f1d959860b68bac06ea59e15ddea8b0af78c0cc5d9657186fd6b2eb588d10"
        );
        assert_eq!(sqlite().iter().map(|m| (m.version, &*m.description)).next_back(), Some((9, "undo")));
    }
}
