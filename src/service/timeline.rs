//! The releases of an application, of all environments and namespaces, in the order of time.

use super::Service;
use crate::domain::{
    access::Actor,
    error::{Error, Result},
    limits,
    names::{AppName, NamespaceName},
    release::{Release, ReleasePosition},
};

/// Maximum number of times that releases are read to find some that the actor may see.
const READS: u32 = 20;

/// A page of an application's releases.
#[derive(Clone, Debug)]
pub struct AppReleases {
    /// Those that the actor may see, the newest first.
    pub releases: Vec<Release>,
    /// Begin of the next page, if there may be older ones.
    pub next: Option<ReleasePosition>,
}

impl Service {
    /// Returns a page of the releases of an application before a position, or of one of its namespaces. A namespace
    /// that is missing or hidden has none.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the application does not exist or the actor may see none of it.
    pub async fn releases_of_app(
        &self,
        actor: &Actor,
        app: &AppName,
        namespace: Option<&NamespaceName>,
        before: Option<ReleasePosition>,
        limit: u32,
    ) -> Result<AppReleases> {
        let missing = || Error::NotFound(app.to_string());
        if !actor.sees_app(app) {
            return Err(missing());
        }
        let mut db = self.db.read().await?;
        db.app(app).await?.ok_or_else(missing)?;
        let limit = limit.clamp(1, limits::MAX_PAGE_ROWS - 1);
        let (mut releases, mut next) = (Vec::new(), before);
        for read in 0..READS {
            // One more than the page tells whether there is another page. Only hidden releases need further reads.
            let rows = if read == 0 { limit + 1 } else { limits::MAX_PAGE_ROWS };
            let found = db.releases_of_app(app, namespace, next.as_ref(), rows).await?;
            let is_last = found.len() < rows as usize;
            next = found.last().map(ReleasePosition::from).filter(|_| !is_last);
            releases.extend(found.into_iter().filter(|release| actor.may_view(&release.config).is_ok()));
            if releases.len() > limit as usize {
                releases.truncate(limit as usize);
                next = releases.last().map(ReleasePosition::from);
                break;
            }
            if is_last {
                break;
            }
        }
        Ok(AppReleases { releases, next })
    }
}
