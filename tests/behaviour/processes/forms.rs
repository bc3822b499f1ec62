//! Forms of a config's page, filled in and sent as by a browser without scripts.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::json;

use super::node::{Installation, Node, prepare};
use crate::support::one;

on_both! {
    untouched_values_are_saved_unchanged
    untouched_parts_of_texts_are_saved_unchanged
}

const CONFIG: &str = "dev/shop/application";
const ADMIN: (&str, &str) = ("admin", "correct horse battery staple");

/// Values with line ends of all kinds, which a browser changes, and a NUL, which it cannot show.
const VALUES: [&str; 8] = ["a\rb", "\ra\r", "a\r\nb\r\n", "a\nb\rc\r\nd", "\na", "a\0b", " a b ", "one line"];

/// A person with a browser.
struct Person {
    client: reqwest::Client,
    url: String,
    cookie: String,
}

/// A page and its status.
struct Page {
    status: StatusCode,
    html: String,
}

impl Person {
    async fn logged_in(node: &Node) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let mut person = Self { client, url: node.url(), cookie: String::new() };
        let fields = [("name", ADMIN.0), ("password", ADMIN.1)].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let answer = person.send("/fn/log-in", "/login", &fields).await;
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        let cookies = cookies.filter_map(|cookie| cookie.to_str().unwrap().split(';').next());
        person.cookie = cookies.collect::<Vec<_>>().join("; ");
        assert!(answer.status().is_redirection(), "{}", answer.status());
        person
    }

    async fn open(&self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.url)).header(header::COOKIE, &self.cookie);
        Page::of(request.header(header::ACCEPT, "text/html").send().await.unwrap()).await
    }

    async fn send(&self, action: &str, page: &str, fields: &[(String, String)]) -> reqwest::Response {
        let request = self.client.post(format!("{}{action}", self.url)).form(fields);
        let request = request.header(header::COOKIE, &self.cookie).header(header::ACCEPT, "text/html");
        request
            .header("sec-fetch-site", "same-origin")
            .header(header::REFERER, format!("{}{page}", self.url))
            .send()
            .await
            .unwrap()
    }

    /// Sends the form of a page with some fields typed anew.
    async fn post(&self, page: &Page, id: &str, at: &str, typed: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form(id);
        for (name, value) in typed {
            fields.iter_mut().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no field {name}")).1 =
                (*value).to_owned();
        }
        Page::of(self.send(&action, at, &fields).await).await
    }
}

impl Page {
    async fn of(answer: reqwest::Response) -> Self {
        Self { status: answer.status(), html: answer.text().await.unwrap() }
    }

    /// Returns the action of a form, and the fields that a browser sends.
    fn form(&self, id: &str) -> (String, Vec<(String, String)>) {
        // Line ends of the page become LF before anything else is read (HTML, 13.2.3.5).
        let html = self.html.replace("\r\n", "\n").replace('\r', "\n");
        let mut forms = html.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
        let form = forms.find(|form| attribute(tag(form), "id").as_deref() == Some(id));
        let form = form.unwrap_or_else(|| panic!("no form {id} in {}: {html}", self.status));
        let mut fields = Vec::new();
        for (at, _) in form.match_indices('<') {
            let tag = tag(&form[at + 1..]);
            let Some(name) = attribute(tag, "name") else { continue };
            let value = attribute(tag, "value").unwrap_or_default();
            let inside = || form[at + 1 + tag.len()..].strip_prefix('>').unwrap();
            match tag.split_whitespace().next().unwrap() {
                // A field of one line has no line ends. All other values are sent with CRLF (HTML, 4.10.22.4).
                "input" if attribute(tag, "type").as_deref() == Some("text") => {
                    fields.push((name, value.replace('\n', "")))
                }
                "input" => fields.push((name, value.replace('\n', "\r\n"))),
                "textarea" => {
                    let text = unescaped(inside().split("</textarea>").next().unwrap());
                    // The first line end after the tag is not part of the value. NUL is shown as U+FFFD.
                    let text = text.strip_prefix('\n').unwrap_or(&text).replace('\n', "\r\n").replace('\0', "\u{fffd}");
                    fields.push((name, text));
                }
                "select" => {
                    let options = inside().split("</select>").next().unwrap().split("<option ").skip(1);
                    let chosen =
                        options.map(self::tag).find(|option| option.contains("selected")).expect("one is chosen");
                    fields.push((name, attribute(chosen, "value").unwrap_or_default()));
                }
                _ => {}
            }
        }
        (attribute(tag(form), "action").unwrap(), fields)
    }
}

/// Returns the text before the end of a tag. Attributes have no `>`: it is escaped.
fn tag(html: &str) -> &str {
    html.split('>').next().unwrap()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest =
        tag.split_once(&format!("{name}=\"")).filter(|(before, _)| before.is_empty() || before.ends_with(' '))?.1;
    Some(unescaped(rest.split('"').next().unwrap()).replace('\0', "\u{fffd}"))
}

fn unescaped(html: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.into_iter().fold(html.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

/// Starts a server, and returns it with a logged-in person and a token that may write everything.
async fn ready(place: &Installation) -> (Node, Person, String) {
    let token = place.token().await;
    place.cli_with(&["admin", "create", ADMIN.0, "--password-stdin"], ADMIN.1).await;
    let node = place.start().await;
    let person = Person::logged_in(&node).await;
    prepare(&node.url(), &person.client, &token).await;
    (node, person, token)
}

async fn publish(node: &Node, person: &Person, token: &str, edit: serde_json::Value) {
    let body = json!({"message": "why", "edits": [edit], "publish": true});
    let request = person.client.post(format!("{}/api/v1/changes", node.url())).bearer_auth(token).json(&body);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Returns value and comment of an edited key.
async fn edited(place: &Installation, key: &str) -> (String, String) {
    let edit: String = one(place.database(), &format!("select edit from edits where item_key = '{key}'")).await;
    let edit: serde_json::Value = serde_json::from_str(&edit).unwrap();
    let part = |name: &str| edit["set"][name].as_str().unwrap_or_default().to_owned();
    (part("value"), part("comment"))
}

async fn untouched_values_are_saved_unchanged(place: Installation) {
    let (node, person, token) = ready(&place).await;
    let set = |value: &str| json!({"value": value, "comment": value});
    let all: serde_json::Map<_, _> = VALUES.iter().enumerate().map(|(n, v)| (format!("k{n}"), set(v))).collect();
    publish(&node, &person, &token, json!({"config": CONFIG, "set": all})).await;
    for (n, value) in VALUES.iter().enumerate() {
        let (key, at) = (format!("k{n}"), format!("/configs/{CONFIG}?edit=k{n}"));
        // Only the comment is typed; then only the value.
        let page = person.open(&at).await;
        let saved = person.post(&page, "item", &at, &[("comment", "new")]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{value:?}: {}", saved.html);
        assert_eq!(edited(&place, &key).await, ((*value).to_owned(), "new".to_owned()), "{value:?}");
        let page = person.open(&at).await;
        let refused = person.post(&page, "item", &at, &[("comment", &"x".repeat(2001))]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{value:?}");
        // The refused form is shown again. When it is sent again, the value is still unchanged.
        person.post(&refused, "item", &at, &[("comment", "newer")]).await;
        assert_eq!(edited(&place, &key).await, ((*value).to_owned(), "newer".to_owned()), "{value:?}");

        // Another value is published meanwhile. The form of the conflict keeps the original value.
        let page = person.open(&at).await;
        publish(&node, &person, &token, json!({"config": CONFIG, "set": {&key: "theirs\ris another"}})).await;
        let met = person.post(&page, "item", &at, &[("comment", "mine")]).await;
        assert_eq!(met.status, StatusCode::PRECONDITION_FAILED, "{value:?}: {}", met.html);
        let kept = person.post(&met, "item", &at, &[]).await;
        assert_eq!(kept.status, StatusCode::SEE_OTHER, "{value:?}: {}", kept.html);
        assert_eq!(edited(&place, &key).await, ((*value).to_owned(), "mine".to_owned()), "{value:?}");
    }
    // The same holds for a comment when only the value is typed.
    let commented = json!({"k": {"value": "1", "comment": "one\rtwo"}});
    publish(&node, &person, &token, json!({"config": CONFIG, "set": commented})).await;
    let at = format!("/configs/{CONFIG}?edit=k");
    let page = person.open(&at).await;
    person.post(&page, "item", &at, &[("value", "2")]).await;
    assert_eq!(edited(&place, "k").await, ("2".to_owned(), "one\rtwo".to_owned()));
    node.shut_down().await;
}

async fn untouched_parts_of_texts_are_saved_unchanged(place: Installation) {
    let (node, person, token) = ready(&place).await;
    for (n, mine) in ["a\rb\r", "a\r\nb\r\n", "a\rb\nc\r\nd\n", "a\nb\n", "a\0b\n"].into_iter().enumerate() {
        let path = format!("{}/api/v1/apps/shop/namespaces/notes{n}", node.url());
        let made = person.client.put(path).bearer_auth(&token).json(&json!({"format": "text"})).send().await.unwrap();
        assert!(made.status().is_success());
        let (config, at) = (format!("dev/shop/notes{n}"), format!("/configs/dev/shop/notes{n}"));
        publish(&node, &person, &token, json!({"config": config, "text": mine})).await;
        let page = person.open(&at).await;
        publish(&node, &person, &token, json!({"config": config, "text": "theirs\r\nis another\n"})).await;
        let (_, fields) = page.form("text");
        let text = &fields.iter().find(|(name, _)| name == "text").unwrap().1;
        let met = person.post(&page, "text", &at, &[("text", &format!("first\r\n{text}"))]).await;
        assert_eq!(met.status, StatusCode::PRECONDITION_FAILED, "{mine:?}: {}", met.html);
        let kept = person.post(&met, "text", &at, &[]).await;
        assert_eq!(kept.status, StatusCode::SEE_OTHER, "{mine:?}: {}", kept.html);
        let edit: String = one(place.database(), &format!("select edit from edits where namespace = 'notes{n}'")).await;
        let edit: serde_json::Value = serde_json::from_str(&edit).unwrap();
        let saved = edit["text"].as_str().unwrap();
        assert!(saved.starts_with("first") && saved.ends_with(mine), "{mine:?}: {saved:?}");
    }
    node.shut_down().await;
}
