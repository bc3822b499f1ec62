//! The keyboard shortcuts, in a dialog that a button or `?` opens.

use crate::components::{view::*, *};

/// Id of the dialog.
const ID: &str = "key-help";

/// The button that opens the dialog, for a menu. `islands/shortcuts.rs` presses it, too.
#[component]
pub(super) fn KeyHelpButton() -> impl IntoView {
    view! {
        <button type="button" popovertarget=ID aria-keyshortcuts="?" data-key-help="" class="alive-only">
            <Icon name=I::Keyboard />{lang().key_help()}
        </button>
    }
}

/// The dialog.
#[component]
pub(super) fn KeyHelp() -> impl IntoView {
    let t = lang();
    let rows = [
        (&["Ctrl K", "⌘ K"][..], t.key_search()),
        (&["/"], t.key_filter()),
        (&["n", "p"], t.next_previous()),
        (&["⇧ ↓", "⇧ ↑"], t.key_select()),
        (&["F2"], t.key_edit_value()),
        (&["Enter", "Tab"], t.key_save_value()),
        (&["Ctrl Z", "Ctrl ⇧ Z"], t.key_undo()),
        (&["Esc"], t.key_close()),
        (&["?"], t.key_help()),
    ];
    let rows = rows.into_iter().map(|(keys, text)| {
        let keys = keys.iter().map(|key| view! { <kbd>{*key}</kbd> }).collect_view();
        view! { <div><dt>{keys}</dt><dd>{text}</dd></div> }
    });
    view! {
        <div popover="auto" class="dialog" id=ID role="dialog" aria-labelledby="key-help-title">
            <h2 id="key-help-title">{t.key_help()}</h2>
            <dl class="key-list">{rows.collect_view()}</dl>
            <p class="quiet">{sentence(t.key_switch_off(), [view! { <a href="/account">{t.my_account()}</a> }.into_any()])}</p>
            <p class="do">
                <button type="button" class="btn" popovertarget=ID popovertargetaction="hide" autofocus=true>{t.close()}</button>
            </p>
        </div>
    }
    .into_any()
}
