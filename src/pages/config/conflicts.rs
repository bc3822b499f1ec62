//! Conflicts: keys that the user edits and that somebody else has published in the meantime. The base value and both
//! new values are shown side by side. No input is lost.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{OpenedConfig, difference::other_rows, fields::ConfigFields, link_start};
use crate::{
    api::{changes::Resolve, config::RevertItem, paths::Encoded},
    components::{view::*, *},
    domain::{
        diff::{Window, Word, lines, words},
        error::Conflict,
        merge::KeyState,
        sensitive::Sensitive,
    },
};

/// Maximum number of conflicts shown. The others follow once these are resolved.
pub(in crate::pages) const MAX_CONFLICTS: usize = 100;

/// The user's saved edits that conflict with a newer release. Shown above the page until all are resolved.
#[component]
pub fn Conflicts(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let conflicts = opened.view.mine.as_ref().map(|mine| mine.config.conflicts.clone()).unwrap_or_default();
    if conflicts.is_empty() {
        return None;
    }
    let title = t.n_conflicts(conflicts.len());
    let left = conflicts.len().saturating_sub(MAX_CONFLICTS);
    let left = (left > 0).then(|| view! { <p class="cut">{t.more_not_shown(left)}</p> });
    let each = |conflict| view! { <One opened=opened.clone() conflict /> };
    Some(
        view! {
            <section class="conflicts" id="conflicts" aria-labelledby="conflicts-title">
                <div class="with-term">
                    <h2 class="flag warn" id="conflicts-title"><Icon name=I::Warn />{title}</h2>
                    <Explain term=Term::Conflict />
                </div>
                <p class="quiet">{t.conflicts_text()}</p>
                <ul>{conflicts.into_iter().take(MAX_CONFLICTS).map(each).collect_view()}</ul>
                {left}
            </section>
        }
        .into_any(),
    )
}

#[component]
fn One(opened: Arc<OpenedConfig>, conflict: Conflict) -> impl IntoView {
    let t = lang();
    let key = conflict.key.clone();
    let edit = format!("{}?edit={}#edit", link_start(&opened), Encoded(&key));
    let edit = (!key.is_empty()).then(|| view! { <LinkButton href=edit>{t.edit()}</LinkButton> });
    let (change, _) = opened.own_change();
    view! {
        <li>
            <ConflictSides conflict elsewhere=false />
            <Form action=Resolve::PATH swap="config">
                    <Hidden name="change" value=change />
                    <Hidden name="config" value=opened.view.id.to_string() />
                    <Hidden name="key" value=key />
                    <Hidden name="live" value=opened.view.live_seq().to_string() />
                    <div class="do">
                        <Submit name="keep" value="theirs">{t.keep_theirs()}</Submit>
                        <Submit name="keep" value="mine">{t.keep_mine()}</Submit>
                        {edit}
                    </div>
            </Form>
        </li>
    }
    .into_any()
}

/// The conflict of a form that was just sent. The fields of the form, below it, keep the user's input.
#[component]
pub fn Merge(opened: Arc<OpenedConfig>, conflict: Conflict) -> impl IntoView {
    let t = lang();
    let elsewhere = is_elsewhere(&opened, &conflict);
    let live = opened.view.live.as_ref();
    let text = match live.filter(|_| !elsewhere) {
        Some(live) => t.merge_text(&live.author, live.seq),
        None => t.merge_elsewhere().to_owned(),
    };
    let key = conflict.key.clone();
    let theirs = if elsewhere {
        view! { <LinkButton href=opened.href.clone()>{t.keep_theirs()}</LinkButton> }.into_any()
    } else {
        view! {
            <Form action=RevertItem::PATH id="theirs" swap="config">
                <ConfigFields opened=opened.clone() key />
                <Submit>{t.keep_theirs()}</Submit>
            </Form>
        }
        .into_any()
    };
    view! {
        <div class="conflicts" role="alert">
            <p><b>{t.merge_title()}</b>" "{text}</p>
            <ConflictSides conflict elsewhere />
            <div class="do">{theirs}</div>
        </div>
    }
    .into_any()
}

/// Returns whether the other value is the user's own, saved from another tab.
fn is_elsewhere(opened: &OpenedConfig, conflict: &Conflict) -> bool {
    let live = KeyState::of(&opened.view.content, &conflict.key).value();
    let mine = KeyState::of(opened.view.author_content(), &conflict.key).value();
    conflict.theirs.as_ref().map(Sensitive::expose) == mine && live != mine
}

/// The three values of a key, with the differences from the base marked; for a text, the difference of each side.
#[component]
pub(in crate::pages) fn ConflictSides(
    /// The key with its values.
    conflict: Conflict,
    /// Whether the other value is the author's own, from another tab.
    elsewhere: bool,
    /// Name of the author's side.
    #[prop(default = lang().merge_mine())]
    own: &'static str,
) -> impl IntoView {
    let t = lang();
    if conflict.key.is_empty() {
        return view! { <Texts conflict elsewhere /> }.into_any();
    }
    let Conflict { key, base, theirs, mine, .. } = conflict;
    let against = |side: &Option<Sensitive>| match (&base, side) {
        (Some(base), Some(side)) => Some(words(base.expose(), side.expose()).1),
        (_, side) => side.clone().map(whole),
    };
    let (right, left) = (against(&mine), against(&theirs));
    let first = (!elsewhere).then(|| side(&key, t.merge_base(), base.clone().map(whole)));
    let second = side(&key, if elsewhere { t.merge_elsewhere_side() } else { t.merge_theirs() }, left);
    let third = side(&key, own, right);
    view! {
        {(!key.is_empty()).then(|| view! { <h3 class="mono">{key}</h3> })}
        <dl class="sides">{first}{second}{third}</dl>
    }
    .into_any()
}

/// Number of unchanged lines around each difference of a text.
const CONTEXT: usize = 2;

#[component]
fn Texts(conflict: Conflict, elsewhere: bool) -> impl IntoView {
    let t = lang();
    let Conflict { base, theirs, mine, .. } = conflict;
    let theirs = theirs.unwrap_or_default();
    // Two values of the same author have no common base and are compared with each other.
    let between = |old: &str, old_name: &'static str, new: &str, new_name: &'static str| {
        let shown = lines(old, new, CONTEXT, Window::after(0).shared_by(2));
        let left = other_rows(&shown, None);
        let label = format!("{old_name} → {new_name}");
        let text = view! { <DiffText rows=shown.rows old=old_name new=new_name /> };
        view! { <div class="text-side"><ScrollBox label>{text}</ScrollBox>{left}</div> }
    };
    let mine = mine.unwrap_or_default();
    match base.filter(|_| !elsewhere) {
        Some(base) => view! {
            {between(base.expose(), t.merge_base(), theirs.expose(), t.merge_theirs())}
            {between(base.expose(), t.merge_base(), mine.expose(), t.merge_mine())}
        }
        .into_any(),
        None => between(theirs.expose(), t.merge_elsewhere_side(), mine.expose(), t.merge_mine()).into_any(),
    }
}

fn whole(text: Sensitive) -> Vec<Word> {
    vec![Word { differs: false, text }]
}

fn side(key: &str, name: &'static str, words: Option<Vec<Word>>) -> AnyView {
    let text = match words {
        // Long values scroll, so that the buttons stay near them.
        Some(words) if is_long(&joined(&words)) => {
            let label = format!("{key}: {name}");
            view! { <dd class="mono"><ScrollBox label><Words words old=false /></ScrollBox></dd> }.into_any()
        }
        Some(words) => view! { <dd class="mono"><Words words old=false /></dd> }.into_any(),
        None => view! { <dd class="quiet">{lang().not_set()}</dd> }.into_any(),
    };
    view! { <div><dt>{name}</dt>{text}</div> }.into_any()
}
