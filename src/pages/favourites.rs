//! The star that marks a favourite, and the list of favourites.

use leptos::server_fn::ServerFn;

use super::shared::{ConfigName, EnvStyles};
use crate::{
    api::{favourites::SetFavourite, paths},
    components::{view::*, *},
    domain::favourite::Favourite,
};

/// Returns the address of a favourite.
pub(super) fn path(favourite: &Favourite) -> String {
    match favourite {
        Favourite::App(app) => paths::app(app),
        Favourite::Config(config) => paths::config(config),
    }
}

/// Renders the name of a favourite.
pub(super) fn name(favourite: Favourite, env_styles: &EnvStyles) -> AnyView {
    match favourite {
        Favourite::App(app) => view! { <span class="mono">{app.to_string()}</span> }.into_any(),
        Favourite::Config(id) => {
            let env_style = env_styles.get(&id.env);
            view! { <ConfigName id env_style /> }.into_any()
        }
    }
}

/// The button that marks what a page shows as a favourite, or no longer.
#[component]
pub(super) fn Star(
    /// The application or config of the page.
    of: Favourite,
    /// Whether it is a favourite.
    marked: bool,
) -> impl IntoView {
    let t = lang();
    let label = if marked { t.favourite_unmark() } else { t.favourite_mark() };
    let pressed = if marked { "true" } else { "false" };
    view! {
        <div id="favourite" class="favourite">
            <Form action=SetFavourite::PATH id="set-favourite" swap="favourite">
                <Hidden name="of" value=of.to_string() />
                <Hidden name="marked" value=(!marked).to_string() />
                <button type="submit" class="btn bare small star" aria-label=t.favourite() aria-pressed=pressed title=label>
                    <Icon name=I::Star />
                </button>
            </Form>
        </div>
    }
    .into_any()
}

/// The card with the user's favourites.
#[component]
pub(super) fn Favourites(
    /// The favourites that the user may see.
    favourites: Vec<Favourite>,
    /// Styles of the environments.
    env_styles: EnvStyles,
) -> impl IntoView {
    let t = lang();
    let none = favourites.is_empty().then(|| view! { <p class="quiet">{t.favourites_none()}</p> });
    let items = favourites.into_iter().map(|favourite| {
        let href = path(&favourite);
        view! { <li><a href=href>{name(favourite, &env_styles)}</a></li> }
    });
    let items = items.collect_view();
    let list = none.is_none().then(|| view! { <ul class="list plain">{items}</ul> });
    view! { <Card id="favourites" title=t.favourites()>{none}{list}</Card> }.into_any()
}
