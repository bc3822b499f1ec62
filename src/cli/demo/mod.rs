//! `trimtab demo`: a dozen applications with hundreds of keys and some weeks of releases. It calls the usual services,
//! with a clock that is set back.

mod data;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{CommandContext, CommandError, output};
use crate::{
    domain::{
        access::{Actor, Role},
        content::{Format, Item},
        error::Result,
        merge::Edit,
        names::{AppName, ConfigId},
        time::Time,
    },
    service::{NewUser, PutApp, PutEnv, PutNamespace, Rollback, Save, clock},
};
use data::{APPS, COMMON, DemoApp, EDITS};

const DAY_MS: i64 = 24 * 3_600_000;
/// Age of the demo's history in days.
const DAYS: i64 = 36;
const ENVS: [(&str, &str, bool); 3] =
    [("dev", "Development", false), ("staging", "Staging", false), ("prod", "Production", true)];

/// Fills the database. Applications that exist already are not changed.
pub(super) async fn run(context: &CommandContext) -> std::result::Result<(), CommandError> {
    let today = clock::now();
    let people = people(context).await?;
    let made = fill(context, &people, today).await;
    clock::set_to(today);
    let apps = made?;
    output::print_line(format!("demo: {apps} new applications in 3 environments"))?;
    if apps > 0 && context.publisher.is_none() {
        output::print_line("demo: a server that runs already gives them to readers within half a minute")?;
    }
    Ok(())
}

async fn fill(context: &CommandContext, people: &[Actor], today: Time) -> Result<usize> {
    let shell = Actor::shell();
    clock::set_to(today.plus_ms(-DAYS * DAY_MS));
    for (n, (name, title, protected)) in ENVS.into_iter().enumerate() {
        let put = PutEnv {
            name: name.parse()?,
            title: Some(title.into()),
            position: i32::try_from(n).ok().map(|n| n * 10),
            protected: Some(protected),
            archived: None,
        };
        context.service.put_env(&shell, put).await?;
    }
    let there: Vec<AppName> = context.service.apps(&shell).await?.into_iter().map(|c| c.app.name).collect();
    let new: Vec<&DemoApp> = APPS.iter().filter(|app| there.iter().all(|t| t.as_str() != app.name)).collect();
    // A fixed seed makes the same demo every time, so that screenshots can be compared.
    let mut dice = StdRng::seed_from_u64(7);
    for app in &new {
        clock::set_to(today.plus_ms(-DAYS * DAY_MS));
        create_app(context, app).await?;
        history(context, app, people, today, &mut dice).await?;
    }
    if new.len() == APPS.len() {
        clock::set_to(today.plus_ms(-20 * 60_000));
        open_changes(context, people).await?;
    }
    Ok(new.len())
}

/// A user: the name, whether an administrator, the roles.
type Person = (&'static str, bool, &'static [(&'static str, Role)]);

/// Returns the users of the demo. New ones get a random password, which is printed.
async fn people(context: &CommandContext) -> std::result::Result<Vec<Actor>, CommandError> {
    const ALL: [Person; 5] = [
        ("ana.ruiz", true, &[]),
        ("lin.wei", false, &[("*/shop/*", Role::OWNER), ("*/search/*", Role::OWNER), ("*/*/*", Role::PUBLISHER)]),
        ("marek.novak", false, &[("*/*/*", Role::PUBLISHER)]),
        (
            "sara.haddad",
            false,
            &[("dev/*/*", Role::PUBLISHER), ("staging/*/*", Role::EDITOR), ("prod/*/*", Role::VIEWER)],
        ),
        ("tom.okafor", false, &[("*/*/*", Role::VIEWER)]),
    ];
    let shell = Actor::shell();
    let known = context.service.users(&shell, "", 200).await?;
    let mut actors = Vec::new();
    for (name, administrator, roles) in ALL {
        let account = match known.iter().find(|a| a.name == name) {
            Some(account) => account.clone(),
            None => {
                let roles = roles.iter().map(|(p, r)| Ok((p.parse()?, r.clone()))).collect::<Result<Vec<_>>>()?;
                let password = uuid::Uuid::new_v4().simple().to_string()[..20].to_owned();
                let said = format!("demo: log in as {name} with {password}");
                let new = NewUser { name: name.into(), password, administrator, roles };
                let account = context.service.create_user(&shell, new).await?;
                output::print_line(said)?;
                account
            }
        };
        actors.push(account.actor());
    }
    Ok(actors)
}

async fn create_app(context: &CommandContext, app: &DemoApp) -> Result<()> {
    let (shell, name) = (Actor::shell(), app.name.parse::<AppName>()?);
    let put = PutApp {
        name: name.clone(),
        title: Some(app.title.into()),
        description: Some(app.description.into()),
        archived: None,
    };
    context.service.put_app(&shell, put).await?;
    let application = [("application", Format::Kv)];
    for (namespace, format) in application.into_iter().chain(app.texts.iter().map(|(n, f, _)| (*n, *f))) {
        let put = PutNamespace {
            app: name.clone(),
            name: namespace.parse()?,
            format: Some(format),
            description: None,
            archived: None,
        };
        context.service.put_namespace(&shell, put).await?;
    }
    Ok(())
}

/// Makes the first releases of an application, and later ones over time.
async fn history(
    context: &CommandContext,
    app: &DemoApp,
    people: &[Actor],
    today: Time,
    dice: &mut StdRng,
) -> Result<()> {
    for (env, ..) in ENVS {
        let id = ConfigId::parse(env, app.name, "application")?;
        let begin = -DAYS * DAY_MS + dice.random_range(0..2 * DAY_MS);
        clock::set_to(today.plus_ms(begin));
        let mut saves = vec![save(&id, items(app, env))];
        for (namespace, _, text) in app.texts {
            saves.push(save(
                &ConfigId::parse(env, app.name, namespace)?,
                vec![(String::new(), Edit::Text((*text).into()))],
            ));
        }
        publish(context, &people[0], env, "Import of what we had", saves).await?;
        let rounds = if env == "dev" { 14 } else { 7 };
        for round in 0..rounds {
            let at = begin + (-begin - 3_600_000) * i64::from(round + 1) / i64::from(rounds + 1);
            clock::set_to(today.plus_ms(at + dice.random_range(0..DAY_MS / 3)).min(today.plus_ms(-60_000)));
            let (key, values, why) = EDITS[dice.random_range(0..EDITS.len())];
            let who = &people[dice.random_range(0..if env == "dev" { 4 } else { 3 })];
            let value = values[dice.random_range(0..values.len())];
            change_key(context, who, &id, key, value, why).await?;
        }
    }
    Ok(())
}

async fn change_key(
    context: &CommandContext,
    who: &Actor,
    id: &ConfigId,
    key: &str,
    value: &str,
    why: &str,
) -> Result<()> {
    let (live, content) = context.service.live_content(who, id).await?;
    let Some(item) = content.items().and_then(|items| items.get(key)) else { return Ok(()) };
    if item.value.expose() == value {
        // The key has this value already, so the demo rolls back to an earlier release instead.
        if live > 2 {
            let rollback = Rollback {
                config: id.clone(),
                to: live - 1,
                message: "Back, it made things worse".into(),
                confirm: id.env.to_string(),
                live: None,
                idempotency: None,
            };
            let done = context.service.roll_back(who, rollback).await?;
            mark_delivered(context, &done).await?;
        }
        return Ok(());
    }
    let edit = Edit::Set(Item { value: value.into(), ..item.clone() });
    publish(context, who, id.env.as_str(), why, vec![save(id, vec![(key.into(), edit)])]).await
}

/// Saves changes that are still open.
async fn open_changes(context: &CommandContext, people: &[Actor]) -> Result<()> {
    let shop = ConfigId::parse("prod", "shop", "application")?;
    let typed = |key: &str, value: &str| {
        let known = APPS[0].keys.iter().find(|(k, ..)| *k == key);
        let kind = known.map(|(_, _, kind)| *kind).unwrap_or_default();
        (key.to_owned(), Edit::Set(Item { value: value.into(), kind, ..Item::default() }))
    };
    let edits = vec![
        typed("checkout.timeout_ms", "4500"),
        typed("features.new_cart", "true"),
        typed("payments.banner", "We are looking into slow payments · 支付较慢，正在处理"),
        ("features.old_banner".into(), Edit::Remove),
    ];
    context
        .service
        .save_all(&people[1], "Payment provider is slow since Monday".into(), vec![save(&shop, edits)], None)
        .await?;

    let routes = ConfigId::parse("staging", "gateway", "routes.yaml")?;
    let (_, content) = context.service.live_content(&people[2], &routes).await?;
    let text = content
        .document()
        .replace("payments-v1", "payments-v2")
        .replace("timeout: 3s", "timeout: 4.5s\n    retries: 2");
    let mut saves = vec![save(&routes, vec![(String::new(), Edit::Text(text.into()))])];
    for env in ["dev", "staging"] {
        let id = ConfigId::parse(env, "search", "application")?;
        saves.push(save(&id, vec![("index.name".into(), Edit::Set(Item::string("products_v13")))]));
    }
    context.service.save_all(&people[2], "New search cluster".into(), saves, None).await.map(|_| ())
}

fn items(app: &DemoApp, env: &str) -> Vec<(String, Edit)> {
    let fill = |value: &str| value.replace("{app}", app.name).replace("{env}", env);
    let common = COMMON.iter().map(|(key, value, kind, comment)| (*key, *value, *kind, *comment));
    let own = app.keys.iter().map(|(key, value, kind)| (*key, *value, *kind, ""));
    own.chain(common)
        .map(|(key, value, kind, comment)| {
            (key.to_owned(), Edit::Set(Item { value: fill(value).into(), kind, comment: comment.into(), since: 0 }))
        })
        .collect()
}

fn save(id: &ConfigId, edits: Vec<(String, Edit)>) -> Save {
    Save { config: id.clone(), change: None, base: None, version: None, edits }
}

async fn publish(context: &CommandContext, who: &Actor, env: &str, why: &str, saves: Vec<Save>) -> Result<()> {
    let done = context.service.save_and_publish(who, why.into(), env.into(), saves, None).await?;
    mark_delivered(context, &done).await
}

/// Marks releases as delivered if this process has no publisher. Otherwise the server would
/// deliver all old releases of the demo.
async fn mark_delivered(context: &CommandContext, done: &crate::domain::release::Published) -> Result<()> {
    if context.publisher.is_some() {
        return Ok(());
    }
    let marks: Vec<_> = done.releases.iter().map(|r| (r.config.clone(), r.seq)).collect();
    let mut tx = context.db.write().await?;
    tx.mark_delivered(&marks, 1, clock::now().plus_ms(11)).await?;
    tx.commit().await
}
