//! `/api/v1/envs` and `/api/v1/apps`: environments, applications and namespaces. Omitted fields keep their value.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Answer,
    body::RequestBody,
    guard::Call,
    node::{IntegerInRange, Node, ReadJson, objects},
};
use crate::{
    domain::{
        content::Format,
        error::{Error, Invalid},
        names::{AppName, EnvName, NamespaceName},
    },
    service,
};

objects! {
    struct PutEnv {
        title: Option<String>,
        /// Its position among the environments.
        #[schema(minimum = 0, maximum = 2_147_483_647)]
        rank: Option<IntegerInRange<0, 2_147_483_647>> as Option<i32>,
        /// Whether a publish requires message and confirm.
        protected: Option<bool>,
    }

    struct PutApp {
        title: Option<String>,
        description: Option<String>,
    }

    struct PutNamespace {
        format: Option<Format>,
        description: Option<String>,
    }
}

#[derive(Serialize, ToSchema)]
struct Env {
    env: EnvName,
    title: String,
    rank: i32,
    protected: bool,
}

#[derive(Serialize, ToSchema)]
struct App {
    app: AppName,
    title: String,
    description: String,
}

#[derive(Serialize, ToSchema)]
struct Namespace {
    app: AppName,
    namespace: NamespaceName,
    format: Format,
    description: String,
}

/// Create an environment
///
/// Requires a token that may create. A request that repeats the values of an existing environment succeeds. One that
/// would change them gets 403, because only administrators may change environments.
#[utoipa::path(put, path = "/api/v1/envs/{env}", tag = "write", request_body = PutEnv, responses(
    (status = 200, body = Env, description = "It existed already."),
    (status = 201, body = Env, description = "It was created."),
))]
pub(super) async fn put_env(Call { api, actor, names: [name] }: Call<1>, body: RequestBody) -> Answer {
    let name: EnvName = name.parse().map_err(|wrong: Invalid| wrong.of("env"))?;
    let PutEnv { title, rank, protected } = body.read()?;
    let position = rank.and_then(|rank| i32::try_from(rank.0).ok());
    let put = service::PutEnv { name: name.clone(), title, position, protected, archived: None };
    let new = api.service.put_env(&actor, put).await?;
    let env = api.service.envs().await?.into_iter().find(|env| env.name == name);
    let env = env.ok_or_else(|| Error::NotFound(name.to_string()))?;
    Ok(answer(new, Env { env: env.name, title: env.title, rank: env.position, protected: env.protected }))
}

/// Create or change an application
///
/// Omitted fields keep their value; null is refused. Requires a token that may create. An existing application is
/// changed only by a token whose scope covers all of it, as */shop/*.
#[utoipa::path(put, path = "/api/v1/apps/{app}", tag = "write", request_body = PutApp, responses(
    (status = 200, body = App, description = "It existed already."),
    (status = 201, body = App, description = "It was created."),
))]
pub(super) async fn put_app(Call { api, actor, names: [name] }: Call<1>, body: RequestBody) -> Answer {
    let name: AppName = name.parse().map_err(|wrong: Invalid| wrong.of("app"))?;
    let PutApp { title, description } = body.read()?;
    let put = service::PutApp { name: name.clone(), title, description, archived: None };
    let new = api.service.put_app(&actor, put).await?;
    let app = api.service.app(&actor, &name).await?.app;
    Ok(answer(new, App { app: app.name, title: app.title, description: app.description }))
}

/// Create or change a namespace
///
/// Omitted fields keep their value; a new namespace is kv by default. The format is fixed once there is a release or an
/// edit. Requires a token that may create.
#[utoipa::path(put, path = "/api/v1/apps/{app}/namespaces/{namespace}", tag = "write", request_body = PutNamespace,
    responses(
        (status = 200, body = Namespace, description = "It existed already."),
        (status = 201, body = Namespace, description = "It was created."),
        (status = 409), (status = 422),
    ))]
pub(super) async fn put_namespace(Call { api, actor, names: [app, name] }: Call<2>, body: RequestBody) -> Answer {
    let app: AppName = app.parse().map_err(|wrong: Invalid| wrong.of("app"))?;
    let name: NamespaceName = name.parse().map_err(|wrong: Invalid| wrong.of("namespace"))?;
    let PutNamespace { format, description } = body.read()?;
    let put = service::PutNamespace { app: app.clone(), name: name.clone(), format, description, archived: None };
    let new = api.service.put_namespace(&actor, put).await?;
    let rows = api.service.app(&actor, &app).await?.rows;
    let found = rows.into_iter().map(|(namespace, _)| namespace).find(|namespace| namespace.name == name);
    let namespace = found.ok_or_else(|| Error::NotFound(format!("{app}/{name}")))?;
    let (format, description) = (namespace.format, namespace.description);
    Ok(answer(new, Namespace { app, namespace: name, format, description }))
}

fn answer(new: bool, body: impl Serialize) -> Response {
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(body)).into_response()
}
