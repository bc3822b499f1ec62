//! The programs of the page "Use it" follow a config of a real server.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use super::node::{Installation, Outcome, prepare};
use crate::support::{LONG, prerequisites::skip};

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pages/config/clients");

on_both! {
    programs_print_each_release
}

async fn programs_print_each_release(place: Installation) {
    let token = place.token().await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let node = place.start().await;
    prepare(&node.url(), &client, &token).await;
    let url = format!("{}/api/v1/configs/dev/shop/application", node.url());
    for (n, mut command) in (1001_u64..).step_by(2).zip(programs(place.folder())) {
        assert!(matches!(node.publish(&client, &token, "key", n).await, Outcome::Acknowledged(_)));
        let program = command.as_std().get_program().to_owned();
        command.env("CONFIG_URL", &url).env("TOKEN", &token).env("HOSTNAME", "tests").stdout(Stdio::piped());
        let Ok(mut child) = command.kill_on_drop(true).spawn() else {
            skip(&format!("{} is not installed", program.display()), "tools/setup.sh test");
            continue;
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut prints = async |value: u64| {
            let value = value.to_string();
            let line = async {
                while let Some(line) = lines.next_line().await.unwrap() {
                    if line.contains(&value) {
                        return;
                    }
                }
                panic!("{} ended without {value}", program.display());
            };
            let printed = timeout(LONG, line).await;
            assert!(printed.is_ok(), "{} does not print {value}", program.display());
        };
        prints(n).await;
        assert!(matches!(node.publish(&client, &token, "key", n + 1).await, Outcome::Acknowledged(_)));
        prints(n + 1).await;
    }
}

/// Returns the commands that run the programs.
fn programs(folder: &Path) -> Vec<Command> {
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args);
        command
    };
    let file = |name: &str| format!("{CLIENTS}/{name}");
    let mut sidecar = run("sh", &["-c", &sidecar(folder)]);
    sidecar.current_dir(folder);
    // Cargo builds the example before the tests.
    let rust = Path::new(env!("CARGO_BIN_EXE_trimtab")).parent().unwrap().join("examples/follow");
    vec![
        run("go", &["run", &file("follow.go")]),
        run("java", &[&file("Follow.java")]),
        run("python3", &[&file("follow.py")]),
        run("node", &[&file("follow.mjs")]),
        run(rust.to_str().unwrap(), &[]),
        sidecar,
    ]
}

/// Returns the script of the container, which here writes into `folder` and prints the file when it has changed.
fn sidecar(folder: &Path) -> String {
    let yaml = std::fs::read_to_string(format!("{CLIENTS}/sidecar.yaml")).unwrap();
    let (_, script) = yaml.split_once("- |\n").unwrap();
    let lines: Vec<&str> = script.lines().map_while(|line| line.strip_prefix("          ")).collect();
    assert!(lines.len() > 5, "the script is indented as before: {lines:?}");
    let here = lines.join("\n").replace("/config/", &format!("{}/", folder.display()));
    let moves = format!("mv {0}/.new {0}/NAMESPACE", folder.display());
    assert!(here.contains(&moves));
    here.replace(&moves, &format!("{moves}; cat {}/NAMESPACE; echo", folder.display()))
}
