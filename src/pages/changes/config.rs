//! One config of a change: its edits and conflicts.

use super::{
    conflicts::Conflicts,
    data::{ChangePageData, anchor},
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::change::ChangeState,
    pages::config::{DiffBody, ViewedDiff},
    service::ChangeConfig,
    texts::Lang,
};

/// The difference that a change makes to one config.
#[component]
pub(super) fn Config(
    /// The config.
    config: ChangeConfig,
    /// Data of the page.
    shown: ChangePageData,
) -> impl IntoView {
    let t = lang();
    let change = &shown.change;
    let open = change.change.state == ChangeState::Open;
    let id = config.config.clone();
    let anchor = anchor(&id);
    let env_style = shown.env_styles.get(&id.env);
    let edit = (open && change.mine).then(|| {
        let href = paths::config(&id);
        view! { <LinkButton href tone=Tone::Bare icon=I::Edit>{t.edit()}</LinkButton> }
    });
    let conflicts = (open && !config.conflicts.is_empty()).then(|| {
        view! { <Conflicts config=config.clone() change=change.clone() drawn=shown.diff_options.clone() /> }
    });
    let (old, new) = sides(t, &config, &shown);
    let is_empty = config.diff.is_empty();
    let options = &shown.diff_options;
    let diff = ViewedDiff::of(config.diff, config.format, options.view);
    let counts = diff.counts();
    let (window, kind, here) = (options.window(&id), options.kind(&id), options.rows_address(&id));
    let diff = if is_empty {
        view! { <p class="quiet">{t.change_no_difference()}</p> }.into_any()
    } else {
        let (unfold, context) = (format!("{}#{anchor}", options.unfolded_href), options.context);
        view! { <DiffBody diff of=id.to_string() old new context window kind here unfold /> }.into_any()
    };
    let heading = format!("{anchor}-title");
    let named_by = heading.clone();
    view! {
        <section class="of-config" id=anchor aria-labelledby=named_by>
            <div class="title">
                <h2 id=heading>
                    <EnvTag env=env_style />
                    <a href=paths::config(&id) class="mono">{format!("{} / {}", id.app, id.namespace)}</a>
                </h2>
                <DiffSummary counts />
                {edit}
            </div>
            {conflicts}
            {diff}
        </section>
    }
    .into_any()
}

/// Returns the names of the two sides of a difference.
fn sides(t: Lang, config: &ChangeConfig, shown: &ChangePageData) -> (String, String) {
    let change = &shown.change;
    let release = |seq| if seq == 0 { t.change_live_none().to_owned() } else { t.change_release(seq) };
    match change.change.state {
        ChangeState::Published => (release(config.live - 1), release(config.live)),
        _ => {
            let live = if config.live == 0 { t.change_live_none().to_owned() } else { t.change_live(config.live) };
            let mine =
                if change.mine { t.my_change().to_owned() } else { t.change_their_side(&change.change.author_name) };
            (live, mine)
        }
    }
}
