//! Texts of the home page.

use super::texts;

texts! {
    home_greeting(name: &str): "Hello, {name}", "您好，{name}";
    home_envs_healthy(n: usize): "The environment is healthy" | "All {n} environments are healthy", "{n} 个环境均正常";
    home_last_took(ms: i64): "the last delivery took {ms} ms", "最近一次下发耗时 {ms} 毫秒";
    home_instances(n: usize): "{n} instance reads" | "{n} instances read", "{n} 个实例正在读取";
    home_changes: "My changes", "我的变更";
    home_changes_none: "You have no open changes. Edit a config to create one.", "没有进行中的变更。编辑配置即会新建。";
    home_others: "Changes of others that you may publish", "您可以发布的他人变更";
    home_late(env: &str): "Delivery to {env} is late", "向 {env} 的下发延迟";
    home_conflicts: "The change {} has conflicts", "变更 {} 有冲突";
    home_releases: "Latest releases", "最近发布";
    home_releases_none: "Nothing published yet.", "还没有发布过任何内容。";
    home_who: "Author, time", "发布人、时间";
    home_seen_by(seen: usize, all: usize): "{seen} of {all}", "{seen} / {all}";
    home_rolled_back(seq: u64): "Rolled back to release {seq}", "回滚到版本 {seq}";
    home_attention: "Needs attention", "需要关注";
    home_attention_none: "Deliveries are on time, and all readers are up to date.", "下发及时，所有实例都是最新的。";
    home_no_readers: "No instance has read its configuration in the last ten minutes.", "最近十分钟内没有实例读取配置。";
    home_still_holds(seq: u64): "still has release {seq}", "仍在使用版本 {seq}";
    home_newer: "a newer one was published {}", "新版本发布于 {}";
    home_token_ends: "The token {} expires {}", "令牌 {} 将于 {} 到期";
    home_apps: "My applications", "我的应用";
    home_namespaces(n: u64): "{n} namespace" | "{n} namespaces", "{n} 个命名空间";
    home_all_apps(n: usize): "All applications" | "All {n} applications", "全部 {n} 个应用";
    home_empty: "Nothing here yet", "暂无内容";
    home_empty_create: "Start with an application: a program that reads its configuration from Trimtab. It takes a minute.",
        "从一个应用开始：应用是从 Trimtab 读取配置的程序，只需一分钟。";
    home_empty_ask: "You do not have access to any application yet. Ask an administrator for a role.",
        "您还无权访问任何应用，请向管理员申请角色。";
}
