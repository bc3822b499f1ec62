//! The session's user, for pages and server functions alike.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use leptos::context::use_context;
use tower_sessions::{
    Expiry, Session, SessionManagerLayer, SessionStore,
    cookie::{SameSite, time::Duration},
};

use super::{
    browsers::Browsers,
    store::{Sessions, USER},
};
use crate::{
    auth::rate::{Rate, RateLimiter, TooFast},
    domain::{
        access::Actor,
        error::{Error, Need, Result},
        network::network,
        time::Time,
    },
    http::{bearer, cookies::cookie},
    service::{Account, LoginAttempt, Service, now},
    storage::Db,
};

/// Time after which an unused session ends.
const IDLE: Duration = Duration::hours(12);
/// Maximum lifetime of a session, in milliseconds.
const MAX_LIFETIME_MS: i64 = 7 * 24 * 3_600_000;
/// Interval between writes of a session in use, in milliseconds. Each write extends it.
const WRITE_INTERVAL_MS: i64 = 10 * 60_000;
/// Keys of the times at which the session began and was last written, in Unix milliseconds.
const SESSION_BEGAN: &str = "since";
const LAST_WRITTEN: &str = "seen";
/// Key of the credential at the start of the session. The session is void once the credential changes.
const CREDENTIAL: &str = "credential";
/// Key of the time of the last re-authentication, and the time in milliseconds for which it counts.
const REAUTHENTICATED: &str = "proven";
const REAUTHENTICATION_MS: i64 = 10 * 60_000;

/// The user who is logged in.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    /// The account.
    pub account: Arc<Account>,
    /// The account as an actor of the use cases.
    pub actor: Arc<Actor>,
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = MissingUser;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, MissingUser> {
        Ok(user_of(&parts.extensions)?.clone())
    }
}

/// The refusal of a request without a user. The console renders an error page for it.
#[derive(Clone, Debug)]
pub struct MissingUser(pub Error);

impl From<Error> for MissingUser {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for MissingUser {
    fn into_response(self) -> Response {
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether the password was typed recently. Actions that grant rights require it again otherwise (ASVS 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentlyAuthenticated(pub bool);

impl<S: Sync> FromRequestParts<S> for RecentlyAuthenticated {
    type Rejection = MissingUser;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, MissingUser> {
        match parts.extensions.get::<Session>() {
            Some(session) => Ok(Self::of(session).await?),
            None => Ok(Self(false)),
        }
    }
}

impl RecentlyAuthenticated {
    /// Returns whether the password was typed recently in this session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn of(session: &Session) -> Result<Self> {
        let at: i64 = session.get(REAUTHENTICATED).await.map_err(unavailable)?.unwrap_or_default();
        Ok(Self(now().0 - at < REAUTHENTICATION_MS))
    }
}

/// Re-authenticates the user by password, unless the password was typed recently.
///
/// # Errors
/// Those of [`Service::reauthenticate`].
pub async fn reauthenticate(service: &Service, session: &Session, user: &CurrentUser, password: &str) -> Result<()> {
    if RecentlyAuthenticated::of(session).await?.0 {
        return Ok(());
    }
    service.reauthenticate(&user.account, password).await?;
    // The session has more rights from here on. A new id keeps them from anybody who knows the old one.
    session.cycle_id().await.map_err(unavailable)?;
    session.insert(REAUTHENTICATED, now().0).await.map_err(unavailable)
}

/// Re-authenticates the caller of a server function, and returns the use cases and the user.
///
/// # Errors
/// Those of [`reauthenticate`] and [`caller`].
pub async fn reauthenticated_caller(password: &str) -> Result<(Service, CurrentUser)> {
    let (service, user) = caller()?;
    reauthenticate(&service, &session()?, &user, password).await?;
    Ok((service, user))
}

/// Returns the layer that finds a request's session. With https, no other host or path can set its cookie.
pub fn sessions(db: Db, https: bool) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions::new(db))
        .with_name(cookie_name(https))
        .with_secure(https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(IDLE))
}

/// State of [`identify`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard {
    service: Service,
    people: Arc<RateLimiter<String>>,
    strangers: Arc<RateLimiter<Option<IpAddr>>>,
}

impl Guard {
    /// Returns a guard for the accounts of `service`. `pages` limits the requests of each user, and `log_in` limits the
    /// forms without a session of each address.
    pub fn new(service: Service, pages: Rate, log_in: Rate) -> Self {
        Self { service, people: Arc::new(RateLimiter::new(pages)), strangers: Arc::new(RateLimiter::new(log_in)) }
    }
}

/// Finds the session's user. If the database does not answer or the requests come too fast, the request has no user and
/// its page shows the error.
pub async fn identify(State(guard): State<Guard>, session: Session, mut request: Request, next: Next) -> Response {
    let known = current(&guard.service, &session).await;
    let paced = match &known {
        Ok(Some(user)) => guard.people.take(user.account.id.clone()),
        Ok(None) if *request.method() == Method::POST => {
            guard.strangers.take(bearer::client_address(request.extensions()).map(network))
        }
        _ => Ok(()),
    };
    match paced.map_err(|TooFast(seconds)| Error::Throttled(seconds)).and(known) {
        Ok(Some(user)) => {
            request.extensions_mut().insert(user);
        }
        Ok(None) => {}
        Err(error) => {
            request.extensions_mut().insert(RequestRefusal(error));
        }
    }
    next.run(request).await
}

/// The reason why [`identify`] refuses a request: sessions cannot be read, or the rate is exceeded. It applies with and
/// without a session.
#[derive(Clone, Debug)]
pub struct RequestRefusal(pub Error);

/// Returns the account id of the session in a request's head. It decides whether the body is read, and nothing else.
/// Long bodies are edits, so users without the right to edit are refused before the body arrives.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Unavailable`].
pub async fn account_of_session(
    service: &Service,
    db: &Db,
    https: bool,
    headers: &HeaderMap,
) -> Result<Option<String>> {
    let Some(id) = cookie(headers, cookie_name(https)).and_then(|id| id.parse().ok()) else { return Ok(None) };
    let record = Sessions::new(db.clone()).load(&id).await;
    let record = record.map_err(|error| unavailable(tower_sessions::session::Error::Store(error)))?;
    let Some(record) = record else { return Ok(None) };
    let text = |key| record.data.get(key).and_then(|value| value.as_str());
    let Some(user) = text(USER) else { return Ok(None) };
    let since = record.data.get(SESSION_BEGAN).and_then(|since| since.as_i64()).unwrap_or_default();
    let Some(account) = account_of(service, user, since, text(CREDENTIAL)).await? else { return Ok(None) };
    if !account.actor().edits_any() {
        return Err(Error::Forbidden(Need::Edit));
    }
    Ok(Some(account.id))
}

fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-trimtab" } else { "trimtab" }
}

/// Returns the account of a session that began at `since` with this credential, if both are still valid.
async fn account_of(service: &Service, id: &str, since: i64, credential: Option<&str>) -> Result<Option<Account>> {
    let is_same = |account: &Account| credential.is_none_or(|credential| *credential == account.credential);
    Ok(service.account(id).await?.filter(|account| now().0 - since < MAX_LIFETIME_MS && is_same(account)))
}

async fn current(service: &Service, session: &Session) -> Result<Option<CurrentUser>> {
    let Some(id) = session.get::<String>(USER).await.map_err(unavailable)? else { return Ok(None) };
    let since: i64 = session.get(SESSION_BEGAN).await.map_err(unavailable)?.unwrap_or_default();
    let (now, seen) = (now().0, session.get::<i64>(LAST_WRITTEN).await.map_err(unavailable)?.unwrap_or_default());
    let credential: Option<String> = session.get(CREDENTIAL).await.map_err(unavailable)?;
    let Some(account) = account_of(service, &id, since, credential.as_deref()).await? else {
        session.flush().await.map_err(unavailable)?;
        return Ok(None);
    };
    if now - seen > WRITE_INTERVAL_MS {
        session.insert(LAST_WRITTEN, now).await.map_err(unavailable)?;
    }
    let actor = Arc::new(account.actor());
    Ok(Some(CurrentUser { account: Arc::new(account), actor }))
}

/// Returns the use cases, in a server function.
///
/// # Errors
/// [`Error::Internal`] if the console did not provide them.
pub fn service() -> Result<Service> {
    use_context().ok_or_else(|| Error::Internal("no service".into()))
}

/// Returns the use cases and the user, in a server function.
///
/// # Errors
/// [`Error::Unauthenticated`]; [`Error::Unavailable`] if sessions cannot be read; [`Error::Throttled`].
pub fn caller() -> Result<(Service, CurrentUser)> {
    Ok((service()?, user_of(&parts()?.extensions)?.clone()))
}

fn user_of(extensions: &Extensions) -> Result<&CurrentUser> {
    admitted(extensions)?;
    extensions.get::<CurrentUser>().ok_or(Error::Unauthenticated)
}

/// Fails if [`identify`] refused the request.
fn admitted(extensions: &Extensions) -> Result<()> {
    extensions.get().map_or(Ok(()), |RequestRefusal(error)| Err(error.clone()))
}

/// Server functions that need no session.
pub const OPEN_FUNCTIONS: [&str; 4] = ["/fn/log-in", "/fn/log-out", "/fn/prefer", "/fn/set-up"];

/// Checks that the caller of a server function is logged in, before its fields are read. A function that needs no
/// session is refused only if sessions cannot be read or the address sends too many requests.
///
/// # Errors
/// Those of [`caller`].
pub fn admit(path: &str, extensions: &Extensions) -> Result<()> {
    if OPEN_FUNCTIONS.contains(&path) { admitted(extensions) } else { user_of(extensions).map(|_| ()) }
}

/// Checks name and password, and begins a session with a new id. Returns the cookie of a
/// known browser.
///
/// # Errors
/// Those of [`Service::log_in`].
pub async fn log_in(name: String, password: String) -> Result<String> {
    let parts = parts()?;
    let address = bearer::client_address(&parts.extensions).map(|a| a.to_string()).unwrap_or_default();
    let known = browsers()?.known(&parts.headers);
    let account = service()?.log_in(LoginAttempt { name, password, address, known_browsers: known }).await?;
    begin_session(&account).await
}

/// Begins a session for an account that has just authenticated itself. Returns the cookie like [`log_in`].
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn begin_session(account: &Account) -> Result<String> {
    begin_in(&session()?, account).await?;
    Ok(browsers()?.remember(&parts()?.headers, &account.id))
}

fn browsers() -> Result<Browsers> {
    use_context().ok_or_else(|| Error::Internal("no browsers".into()))
}

async fn begin_in(session: &Session, account: &Account) -> Result<()> {
    let Time(now) = now();
    // Rotates the session id on log-in (session fixation). `flush` would keep the id of a session that was read before,
    // and store it again.
    session.clear().await;
    session.cycle_id().await.map_err(unavailable)?;
    session.insert(USER, &account.id).await.map_err(unavailable)?;
    session.insert(CREDENTIAL, &account.credential).await.map_err(unavailable)?;
    session.insert(SESSION_BEGAN, now).await.map_err(unavailable)?;
    session.insert(LAST_WRITTEN, now).await.map_err(unavailable)?;
    session.insert(REAUTHENTICATED, now).await.map_err(unavailable)
}

/// Ends the session.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn log_out() -> Result<()> {
    session()?.flush().await.map_err(unavailable)
}

fn session() -> Result<Session> {
    parts()?.extensions.get::<Session>().cloned().ok_or_else(|| Error::Internal("no session".into()))
}

fn parts() -> Result<Parts> {
    use_context().ok_or_else(|| Error::Internal("no request".into()))
}

fn unavailable(error: tower_sessions::session::Error) -> Error {
    Error::Unavailable { part: crate::domain::error::Dependency::Database, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use tower_sessions::session::Id;

    use super::*;
    use crate::{
        domain::access::{Pattern, Role},
        service::{Dispatch, NewUser},
    };

    const PASSWORD: &str = "correct horse battery";

    struct Fixture {
        service: Service,
        store: Arc<Sessions>,
        folder: std::path::PathBuf,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&folder).unwrap();
            let db = Db::open(&format!("sqlite://{}", folder.join("trimtab.db").display())).await.unwrap();
            let service = Service::new(db.clone(), Arc::new(Dispatch::default()));
            Self { service, store: Arc::new(Sessions::new(db)), folder }
        }

        async fn ana(&self) -> CurrentUser {
            let roles: Vec<(Pattern, Role)> = Vec::new();
            let new = NewUser { name: "ana".into(), password: PASSWORD.into(), administrator: false, roles };
            let account = self.service.create_user(&Actor::shell(), new).await.unwrap();
            CurrentUser { actor: Arc::new(account.actor()), account: Arc::new(account) }
        }

        /// Returns the session of a request with this cookie.
        fn request(&self, cookie: Option<Id>) -> Session {
            Session::new(cookie, self.store.clone(), None)
        }

        /// Logs in like the session layer, and returns the new cookie.
        async fn log_in(&self, cookie: Option<Id>, who: &CurrentUser) -> Id {
            let session = self.request(cookie);
            // The console, too, reads the session before the log-in.
            let _ = current(&self.service, &session).await.unwrap();
            begin_in(&session, &who.account).await.unwrap();
            session.save().await.unwrap();
            session.id().unwrap()
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[tokio::test]
    async fn log_in_rotates_the_session_id() {
        let place = Fixture::new().await;
        let ana = place.ana().await;
        let first = place.log_in(None, &ana).await;
        let second = place.log_in(Some(first), &ana).await;
        assert_ne!(first, second);
        assert!(place.store.load(&first).await.unwrap().is_none(), "the old cookie is invalid");
        let who = current(&place.service, &place.request(Some(second))).await.unwrap();
        assert_eq!(who.unwrap().account.name, "ana");
        let made_up = Id::default();
        assert_ne!(place.log_in(Some(made_up), &ana).await, made_up, "a client cannot choose its session id");
    }

    #[tokio::test]
    async fn database_stores_only_a_hash_of_the_session_id() {
        let place = Fixture::new().await;
        let cookie = place.log_in(None, &place.ana().await).await;
        let database = std::fs::read(place.folder.join("trimtab.db")).unwrap();
        let log = std::fs::read(place.folder.join("trimtab.db-wal")).unwrap_or_default();
        let holds =
            |text: &str| [&database, &log].iter().any(|file| file.windows(text.len()).any(|w| w == text.as_bytes()));
        assert!(holds(&crate::domain::content::sha256(&cookie.0.to_be_bytes())));
        assert!(!holds(&cookie.to_string()) && !holds(&cookie.0.to_string()));
    }

    #[tokio::test]
    async fn password_reset_during_the_log_in_voids_the_session() {
        let place = Fixture::new().await;
        let ana = place.ana().await;
        place.service.reset_password(&Actor::shell(), &ana.account.id, "another long password").await.unwrap();
        // Simulates a log-in whose password was checked before the reset and whose session is stored after it.
        let cookie = place.log_in(None, &ana).await;
        assert!(current(&place.service, &place.request(Some(cookie))).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn re_authentication_rotates_the_session_id() {
        let place = Fixture::new().await;
        let ana = place.ana().await;
        let cookie = place.log_in(None, &ana).await;
        let session = place.request(Some(cookie));
        session.insert(REAUTHENTICATED, 0).await.unwrap();
        reauthenticate(&place.service, &session, &ana, PASSWORD).await.unwrap();
        session.save().await.unwrap();
        assert_ne!(session.id(), Some(cookie));
        assert!(place.store.load(&cookie).await.unwrap().is_none(), "the old cookie is invalid");
        let who = current(&place.service, &place.request(session.id())).await.unwrap();
        assert_eq!(who.unwrap().account.name, "ana");
    }
}
