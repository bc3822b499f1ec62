//! The first start: the one-time set-up link, the first administrator, and first environments and applications.

use data_encoding::HEXLOWER;
use rand::Rng;

use super::{Account, PutApp, PutEnv, PutNamespace, Service, detached, internal, now, retry_conflicts};
use crate::{
    auth::signing::Signer,
    domain::{
        access::Actor,
        content::{Format, sha256},
        error::{Error, Invalid, Problem, Result, StateConflict},
        names::AppName,
    },
};

/// Name of the key that signs cookies.
const COOKIES: &str = "cookies";

/// Lifetime of a set-up link in hours.
pub const SETUP_LINK_HOURS: i64 = 24;

impl Service {
    /// Returns the signer of this installation's cookies. The first node that calls this function makes the key.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] if the stored key is damaged.
    pub async fn signer(&self) -> Result<Signer> {
        retry_conflicts(|| {
            let service = self.clone();
            async move {
                let mut tx = service.db.write().await?;
                if let Some(hex) = tx.secret(COOKIES).await? {
                    return Signer::of_hex(&hex).ok_or_else(|| internal(&"the cookie signing key is damaged"));
                }
                let signer = Signer::random();
                tx.insert_secret(COOKIES, &signer.hex()).await?;
                tx.commit().await?;
                Ok(signer)
            }
        })
        .await
    }

    /// Returns whether there are no users yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn needs_setup(&self) -> Result<bool> {
        Ok(!self.db.read().await?.has_users().await?)
    }

    /// Makes a new code for the set-up link.
    ///
    /// # Errors
    /// [`Error::State`] with `SetUp` if there are users already; [`Error::Unavailable`].
    pub async fn setup_code(&self) -> Result<String> {
        let service = self.clone();
        detached(async move {
            let mut bytes = [0u8; 20];
            rand::rng().fill_bytes(&mut bytes);
            let code = HEXLOWER.encode(&bytes);
            let mut tx = service.db.write().await?;
            if tx.has_users().await? {
                return Err(Error::State(StateConflict::SetUp));
            }
            tx.insert_setup_link(&sha256(code.as_bytes()), now().plus_ms(SETUP_LINK_HOURS * 3_600_000), now()).await?;
            tx.commit().await?;
            Ok(code)
        })
        .await
    }

    /// Checks a set-up code without using it up.
    ///
    /// # Errors
    /// [`Error::State`] with `SetUp`, [`Error::Invalid`] with [`Problem::SetupLink`], [`Error::Unavailable`].
    pub async fn check_setup(&self, code: &str) -> Result<()> {
        let mut db = self.db.read().await?;
        if db.has_users().await? {
            return Err(Error::State(StateConflict::SetUp));
        }
        if db.is_setup_link_valid(&sha256(code.as_bytes()), now()).await? {
            return Ok(());
        }
        Err(Invalid::new("/code", Problem::SetupLink).into())
    }

    /// Creates the first administrator and invalidates all set-up links.
    ///
    /// # Errors
    /// Those of [`Service::check_setup`]; [`Error::Invalid`] at `/name` or `/password`.
    pub async fn set_up(&self, code: &str, name: &str, password: &str) -> Result<Account> {
        let (service, code, name, password) = (self.clone(), code.to_owned(), name.to_owned(), password.to_owned());
        detached(async move {
            // Checked first, so that hashing costs nothing to clients without a valid link.
            service.check_setup(&code).await?;
            let user = service.new_user(&name, &password, true).await?;
            let mut tx = service.db.write().await?;
            // Locked first: a concurrent set-up, with this link or another one, then sees the administrator.
            tx.lock_setup_links().await?;
            let taken = tx.consume_setup_link(&sha256(code.as_bytes()), now()).await?;
            if tx.has_users().await? {
                return Err(Error::State(StateConflict::SetUp));
            }
            if !taken {
                return Err(Invalid::new("/code", Problem::SetupLink).into());
            }
            let account = service.insert_user(&mut tx, &Actor::shell(), user, Vec::new()).await?;
            tx.delete_setup_links().await?;
            tx.commit().await?;
            Ok(account)
        })
        .await
    }

    /// Creates environments `dev`, `staging` and a protected `prod`, and an application with a namespace `application`.
    /// Existing ones are not changed.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn guided_start(&self, actor: &Actor, app: &AppName, title: &str) -> Result<()> {
        let there = self.envs().await?;
        for (n, name) in ["dev", "staging", "prod"].into_iter().enumerate() {
            let name = name.parse()?;
            if there.iter().any(|e| e.name == name) {
                continue;
            }
            let position = i32::try_from(n).ok().map(|n| n * 10);
            let protected = Some(n == 2);
            self.put_env(actor, PutEnv { name, title: None, position, protected, archived: None }).await?;
        }
        let (name, title) = (app.clone(), Some(title.to_owned()));
        self.put_app(actor, PutApp { name, title, description: None, archived: None }).await?;
        let namespace = PutNamespace {
            app: app.clone(),
            name: "application".parse()?,
            format: Some(Format::Kv),
            description: None,
            archived: None,
        };
        self.put_namespace(actor, namespace).await.map(|_| ())
    }
}
