//! Pages and actions that a search finds by their names.

use crate::{components::I, search::SearchQuery, texts::Lang};

/// A page, or a page on which something is done.
#[derive(Clone, Copy)]
pub struct Action {
    /// Its name.
    pub title: fn(Lang) -> &'static str,
    /// Its path.
    pub href: &'static str,
    /// Its icon.
    pub icon: I,
    /// Whether only administrators may open it.
    for_administrators: bool,
}

const fn action(title: fn(Lang) -> &'static str, href: &'static str, icon: I, for_administrators: bool) -> Action {
    Action { title, href, icon, for_administrators }
}

const ALL: [Action; 14] = [
    action(Lang::action_publish, "/changes", I::Send, false),
    action(Lang::action_add_app, "/start", I::Plus, true),
    action(Lang::imports, "/import", I::Import, false),
    action(Lang::action_add_user, "/users/new", I::Plus, true),
    action(Lang::action_add_token, "/tokens/new", I::Plus, false),
    action(Lang::action_theme, "/account", I::Gear, false),
    action(Lang::home, "/", I::Home, false),
    action(Lang::applications, "/apps", I::Apps, false),
    action(Lang::changes, "/changes", I::Edit, false),
    action(Lang::delivery, "/delivery", I::Send, false),
    action(Lang::environments, "/envs", I::Layers, true),
    action(Lang::tokens, "/tokens", I::Key, false),
    action(Lang::users, "/users", I::People, true),
    action(Lang::system, "/system", I::Clock, true),
];

impl Action {
    /// Returns the actions with all words in their name, in either language. Without words it returns all.
    pub fn found(query: &SearchQuery, is_administrator: bool) -> Vec<Self> {
        let fits = |action: &Action| {
            let (title, other) = ((action.title)(Lang::En), (action.title)(Lang::Zh));
            query.is_everywhere() && (query.is_empty() || query.is_in(&[title, other]))
        };
        ALL.into_iter().filter(|action| (is_administrator || !action.for_administrators) && fits(action)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_in_both_languages_by_those_who_may_use_them() {
        let found = |text: &str, is_administrator| -> Vec<&str> {
            let query = SearchQuery::parse(text).unwrap();
            Action::found(&query, is_administrator).iter().map(|action| action.href).collect()
        };
        assert_eq!(found("add user", true), ["/users/new"]);
        assert_eq!(found("添加用户", true), ["/users/new"]);
        assert_eq!(found("add user", false), Vec::<&str>::new());
        assert_eq!(found("PUBLISH", false), ["/changes"]);
        assert_eq!(found("publish env:prod", false), Vec::<&str>::new());
        assert_eq!((found("", true).len(), found("", false).len()), (ALL.len(), 9));
    }
}
