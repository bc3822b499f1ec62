//! Output, errors and exit codes of commands, as scripts and pipelines use them.

use std::{fs::File, process::Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::node::{Installation, Node, prepare};

on_both! {
    import_makes_a_new_change
    whole_export_is_previewed_and_then_imported
    refused_import_leaves_no_open_change
}

const SHOP: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";

/// Exit code and output of a command.
#[derive(Debug)]
struct CommandResult {
    code: i32,
    out: String,
    err: String,
}

impl CommandResult {
    /// Checks that the command succeeded, and returns its stdout.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Checks that the command failed, and returns the lines of its stderr.
    #[track_caller]
    fn failed(self) -> Vec<String> {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        self.err.lines().map(str::to_owned).collect()
    }
}

/// Runs a command with this stdin.
async fn run_with(place: &Installation, args: &[&str], stdin: &[u8]) -> CommandResult {
    let mut command = place.cli_command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that is refused early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(stdin).await;
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandResult { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

async fn run(place: &Installation, args: &[&str]) -> CommandResult {
    run_with(place, args, b"").await
}

/// Runs a command with this stdout, and returns its exit code and stderr.
async fn run_into(place: &Installation, args: &[&str], stdout: impl Into<Stdio>) -> (i32, String) {
    let mut command = place.cli_command(args);
    // `Command::output` would replace stdout.
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Returns a pipe without a reader.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Starts a server with `dev`, a protected `prod`, and the application `shop` with keys, a JSON and a plain text.
async fn installed(place: &Installation) -> (Node, reqwest::Client, String) {
    let (token, client) = (place.token().await, reqwest::Client::new());
    let node = place.start().await;
    prepare(&node.url(), &client, &token).await;
    for (path, body) in [
        ("envs/prod", json!({"protected": true})),
        ("apps/shop/namespaces/routes", json!({"format": "json"})),
        ("apps/shop/namespaces/notes", json!({"format": "text"})),
    ] {
        let url = format!("{}/api/v1/{path}", node.url());
        assert!(client.put(url).bearer_auth(&token).json(&body).send().await.unwrap().status().is_success());
    }
    (node, client, token)
}

fn file(place: &Installation, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(place.folder().join(name), content).unwrap();
}

async fn open_changes(place: &Installation) -> Vec<Value> {
    let list: Value = serde_json::from_str(&run(place, &["change", "list", "--json"]).await.done()).unwrap();
    list["changes"].as_array().unwrap().clone()
}

async fn import_makes_a_new_change(place: Installation) {
    let (_node, ..) = installed(&place).await;
    file(&place, "one.properties", "a=1\nb=1\n");
    file(&place, "two.env", "C=1\n");
    let import =
        async |name: &str, more: &[&str]| run(&place, &[&["import", name, "--config", SHOP][..], more].concat()).await;
    let first = import("one.properties", &["-m", "the first"]).await.done();
    let second = import("one.properties", &[]).await.done();
    assert!(first != second && first.trim().len() == 36, "{first}");
    // An import publishes only its own change.
    let published = import("two.env", &["--publish"]).await.done();
    assert!(published.starts_with(&format!("{SHOP}: release 1 delivered")), "{published}");
    assert_eq!(run(&place, &["export", "--config", SHOP, "--format", "env"]).await.done(), "C=1\n");
    assert!(import("two.env", &["--publish"]).await.done().contains("nothing to do"));

    let open = open_changes(&place).await;
    assert_eq!(open.len(), 2);
    assert_eq!(open[1]["configs"], json!([{"config": SHOP, "added": 2, "changed": 0, "removed": 0, "conflicts": 0}]));
    assert_eq!((&open[1]["author"], &open[1]["message"]), (&json!("command line"), &json!("the first")));
    let listed = run(&place, &["change", "list"]).await.done();
    assert!(listed.lines().nth(1).unwrap().starts_with(first.trim()) && listed.contains("2 added"), "{listed}");

    let shown = run(&place, &["change", "show", first.trim()]).await.done();
    assert!(shown.contains("\n    the first\n") && shown.ends_with("+ a = \"1\"\n+ b = \"1\"\n"), "{shown}");
    let shown: Value =
        serde_json::from_str(&run(&place, &["change", "show", second.trim(), "--json"]).await.done()).unwrap();
    assert_eq!(shown["edits"], json!([{"config": SHOP, "base": 0, "set": {"a": "1", "b": "1"}}]));

    let published = run(&place, &["change", "publish", first.trim(), "--json"]).await.done();
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(
        (&published["releases"][0]["release"], &published["delivery"]["state"]),
        (&json!(2), &json!("delivered"))
    );
    let discarded = run(&place, &["change", "discard", second.trim(), "--json"]).await.done();
    assert_eq!(serde_json::from_str::<Value>(&discarded).unwrap()["state"], "discarded");
    assert!(open_changes(&place).await.is_empty());
    let again = run(&place, &["change", "publish", second.trim()]).await.failed();
    assert_eq!(again, ["trimtab: This change was discarded. Start a new one."]);
    let unknown = run(&place, &["change", "show", "1"]).await.failed();
    assert_eq!(unknown, ["trimtab: change 1 does not exist, or you have no access to it. Check the spelling."]);
}

async fn whole_export_is_previewed_and_then_imported(place: Installation) {
    let (_node, ..) = installed(&place).await;
    file(&place, "one.properties", "a=1\n");
    run(&place, &["import", "one.properties", "--config", SHOP, "--publish"]).await.done();
    run(&place, &["export", "--app", "shop", "-o", "shop.zip"]).await.done();
    let json = run(&place, &["export", "--env", "dev"]).await.done();
    assert!(serde_json::from_str::<Value>(&json).unwrap()["configs"].as_array().unwrap().len() >= 3);
    assert!(run(&place, &["import", "shop.zip", "--from", "auto"]).await.done().contains("Nothing to import."));

    let copy = ["import", "shop.zip", "--from", "trimtab", "--map-app", "shop=copy"];
    let refused = run(&place, &copy).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.out.contains("REFUSED: there is no such namespace") && refused.err.contains("cannot be imported"));
    let with_create = [&copy[..], &["--create"]].concat();
    let preview = run(&place, &with_create).await.done();
    assert!(preview.contains("dev/copy/application: 1 added") && preview.contains("application copy"), "{preview}");
    assert!(open_changes(&place).await.is_empty(), "a preview changes nothing");

    let applied = run(&place, &[&with_create[..], &["--apply", "-m", "copy of shop"]].concat()).await.done();
    let open = open_changes(&place).await;
    assert_eq!((open.len(), &open[0]["message"]), (1, &json!("copy of shop")));
    assert_eq!(applied.trim(), open[0]["id"].as_str().unwrap());
    run(&place, &["change", "publish", applied.trim()]).await.done();
    assert_eq!(run(&place, &["export", "--config", "dev/copy/application"]).await.done(), "{\n  \"a\": \"1\"\n}\n");

    std::fs::create_dir(place.folder().join("spring")).unwrap();
    file(&place, "spring/application.yml", "port: 1\n");
    file(&place, "spring/cart-prod.yml", "name: cart\n");
    let report = run(&place, &["import", "spring", "--from", "auto", "--create", "--json"]).await.done();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["product"], &report["configs"][0]["config"]),
        (&json!("spring"), &json!("prod/cart/application"))
    );
    assert_eq!(report["parts"], json!([["prod/cart/application"]]));

    file(&place, "unknown.txt", "hello");
    let unknown = run(&place, &["import", "unknown.txt", "--from", "auto"]).await.failed();
    assert!(unknown[0].starts_with("trimtab: unknown.txt: This is not an export that Trimtab knows."), "{unknown:?}");
    let usage = run(&place, &["import", "unknown.txt"]).await;
    assert!(usage.code == 2 && usage.err.contains("--config"), "{usage:?}");
}

async fn refused_import_leaves_no_open_change(place: Installation) {
    let (node, client, token) = installed(&place).await;
    file(&place, "a.properties", "a=1\n");
    file(&place, "empty.json", "{}");
    file(&place, "blank.toml", " \n\n");
    file(&place, "comments.yaml", "# nothing\n");
    let import = |name: &'static str, more: &[&'static str]| {
        let args = [&["import", name, "--config", PROD, "--publish"][..], more].concat();
        let place = place.clone();
        async move { run(&place, &args).await }
    };
    let both = ["-m MESSAGE is missing", "--confirm prod is missing"];
    let refused = import("a.properties", &[]).await.failed();
    assert!(refused.len() == 2 && refused.iter().zip(both).all(|(line, flag)| line.contains(flag)), "{refused:?}");
    let refused = import("a.properties", &["-m", "why", "--confirm", "dev"]).await.failed();
    assert!(refused.len() == 1 && refused[0].contains(both[1]), "{refused:?}");
    import("a.properties", &["-m", "why", "--confirm", "prod"]).await.done();

    for name in ["empty.json", "blank.toml", "comments.yaml", "-"] {
        let refused = import(name, &["--replace", "-m", "why", "--confirm", "prod"]).await.failed();
        assert!(refused.last().unwrap().starts_with(&format!("{name}: there are no keys in it")), "{refused:?}");
    }
    assert!(open_changes(&place).await.is_empty());
    let url = format!("{}/api/v1/configs/{PROD}", node.url());
    let read: Value = client.get(&url).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!((&read["release"], &read["content"]), (&json!(1), &json!({"a": "1"})));
    import("empty.json", &["--replace", "--allow-empty", "-m", "why", "--confirm", "prod"]).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_file_position_and_key() {
    let place = Installation::embedded();
    let (_node, ..) = installed(&place).await;
    file(&place, "broken.json", "{\n  \"a\": 1,\n  \"b\": ,\n}\n");
    file(&place, "keys.json", "{\"ok\":1,\"x\":{\"\":1}, \"\": 2, \" lead\": 3}");
    file(&place, "latin.env", b"A=1\nB=caf\xe9\n");
    file(&place, "unknown.conf", "a: 1\nb: [\n");
    let import = async |name: &str| run(&place, &["import", name, "--config", SHOP]).await.failed();
    assert!(import("broken.json").await[0].starts_with("broken.json:3:8: "));
    let keys = import("keys.json").await;
    assert!(
        keys[0].starts_with("keys.json:1:21: key \"\": ") && keys[1].starts_with("keys.json:1:28: key \" lead\": "),
        "{keys:?}"
    );
    assert_eq!(keys.len(), 2);
    assert_eq!(import("latin.env").await, ["latin.env:2:6: byte 0xE9 is not UTF-8; save the file as UTF-8"]);
    let unknown = import("unknown.conf").await;
    assert_eq!(unknown[0], "unknown.conf: taken for yaml; --format says otherwise");
    assert!(unknown.len() == 2 && unknown[1].starts_with("unknown.conf:"), "{unknown:?}");
    assert_eq!(import("nowhere.env").await, ["trimtab: nowhere.env: no such file or directory"]);
    let stdin = run_with(&place, &["import", "-", "--config", SHOP, "--format", "YML"], b"a: [").await.failed();
    assert!(stdin[0].starts_with("-:"), "{stdin:?}");

    let unreleased = run(&place, &["export", "--config", "dev/shop/routes"]).await.failed();
    assert!(unreleased.len() == 1 && unreleased[0].contains("has no release"), "{unreleased:?}");

    file(&place, "odd.json", "{\"a b\": \"1\", \"1\": \"x\", \"fine\": \"1\"}");
    run(&place, &["import", "odd.json", "--config", SHOP, "--publish"]).await.done();
    let export = run(&place, &["export", "--config", SHOP, "--format", "dotenv"]).await.failed();
    let begins = ["dev/shop/application: key \"a b\": a .env name", "dev/shop/application: key \"1\": a .env name"];
    assert!(export.len() == 2 && export.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{export:?}");
    let piped = run(&place, &["export", "--config", SHOP, "-o", "/dev/stdout"]).await.done();
    assert!(piped.contains("\"fine\": \"1\""), "{piped:?}");
    let link = place.folder().join("link.json");
    std::os::unix::fs::symlink("nowhere/config.json", &link).unwrap();
    let nowhere = run(&place, &["export", "--config", SHOP, "-o", "link.json"]).await.failed();
    assert!(nowhere == ["trimtab: link.json: no such file or directory"] && link.is_symlink(), "{nowhere:?}");
    let usage = run(&place, &["export", "--config", SHOP, "--format", "ini"]).await;
    assert!(usage.code == 2 && usage.err.contains("properties, dotenv, json, yaml, toml"), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_namespace_is_read_and_written_only_in_its_format() {
    const ROUTES: &str = "dev/shop/routes";
    let place = Installation::embedded();
    let (_node, ..) = installed(&place).await;
    file(&place, "routes.yaml", "{\"a\": 1}");
    let import =
        async |more: &[&str]| run(&place, &[&["import", "routes.yaml", "--config", ROUTES][..], more].concat()).await;
    let refused = import(&["--format", "yaml"]).await.failed();
    assert_eq!(refused, ["trimtab: --format yaml cannot be had here; there is: json"]);
    import(&["--format", "JSON", "--publish"]).await.done();
    let export = async |more: &[&str]| run(&place, &[&["export", "--config", ROUTES][..], more].concat()).await;
    assert_eq!(export(&[]).await.done(), "{\"a\": 1}");
    assert_eq!(export(&["--format", "json"]).await.done(), "{\"a\": 1}");
    for more in [&["--format", "yaml"][..], &["-o", "out.yaml"], &["-o", "out.xml"], &["--format", "text"]] {
        assert!(export(more).await.failed()[0].contains("there is: json"), "{more:?}");
    }
    assert!(!place.folder().join("out.yaml").exists());
    export(&["-o", "out.conf"]).await.done();
    file(&place, "notes", "a: 1\n");
    run(&place, &["import", "notes", "--config", "dev/shop/notes", "--publish"]).await.done();
    run(&place, &["export", "--config", "dev/shop/notes", "-o", "notes.yaml"]).await.done();
    run(&place, &["import", "notes.yaml", "--config", SHOP, "--publish"]).await.done();
    run(&place, &["export", "--config", SHOP, "-o", "keys.toml"]).await.done();
    let written = |name: &str| std::fs::read_to_string(place.folder().join(name)).unwrap();
    assert_eq!(
        (written("out.conf"), written("notes.yaml"), written("keys.toml")),
        ("{\"a\": 1}".into(), "a: 1\n".into(), "a = 1\n".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn full_or_closed_stdout_ends_a_command_cleanly() {
    let place = Installation::embedded();
    let (_node, ..) = installed(&place).await;
    let long: String = (0..5_000).map(|n| format!("key.{n}={n}\n")).collect();
    file(&place, "long.properties", &long);
    run(&place, &["import", "long.properties", "--config", SHOP, "--publish"]).await.done();
    run(&place, &["import", "long.properties", "--config", PROD]).await.done();
    let commands = [
        &["export", "--config", SHOP][..],
        &["config"],
        &["change", "list"],
        &["change", "list", "--json"],
        &["--help"],
        &["import", "--help"],
        &["--version"],
    ];
    for args in commands {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, err) = run_into(&place, args, full).await;
        assert_eq!((code, err.as_str()), (1, "trimtab: stdout: no space left on device\n"), "{args:?}");
        assert_eq!(run_into(&place, args, broken_pipe()).await, (0, String::new()), "{args:?}");
    }

    // Like `export | head -1`.
    let mut command = place.cli_command(commands[0]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut head = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut head).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_that_could_not_be_printed_is_revoked() {
    let place = Installation::embedded();
    let args = ["token", "create", "--name", "lost", "--read", "*/*/*"];
    let full = File::options().write(true).open("/dev/full").unwrap();
    for stdout in [Stdio::from(full), broken_pipe()] {
        let (code, err) = run_into(&place, &args, stdout).await;
        assert!(code == 1 && err.lines().count() == 1 && err.contains("it is revoked"), "{code} {err}");
    }
    let (code, err) = run_into(&place, &args, Stdio::null()).await;
    assert!(code == 1 && err.contains("none was made"), "{code} {err}");
    let working = crate::support::count(place.database(), "select count(*) from tokens where revoked_at is null").await;
    assert_eq!(working, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn output_file_is_replaced_whole_or_kept() {
    let place = Installation::embedded();
    let (_node, ..) = installed(&place).await;
    run_with(&place, &["import", "-", "--config", SHOP, "--publish", "--format", "env"], b"A=1\n").await.done();
    file(&place, "target.env", "old");
    std::os::unix::fs::symlink("target.env", place.folder().join("link.env")).unwrap();
    let export = async |to: &str| run(&place, &["export", "--config", SHOP, "-o", to]).await;
    export("link.env").await.done();
    let link = place.folder().join("link.env");
    assert!(link.is_symlink() && std::fs::read_to_string(link).unwrap() == "A=1\n");
    assert_eq!(export("/dev/full").await.failed(), ["trimtab: /dev/full: no space left on device"]);
    assert_eq!(export("nowhere/a.env").await.failed(), ["trimtab: nowhere/a.env: no such file or directory"]);

    // A limit on the file size stands for a full disk.
    let long: String = (0..15_000).map(|n| format!("K{n}='{}'\n", "x".repeat(40))).collect();
    run_with(&place, &["import", "-", "--config", SHOP, "--publish", "--format", "env"], long.as_bytes()).await.done();
    let args = ["export", "--config", SHOP, "-o", "target.env"];
    let output = place.limited_command("trap '' XFSZ; ulimit -f 512", &args).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "trimtab: target.env: file too large\n");
    assert_eq!(std::fs::read_to_string(place.folder().join("target.env")).unwrap(), "A=1\n");
    let drafts = std::fs::read_dir(place.folder()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(drafts.filter(|name| name.to_string_lossy().ends_with(".new")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn export_in_any_format_imports_without_changes() {
    let place = Installation::embedded();
    let (_node, ..) = installed(&place).await;
    let value = "商é\u{7f}".repeat(80_000);
    let items = json!({"first": value, "second": value.replace('商', "店")});
    file(&place, "all.json", items.to_string());
    run(&place, &["import", "all.json", "--config", SHOP, "--publish"]).await.done();
    for ending in ["properties", "env", "json", "yaml", "toml"] {
        let name = format!("all.{ending}");
        run(&place, &["export", "--config", SHOP, "-o", &name]).await.done();
        let again = run(&place, &["import", &name, "--config", SHOP, "--publish"]).await.done();
        assert!(again.contains("nothing to do"), "{ending}: {again}");
    }
    let longest = std::fs::metadata(place.folder().join("all.properties")).unwrap().len();
    assert!(longest > 2_000_000, "{longest}");
}
