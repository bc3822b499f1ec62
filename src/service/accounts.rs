//! People: logging in, passwords, users and their roles.

use super::{Service, detached, new_id, note, now};
use crate::{
    auth::passwords::{Verdict, check},
    domain::{
        access::{Actor, Pattern, Role},
        error::{Error, Invalid, Problem, Result, excerpt},
        limits,
        time::Time,
    },
    storage::{Conn, UserRow},
};

/// Failures after which the back-off begins.
const FREE_TRIES: u32 = 5;
/// The longest pause, in seconds: an account is never locked for good.
const LONGEST_PAUSE: u32 = 60;
/// Failures older than this, in milliseconds, count no more.
const FORGET_MS: i64 = 15 * 60_000;

/// A person, as pages show one.
#[derive(Clone, Debug)]
pub struct Account {
    /// UUID.
    pub id: String,
    /// The name to log in with.
    pub name: String,
    /// Whether an administrator.
    pub administrator: bool,
    /// What the person may do where.
    pub roles: Vec<(Pattern, Role)>,
    /// When the account was made.
    pub created_at: Time,
    /// When it was disabled.
    pub disabled_at: Option<Time>,
    /// When the person last logged in.
    pub last_login_at: Option<Time>,
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
        }
    }

    /// The person as an actor.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::user(&self.id, &self.name, self.administrator, self.roles.clone())
    }
}

/// An attempt to log in.
#[derive(Clone)]
pub struct LoginTry {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// Where it comes from, for the back-off.
    pub address: String,
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    /// The name to log in with.
    pub name: String,
    /// The first password.
    pub password: String,
    /// Whether an administrator.
    pub administrator: bool,
    /// What the person may do where.
    pub roles: Vec<(Pattern, Role)>,
}

impl Service {
    /// Checks name and password. The same words and the same time whether or not there is such a user.
    ///
    /// # Errors
    /// [`Error::Throttled`] after too many failures, [`Error::Invalid`] with [`Problem::Credentials`],
    /// [`Error::Unavailable`].
    pub async fn log_in(&self, attempt: LoginTry) -> Result<Account> {
        let service = self.clone();
        detached(async move {
            let name = attempt.name.trim().to_lowercase();
            let subjects = [format!("user:{}", excerpt(&name)), format!("address:{}", excerpt(&attempt.address))];
            let (tries, user) = {
                let mut db = service.db.read().await?;
                let mut tries = Vec::with_capacity(2);
                for subject in &subjects {
                    tries.push(pause(db.failures(subject).await?, now())?);
                }
                (tries, db.user_named(&name).await?)
            };
            let usable = user.filter(|u| u.disabled_at.is_none());
            let verdict =
                service.passwords.verify(&attempt.password, usable.as_ref().map(|u| u.password.as_str())).await?;
            let mut tx = service.db.write().await?;
            let Some(user) = usable.filter(|_| verdict != Verdict::Wrong) else {
                for (subject, tries) in subjects.iter().zip(tries) {
                    tx.failed(subject, tries + 1, now()).await?;
                }
                tx.commit().await?;
                return Err(Invalid::new("/password", Problem::Credentials).into());
            };
            for subject in &subjects {
                tx.forget_failures(subject, now().plus_ms(-FORGET_MS)).await?;
            }
            tx.logged_in(&user.id, now()).await?;
            if verdict == Verdict::RightButWeak {
                let hash = service.passwords.hash(&attempt.password).await?;
                tx.set_password(&user.id, &hash).await?;
            }
            let roles = tx.roles(&user.id).await?;
            let account = Account::of(&user, roles);
            note(&mut tx, &account.actor(), "login", account.name.clone(), String::new()).await?;
            tx.commit().await?;
            Ok(account)
        })
        .await
    }

    /// The account behind a session; none when it was disabled meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account(&self, id: &str) -> Result<Option<Account>> {
        let mut db = self.db.read().await?;
        let Some(user) = db.user(id).await?.filter(|u| u.disabled_at.is_none()) else { return Ok(None) };
        let roles = db.roles(id).await?;
        Ok(Some(Account::of(&user, roles)))
    }

    /// Checks a person's own password once more, before something that wants it fresh.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/proof`, [`Error::Throttled`] after too many failures, [`Error::Unavailable`].
    pub async fn prove(&self, account: &Account, password: &str) -> Result<()> {
        if password.is_empty() {
            return Err(Invalid::new("/proof", Problem::Required).into());
        }
        let (service, account, password) = (self.clone(), account.clone(), password.to_owned());
        detached(async move { service.verify_own(&account, &password, "/proof").await }).await
    }

    /// Checks a person's own password; failures count as failed log-ins do.
    async fn verify_own(&self, account: &Account, password: &str, pointer: &str) -> Result<()> {
        let subject = format!("user:{}", excerpt(&account.name));
        let (tries, user) = {
            let mut db = self.db.read().await?;
            let tries = pause(db.failures(&subject).await?, now())?;
            (tries, db.user(&account.id).await?.ok_or(Error::Unauthenticated)?)
        };
        if self.passwords.verify(password, Some(&user.password)).await? != Verdict::Wrong {
            return Ok(());
        }
        let mut tx = self.db.write().await?;
        tx.failed(&subject, tries + 1, now()).await?;
        tx.commit().await?;
        Err(Invalid::new(pointer, Problem::PasswordWrong).into())
    }

    /// Changes one's own password. All one's sessions end.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/current` or `/password`, [`Error::Throttled`], [`Error::Unavailable`].
    pub async fn change_password(&self, account: &Account, current: &str, new: &str) -> Result<()> {
        let (service, account, current, new) = (self.clone(), account.clone(), current.to_owned(), new.to_owned());
        detached(async move {
            service.verify_own(&account, &current, "/current").await?;
            check(&new, &account.name)?;
            let hash = service.passwords.hash(&new).await?;
            let mut tx = service.db.write().await?;
            tx.set_password(&account.id, &hash).await?;
            tx.delete_sessions_of(&account.id).await?;
            note(&mut tx, &account.actor(), "password.change", account.name.clone(), String::new()).await?;
            tx.commit().await
        })
        .await
    }

    /// A page of users by name.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn users(&self, actor: &Actor, after: &str, limit: u32) -> Result<Vec<Account>> {
        actor.may_administer()?;
        let mut db = self.db.read().await?;
        let users = db.users(after, limit.clamp(1, limits::PAGE_MAX)).await?;
        let mut accounts = Vec::with_capacity(users.len());
        for user in users {
            let roles = db.roles(&user.id).await?;
            accounts.push(Account::of(&user, roles));
        }
        Ok(accounts)
    }

    /// One user, disabled or not.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn user(&self, actor: &Actor, id: &str) -> Result<Account> {
        actor.may_administer()?;
        let mut db = self.db.read().await?;
        let user = db.user(id).await?.ok_or_else(|| Error::NotFound(excerpt(id)))?;
        let roles = db.roles(id).await?;
        Ok(Account::of(&user, roles))
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<Account> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            actor.may_administer()?;
            let mut tx = service.db.write().await?;
            let account = service.insert_user(&mut tx, &actor, &new).await?;
            tx.commit().await?;
            Ok(account)
        })
        .await
    }

    pub(super) async fn insert_user(&self, tx: &mut Conn, actor: &Actor, new: &NewUser) -> Result<Account> {
        let may = actor.may_administer()?;
        let name = check_user_name(&new.name)?;
        check(&new.password, &name)?;
        if tx.user_named(&name).await?.is_some() {
            return Err(Invalid::new("/name", Problem::Taken).into());
        }
        let user = UserRow {
            id: new_id(),
            name,
            password: self.passwords.hash(&new.password).await?,
            administrator: new.administrator,
            created_at: now().0,
            disabled_at: None,
            last_login_at: None,
        };
        tx.insert_user(&may, &user).await?;
        tx.set_roles(&may, &user.id, &new.roles).await?;
        note(tx, actor, "user.create", user.name.clone(), roles_text(user.administrator, &new.roles)).await?;
        Ok(Account::of(&user, new.roles.clone()))
    }

    /// Changes what a user may do, or disables one. The user's sessions end.
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
            let may = actor.may_administer()?;
            let mut tx = service.db.write().await?;
            let mut user = tx.user(&id).await?.ok_or_else(|| Error::NotFound(excerpt(&id)))?;
            let was = user.administrator && user.disabled_at.is_none();
            user.administrator = administrator;
            user.disabled_at = disabled.then(|| user.disabled_at.unwrap_or(now().0));
            tx.update_user(&may, &user).await?;
            if was && tx.administrators().await? == 0 {
                return Err(Invalid::new("/administrator", Problem::LastAdministrator).into());
            }
            tx.set_roles(&may, &id, &roles).await?;
            tx.delete_sessions_of(&id).await?;
            let detail = format!("{}{}", roles_text(administrator, &roles), if disabled { ", disabled" } else { "" });
            note(&mut tx, &actor, "user.change", user.name, detail).await?;
            tx.commit().await
        })
        .await
    }

    /// Gives a user a new password. The user's sessions end.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn reset_password(&self, actor: &Actor, id: &str, password: &str) -> Result<()> {
        let (service, actor, id, password) = (self.clone(), actor.clone(), id.to_owned(), password.to_owned());
        detached(async move {
            actor.may_administer()?;
            let user = service.db.read().await?.user(&id).await?.ok_or_else(|| Error::NotFound(excerpt(&id)))?;
            check(&password, &user.name)?;
            let hash = service.passwords.hash(&password).await?;
            let mut tx = service.db.write().await?;
            tx.set_password(&id, &hash).await?;
            tx.delete_sessions_of(&id).await?;
            note(&mut tx, &actor, "user.password", user.name, String::new()).await?;
            tx.commit().await
        })
        .await
    }

    /// Makes an administrator, or gives an existing user a new password, the administrator's rights and a working
    /// account: `trimtab admin create`. True when the user is new.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn put_administrator(&self, actor: &Actor, name: &str, password: &str) -> Result<bool> {
        let (service, actor, name, password) = (self.clone(), actor.clone(), name.to_owned(), password.to_owned());
        detached(async move {
            let may = actor.may_administer()?;
            let name = check_user_name(&name)?;
            let mut tx = service.db.write().await?;
            let Some(mut user) = tx.user_named(&name).await? else {
                let new = NewUser { name, password, administrator: true, roles: Vec::new() };
                service.insert_user(&mut tx, &actor, &new).await?;
                tx.delete_setup_links().await?;
                tx.commit().await?;
                return Ok(true);
            };
            check(&password, &name)?;
            let hash = service.passwords.hash(&password).await?;
            (user.administrator, user.disabled_at) = (true, None);
            tx.update_user(&may, &user).await?;
            tx.set_password(&user.id, &hash).await?;
            tx.delete_sessions_of(&user.id).await?;
            note(&mut tx, &actor, "user.password", user.name, "administrator".into()).await?;
            tx.commit().await?;
            Ok(false)
        })
        .await
    }
}

/// How many failures count now, or the pause that is still on.
fn pause((tries, last): (u32, Time), now: Time) -> Result<u32> {
    if now.0 - last.0 > FORGET_MS {
        return Ok(0);
    }
    if tries >= FREE_TRIES {
        let seconds = 1u32.checked_shl(tries - FREE_TRIES).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        let left = last.0 + i64::from(seconds) * 1000 - now.0;
        if left > 0 {
            return Err(Error::Throttled(u32::try_from((left + 999) / 1000).unwrap_or(LONGEST_PAUSE)));
        }
    }
    Ok(tries)
}

/// A name to log in with: 1 to 64 characters, no white space around it or control characters in it, in lower case.
fn check_user_name(name: &str) -> Result<String> {
    let name = name.trim().to_lowercase();
    let problem = match name.as_str() {
        "" => Problem::Required,
        n if n.chars().count() > 64 => Problem::TooLong { max: 64 },
        n if n.chars().any(char::is_control) => Problem::Control,
        _ => return Ok(name),
    };
    Err(Invalid::new("/name", problem).into())
}

fn roles_text(administrator: bool, roles: &[(Pattern, Role)]) -> String {
    let roles = roles.iter().map(|(p, r)| format!("{} {p}", r.as_str()));
    let all: Vec<String> = administrator.then(|| "administrator".to_owned()).into_iter().chain(roles).collect();
    all.join(", ")
}
