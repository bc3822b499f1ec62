//! Creating a token. Its text is only in the response to this form post: not in an address, a cookie or a log. So this
//! is an ordinary handler, behind the same layers as the server functions.

use axum::{
    Extension,
    extract::{Query, RawForm, State, rejection::RawFormRejection},
    http::StatusCode,
};
use serde::Deserialize;
use tower_sessions::Session;

use crate::{
    api::{paths::NEW_TOKEN, people::pattern},
    components::{view::*, *},
    domain::{
        access::Pattern,
        error::{Error, Invalid, Problem, Result, truncate},
        limits,
        names::AppName,
        token::TokenKind,
    },
    pages::{
        Page, PageResult,
        console::Console,
        errors,
        forms::{SMALL_FORM_BYTES, fields},
        scope::{PatternFields, ScopeChoices},
        shared::{ReauthField, scope_text},
    },
    service::{NewToken, ShownToken, now},
    session::guard::{self, CurrentUser, MissingUser, RecentlyAuthenticated},
};

/// Number of rows for scopes in the form.
const ROWS: usize = 3;
/// Lifetimes of a token to choose from, in days; 0 is unlimited.
const DAYS: [u32; 5] = [7, 30, 90, 365, 0];

#[derive(Deserialize)]
pub(super) struct NewTokenQuery {
    /// The application to fill into the first row.
    app: Option<AppName>,
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Query(asked): Query<NewTokenQuery>,
) -> PageResult {
    let scope = ScopeChoices::of(&console, &who).await?;
    Ok(form(scope, asked.app, who.account.administrator, fresh))
}

fn form(scope: ScopeChoices, app: Option<AppName>, administrator: bool, fresh: bool) -> Page {
    Page::new(|t| t.create_token().to_owned(), move || view! { <Make scope app administrator fresh /> })
        .crumbs(|t| vec![Crumb::to(t.tokens(), "/tokens"), Crumb::here(t.create_token())])
}

#[component]
fn Make(scope: ScopeChoices, app: Option<AppName>, administrator: bool, fresh: bool) -> impl IntoView {
    let t = lang();
    if scope.is_empty() {
        return view! { <Head title=t.create_token() /><Empty icon=I::Key title=t.tokens_none_owned() /> }.into_any();
    }
    let days = |days: u32| match days {
        0 => t.tokens_no_expiry().to_owned(),
        365 => t.token_expires_year().to_owned(),
        n => t.token_expires_days(n),
    };
    let expiries = DAYS.map(|n| (n.to_string(), days(n))).to_vec();
    view! {
        <div class="column">
            <Head title=t.create_token() />
            <Form action=NEW_TOKEN class="card">
                <Field name="name" label=t.name_field() hint=t.token_name_hint() required=true autofocus=true />
                <div class="row">
                    <Select
                        name="kind"
                        label=t.type_field()
                        options=vec![
                            ("read".to_owned(), t.tokens_read().to_owned()),
                            ("automation".to_owned(), t.token_kind_automation().to_owned()),
                        ]
                    />
                    <Select name="days" label=t.token_expires() options=expiries value="90" />
                </div>
                <h2>{t.scope()}</h2>
                <Rows scope app />
                <Problems pointer="/patterns" />
                <p class="hint">{t.token_scope_hint()}</p>
                {administrator.then(|| view! { <Check name="creator" label=t.token_creator() /> })}
                <ReauthField fresh />
                <p class="do"><Submit tone=Tone::Primary>{t.create_token()}</Submit></p>
            </Form>
        </div>
    }
    .into_any()
}

/// Rows for the scope of the token.
#[component]
fn Rows(scope: ScopeChoices, app: Option<AppName>) -> impl IntoView {
    let t = lang();
    let rows = (0..ROWS).map(|n| {
        let app = app.as_ref().filter(|_| n == 0).map(ToString::to_string).unwrap_or_default();
        let value = ["*".to_owned(), app, "*".to_owned()];
        view! {
            <fieldset class="row pattern">
                <legend class="visually-hidden">{t.token_scope_row(n + 1)}</legend>
                <PatternFields scope=scope.clone() name=format!("patterns[{n}]") pointer=format!("/patterns/{n}") value optional=true />
            </fieldset>
        }
    });
    rows.collect_view()
}

/// Fields of the posted form.
struct TokenForm(Vec<(String, String)>);

impl TokenForm {
    fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Returns the requested token.
    fn token(&self) -> Result<NewToken> {
        let days: u32 = self.text("days").parse().map_err(|_| Invalid::new("/days", Problem::Duration))?;
        let known = || TokenKind::ALL.map(|kind| kind.as_str().to_owned()).to_vec();
        let wrong = || Invalid::new("/kind", Problem::Unknown { given: truncate(self.text("kind")), known: known() });
        let kind = TokenKind::ALL.into_iter().find(|kind| kind.as_str() == self.text("kind")).ok_or_else(wrong)?;
        let creator = kind == TokenKind::Automation && !self.text("creator").is_empty();
        let ms = i64::from(days) * 24 * 3_600_000;
        Ok(NewToken {
            name: self.text("name").to_owned(),
            kind,
            patterns: self.patterns()?,
            creator,
            expires_at: (days > 0).then(|| now().plus_ms(ms)),
        })
    }

    fn patterns(&self) -> Result<Vec<Pattern>> {
        let row = |n: usize| {
            let field = |part: &str| self.text(&format!("patterns[{n}][{part}]")).to_owned();
            (n, field("env"), field("app"), field("namespace"))
        };
        let rows = (0..ROWS).map(row).filter(|(_, _, app, _)| !app.is_empty());
        let read = rows.map(|(n, env, app, namespace)| pattern(&format!("/patterns/{n}"), &env, &app, &namespace));
        Ok(read.collect::<Result<Vec<_>, _>>()?)
    }
}

pub(super) async fn make(
    State(console): State<Console>,
    who: Result<CurrentUser, MissingUser>,
    Extension(session): Extension<Session>,
    body: Result<RawForm, RawFormRejection>,
) -> PageResult {
    let read = |RawForm(body)| TokenForm(fields(&body));
    let sent = body.map(read).map_err(|_| Error::TooLarge(SMALL_FORM_BYTES));
    let Ok(who) = who else {
        let typed = sent.map(|sent| sent.0).unwrap_or_default();
        return Ok(errors::signed_out(RefusedForm::new(NEW_TOKEN, typed, Error::Unauthenticated)));
    };
    let sent = sent?;
    match create(&console, &session, &who, &sent).await {
        Ok(shown) => {
            // The token works on this node at once; other nodes know it within a second.
            console.reader.tokens.replace(console.service.known_tokens().await?);
            let (address, published) = address(&console, &who, &shown.token.patterns).await?;
            Ok(created_page(shown, address, published))
        }
        Err(error) => {
            let RecentlyAuthenticated(fresh) = RecentlyAuthenticated::of(&session).await?;
            let page = form(ScopeChoices::of(&console, &who).await?, None, who.account.administrator, fresh);
            Ok(page.refused(RefusedForm::new(NEW_TOKEN, sent.0, error)))
        }
    }
}

async fn create(console: &Console, session: &Session, who: &CurrentUser, sent: &TokenForm) -> Result<ShownToken> {
    let new = sent.token()?;
    guard::reauthenticate(&console.service, session, who, sent.text("proof")).await?;
    console.service.create_token(&who.actor, new).await
}

/// Returns an address that the token may read, and whether it is that of a published config.
async fn address(console: &Console, who: &CurrentUser, patterns: &[Pattern]) -> Result<(String, bool)> {
    let releases = console.service.latest_releases(&who.actor, limits::MAX_PAGE_ROWS).await?;
    let found = releases.into_iter().find(|r| patterns.iter().any(|p| p.covers(&r.config)));
    let prefix = format!("{}/api/v1/configs", console.public_url);
    if let Some(release) = found {
        return Ok((format!("{prefix}/{}", release.config), true));
    }
    let first = patterns.first().map(ToString::to_string).unwrap_or_default();
    let mut parts = first.split('/').zip(["prod", "shop", "application"]).map(|(p, or)| if p == "*" { or } else { p });
    let mut next = || parts.next().unwrap_or("…");
    Ok((format!("{prefix}/{}/{}/{}", next(), next(), next()), false))
}

fn created_page(shown: ShownToken, address: String, published: bool) -> Page {
    Page::new(|t| t.create_token().to_owned(), move || view! { <TokenCreated shown address published /> })
        .crumbs(|t| vec![Crumb::to(t.tokens(), "/tokens"), Crumb::here(t.create_token())])
        .status(StatusCode::CREATED)
}

#[component]
fn TokenCreated(shown: ShownToken, address: String, published: bool) -> impl IntoView {
    let t = lang();
    let ShownToken { token, text } = shown;
    let curl = format!("curl -H 'Authorization: Bearer {text}' {address}");
    let reach = token.patterns.iter().map(|p| view! { <li>{scope_text(t, p)}</li> }).collect_view();
    let until = match token.expires_at {
        Some(at) => view! { <When at /> }.into_any(),
        None => t.token_valid_until_revoked().into_any(),
    };
    view! {
        <div class="column">
            <Head title=t.token_shown_title(&token.name) />
            <Banner title=t.token_shown_once()><p>{t.token_shown_once_text()}</p></Banner>
            <Card id="text" title=t.token()>
                <Code text label=t.token() />
                <dl class="pairs">
                    <dt>{t.scope()}</dt>
                    <dd><ul>{reach}{token.creator.then(|| view! { <li>{t.tokens_creator()}</li> })}</ul></dd>
                    <dt>{t.token_valid_until()}</dt>
                    <dd>{until}</dd>
                </dl>
            </Card>
            <Card id="try" title=t.token_try()>
                {(!published).then(|| view! { <p>{t.token_try_none()}</p> })}
                <Code text=curl label=t.token_try() />
            </Card>
            <p class="do"><LinkButton href="/tokens">{t.token_done()}</LinkButton></p>
        </div>
    }
    .into_any()
}
