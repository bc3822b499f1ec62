//! Statements whose results are not needed. They are sent together with the next statement that returns a result, or
//! with the commit. A publish therefore takes two round trips to the database instead of eight.

use std::fmt::{self, Write};

use data_encoding::HEXLOWER;
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Error, Executor, FromRow, Type,
    mysql::{MySqlArguments, MySqlConnection, MySqlRow},
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
};

use crate::traces::DbRoundTrip;

/// Maximum size of the values, in bytes, that a batch defers or writes as text.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Maximum number of statements in a batch that stays prepared as a whole.
const MAX_PREPARED_STATEMENTS: usize = 16;

/// A value to bind.
pub(super) enum SqlValue {
    Text(String),
    Number(i64),
    Null,
}

// Omits the value, which may be that of a config.
impl fmt::Debug for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for SqlValue {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for SqlValue {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl SqlValue {
    fn bind<'a, A: Arguments>(self, bound: &mut A) -> Result<(), Error>
    where
        String: Encode<'a, A::Database> + Type<A::Database>,
        Option<i64>: Encode<'a, A::Database> + Type<A::Database>,
    {
        match self {
            Self::Text(text) => bound.add(text),
            Self::Number(number) => bound.add(Some(number)),
            Self::Null => bound.add(None),
        }
        .map_err(Error::Encode)
    }
}

/// Deferred statements, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    statements: Vec<(&'static str, Vec<SqlValue>)>,
    bytes: usize,
}

impl Batch {
    /// Adds a statement. Each question mark in it must be a placeholder.
    pub fn add(&mut self, sql: &'static str, values: Vec<SqlValue>) {
        self.bytes +=
            values.iter().map(|value| if let SqlValue::Text(text) = value { text.len() } else { 8 }).sum::<usize>();
        self.statements.push((sql, values));
    }

    /// Returns the statements without their values, for traces.
    pub fn trace_summary(&self) -> DbRoundTrip {
        DbRoundTrip::Batch(self.statements.iter().map(|(sql, _)| *sql).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Returns whether the batch should be sent now.
    pub fn is_large(&self) -> bool {
        self.bytes > MAX_BATCH_BYTES
    }

    /// Runs all statements at once and stops at the first that fails.
    pub async fn run_sqlite(self, on: &mut SqliteConnection) -> Result<(), Error> {
        let (sql, bound, few) = self.bound()?;
        sqlx::query_with(sql, bound).persistent(few).execute(on).await.map(drop)
    }

    /// Runs all statements like [`Batch::run_sqlite`] and returns the first row of the last one. The others
    /// return no rows.
    pub async fn query_sqlite<T>(self, on: &mut SqliteConnection) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        let (sql, bound, few) = self.bound()?;
        let row = sqlx::query_with(sql, bound).persistent(few).fetch_optional(on).await?;
        row.as_ref().map(T::from_row).transpose()
    }

    fn bound(self) -> Result<(AssertSqlSafe<String>, SqliteArguments, bool), Error> {
        let sql = joined(self.statements.iter().map(|(sql, _)| *sql));
        let (few, mut bound) = (self.statements.len() <= MAX_PREPARED_STATEMENTS, SqliteArguments::default());
        for value in self.statements.into_iter().flat_map(|(_, values)| values) {
            value.bind(&mut bound)?;
        }
        Ok((AssertSqlSafe(sql), bound, few))
    }

    /// Runs all statements like [`Batch::run_sqlite`]. MySQL accepts several at once only as text, so their values are
    /// written in hexadecimal, which no value can break out of. A large batch is sent one statement at a time.
    pub async fn run_mysql(self, on: &mut MySqlConnection) -> Result<(), Error> {
        if !self.is_large() {
            return on.execute(self.as_text()).await.map(drop);
        }
        for (sql, values) in self.statements {
            if values.is_empty() {
                // MySQL cannot prepare `start transaction`.
                on.execute(sql).await?;
                continue;
            }
            let mut bound = MySqlArguments::default();
            values.into_iter().try_for_each(|value| value.bind(&mut bound))?;
            sqlx::query_with(sql, bound).execute(&mut *on).await?;
        }
        Ok(())
    }

    /// Runs all statements like [`Batch::query_sqlite`].
    pub async fn query_mysql<T>(self, on: &mut MySqlConnection) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, MySqlRow>,
    {
        let row = on.fetch_optional(self.as_text()).await?;
        row.as_ref().map(T::from_row).transpose()
    }

    fn as_text(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(joined(self.statements.iter().map(|(sql, values)| statement_text(sql, values))))
    }
}

fn joined<T: AsRef<str>>(statements: impl Iterator<Item = T>) -> String {
    let mut all = String::new();
    for sql in statements {
        if !all.is_empty() {
            all.push_str("; ");
        }
        all.push_str(sql.as_ref());
    }
    all
}

fn statement_text(sql: &str, values: &[SqlValue]) -> String {
    let (mut text, mut values) = (String::with_capacity(sql.len()), values.iter());
    for part in sql.split_inclusive('?') {
        let Some(before) = part.strip_suffix('?') else {
            text.push_str(part);
            continue;
        };
        text.push_str(before);
        match values.next() {
            Some(SqlValue::Text(value)) => {
                text.push_str("_utf8mb4 x'");
                HEXLOWER.encode_append(value.as_bytes(), &mut text);
                text.push('\'');
            }
            Some(SqlValue::Number(number)) => _ = write!(text, "{number}"),
            Some(SqlValue::Null) | None => text.push_str("null"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::storage::connect::tests::database;

    /// SQL modes that change the meaning of a statement. `None` keeps the mode of the server and the driver.
    const SQL_MODES: [Option<&str>; 12] = [
        None,
        Some(""),
        Some("ANSI_QUOTES"),
        Some("NO_BACKSLASH_ESCAPES"),
        Some("PIPES_AS_CONCAT"),
        Some("ANSI"),
        Some("TRADITIONAL"),
        Some("STRICT_ALL_TABLES"),
        Some("IGNORE_SPACE,HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT"),
        Some("ANSI,NO_BACKSLASH_ESCAPES"),
        Some("TRADITIONAL,NO_BACKSLASH_ESCAPES"),
        Some("ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,PAD_CHAR_TO_FULL_LENGTH"),
    ];
    /// Character sets of a connection. In GBK, a backslash can be the second byte of a character.
    const CHARSETS: [&str; 4] = ["utf8mb4", "latin1", "gbk", "binary"];
    /// Fragments that could end a literal, begin a comment or look like a placeholder.
    const FRAGMENTS: [&str; 15] =
        ["'", "\"", "`", "\\", "\\'", "\0", "\u{1a}", "\r\n", "?", "; ", "-- ", "/*!", "||", "x'", "\u{7e17}\\'"];

    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![any::<char>().prop_map(String::from), select(&FRAGMENTS[..]).prop_map(str::to_owned)];
        vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    /// Writes rows in one batch and reads them back; then selects each text with a batch that returns a row.
    async fn roundtrip(on: &mut MySqlConnection, rows: &[(String, Option<i64>)]) {
        let mut batch = Batch::default();
        batch.add("delete from kept", Vec::new());
        for (id, (text, number)) in (0_i64..).zip(rows) {
            batch.add("insert into kept values (?, ?, ?)", vec![id.into(), text.into(), (*number).into()]);
        }
        batch.run_mysql(on).await.unwrap();
        let kept: Vec<(String, Option<i64>)> =
            sqlx::query_as("select text, number from kept order by id").fetch_all(&mut *on).await.unwrap();
        assert_eq!(kept, rows);
        for (text, _) in rows {
            let mut batch = Batch::default();
            batch.add("select ?", vec![text.into()]);
            assert_eq!(batch.query_mysql::<(String,)>(on).await.unwrap().as_ref(), Some(&(text.clone(),)));
        }
    }

    #[test]
    fn any_value_is_read_back_in_every_mode_and_character_set() {
        let runtime = Runtime::new().unwrap();
        let Some((_, name, mut on)) = runtime.block_on(database()) else { return };
        let table = "create table kept (id bigint primary key, text longtext character set utf8mb4, number bigint)";
        runtime.block_on(on.execute(table)).unwrap();
        let on = RefCell::new(on);
        let rows = vec((text(), any::<Option<i64>>()), 1..6);
        for (mode, charset) in SQL_MODES.iter().flat_map(|mode| CHARSETS.map(|charset| (mode, charset))) {
            let mode = mode.map_or("@@sql_mode".to_owned(), |mode| format!("'{mode}'"));
            // Results stay UTF-8, because the driver expects that.
            let set = format!("set names {charset}; set character_set_results = utf8mb4; set sql_mode = {mode}");
            runtime.block_on(on.borrow_mut().execute(AssertSqlSafe(set))).unwrap();
            let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
            let tried = TestRunner::new(config).run(&rows, |rows| {
                runtime.block_on(roundtrip(&mut on.borrow_mut(), &rows));
                Ok(())
            });
            tried.unwrap_or_else(|failed| panic!("{mode} {charset}: {failed}"));
        }
        let drop = AssertSqlSafe(format!("drop database {name}"));
        runtime.block_on(on.borrow_mut().execute(drop)).unwrap();
    }

    #[test]
    fn no_value_breaks_out_of_its_literal() {
        let values = ["'; drop table a; -- ?".into(), 7_i64.into(), None.into(), "".into(), "ü\\".into()];
        assert_eq!(
            statement_text("insert into a values (?, ?, ?, ?, ?)", &values),
            "insert into a values (_utf8mb4 x'273b2064726f70207461626c6520613b202d2d203f', 7, null, _utf8mb4 x'', \
             _utf8mb4 x'c3bc5c')"
        );
    }
}
