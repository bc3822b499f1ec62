//! Reading of rows into the types of the domain. Rows of both databases are read alike.

use std::{fmt::Debug, str::FromStr};

use serde::de::{
    DeserializeOwned, IntoDeserializer,
    value::{self, StringDeserializer},
};
use sqlx::{Error, Result, Row, error::BoxDynError, mysql::MySqlRow, sqlite::SqliteRow};

use super::count;
use crate::domain::{names::ConfigId, time::Time};

/// A row of either database.
pub(super) trait AnyRow: Row {
    fn text(&self, column: &str) -> Result<String>;

    fn optional_text(&self, column: &str) -> Result<Option<String>>;

    fn boolean(&self, column: &str) -> Result<bool>;

    /// Returns an integer, or `None` for null.
    fn integer(&self, column: &str) -> Result<Option<i64>>;

    /// Parses a text that was valid when it was stored.
    fn parsed<T: FromStr<Err: Debug>>(&self, column: &str) -> Result<T> {
        self.text(column)?.parse().map_err(|error| invalid(column, format!("{error:?}")))
    }

    /// Reads a variant of an enum by the name that serde gives it.
    fn variant<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let name: StringDeserializer<value::Error> = self.text(column)?.into_deserializer();
        T::deserialize(name).map_err(|error| invalid(column, error))
    }

    fn number(&self, column: &str) -> Result<u64> {
        Ok(self.integer(column)?.map_or(0, count))
    }

    fn time(&self, column: &str) -> Result<Time> {
        Ok(self.optional_time(column)?.unwrap_or_default())
    }

    fn optional_time(&self, column: &str) -> Result<Option<Time>> {
        Ok(self.integer(column)?.map(Time))
    }

    /// Returns the config that the columns `env`, `app` and `namespace` name.
    fn config(&self) -> Result<ConfigId> {
        Ok(ConfigId { env: self.parsed("env")?, app: self.parsed("app")?, namespace: self.parsed("namespace")? })
    }
}

/// Returns the error of a value that cannot be read, because something other than Trimtab changed the table.
pub(super) fn invalid(column: &str, why: impl Into<BoxDynError>) -> Error {
    Error::ColumnDecode { index: column.to_owned(), source: why.into() }
}

macro_rules! any_row {
    ($($row:ty),+) => { $(
        impl AnyRow for $row {
            fn text(&self, column: &str) -> Result<String> {
                self.try_get(column)
            }

            fn optional_text(&self, column: &str) -> Result<Option<String>> {
                self.try_get(column)
            }

            fn boolean(&self, column: &str) -> Result<bool> {
                self.try_get(column)
            }

            fn integer(&self, column: &str) -> Result<Option<i64>> {
                self.try_get(column)
            }
        }
    )+ };
}
any_row!(SqliteRow, MySqlRow);
