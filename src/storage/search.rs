//! First selections for searches, each bounded. The caller decides about each row, because databases compare letters
//! differently, and checks the permission.

use serde::Deserialize;
use sqlx::FromRow;

use super::{Conn, changes::changes, count, damaged, on, row::AnyRow, signed};
use crate::{
    compute,
    domain::{
        access::{Administer, May},
        catalog::Namespace,
        change::{Change, ChangeId},
        error::Result,
        json::Members,
        merge::Edit,
        names::ConfigId,
    },
};

/// An edit of an open change.
#[derive(Clone, Debug)]
pub struct OpenEdit {
    /// The change.
    pub change: Change,
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a whole text.
    pub key: String,
    /// The edit itself.
    pub edit: Edit,
}

/// The comment of a stored item.
#[derive(Deserialize)]
struct Commented {
    #[serde(default)]
    comment: String,
}

struct OpenEditRow {
    change: Change,
    env: String,
    app: String,
    namespace: String,
    item_key: String,
    edit: String,
}

impl<R: AnyRow> FromRow<'_, R> for OpenEditRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            change: Change::from_row(row)?,
            env: row.text("env")?,
            app: row.text("app")?,
            namespace: row.text("namespace")?,
            item_key: row.text("item_key")?,
            edit: row.text("edit")?,
        })
    }
}

/// Returns the pattern for `lower(…) like ? escape '!'` that admits every text with this word in any case. Only ASCII
/// letters have the same lower case in both databases, so other letters with a case admit any character.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        match c {
            '%' | '_' | '!' => pattern.extend(['!', c]),
            _ if c.is_ascii() => pattern.push(c.to_ascii_lowercase()),
            _ if c.to_lowercase().eq([c]) && c.to_uppercase().eq([c]) => pattern.push(c),
            _ => pattern.push('_'),
        }
    }
    pattern + "%"
}

/// Returns a word as it is written inside of a JSON string.
fn json(word: &str) -> String {
    let quoted = serde_json::to_string(word).expect("a string is JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

impl Conn {
    /// Returns open changes that have a word in their message, last edited first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_changes_with(&mut self, word: &str, limit: u32) -> Result<Vec<Change>> {
        Ok(on!(self, c => sqlx::query_as(changes!(
            "where c.state = 'open' and lower(c.message) like ? escape '!' order by c.updated_at desc limit ?"
        )).bind(pattern(word)).bind(limit).fetch_all(c).await)?)
    }

    /// Returns published changes that have a word in their message, newest first. Only the newest 20,000 changes are
    /// looked at.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn published_changes_with(&mut self, word: &str, limit: u32) -> Result<Vec<Change>> {
        Ok(on!(self, c => sqlx::query_as(changes!(
            "where c.id >= coalesce((select n.id from changes n order by n.id desc limit 1 offset 20000), '') \
             and c.state = 'published' and lower(c.message) like ? escape '!' order by c.id desc limit ?"
        )).bind(pattern(word)).bind(limit).fetch_all(c).await)?)
    }

    /// Returns edits of open changes that have a word in their key, value or comment: those of `author` first, then
    /// last edited first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_edits_with(&mut self, word: &str, author: &str, limit: u32) -> Result<Vec<OpenEdit>> {
        let rows: Vec<OpenEditRow> = on!(self, c => sqlx::query_as(
            "select c.id, c.author, c.author_name, c.message, c.state, c.version, c.created_at, c.updated_at, \
             e.env, e.app, e.namespace, e.item_key, e.edit from changes c cross join edits e on e.change_id = c.id \
             where c.state = 'open' and (lower(e.item_key) like ? escape '!' or lower(e.edit) like ? escape '!') \
             order by case when c.author = ? then 0 else 1 end, c.updated_at desc, c.id, e.position limit ?"
        ).bind(pattern(word)).bind(pattern(&json(word))).bind(author).bind(limit).fetch_all(c).await)?;
        compute::weigh(rows.iter().map(|row| row.edit.len()).sum()).await;
        rows.into_iter().map(OpenEditRow::edit).collect()
    }

    /// Returns the configs that a change edits, and its releases with their numbers. A config can be listed twice.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn touched_configs(&mut self, id: &ChangeId) -> Result<Vec<(ConfigId, Option<u64>)>> {
        let rows: Vec<(String, String, String, i64)> = on!(self, c => sqlx::query_as(
            "select env, app, namespace, 0 from edits where change_id = ? group by env, app, namespace \
             union all select env, app, namespace, seq from releases where change_id = ?"
        ).bind(id.as_str()).bind(id.as_str()).fetch_all(c).await)?;
        let touched = |(env, app, namespace, seq): (String, String, String, i64)| {
            let config = ConfigId::parse(&env, &app, &namespace).map_err(|e| damaged("a config", e))?;
            Ok((config, (seq > 0).then(|| count(seq))))
        };
        rows.into_iter().map(touched).collect()
    }

    /// Returns the namespaces of all applications with their descriptions, without archived ones.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_namespaces(&mut self) -> Result<Vec<Namespace>> {
        Ok(on!(self, c => sqlx::query_as(
            "select app, name as namespace, format, description, archived_at as namespace_archived_at from namespaces \
             where archived_at is null order by app, name"
        ).fetch_all(c).await)?)
    }

    /// Returns keys and comments of a release of items, without empty comments. A release of another change has none.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn comments(&mut self, id: &ConfigId, seq: u64, change: &ChangeId) -> Result<Vec<(String, String)>> {
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(
            "select content from releases where env = ? and app = ? and namespace = ? and seq = ? and change_id = ? \
             and format = 'kv'"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(seq)).bind(change.as_str())
            .fetch_optional(c).await)?;
        let content = row.map_or_else(String::new, |(content,)| content);
        compute::weigh(content.len()).await;
        // Most releases have no comments, and need not be parsed.
        if !content.contains(r#""comment":"#) {
            return Ok(Vec::new());
        }
        let items: Members<String, Commented> = serde_json::from_str(&content).map_err(|e| damaged("a release", e))?;
        let comments = items.0.into_iter().map(|(key, Commented { comment })| (key, comment));
        Ok(comments.filter(|(_, comment)| !comment.is_empty()).collect())
    }

    /// Returns id and name of users that have a word in their name, by name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn users_with(
        &mut self,
        _: &May<Administer, ()>,
        word: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        Ok(on!(self, c => sqlx::query_as(
            "select id, name from users where lower(name) like ? escape '!' order by name limit ?"
        ).bind(pattern(word)).bind(limit).fetch_all(c).await)?)
    }
}

impl OpenEditRow {
    fn edit(self) -> Result<OpenEdit> {
        Ok(OpenEdit {
            config: ConfigId::parse(&self.env, &self.app, &self.namespace).map_err(|e| damaged("a config", e))?,
            change: self.change,
            key: self.item_key,
            edit: serde_json::from_str(&self.edit).map_err(|e| damaged("an edit", e))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_admit_every_case_and_no_wildcard_of_the_word() {
        assert_eq!(pattern("DB_1%!"), "%db!_1!%!!%");
        assert_eq!(pattern("Été 商店"), "%_t_ 商店%");
        assert_eq!(pattern(&json("say \"hi\"\\")), "%say \\\"hi\\\"\\\\%");
    }
}
