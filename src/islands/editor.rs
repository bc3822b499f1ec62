//! Loads the editor of texts and long values (`editor/`) on pages with such a field. Until it is loaded, and without
//! scripts, the field is a `<textarea>`.

use leptos::web_sys::Event;

use super::dom;

/// Id of the element that loads the editor.
const SCRIPT: &str = "editor-script";
/// Event after which the loaded editor replaces new fields.
const NEW_FIELDS: &str = "editors";

/// Replaces the fields that have no editor yet.
pub fn mount() -> Option<()> {
    let fields = dom::all(&dom::root(), "textarea[data-editor]");
    let document = dom::document();
    if dom::by_id(SCRIPT).is_some() {
        // Editors of removed fields end with this event, too.
        document.dispatch_event(&Event::new(NEW_FIELDS).ok()?).ok()?;
    } else if let Some(field) = fields.first() {
        let script = document.create_element("script").ok()?;
        script.set_id(SCRIPT);
        script.set_attribute("type", "module").ok()?;
        script.set_attribute("src", &field.dataset().get("script")?).ok()?;
        document.body()?.append_child(&script).ok()?;
    }
    Some(())
}
