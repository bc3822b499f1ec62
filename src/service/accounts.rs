//! User accounts: logging in, passwords, users and their roles.

use super::{
    Service, detached, new_id, now, record,
    throttle::{AttemptLimit, KnownBrowser},
};
use crate::{
    auth::{
        passwords::{ClientKind, PasswordCheck, check},
        user_name,
    },
    domain::{
        access::{Actor, Administer, May, Pattern, Role},
        audit::{Event, Rights},
        content::sha256,
        error::{Error, Invalid, Need, Problem, Result, truncate},
        limits,
        time::Time,
    },
    storage::{Conn, UserRow},
};

/// A user, as pages show it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The UUID of the user.
    pub id: String,
    /// The name to log in with.
    pub name: String,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// The roles of the user, each with the configs that it covers.
    pub roles: Vec<(Pattern, Role)>,
    /// Time of the creation of the account.
    pub created_at: Time,
    /// Time at which the account was disabled.
    pub disabled_at: Option<Time>,
    /// Time of the last log-in.
    pub last_login_at: Option<Time>,
    /// SHA-256 of the stored password hash. It changes with the password.
    pub credential: String,
}

impl Account {
    fn of(user: &UserRow, roles: Vec<(Pattern, Role)>) -> Self {
        Self {
            id: user.id.clone(),
            name: user.name.clone(),
            administrator: user.administrator,
            roles,
            created_at: Time(user.created_at),
            disabled_at: user.disabled_at.map(Time),
            last_login_at: user.last_login_at.map(Time),
            credential: sha256(user.password.as_bytes()),
        }
    }

    /// Returns the user as an actor.
    pub fn actor(&self) -> Actor {
        Actor::user(&self.id, &self.name, self.administrator, &self.roles)
    }
}

/// An attempt to log in.
#[derive(Clone)]
pub struct LoginAttempt {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The address of the client, for the back-off.
    pub address: String,
    /// The users that have logged in from this browser before.
    pub known_browsers: Vec<KnownBrowser>,
}

/// A user to be created.
#[derive(Clone)]
pub struct NewUser {
    /// The name to log in with.
    pub name: String,
    /// The first password.
    pub password: String,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// The roles of the user, each with the configs that it covers.
    pub roles: Vec<(Pattern, Role)>,
}

impl Service {
    /// Checks name and password. Answer and duration do not reveal whether the user exists.
    ///
    /// # Errors
    /// [`Error::Throttled`] after too many failures, [`Error::Invalid`] with [`Problem::Credentials`],
    /// [`Error::Unavailable`].
    pub async fn log_in(&self, attempt: LoginAttempt) -> Result<Account> {
        let service = self.clone();
        detached(async move {
            let wrong = || Invalid::new("/password", Problem::Credentials);
            let name = user_name::canonical(&attempt.name);
            let found = user_by_typed_name(&mut service.db.read().await?, &attempt.name).await?;
            let usable = found.filter(|u| u.disabled_at.is_none());
            let known =
                usable.as_ref().and_then(|user| attempt.known_browsers.iter().find(|known| known.user == user.id));
            let limits = match known {
                Some(browser) => vec![AttemptLimit::of_browser(browser)],
                None => AttemptLimit::of_stranger(&name, &attempt.address).into(),
            };
            let (charges, who) = (
                service.count_attempt(limits).await?,
                if known.is_some() { ClientKind::Known } else { ClientKind::Unknown },
            );
            let hash = usable.as_ref().map(|u| u.password.as_str());
            let verdict = service.verify_counted(&charges, &attempt.password, hash, who).await?;
            let Some(mut user) = usable.filter(|_| verdict != PasswordCheck::Wrong) else { return Err(wrong().into()) };
            // Hashed before the transaction, which blocks other writers.
            let stronger = match verdict {
                PasswordCheck::NeedsRehash => Some(service.passwords.hash(&attempt.password).await?),
                PasswordCheck::Right | PasswordCheck::Wrong => None,
            };
            let mut tx = service.db.write().await?;
            // The password was changed or reset meanwhile: the attempt fails.
            if !tx.still_has_password(&user.id, &user.password).await? {
                return Err(wrong().into());
            }
            // The counts of the name and of the address stay: they include the attempts of other people.
            for (n, attempt) in charges.iter().enumerate() {
                if n == 0 {
                    tx.delete_failures(&attempt.subject).await?;
                } else {
                    attempt.take_back(&mut tx).await?;
                }
            }
            tx.set_last_login(&user.id, now()).await?;
            if let Some(hash) = stronger {
                tx.set_password(&user.id, &hash).await?;
                user.password = hash;
            }
            let roles = tx.roles(&user.id).await?;
            let account = Account::of(&user, roles);
            record(&mut tx, &account.actor(), &Event::LoggedIn { user: account.name.clone() }).await?;
            tx.commit().await?;
            Ok(account)
        })
        .await
    }

    /// Returns the account of a session, or `None` if the account is disabled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account(&self, id: &str) -> Result<Option<Account>> {
        let mut db = self.db.read().await?;
        let Some(user) = db.user(id).await?.filter(|u| u.disabled_at.is_none()) else { return Ok(None) };
        let roles = db.roles(id).await?;
        Ok(Some(Account::of(&user, roles)))
    }

    /// Checks the user's own password once more, before an action that requires re-authentication.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/proof`, [`Error::Throttled`] after too many failures, [`Error::Unavailable`].
    pub async fn reauthenticate(&self, account: &Account, password: &str) -> Result<()> {
        if password.is_empty() {
            return Err(Invalid::new("/proof", Problem::Required).into());
        }
        let (service, account, password) = (self.clone(), account.clone(), password.to_owned());
        detached(async move { service.verify_own_password(&account, &password, "/proof").await.map(|_| ()) }).await
    }

    /// Checks the user's own password and returns its stored hash. Its failures have a count of their own, because
    /// anybody can cause failures of log-ins.
    async fn verify_own_password(&self, account: &Account, password: &str, pointer: &str) -> Result<String> {
        let charges = self.count_attempt(vec![AttemptLimit::of_user(&account.id)]).await?;
        let user = self.db.read().await?.user(&account.id).await?.ok_or(Error::Unauthenticated)?;
        if self.verify_counted(&charges, password, Some(&user.password), ClientKind::Known).await?
            == PasswordCheck::Wrong
        {
            return Err(Invalid::new(pointer, Problem::PasswordWrong).into());
        }
        let mut tx = self.db.write().await?;
        for charge in &charges {
            tx.delete_failures(&charge.subject).await?;
        }
        tx.commit().await?;
        Ok(user.password)
    }

    /// Changes the user's own password. All sessions of the user end.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/current` or `/password`, [`Error::Throttled`], [`Error::Unavailable`].
    pub async fn change_password(&self, account: &Account, current: &str, new: &str) -> Result<()> {
        let (service, account, current, new) = (self.clone(), account.clone(), current.to_owned(), new.to_owned());
        detached(async move {
            let verified = service.verify_own_password(&account, &current, "/current").await?;
            check(&new, &account.name)?;
            let hash = service.passwords.hash(&new).await?;
            let mut tx = service.db.write().await?;
            if !tx.still_has_password(&account.id, &verified).await? {
                return Err(Invalid::new("/current", Problem::PasswordWrong).into());
            }
            tx.set_password(&account.id, &hash).await?;
            tx.delete_sessions_of(&account.id).await?;
            record(&mut tx, &account.actor(), &Event::PasswordChanged { user: account.name.clone() }).await?;
            tx.commit().await
        })
        .await
    }

    /// Ends all sessions of the user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_sessions(&self, account: &Account) -> Result<()> {
        let (service, account) = (self.clone(), account.clone());
        detached(async move {
            let mut tx = service.db.write().await?;
            tx.delete_sessions_of(&account.id).await?;
            record(&mut tx, &account.actor(), &Event::SessionsEnded { user: account.name.clone() }).await?;
            tx.commit().await
        })
        .await
    }

    /// Returns a page of users, sorted by name.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn users(&self, actor: &Actor, after: &str, limit: u32) -> Result<Vec<Account>> {
        actor.may_administer()?;
        let mut db = self.db.read().await?;
        let users = db.users(after, limit.clamp(1, limits::MAX_PAGE_ROWS)).await?;
        let mut accounts = Vec::with_capacity(users.len());
        for user in users {
            let roles = db.roles(&user.id).await?;
            accounts.push(Account::of(&user, roles));
        }
        Ok(accounts)
    }

    /// Returns a user, disabled or not.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn user(&self, actor: &Actor, id: &str) -> Result<Account> {
        actor.may_administer()?;
        let mut db = self.db.read().await?;
        let user = db.user(id).await?.ok_or_else(|| Error::NotFound(truncate(id)))?;
        let roles = db.roles(id).await?;
        Ok(Account::of(&user, roles))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<Account> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            actor.may_administer()?;
            let user = service.new_user(&new.name, &new.password, new.administrator).await?;
            let mut tx = service.db.write().await?;
            check_administers(&mut tx, &actor).await?;
            let account = service.insert_user(&mut tx, &actor, user, new.roles).await?;
            tx.commit().await?;
            Ok(account)
        })
        .await
    }

    /// Makes the row of a new user from a valid name and password. It is not stored yet. Hashing takes a while, so this
    /// runs before the transaction, which blocks other writers.
    pub(super) async fn new_user(&self, name: &str, password: &str, administrator: bool) -> Result<UserRow> {
        let name = check_user_name(name)?;
        check(password, &name)?;
        Ok(UserRow {
            id: new_id(),
            name,
            password: self.passwords.hash(password).await?,
            administrator,
            created_at: now().0,
            disabled_at: None,
            last_login_at: None,
        })
    }

    pub(super) async fn insert_user(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        user: UserRow,
        roles: Vec<(Pattern, Role)>,
    ) -> Result<Account> {
        let may = actor.may_administer()?;
        if tx.user_named(&user.name).await?.is_some() {
            return Err(Invalid::new("/name", Problem::Taken).into());
        }
        tx.insert_user(&may, &user).await?;
        tx.set_roles(&may, &user.id, &roles).await?;
        let rights = rights(user.administrator, &roles);
        record(tx, actor, &Event::UserCreated { user: user.name.clone(), rights }).await?;
        Ok(Account::of(&user, roles))
    }

    /// Changes the rights of a user, or disables the user. The sessions of the user end.
    ///
    /// # Errors
    /// [`Error::Invalid`] with [`Problem::LastAdministrator`], [`Error::Forbidden`], [`Error::NotFound`],
    /// [`Error::Unavailable`].
    pub async fn change_user(
        &self,
        actor: &Actor,
        id: &str,
        administrator: bool,
        disabled: bool,
        roles: Vec<(Pattern, Role)>,
    ) -> Result<()> {
        let (service, actor, id) = (self.clone(), actor.clone(), id.to_owned());
        detached(async move {
            actor.may_administer()?;
            let mut tx = service.db.write().await?;
            let may = check_administers(&mut tx, &actor).await?;
            let mut user = tx.user(&id).await?.ok_or_else(|| Error::NotFound(truncate(&id)))?;
            let was = user.administrator && user.disabled_at.is_none();
            user.administrator = administrator;
            user.disabled_at = disabled.then(|| user.disabled_at.unwrap_or(now().0));
            tx.update_user(&may, &user).await?;
            if was && tx.count_administrators().await? == 0 {
                return Err(Invalid::new("/administrator", Problem::LastAdministrator).into());
            }
            tx.set_roles(&may, &id, &roles).await?;
            tx.delete_sessions_of(&id).await?;
            let rights = rights(administrator, &roles);
            record(&mut tx, &actor, &Event::UserChanged { user: user.name, rights, disabled }).await?;
            tx.commit().await
        })
        .await
    }

    /// Sets a new password for a user. The sessions of the user end.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn reset_password(&self, actor: &Actor, id: &str, password: &str) -> Result<()> {
        let (service, actor, id, password) = (self.clone(), actor.clone(), id.to_owned(), password.to_owned());
        detached(async move {
            actor.may_administer()?;
            let user = service.db.read().await?.user(&id).await?.ok_or_else(|| Error::NotFound(truncate(&id)))?;
            check(&password, &user.name)?;
            let hash = service.passwords.hash(&password).await?;
            let mut tx = service.db.write().await?;
            check_administers(&mut tx, &actor).await?;
            tx.set_password(&id, &hash).await?;
            tx.delete_sessions_of(&id).await?;
            record(&mut tx, &actor, &Event::PasswordReset { user: user.name, administrator: false }).await?;
            tx.commit().await
        })
        .await
    }

    /// Creates an administrator for `trimtab admin create`. An existing user gets the password, the administrator's
    /// rights and an enabled account. Returns whether the user is new.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn put_administrator(&self, actor: &Actor, name: &str, password: &str) -> Result<bool> {
        let (service, actor, name, password) = (self.clone(), actor.clone(), name.to_owned(), password.to_owned());
        detached(async move {
            actor.may_administer()?;
            // An existing user keeps its name, even if the rules for new names do not allow it.
            let existing = user_by_typed_name(&mut service.db.read().await?, &name).await?;
            let new = match existing {
                Some(user) => {
                    check(&password, &user.name)?;
                    UserRow { password: service.passwords.hash(&password).await?, ..user }
                }
                None => service.new_user(&name, &password, true).await?,
            };
            let mut tx = service.db.write().await?;
            // Locked first, like in the set-up: the second of two concurrent calls sees the result of the first.
            tx.lock_setup_links().await?;
            let may = check_administers(&mut tx, &actor).await?;
            let Some(mut user) = user_by_typed_name(&mut tx, &name).await? else {
                service.insert_user(&mut tx, &actor, new, Vec::new()).await?;
                tx.delete_setup_links().await?;
                tx.commit().await?;
                return Ok(true);
            };
            (user.administrator, user.disabled_at) = (true, None);
            tx.update_user(&may, &user).await?;
            tx.set_password(&user.id, &new.password).await?;
            tx.delete_sessions_of(&user.id).await?;
            record(&mut tx, &actor, &Event::PasswordReset { user: user.name, administrator: true }).await?;
            tx.commit().await?;
            Ok(false)
        })
        .await
    }
}

/// Returns the permission to change rights, and holds a lock until the transaction ends. So two administrators cannot
/// revoke each other's rights at the same time. The check runs under the lock, so an actor that has just lost the
/// rights is refused.
async fn check_administers(tx: &mut Conn, actor: &Actor) -> Result<May<Administer, ()>> {
    let may = actor.may_administer()?;
    tx.lock_administrators().await?;
    let Some(id) = actor.id.strip_prefix("user:") else { return Ok(may) };
    let user = tx.user(id).await?.filter(|u| u.administrator && u.disabled_at.is_none());
    user.map(|_| may).ok_or(Error::Forbidden(Need::Administer))
}

/// Finds the user with the name that was typed at a log-in. Names that are older than the canonical form are stored as
/// they were given. They are looked up first.
async fn user_by_typed_name(db: &mut Conn, typed: &str) -> Result<Option<UserRow>> {
    let (old, name) = (typed.trim().to_lowercase(), user_name::canonical(typed));
    match db.user_named(&old).await? {
        None if old != name => db.user_named(&name).await,
        found => Ok(found),
    }
}

/// Returns the canonical form of a new user name. It must have only visible characters and must not look like another
/// author in changes, releases and the audit.
fn check_user_name(name: &str) -> Result<String> {
    let name = user_name::canonical(name);
    match user_name::problem(&name).or(is_reserved(&name).then_some(Problem::Taken)) {
        Some(problem) => Err(Invalid::new("/name", problem).into()),
        None => Ok(name),
    }
}

/// Returns whether an actor that is no user has this name: see [`Actor::shell`], [`Actor::system`], [`Actor::token`].
fn is_reserved(name: &str) -> bool {
    name == "command line" || name == "trimtab" || name == "token" || name.starts_with("token ")
}

fn rights(administrator: bool, roles: &[(Pattern, Role)]) -> Rights {
    let roles = roles.iter().map(|(pattern, role)| (role.name().to_owned(), pattern.clone())).collect();
    Rights { administrator, roles }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_user_names_are_visible_and_not_reserved() {
        let problem = |name: &str| match check_user_name(name) {
            Err(Error::Invalid(mut wrong)) => Some(wrong.remove(0).problem),
            other => {
                assert!(other.is_ok(), "{other:?}");
                None
            }
        };
        for good in ["ana", "Ana Maria", "ana@example.com", "李伟", "zoë", "tokenizer", "o'neil"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for (name, unseen) in [("a\u{200b}na", '\u{200b}'), ("a\tb", '\t'), ("a\u{202e}na", '\u{202e}')] {
            assert_eq!(problem(name), Some(Problem::Unseen { character: unseen, position: 2 }), "{name:?}");
        }
        for other in ["command line", "Command  Line", "TRIMTAB", "token deploy", "Token  x", "token"] {
            assert_eq!(problem(other), Some(Problem::Taken), "{other}");
        }
    }
}
