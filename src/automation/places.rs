//! `/api/v1/envs` and `/api/v1/apps`: the places that configs live in. What is left out stays as it is.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;

use super::{
    Answer, Automation,
    body::Body,
    guard::{By, Place},
    node::{Node, given},
};
use crate::{
    domain::{
        error::{Error, Invalid},
        names::{AppName, EnvName, NamespaceName},
    },
    service::{PutApp, PutEnv, PutNamespace},
};

/// The greatest place of an environment in their row.
const RANK_MAX: u64 = i32::MAX as u64;

/// `PUT /api/v1/envs/{env}`.
pub(super) async fn put_env(State(api): State<Automation>, By(actor): By, place: Place<1>, body: Body) -> Answer {
    let [name] = &place.0;
    let name: EnvName = name.parse().map_err(|wrong: Invalid| wrong.of("env"))?;
    let put = body.read(|node| {
        let [title, rank, protected] = node.fields(["title", "rank", "protected"])?;
        let title = given(title, Node::string);
        let position = given(rank, |rank| rank.whole(0, RANK_MAX).and_then(|n| i32::try_from(n).ok()));
        let protected = given(protected, Node::boolean);
        Some(PutEnv { name: name.clone(), title: title?, position: position?, protected: protected?, archived: None })
    })?;
    let new = api.service.put_env(&actor, put).await?;
    let env = api.service.envs().await?.into_iter().find(|env| env.name == name);
    let env = env.ok_or_else(|| Error::NotFound(name.to_string()))?;
    let body = json!({"env": env.name, "title": env.title, "rank": env.position, "protected": env.protected});
    Ok((status(new), Json(body)).into_response())
}

/// `PUT /api/v1/apps/{app}`.
pub(super) async fn put_app(State(api): State<Automation>, By(actor): By, place: Place<1>, body: Body) -> Answer {
    let [name] = &place.0;
    let name: AppName = name.parse().map_err(|wrong: Invalid| wrong.of("app"))?;
    let put = body.read(|node| {
        let [title, description] = node.fields(["title", "description"])?;
        let (title, description) = (given(title, Node::string), given(description, Node::string));
        Some(PutApp { name: name.clone(), title: title?, description: description?, archived: None })
    })?;
    let new = api.service.put_app(&actor, put).await?;
    let app = api.service.app(&actor, &name).await?.app;
    let body = json!({"app": app.name, "title": app.title, "description": app.description});
    Ok((status(new), Json(body)).into_response())
}

/// `PUT /api/v1/apps/{app}/namespaces/{namespace}`.
pub(super) async fn put_namespace(State(api): State<Automation>, By(actor): By, place: Place<2>, body: Body) -> Answer {
    let [app, name] = &place.0;
    let app: AppName = app.parse().map_err(|wrong: Invalid| wrong.of("app"))?;
    let name: NamespaceName = name.parse().map_err(|wrong: Invalid| wrong.of("namespace"))?;
    let put = body.read(|node| {
        let [format, description] = node.fields(["format", "description"])?;
        let (format, description) = (given(format, Node::parsed), given(description, Node::string));
        let (app, name) = (app.clone(), name.clone());
        Some(PutNamespace { app, name, format: format?, description: description?, archived: None })
    })?;
    let new = api.service.put_namespace(&actor, put).await?;
    let rows = api.service.app(&actor, &app).await?.rows;
    let found = rows.into_iter().map(|(namespace, _)| namespace).find(|namespace| namespace.name == name);
    let namespace = found.ok_or_else(|| Error::NotFound(format!("{app}/{name}")))?;
    let (format, description) = (namespace.format, namespace.description);
    let body = json!({"app": app, "namespace": name, "format": format, "description": description});
    Ok((status(new), Json(body)).into_response())
}

fn status(new: bool) -> StatusCode {
    if new { StatusCode::CREATED } else { StatusCode::OK }
}
