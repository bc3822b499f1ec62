//! The background tasks of this node, for administrators.

use axum::{Router, extract::State, routing::get};

use super::{Page, PageResult, console::Console};
use crate::{
    components::{view::*, *},
    session::guard::CurrentUser,
    tasks::{TaskState, TaskStatus},
};

/// `/system`.
pub fn routes() -> Router<Console> {
    Router::new().route("/system", get(show))
}

async fn show(State(console): State<Console>, who: CurrentUser) -> PageResult {
    who.actor.may_administer()?;
    let (tasks, node) = (console.tasks.statuses(), console.nodes.name().to_string());
    Ok(Page::new(|t| t.system_title().to_owned(), move || view! { <Shown tasks node /> })
        .crumbs(|t| vec![Crumb::here(t.system_title())]))
}

#[component]
fn Shown(tasks: Vec<TaskStatus>, node: String) -> impl IntoView {
    let t = lang();
    let lead = if node.is_empty() { t.system_lead().to_owned() } else { t.system_lead_of(&node) };
    let rows = tasks.into_iter().map(|task| view! { <Row task /> });
    let columns = vec![t.system_task(), t.status(), t.system_last(), t.system_next(), t.system_error()];
    view! {
        <Head title=t.system_title() />
        <p class="lead">{lead}</p>
        <div class="sheet">
            <Table class="rows stacked tasks" id="tasks" columns rows=rows.collect_view() />
        </div>
    }
    .into_any()
}

#[component]
fn Row(task: TaskStatus) -> impl IntoView {
    let t = lang();
    let (mood, state) = match task.state {
        TaskState::Running => (Mood::Good, t.task_running()),
        TaskState::Waiting => (Mood::Good, t.task_waiting()),
        TaskState::Failing => (Mood::Warn, t.task_failing()),
        TaskState::Stopped => (Mood::Bad, t.task_stopped()),
    };
    let last = match task.last_run {
        Some(at) => view! { <When at /> }.into_any(),
        None => view! { <span class="quiet">{t.never()}</span> }.into_any(),
    };
    let next = match task.next_run {
        Some(at) => view! { <When at fixed=true /> }.into_any(),
        None if task.state == TaskState::Stopped => ().into_any(),
        None if task.state == TaskState::Failing => {
            view! { <span class="quiet">{t.system_retrying()}</span> }.into_any()
        }
        None => view! { <span class="quiet">{t.system_on_event()}</span> }.into_any(),
    };
    let error = match task.last_failure {
        Some(failure) => view! { <When at=failure.at />" "<span class="note mono">{failure.text}</span> }.into_any(),
        None => view! { <span class="quiet">{t.system_no_error()}</span> }.into_any(),
    };
    view! {
        <tr>
            <td><b>{(task.name.title)(t)}</b></td>
            <td data-th=t.status()><Badge mood>{state}</Badge></td>
            <td data-th=t.system_last()>{last}</td>
            <td data-th=t.system_next()>{next}</td>
            <td data-th=t.system_error()>{error}</td>
        </tr>
    }
    .into_any()
}
