//! Parts of a page: head, cards, banners, empty states, disclosures and menus.

use super::{Explain, I, Icon, Term, view::*};

/// The head of a page: the heading, with facts or switches beside it.
#[component]
pub fn Head(
    /// The heading.
    #[prop(into)]
    title: String,
    /// Tag beside the heading, such as the format.
    #[prop(optional, into)]
    tag: Option<String>,
    /// Facts (`<p class="facts">`), segments, buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="head">
            <h1>{title}{tag.map(|tag| view! { <Tag>{tag}</Tag> })}</h1>
            {children.map(|children| children.view())}
        </div>
    }
}

/// A tag: a word in a box.
#[component]
pub fn Tag(
    /// Text.
    children: Children,
) -> impl IntoView {
    view! { <span class="tag">{children.view()}</span> }
}

/// Severity of a badge or banner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Neutral.
    #[default]
    Quiet,
    /// Success.
    Good,
    /// Warning.
    Warn,
    /// Error.
    Bad,
}

impl Mood {
    fn class(self) -> &'static str {
        match self {
            Self::Quiet => "quiet-mood",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    fn icon(self) -> I {
        match self {
            Self::Quiet => I::Info,
            Self::Good => I::Ok,
            Self::Warn => I::Warn,
            Self::Bad => I::Stop,
        }
    }
}

/// A short state: "delivered", "3 of 4".
#[component]
pub fn Badge(
    /// Severity.
    #[prop(optional)]
    mood: Mood,
    /// Text.
    children: Children,
) -> impl IntoView {
    view! { <span class=format!("badge {}", mood.class())>{children.view()}</span> }
}

/// A message about the whole page: since when, what still works, one button.
#[component]
pub fn Banner(
    /// Severity.
    #[prop(default = Mood::Warn)]
    mood: Mood,
    /// Emphasized sentence.
    #[prop(into)]
    title: String,
    /// Screen readers announce it at once: it is the response to an action.
    #[prop(optional)]
    alert: bool,
    /// Button at the end.
    #[prop(optional, into)]
    action: Option<AnyView>,
    /// Details, in one `<p>`.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class=format!("banner {}", mood.class()) role=if alert { "alert" } else { "status" }>
            <Icon name=mood.icon() />
            <div><b>{title}</b>{children.map(|children| children.view())}</div>
            {action}
        </div>
    }
}

/// A box with a heading.
#[component]
pub fn Card(
    /// Id of the heading, which names the box.
    #[prop(into)]
    id: String,
    /// The heading.
    #[prop(into)]
    title: String,
    /// Term in the heading that is explained on demand.
    #[prop(optional)]
    term: Option<Term>,
    /// Content.
    children: Children,
) -> impl IntoView {
    let heading = match term {
        Some(term) => view! { <div class="with-term"><h2 id=id.clone()>{title}</h2><Explain term /></div> }.into_any(),
        None => view! { <h2 id=id.clone()>{title}</h2> }.into_any(),
    };
    let named_by = id;
    view! {
        <section class="card" aria-labelledby=named_by>
            {heading}
            {children.view()}
        </section>
    }
}

/// An empty state: names the missing content and the next step.
#[component]
pub fn Empty(
    /// Icon of the missing content.
    icon: I,
    /// Name of the missing content.
    #[prop(into)]
    title: String,
    /// Next step: a sentence, a button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon />
            <p><b>{title}</b></p>
            {children.map(|children| children.view())}
        </div>
    }
}

/// A disclosure that opens below its button, for a form to add something. It works without scripts.
#[component]
pub fn Reveal(
    /// Text of the button.
    #[prop(into)]
    summary: String,
    /// Icon of the button.
    #[prop(optional, into)]
    icon: Option<I>,
    /// Initially open, for example because its form was refused.
    #[prop(optional)]
    open: bool,
    /// Id for replacing it and linking to it.
    #[prop(optional, into)]
    id: Option<String>,
    /// Content.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="reveal" open=open id=id>
            <summary class="btn">{icon.map(|name| view! { <Icon name /> })}{summary}</summary>
            <div class="in">{children.view()}</div>
        </details>
    }
}

/// A menu below its button. Opening one closes the others.
#[component]
pub fn Menu(
    /// Content of the button, which names the menu.
    button: AnyView,
    /// Links, and forms with one button each.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="menu" name="menu">
            <summary>{button}</summary>
            <div class="sheet">{children.view()}</div>
        </details>
    }
}
