//! The bar with the actions on the selected keys of a config. It is shown while a key is selected.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{OpenedConfig, edit::change_options, fields::ConfigFields};
use crate::{
    api::config::EditKeys,
    components::{view::*, *},
    domain::names::ConfigId,
    formats::ItemFormat,
    pages::shared::{CloseDialog, Dialog},
};

/// Id of the form, to which the checkboxes in the table belong.
pub const FORM: &str = "many";

/// Returns the refused form of this bar, to which the page is the response.
pub fn refused() -> Option<RefusedForm> {
    use_context::<RefusedForm>().filter(|refused| refused.is_of(EditKeys::PATH, Some(FORM)))
}

/// The bar. Its dialogs come first, so that the Enter key in a field never removes keys.
#[component]
pub fn SelectionBar(opened: Arc<OpenedConfig>, q: String) -> impl IntoView {
    let t = lang();
    let is_refused = refused().is_some();
    let pressed = |act: &str| refused().is_some_and(|refused| refused.value("act") == Some(act));
    let has_edits = opened.view.mine.is_some();
    let moves = has_edits.then(|| view! { <MoveDialog opened=opened.clone() is_open=pressed("move") /> });
    let edits = has_edits.then(|| {
        view! {
            <OpenDialog id="move-keys" icon=I::Send disabled=pressed("move")>{t.move_keys()}</OpenDialog>
            <Submit name="act" value="revert" icon=I::Undo>{t.revert_keys()}</Submit>
        }
    });
    let copies = [ItemFormat::Dotenv, ItemFormat::Properties, ItemFormat::Json].map(|format| {
        let to = format!("{}/export?format={}", opened.href, format.as_str());
        let text = format!(".{}", format.media().extension);
        view! {
            <button type="submit" class="btn small" formaction=to data-copy-keys=t.keys_in_clipboard() data-failed=t.keys_not_in_clipboard()>
                {text}
            </button>
        }
    });
    let count = t.keys_selected("{}");
    view! {
        <Form action=EditKeys::PATH id=FORM swap="config" class="many" label=t.selected_keys()>
            <ConfigFields opened=opened.clone() />
            <Hidden name="q" value=q />
            <CopyDialog opened=opened.clone() is_open=pressed("copy") />
            {moves}
            <div class="acts">
                <output data-count=count data-refused=is_refused.then_some("")></output>
                <OpenDialog id="copy-keys" icon=I::Layers disabled=pressed("copy")>{t.copy_selected()}</OpenDialog>
                {edits}
                <span class="as" role="group" aria-labelledby="copy-as">
                    <span id="copy-as">{t.copy_keys_as()}</span>{copies.collect_view()}
                </span>
                <Submit name="act" value="remove" icon=I::Trash tone=Tone::Danger>{t.remove_keys()}</Submit>
            </div>
            <Problems pointer="/keys" />
        </Form>
    }
    .into_any()
}

/// The button that opens a dialog.
#[component]
fn OpenDialog(id: &'static str, icon: I, disabled: bool, children: Children) -> impl IntoView {
    view! {
        <button type="button" class="btn" popovertarget=id disabled=disabled><Icon name=icon />{children.view()}</button>
    }
    .into_any()
}

/// The button that closes a dialog. If the dialog was refused, it leads back to the page.
fn cancel(opened: &OpenedConfig, id: &'static str, is_open: bool) -> AnyView {
    match is_open {
        true => view! { <LinkButton href=opened.href.clone()>{lang().cancel()}</LinkButton> }.into_any(),
        false => view! { <CloseDialog id /> }.into_any(),
    }
}

#[component]
fn CopyDialog(opened: Arc<OpenedConfig>, is_open: bool) -> impl IntoView {
    let t = lang();
    let refused = refused();
    let targets = opened.editable_envs.iter().map(|env| {
        let target = ConfigId { env: env.clone(), ..opened.view.id.clone() }.to_string();
        let id = format!("to-{env}");
        let checked = refused.as_ref().is_some_and(|refused| refused.has_sent("to[]", &target));
        view! {
            <div class="field check">
                <input type="checkbox" id=id.clone() name="to[]" value=target checked=checked />
                <label for=id><EnvTag env=opened.env_styles.get(env) /></label>
            </div>
        }
    });
    let targets = targets.collect_view();
    view! {
        <Dialog id="copy-keys" title=t.copy_selected() is_open>
            <p>{t.copy_selected_text()}</p>
            <fieldset class="field"><legend>{t.copy_to()}</legend>{targets}<Problems pointer="/to" /></fieldset>
            <Field name="other" label=t.copy_to_other() hint=t.copy_to_other_hint() mono=true />
            <Check name="overwrite" label=t.copy_overwrite() />
            <div class="do">
                <Submit name="act" value="copy" tone=Tone::Primary>{t.copy_into_change()}</Submit>
                {cancel(&opened, "copy-keys", is_open)}
            </div>
        </Dialog>
    }
    .into_any()
}

#[component]
fn MoveDialog(opened: Arc<OpenedConfig>, is_open: bool) -> impl IntoView {
    let t = lang();
    view! {
        <Dialog id="move-keys" title=t.move_keys() is_open>
            <p>{t.move_keys_text()}</p>
            <Select name="into" label=t.move_into() options=change_options(&opened) />
            <div class="do">
                <Submit name="act" value="move" tone=Tone::Primary>{t.move_keys()}</Submit>
                {cancel(&opened, "move-keys", is_open)}
            </div>
        </Dialog>
    }
    .into_any()
}
