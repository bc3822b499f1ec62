//! Tests of the page that imports whole applications, as a browser without scripts sends its form.

use axum::{body::Body, http::Request};

use super::console_tests::{HttpAnswer, TestConsole};
use crate::{
    domain::{access::Actor, content::Item, merge::Edit},
    pages::forms::MAX_EXPORT_FILE_BYTES,
    service::Save,
};

/// An own export with a config of an application that does not exist, and one of an application that does.
const EXPORT: &str = r#"{"trimtab":1,"configs":[
    {"env":"dev","app":"Orders","namespace":"application","format":"kv","items":[{"key":"a","value":"secret-1"}]},
    {"env":"dev","app":"shop","namespace":"application","format":"kv","items":[{"key":"b","value":"2"}]},
    {"env":"uat","app":"shop","namespace":"application","format":"kv","items":[{"key":"b","value":"2"}]}
]}"#;

impl TestConsole {
    /// Sends the form with a file, if there is one.
    async fn import(&self, cookie: &str, file: Option<&str>, fields: &[(String, String)]) -> HttpAnswer {
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        // A browser sends a field without a file with an empty name.
        let name = if file.is_some() { "x.bin" } else { "" };
        let file = file.unwrap_or_default();
        body += &format!("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{file}\r\n");
        let request = Request::post("/import")
            .header("host", "localhost")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "multipart/form-data; boundary=b")
            .header("accept", "text/html")
            .header("cookie", cookie);
        self.send(request.body(Body::from(body + "--b--\r\n")).unwrap()).await
    }
}

/// Returns the fields of the form that have a value in their tag, with some of them changed.
fn fields(page: &str, changed: &[(&str, &str)]) -> Vec<(String, String)> {
    let form = page.split("id=\"import\"").nth(1).unwrap().split("</form>").next().unwrap();
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next().unwrap().to_owned())
    };
    let inputs = form.split("<input").skip(1).map(|tag| tag.split('>').next().unwrap());
    let sent = inputs.filter(|tag| !tag.contains("checkbox") || tag.contains("checked"));
    let mut fields: Vec<(String, String)> =
        sent.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect();
    for (name, value) in changed {
        fields.retain(|(field, _)| field != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    fields
}

#[tokio::test]
async fn export_is_previewed_changed_and_imported() {
    let site = TestConsole::at("http://localhost").await;
    let root = site.log_in("root").await;
    let page = site.import(&root, Some(EXPORT), &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for text in ["Trimtab", "orders / application (kv)", "Environments that do not exist: uat", "Open 1 change"] {
        assert!(page.body.contains(text), "no {text} in {}", page.body);
    }
    assert!(!page.body.contains("secret-1"), "a preview shows no values");
    assert!(site.service.app(&Actor::shell(), &"orders".parse().unwrap()).await.is_err());

    // A name and an environment are changed, and the preview follows.
    let changed = [("map-app-0", "orders-new"), ("map-env-0", "dev"), ("map-env-1", "prod")];
    let page = site.import(&root, None, &fields(&page.body, &changed)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.body.contains("orders-new / application (kv)") && page.body.contains("Open 2 changes"),
        "{}",
        page.body
    );

    // A wrong name is refused at its field, and nothing else is lost.
    let wrong = site.import(&root, None, &fields(&page.body, &[("map-app-0", "A B"), ("act", "apply")])).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("map-app-0-error") && wrong.body.contains("value=\"A B\""), "{}", wrong.body);

    // A release after the preview makes it stale.
    let config = "dev/shop/application".parse().unwrap();
    let edits = vec![("other".to_owned(), Edit::Set(Item::string("1")))];
    let saves = vec![Save { config, change: None, base: None, version: None, edits }];
    site.service.save_and_publish(&Actor::shell(), "x".into(), "dev".into(), saves, None).await.unwrap();
    let apply = |page: &str| fields(page, &[("act", "apply"), ("map-env-0", "dev"), ("map-env-1", "prod")]);
    let stale = site.import(&root, None, &apply(&page.body)).await;
    assert_eq!(stale.status, 409);
    assert!(stale.body.contains("changed since the preview"), "{}", stale.body);
    assert!(site.service.app(&Actor::shell(), &"orders-new".parse().unwrap()).await.is_err());

    let done = site.import(&root, None, &apply(&stale.body)).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let to = done.headers["location"].to_str().unwrap();
    let opened = site.get(to, &root).await;
    assert!(to.starts_with("/import/opened?changes=") && opened.body.contains("Import Trimtab: x.bin (2/2)"), "{to}");
    assert_eq!(site.service.app(&Actor::shell(), &"orders-new".parse().unwrap()).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn file_that_cannot_be_imported_is_refused() {
    let site = TestConsole::at("http://localhost").await;
    let (root, ana) = (site.log_in("root").await, site.log_in("ana").await);
    for (file, status, text) in [
        ("no export".to_owned(), 422, "This is not an export that Trimtab knows"),
        ("x".repeat(MAX_EXPORT_FILE_BYTES + 1), 413, "use the command trimtab import --from"),
        ("x".repeat(2 * MAX_EXPORT_FILE_BYTES), 413, "use the command trimtab import --from"),
    ] {
        let refused = site.import(&root, Some(&file), &[]).await;
        assert!(refused.status == status && refused.body.contains(text), "{}: {}", refused.status, refused.body);
    }
    let config = |n: usize| format!(r#"{{"env":"dev","app":"a{n}","namespace":"n","format":"kv","items":[]}}"#);
    let many: Vec<String> = (0..=250).map(config).collect();
    let many = site.import(&root, Some(&format!(r#"{{"trimtab":1,"configs":[{}]}}"#, many.join(","))), &[]).await;
    assert!(many.status == 422 && many.body.contains("The file has 251 configs"), "{}", many.body);
    let nothing = site.import(&root, None, &[]).await;
    assert_eq!(nothing.status, 422, "{}", nothing.body);

    // Without the right to create applications, the others are imported. Without any right to edit, there is no page.
    let page = site.import(&ana, Some(EXPORT), &[]).await;
    assert!(page.status == 200 && !page.body.contains("orders / application (kv)"), "{}", page.body);
    let done = site
        .import(&ana, None, &fields(&page.body, &[("act", "apply"), ("map-env-0", "dev"), ("map-env-1", "uat")]))
        .await;
    assert_eq!(done.status, 303, "{}", done.body);
    let new = crate::service::NewUser {
        name: "vic".into(),
        password: super::console_tests::PASSWORD.into(),
        administrator: false,
        roles: vec![("dev/shop/*".parse().unwrap(), crate::domain::access::Role::VIEWER)],
    };
    site.service.create_user(&Actor::shell(), new).await.unwrap();
    let vic = site.log_in("vic").await;
    assert_eq!(site.import(&vic, Some(EXPORT), &[]).await.status, 403);
    assert_eq!(site.get("/import", &vic).await.status, 403);
    assert_eq!(site.import("", Some(EXPORT), &[]).await.status, 303, "without a session it leads to the log-in");
    let own = site.get("/envs/dev/export?format=json", &vic).await;
    assert!(own.status == 200 && !own.body.contains("mail"), "{}", own.body);
    assert_eq!(site.get("/envs/prod/export?format=zip", &vic).await.status, 404);
}
