//! The parts of a page: its head, cards, banners, empty places, things that open.

use leptos::prelude::*;

use super::{I, Icon};

/// The head of a page: what it is, and facts or switches beside it as children.
#[component]
pub fn Head(
    /// The heading.
    #[prop(into)]
    title: String,
    /// A word in a box beside it: the format.
    #[prop(optional, into)]
    tag: Option<String>,
    /// Facts (`<p class="facts">`), segments, buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="head">
            <h1>{title}{tag.map(|tag| view! { <Tag>{tag}</Tag> })}</h1>
            {children.map(|children| children())}
        </div>
    }
}

/// A word in a box.
#[component]
pub fn Tag(
    /// The word.
    children: Children,
) -> impl IntoView {
    view! { <span class="tag">{children()}</span> }
}

/// How a badge or banner is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It just is so.
    #[default]
    Quiet,
    /// It went well.
    Good,
    /// Look here.
    Warn,
    /// It is broken.
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
    /// How it is meant.
    #[prop(optional)]
    mood: Mood,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! { <span class=format!("badge {}", mood.class())>{children()}</span> }
}

/// Says something about the whole page: since when, what still works, one button.
#[component]
pub fn Banner(
    /// How it is meant.
    #[prop(default = Mood::Warn)]
    mood: Mood,
    /// The sentence that stands out.
    #[prop(into)]
    title: String,
    /// Read out at once: an answer to what was just done.
    #[prop(optional)]
    alert: bool,
    /// One button at the end.
    #[prop(optional, into)]
    action: Option<AnyView>,
    /// The rest, in one `<p>`.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class=format!("banner {}", mood.class()) role=if alert { "alert" } else { "status" }>
            <Icon name=mood.icon() />
            <div><b>{title}</b>{children.map(|children| children())}</div>
            {action}
        </div>
    }
}

/// A box with a heading.
#[component]
pub fn Card(
    /// Of the heading; names the box.
    #[prop(into)]
    id: String,
    /// The heading.
    #[prop(into)]
    title: String,
    /// What is in it.
    children: Children,
) -> impl IntoView {
    let named_by = id.clone();
    view! {
        <section class="card" aria-labelledby=named_by>
            <h2 id=id>{title}</h2>
            {children()}
        </section>
    }
}

/// A place where nothing is yet: says what would be here and what to do.
#[component]
pub fn Empty(
    /// A picture of what would be here.
    icon: I,
    /// What is not here.
    #[prop(into)]
    title: String,
    /// What to do: a sentence, a button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon />
            <p><b>{title}</b></p>
            {children.map(|children| children())}
        </div>
    }
}

/// Opens below its button, in the page: a form to add something. Works without scripts.
#[component]
pub fn Reveal(
    /// What the button says.
    #[prop(into)]
    summary: String,
    /// A picture on the button.
    #[prop(optional, into)]
    icon: Option<I>,
    /// Open at once: when the form in it was refused.
    #[prop(optional)]
    open: bool,
    /// To exchange or link to it.
    #[prop(optional, into)]
    id: Option<String>,
    /// What is in it.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="reveal" open=open id=id>
            <summary class="btn">{icon.map(|name| view! { <Icon name /> })}{summary}</summary>
            <div class="in">{children()}</div>
        </details>
    }
}

/// A menu that hangs from its button. Opening one closes the others.
#[component]
pub fn Menu(
    /// The content of the button, which names it.
    button: AnyView,
    /// Links and forms with one button each.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="menu" name="menu">
            <summary>{button}</summary>
            <div class="sheet">{children()}</div>
        </details>
    }
}
