//! First selections for searches, each bounded. The caller decides about each row, because databases compare letters
//! differently, and checks the permission.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::{AssertSqlSafe, FromRow};

use super::{Conn, changes::changes, count, damaged, on, parsed, row::AnyRow, signed};
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

/// Maximum size of an edit that comes with its row, in bytes. Longer ones are read one at a time.
const SHORT_EDIT_BYTES: usize = 4096;

/// An edit that may have a word.
#[derive(Clone, Debug)]
pub struct FoundEdit {
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a whole text.
    pub key: String,
    /// Size of the edit, in bytes.
    pub bytes: usize,
    /// The edit, unless it is long: see [`Conn::edit`].
    pub edit: Option<Edit>,
}

/// The configs of changes. Those with a number have a release.
pub type TouchedConfigs = HashMap<ChangeId, Vec<(ConfigId, Option<u64>)>>;

/// The comment of a stored item.
#[derive(Deserialize)]
struct Commented {
    #[serde(default)]
    comment: String,
}

struct FoundEditRow {
    config: ConfigId,
    item_key: String,
    bytes: u64,
    edit: Option<String>,
}

impl<R: AnyRow> FromRow<'_, R> for FoundEditRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            config: row.config()?,
            item_key: row.text("item_key")?,
            bytes: row.number("bytes")?,
            edit: row.optional_text("edit")?,
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
    /// Returns published changes that have a word in their message, newest first, starting after `after`. Only the newest
    /// 20,000 changes are looked at.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn published_changes_with(
        &mut self,
        word: &str,
        after: Option<&ChangeId>,
        limit: u32,
    ) -> Result<Vec<Change>> {
        // Ids are hexadecimal.
        let after = after.map_or("z", ChangeId::as_str);
        Ok(on!(self, c => sqlx::query_as(changes!(
            "where c.id < ? and c.id >= coalesce((select n.id from changes n order by n.id desc limit 1 offset 20000), '') \
             and c.state = 'published' and lower(c.message) like ? escape '!' order by c.id desc limit ?"
        )).bind(after).bind(pattern(word)).bind(limit).fetch_all(c).await)?)
    }

    /// Returns the edits of a change that may have a word in their key, value or comment, by config and key, starting
    /// after `after`. The JSON around a value counts, too.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn edits_with(
        &mut self,
        change: &ChangeId,
        word: &str,
        after: Option<&FoundEdit>,
        limit: u32,
    ) -> Result<Vec<FoundEdit>> {
        let [env, app, namespace, key] = after.map_or([""; 4], |FoundEdit { config, key, .. }| {
            [config.env.as_str(), config.app.as_str(), config.namespace.as_str(), key.as_str()]
        });
        let rows: Vec<FoundEditRow> = on!(self, c => sqlx::query_as(
            "select env, app, namespace, item_key, octet_length(edit) as bytes, \
             case when octet_length(edit) <= ? then edit end as edit from edits \
             where change_id = ? and (env, app, namespace, item_key) > (?, ?, ?, ?) \
             and (lower(item_key) like ? escape '!' or lower(edit) like ? escape '!') \
             order by env, app, namespace, item_key limit ?"
        ).bind(signed(SHORT_EDIT_BYTES as u64)).bind(change.as_str()).bind(env).bind(app).bind(namespace).bind(key)
            .bind(pattern(word)).bind(pattern(&json(word))).bind(limit).fetch_all(c).await)?;
        compute::weigh(rows.iter().filter_map(|row| row.edit.as_ref()).map(String::len).sum()).await;
        rows.into_iter().map(FoundEditRow::edit).collect()
    }

    /// Returns the edit of a key in a change.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn edit(&mut self, change: &ChangeId, id: &ConfigId, key: &str) -> Result<Option<Edit>> {
        let row: Option<(String,)> = on!(self, c => sqlx::query_as(
            "select edit from edits where change_id = ? and env = ? and app = ? and namespace = ? and item_key = ?"
        ).bind(change.as_str()).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(key)
            .fetch_optional(c).await)?;
        row.map(|(edit,)| parsed_edit(&edit)).transpose()
    }

    /// Returns the configs that changes edit, and their releases with their numbers, by change. A config can be listed
    /// twice.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn touched_configs(&mut self, changes: &[&ChangeId]) -> Result<TouchedConfigs> {
        let mut touched = TouchedConfigs::new();
        if changes.is_empty() {
            return Ok(touched);
        }
        let ids = vec!["?"; changes.len()].join(", ");
        let sql = format!(
            "select change_id, env, app, namespace, 0 from edits where change_id in ({ids}) \
             group by change_id, env, app, namespace \
             union all select change_id, env, app, namespace, seq from releases where change_id in ({ids})"
        );
        let rows: Vec<(String, String, String, String, i64)> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone())).persistent(false);
            for id in changes.iter().chain(changes) {
                query = query.bind(id.as_str());
            }
            query.fetch_all(c).await
        })?;
        for (change, env, app, namespace, seq) in rows {
            let config = ConfigId::parse(&env, &app, &namespace).map_err(|e| damaged("a config", e))?;
            let change = parsed("a change", &change)?;
            touched.entry(change).or_default().push((config, (seq > 0).then(|| count(seq))));
        }
        Ok(touched)
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

    /// Returns id and name of users that have a word in their name, by name, starting after `after`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn users_with(
        &mut self,
        _: &May<Administer, ()>,
        word: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        Ok(on!(self, c => sqlx::query_as(
            "select id, name from users where name > ? and lower(name) like ? escape '!' order by name limit ?"
        ).bind(after).bind(pattern(word)).bind(limit).fetch_all(c).await)?)
    }
}

impl FoundEditRow {
    fn edit(self) -> Result<FoundEdit> {
        Ok(FoundEdit {
            config: self.config,
            key: self.item_key,
            bytes: usize::try_from(self.bytes).unwrap_or(usize::MAX),
            edit: self.edit.as_deref().map(parsed_edit).transpose()?,
        })
    }
}

fn parsed_edit(edit: &str) -> Result<Edit> {
    serde_json::from_str(edit).map_err(|e| damaged("an edit", e))
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
