//! The parts that come alive in the browser. Each is an enhancement: what it wraps or finds works without it.

use leptos::prelude::*;

/// What every page of the console gets where scripts run.
#[island]
pub fn Enhance() -> impl IntoView {}
