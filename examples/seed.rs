use std::{sync::Arc, time::Duration};
use trimtab::{
    domain::{access::*, content::*, merge::Edit, names::*},
    service::*,
    storage::Db,
};
use trimtab::service::Publish;
type R<T> = Result<T, Box<dyn std::error::Error>>;

struct B { s: Service }
impl B {
    async fn publish(&self, by: &Actor, config: &str, message: &str, edits: Vec<(&str, Edit)>) -> R<()> {
        let id: ConfigId = config.parse().map_err(|e| format!("{e:?}"))?;
        let edits = edits.into_iter().map(|(k, e)| (k.to_owned(), e)).collect();
        self.s.save_and_publish(by, message.into(), id.env.to_string(), vec![Save { config: id.clone(), change: None, base: None, version: None, edits }], None).await.map_err(|e| format!("{config}: {e:?}"))?;
        Ok(())
    }
    async fn edit(&self, by: &Actor, config: &str, edits: Vec<(&str, Edit)>) -> R<()> {
        let edits = edits.into_iter().map(|(k, e)| (k.to_owned(), e)).collect();
        self.s.save(by, Save { config: config.parse().map_err(|e| format!("{e:?}"))?, change: None, base: None, version: None, edits }).await.map_err(|e| format!("{config}: {e:?}"))?;
        Ok(())
    }
}
fn set(v: &str) -> Edit { Edit::Set(Item::string(v)) }
fn typed(v: &str, kind: ValueType, comment: &str) -> Edit { Edit::Set(Item { value: v.into(), kind, comment: comment.into(), since: 0 }) }

#[tokio::main]
async fn main() {
    if let Err(e) = run().await { eprintln!("{e}"); std::process::exit(1) }
}
async fn run() -> R<()> {
    use ValueType::{Boolean, Json, Number};
    let dir = std::env::args().nth(1).unwrap();
    std::fs::create_dir_all(&dir)?;
    let db = Db::open(&format!("sqlite://{dir}/trimtab.db")).await?;
    let s = Service::new(db, Arc::new(Dispatch::default())).with_patience(Duration::ZERO);
    let root = Actor::shell();
    for (n, p) in [("dev", false), ("staging", false), ("prod", true)] {
        s.put_env(&root, PutEnv { name: n.parse().unwrap(), title: None, position: None, protected: Some(p), archived: None }).await?;
    }
    for app in ["shop", "mail"] {
        s.put_app(&root, PutApp { name: app.parse().unwrap(), title: Some(app.to_uppercase()), description: None, archived: None }).await?;
    }
    for (ns, f) in [("application", "kv"), ("routes.yaml", "yaml"), ("fresh", "kv"), ("blank.json", "json"), ("k1000", "kv"), ("k10000", "kv"), ("legal", "text"), ("hostile", "kv"), ("huge", "text")] {
        s.put_namespace(&root, PutNamespace { app: "shop".parse().unwrap(), name: ns.parse().unwrap(), format: Some(f.parse().unwrap()), description: None, archived: None }).await?;
    }
    let mut people = Vec::new();
    for (name, admin, roles) in [
        ("ana.ruiz", true, vec![]),
        ("marek", false, vec![("*/shop/*", Role::Publisher)]),
        ("eve", false, vec![("*/shop/*", Role::Editor)]),
        ("lin", false, vec![("*/shop/*", Role::Viewer)]),
    ] {
        let roles = roles.into_iter().map(|(p, r)| (p.parse().unwrap(), r)).collect();
        people.push(s.create_user(&root, NewUser { name: name.into(), password: "correct horse battery".into(), administrator: admin, roles }).await?.actor());
    }
    let [ana, marek, eve, _lin] = &people[..] else { panic!() };
    let b = B { s: s.clone() };
    for env in ["dev", "staging", "prod"] {
        let c = format!("{env}/shop/application");
        let host = if env == "prod" { "db.internal" } else { "db.test" };
        b.publish(&root, &c, "Import from the old portal", vec![
            ("cache.redis.nodes", typed(r#"["10.20.0.11:6379","10.20.0.12:6379"]"#, Json, "")),
            ("checkout.timeout_ms", typed("2000", Number, "How long we wait for the payment provider")),
            ("checkout.retries", typed("3", Number, "")),
            ("db.pool.max", typed("16", Number, "")),
            ("db.url", set(&format!("mysql://shop@{host}:3306/shop"))),
            ("features.new_search", typed("true", Boolean, "")),
            ("features.old_banner", typed("false", Boolean, "Gone once the autumn campaign is over")),
            ("http.listen", set("0.0.0.0:8080")),
            ("http.cors.origins", set("https://shop.example\nhttps://admin.shop.example\nhttps://partner.example")),
            ("log.level", set("info")),
            ("mail.from", set("\"Shop 商店\" <hello@shop.example>")),
            ("mail.smtp.host", set("smtp.internal")),
            ("search.synonyms_url", set("https://assets.shop.example/search/synonyms-2026-06.json")),
            ("search.index", set("products-v7")),
            ("tax.default_rate", typed("0.19", Number, "")),
            ("tax.rates", typed("{\n  \"DE\": 0.19,\n  \"AT\": 0.2,\n  \"CZ\": 0.21,\n  \"FR\": 0.2,\n  \"PL\": 0.23\n}", Json, "By country of delivery")),
        ]).await?;
    }
    let p = "prod/shop/application";
    b.publish(marek, p, "Twice the pool: the load test showed waits", vec![("db.pool.max", typed("32", Number, ""))]).await?;
    b.publish(ana, p, "Search synonyms of October", vec![("search.synonyms_url", set("https://assets.shop.example/search/synonyms-2026-10.json"))]).await?;
    b.publish(marek, p, "Payment provider is slow since Monday", vec![("checkout.timeout_ms", typed("3000", Number, "How long we wait for the payment provider"))]).await?;
    b.publish(ana, p, "New index", vec![("search.index", set("products-v8")), ("features.search_boost", typed("true", Boolean, ""))]).await?;
    let live: ConfigId = p.parse().unwrap();
    s.roll_back(ana, Rollback { config: live.clone(), to: 4, message: "The new index has no synonyms yet".into(), confirm: "prod".into(), live: None, idempotency: None }).await?;
    for n in 0..32 {
        b.publish(if n % 3 == 0 { marek } else { ana }, p, &["Less noise", "Log level for the incident", "Back to normal", "Retries after the outage"][n % 4], vec![("log.level", set(["info", "debug", "warn", "info"][n % 4])), ("checkout.retries", typed(&(n % 5 + 2).to_string(), Number, ""))]).await?;
    }
    b.edit(ana, p, vec![
        ("checkout.timeout_ms", typed("4500", Number, "How long we wait for the payment provider")),
        ("features.new_cart", typed("true", Boolean, "")),
        ("features.old_banner", Edit::Remove),
    ]).await?;
    b.edit(marek, p, vec![("db.url", set("mysql://shop@db-2.internal:3306/shop")), ("mail.smtp.host", Edit::Remove)]).await?;

    let yaml = |upstream: &str, extra: &str| {
        let mut t = format!("routes:\n  - path: /checkout\n    upstream: payments-{upstream}\n    timeout: 3s\n{extra}");
        for n in 0..40 { t += &format!("  - path: /service/{n}\n    upstream: service-{n}\n"); }
        t + "  - path: /legacy\n    upstream: shop-old\n# 商品搜索 product search\n  - path: /search\n    upstream: search\n"
    };
    b.publish(marek, "prod/shop/routes.yaml", "First routes", vec![("", Edit::Text(yaml("v1", "")))]).await?;
    b.publish(marek, "staging/shop/routes.yaml", "First routes", vec![("", Edit::Text(yaml("v2", "    retries: 2\n")))]).await?;
    b.edit(ana, "prod/shop/routes.yaml", vec![("", Edit::Text(yaml("v2", "    retries: 2\n").replace("timeout: 3s", "timeout: 4.5s").replace("  - path: /legacy\n    upstream: shop-old\n", "")))]).await?;
    b.edit(eve, "prod/shop/routes.yaml", vec![("", Edit::Text(yaml("v3", "")))]).await?;
    b.publish(marek, "prod/shop/legal", "From legal", vec![("", Edit::Text("Terms\r\nare\r\nterms.\nmixed here\r\n".into()))]).await?;
    for (ns, n) in [("k1000", 1000usize), ("k10000", 10000)] {
        let keys: Vec<(String, Edit)> = (0..n).map(|i| (format!("group{:02}.service{:03}.setting_{i:05}", i / 500, i / 20), set(&format!("value of setting {i}")))).collect();
        b.publish(ana, &format!("prod/shop/{ns}"), "Import", keys.iter().map(|(k, e)| (k.as_str(), e.clone())).collect()).await?;
    }
    let keys: Vec<(String, Edit)> = (0..10000usize).step_by(2).map(|i| (format!("group{:02}.service{:03}.setting_{i:05}", i / 500, i / 20), set(&format!("value of setting {} now", i + 1)))).collect();
    b.publish(ana, "prod/shop/k10000", "Half of them", keys.iter().map(|(k, e)| (k.as_str(), e.clone())).collect()).await?;
    let line = |i: usize| format!("line {i} of a long document, with words that differ now and then {}\n", i * 7919 % 1000);
    let huge: String = (0..14000).map(line).collect();
    b.publish(ana, "prod/shop/huge", "A megabyte", vec![("", Edit::Text(huge.clone()))]).await?;
    b.publish(ana, "prod/shop/huge", "Every third line", vec![("", Edit::Text(huge.lines().enumerate().map(|(n, l)| if n % 3 == 0 { l.replace("words", "terms") + "\n" } else { l.to_owned() + "\n" }).collect()))]).await?;
    let bad = "</textarea><script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>{{7*7}}<!--\u{2028}\u{202e}abc";
    b.publish(ana, "prod/shop/hostile", bad, vec![
        (bad, typed(bad, ValueType::String, bad)),
        ("multi", typed(&format!("{bad}\n\n{bad}\r\nend"), ValueType::String, "line ends")),
        ("nul", typed("a\0b", ValueType::String, "")),
        ("long", typed(&"x".repeat(3000), ValueType::String, "")),
        ("blanks", set("  two before, one after ")),
        ("empty", set("")),
    ]).await?;
    b.edit(ana, "prod/shop/hostile", vec![("added</script>", typed(bad, ValueType::String, bad)), ("multi", typed(&format!("{bad} changed"), ValueType::String, ""))]).await?;
    Ok(())
}
