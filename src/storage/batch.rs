//! Statements whose answers nobody waits for: they go to the database together, before the next one that is waited for
//! or with the commit. A publish crosses to the database twice so, instead of eight times.

use std::fmt::Write;

use sqlx::{
    Arguments, AssertSqlSafe, Encode, Error, Executor, FromRow, Type,
    mysql::{MySqlArguments, MySqlConnection, MySqlRow},
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
};

use crate::traces::Asked;

/// More bytes of values than this are neither kept waiting nor spelled out.
const LARGE: usize = 256 * 1024;
/// Of so many statements at the most the driver remembers how they are prepared together.
const REMEMBERED: usize = 16;

/// A value to be bound.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Null,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl Value {
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

/// Statements that wait, in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    statements: Vec<(&'static str, Vec<Value>)>,
    bytes: usize,
}

impl Batch {
    /// Adds a statement. A question mark in it stands for a value, and for nothing else.
    pub fn add(&mut self, sql: &'static str, values: Vec<Value>) {
        self.bytes +=
            values.iter().map(|value| if let Value::Text(text) = value { text.len() } else { 8 }).sum::<usize>();
        self.statements.push((sql, values));
    }

    /// What it asks for, without the values.
    pub fn asked(&self) -> Asked {
        Asked::Together(self.statements.iter().map(|(sql, _)| *sql).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Whether it is time to send.
    pub fn is_large(&self) -> bool {
        self.bytes > LARGE
    }

    /// Runs them all in one go, up to the first that fails.
    pub async fn sqlite(self, on: &mut SqliteConnection) -> Result<(), Error> {
        let (sql, bound, few) = self.bound()?;
        sqlx::query_with(sql, bound).persistent(few).execute(on).await.map(drop)
    }

    /// The same, and gives the first row of the last one's answer; the others have none.
    pub async fn ask_sqlite<T>(self, on: &mut SqliteConnection) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, SqliteRow>,
    {
        let (sql, bound, few) = self.bound()?;
        let row = sqlx::query_with(sql, bound).persistent(few).fetch_optional(on).await?;
        row.as_ref().map(T::from_row).transpose()
    }

    fn bound(self) -> Result<(AssertSqlSafe<String>, SqliteArguments, bool), Error> {
        let sql = joined(self.statements.iter().map(|(sql, _)| *sql));
        let (few, mut bound) = (self.statements.len() <= REMEMBERED, SqliteArguments::default());
        for value in self.statements.into_iter().flat_map(|(_, values)| values) {
            value.bind(&mut bound)?;
        }
        Ok((AssertSqlSafe(sql), bound, few))
    }

    /// The same as [`Batch::sqlite`]. MySQL takes several at once only as text, so values are spelled in a way that no
    /// value can leave: texts in hexadecimal. Large ones go one by one.
    pub async fn mysql(self, on: &mut MySqlConnection) -> Result<(), Error> {
        if !self.is_large() {
            return on.execute(self.spelled()).await.map(drop);
        }
        for (sql, values) in self.statements {
            if values.is_empty() {
                // MySQL prepares no `start transaction`.
                on.execute(sql).await?;
                continue;
            }
            let mut bound = MySqlArguments::default();
            values.into_iter().try_for_each(|value| value.bind(&mut bound))?;
            sqlx::query_with(sql, bound).execute(&mut *on).await?;
        }
        Ok(())
    }

    /// The same as [`Batch::ask_sqlite`].
    pub async fn ask_mysql<T>(self, on: &mut MySqlConnection) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, MySqlRow>,
    {
        let row = on.fetch_optional(self.spelled()).await?;
        row.as_ref().map(T::from_row).transpose()
    }

    fn spelled(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(joined(self.statements.iter().map(|(sql, values)| spelled(sql, values))))
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

fn spelled(sql: &str, values: &[Value]) -> String {
    let (mut text, mut values) = (String::with_capacity(sql.len()), values.iter());
    for part in sql.split_inclusive('?') {
        let Some(before) = part.strip_suffix('?') else {
            text.push_str(part);
            continue;
        };
        text.push_str(before);
        match values.next() {
            Some(Value::Text(value)) => {
                text.push_str("_utf8mb4 x'");
                for byte in value.bytes() {
                    text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
                    text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
                }
                text.push('\'');
            }
            Some(Value::Number(number)) => _ = write!(text, "{number}"),
            Some(Value::Null) | None => text.push_str("null"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_place() {
        let values = ["'; drop table a; -- ?".into(), 7_i64.into(), None.into(), "".into(), "ü\\".into()];
        assert_eq!(
            spelled("insert into a values (?, ?, ?, ?, ?)", &values),
            "insert into a values (_utf8mb4 x'273b2064726f70207461626c6520613b202d2d203f', 7, null, _utf8mb4 x'', \
             _utf8mb4 x'c3bc5c')"
        );
    }
}
