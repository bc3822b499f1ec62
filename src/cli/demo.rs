//! `trimtab demo`.

use super::{Bench, Failed};

pub(super) async fn run(_bench: &Bench) -> Result<(), Failed> {
    Err(Failed("the demo data are not written yet".into()))
}
