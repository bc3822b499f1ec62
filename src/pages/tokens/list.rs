//! The table of tokens.

use leptos::server_fn::ServerFn;

use crate::{
    api::tokens::RevokeToken,
    components::{view::*, *},
    domain::{
        time::Time,
        token::{Token, TokenKind},
    },
    pages::shared::{ConfirmDialog, ReauthField, scope_text},
    texts::Lang,
};

/// Time before its expiry at which a token is marked, in milliseconds.
const SOON_MS: i64 = 14 * 24 * 3_600_000;

/// A list of tokens with their scopes. Tokens that no longer work are left out unless `dead` is set.
#[component]
pub(in crate::pages) fn Tokens(
    /// The tokens, newest first.
    tokens: Vec<Token>,
    /// Whether tokens that no longer work are shown too.
    dead: bool,
    /// Path of the page that the list is on.
    #[prop(into)]
    path: String,
    /// Address of the form for a new token, if the user may create one.
    make: Option<String>,
    /// Whether the password was typed a moment ago.
    fresh: bool,
) -> impl IntoView {
    let t = lang();
    let now = use_context::<RenderedAt>().map_or(Time(0), |now| now.0);
    let over = tokens.iter().filter(|token| !token.is_valid_at(now)).count();
    let (href, says) = match dead {
        true => (path, t.tokens_hide_inactive().to_owned()),
        false => (format!("{path}?all=true"), t.tokens_show_inactive(over)),
    };
    let switch = (over > 0).then(|| view! { <a class="quiet aim" href=href>{says}</a> });
    let rows: Vec<_> = tokens.into_iter().filter(|token| dead || token.is_valid_at(now)).collect();
    let (none, many) = (rows.is_empty(), rows.len() > 8);
    let rows = rows.into_iter().map(|token| view! { <Row token now fresh /> }).collect_view();
    let columns = vec![t.token(), t.scope(), t.tokens_used(), t.tokens_expires()];
    let (owns, may) = (make.is_some(), make.clone());
    let table = if none {
        view! {
            <Empty icon=I::Key title=t.tokens_none()>
                <p>{if owns { t.tokens_none_text() } else { t.tokens_none_owned() }}</p>
                {make.map(|href| view! { <LinkButton href tone=Tone::Primary icon=I::Plus>{t.create_token()}</LinkButton> })}
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <div class="sheet">
                <Table class="rows stacked tokens" id="tokens-table" columns actions=t.actions() rows />
            </div>
        }
        .into_any()
    };
    let filter = many.then(|| view! { <FilterBox of="tokens-table" label=t.tokens_filter() /> });
    let add = may.filter(|_| !none).map(|href| {
        view! { <p class="tools push"><LinkButton href icon=I::Plus>{t.create_token()}</LinkButton></p> }
    });
    let bar = (many || over > 0 || add.is_some()).then(|| view! { <div class="bar">{filter}{switch}{add}</div> });
    view! { <section id="tokens">{bar}{table}</section> }.into_any()
}

#[component]
fn Row(token: Token, now: Time, fresh: bool) -> impl IntoView {
    let t = lang();
    let lives = token.is_valid_at(now);
    let kind = match token.kind {
        TokenKind::Read => t.tokens_read(),
        TokenKind::Automation => t.tokens_automation(),
    };
    let author = view! { <span>{token.created_by.clone()}</span> }.into_any();
    let made = sentence(t.tokens_created(), [author, view! { <When at=token.created_at /> }.into_any()]);
    let reach = token.patterns.iter().map(|p| view! { <li>{scope_text(t, p)}</li> }).collect_view();
    let creator = token.creator.then(|| view! { <li>{t.tokens_creator()}</li> });
    let used = match token.last_used_at {
        Some(at) => view! { <When at /> }.into_any(),
        None => view! { <span class="quiet">{t.never()}</span> }.into_any(),
    };
    let (id, name) = (token.id.clone(), token.name.clone());
    let revoke = lives.then(|| {
        view! {
            <ConfirmDialog
                id=format!("revoke-{}", token.id)
                button=t.token_revoke()
                title=t.token_revoke_ask(&token.name)
                text=t.token_revoke_text()
                action=RevokeToken::PATH
                swap="tokens"
                tone=Tone::Bare
            >
                <Hidden name="id" value=id />
                <Hidden name="name" value=name />
                <ReauthField fresh />
            </ConfirmDialog>
        }
    });
    view! {
        <tr class:over=!lives>
            <td><b>{token.name.clone()}</b><Tag>{kind}</Tag><br /><span class="quiet">{made}</span></td>
            <td data-th=t.scope()><ul>{reach}{creator}</ul></td>
            <td data-th=t.tokens_used()>{used}</td>
            <td data-th=t.tokens_expires()>{end(&token, now, t)}</td>
            <td class="num acts">{revoke}</td>
        </tr>
    }
    .into_any()
}

/// Renders the expiry or the revocation of a token.
fn end(token: &Token, now: Time, t: Lang) -> AnyView {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => view! { <Badge>{dated(t.tokens_revoked(), at)}</Badge> }.into_any(),
        (None, Some(at)) if at <= now => view! { <Badge>{dated(t.tokens_expired(), at)}</Badge> }.into_any(),
        (None, Some(at)) => {
            let soon = at.0 - now.0 < SOON_MS;
            let badge = soon.then(|| view! { " "<Badge mood=Mood::Warn>{t.tokens_expires_soon()}</Badge> });
            view! { <When at />{badge} }.into_any()
        }
        (None, None) => view! { <span class="quiet">{t.tokens_no_expiry()}</span> }.into_any(),
    }
}
