//! The words of applications, namespaces and environments.

use super::texts;

texts! {
    // What all of them do.
    saved: "Saved.", "已保存。";
    save: "Save", "保存";
    title_field: "Title", "标题";
    title_hint: "What people call it. Optional.", "便于识别的名称，选填。";
    description_field: "Description", "说明";
    archive: "Archive", "归档";
    archive_ask(name: &str): "Archive {name}?", "归档 {name}？";
    archived: "archived", "已归档";
    archived_since: "Archived {}", "归档于 {}";
    archived_now(name: &str): "{name} is archived.", "{name} 已归档。";
    restore: "Restore", "恢复";
    restored_now(name: &str): "{name} is back.", "{name} 已恢复。";
    settings_of(name: &str): "Settings of {name}", "{name} 的设置";

    // The list of applications.
    apps_title: "Applications", "应用";
    apps_count(n: usize): "{n} application" | "{n} applications", "{n} 个应用";
    apps_filter: "Filter applications", "筛选应用";
    apps_add: "Add an application", "添加应用";
    apps_make: "Add the application", "添加应用";
    apps_name: "Name", "名称";
    apps_name_hint: "As programs write it: a–z, 0–9, “.”, “_” and “-”. It cannot be changed later.", "程序中使用的名称：a–z、0–9、“.”、“_”、“-”，之后不能更改。";
    apps_first_namespace: "Begin with a namespace “application” of keys and values", "同时创建键值命名空间“application”";
    apps_column: "Application", "应用";
    apps_namespaces: "Namespaces", "命名空间";
    apps_released: "Latest release", "最近发布";
    apps_none: "No application yet", "还没有应用";
    apps_none_make: "An application is a program that reads its configuration here. The guided start makes one, with environments.",
        "应用是从这里读取配置的程序。引导流程会创建一个应用及其环境。";
    apps_none_start: "Guided start", "开始引导";
    apps_none_ask: "You have no role in any application. An administrator can give you one.", "您还没有任何应用的角色，请向管理员申请。";
    apps_none_found(query: &str): "No application has “{query}” in it", "没有名称包含“{query}”的应用";
    apps_all_archived: "All applications are archived", "所有应用均已归档";
    apps_show_archived(n: usize): "{n} archived" | "{n} archived", "已归档 {n} 个";
    apps_hide_archived: "Hide archived ones", "隐藏已归档";

    // One application.
    app_tabs: "Application", "应用";
    app_configs: "Configs", "配置";
    app_tokens: "Tokens", "令牌";
    app_about: "About", "关于";
    app_matrix: "Configs by environment", "各环境的配置";
    app_filter: "Filter namespaces", "筛选命名空间";
    app_instances(n: usize): "{n} instance reads it" | "{n} instances read it", "{n} 个实例正在读取";
    app_archived_title(name: &str): "{name} is archived", "{name} 已归档";
    app_archived_text: "Nothing can be edited or published here. Programs keep reading what is live.", "此处不能编辑或发布，程序仍会读取已生效的配置。";
    app_no_envs: "There are no environments yet", "还没有环境";
    app_no_envs_text: "A namespace has a config in each environment: dev, staging, prod …", "每个命名空间在每个环境中各有一份配置：dev、staging、prod……";
    app_no_envs_make: "Make environments", "添加环境";
    app_no_namespaces: "No namespace yet", "还没有命名空间";
    app_no_namespaces_text: "A namespace is one document that the program reads: keys and values, or a JSON, YAML, TOML … text.",
        "命名空间是程序读取的一份文档：键值，或 JSON、YAML、TOML 等文本。";
    app_no_namespaces_ask: "An owner of the application can add one.", "应用的所有者可以添加。";
    cell_none: "not yet", "尚无";
    cell_create: "not yet · create", "尚无 · 创建";
    cell_hidden: "not yours to see", "无权查看";
    cell_release(seq: u64, config: &str): "release {seq} of {config}", "{config} 的版本 {seq}";
    cell_mine(n: u64): "{n} edit by you" | "{n} edits by you", "我的修改 {n} 处";
    cell_theirs(n: u64, name: &str): "{n} edit by {name}" | "{n} edits by {name}", "{name} 的修改 {n} 处";
    cell_theirs_many(n: u64, people: usize): "{n} edits by {people} others", "另外 {people} 人的修改 {n} 处";
    cell_seen(seen: usize, all: usize): "seen by {seen} of {all}", "{seen} / {all} 已获取";
    cell_late: "not delivered yet", "尚未投递";

    // Namespaces.
    namespace: "Namespace", "命名空间";
    namespace_add: "Add namespace", "添加命名空间";
    namespace_make: "Add the namespace", "添加命名空间";
    namespace_made(name: &str): "{name} can be edited now.", "现在可以编辑 {name} 了。";
    namespace_name_hint: "a–z, 0–9, “.”, “_” and “-”.", "a–z、0–9、“.”、“_”、“-”。";
    namespace_format: "Format", "格式";
    namespace_format_hint: "Fixed with the first edit or release.", "首次修改或发布后不能更改。";
    namespace_format_fixed: "It has edits or releases, so the format stays.", "已有修改或版本，格式不能更改。";
    namespace_for: "What it is for", "用途";
    namespace_archive_text: "It can no longer be edited or published, in any environment. Programs keep reading what is live. It can be restored.",
        "在所有环境中都不能再编辑或发布，程序仍会读取已生效的配置。可以恢复。";
    namespaces_archived: "Archived namespaces", "已归档的命名空间";
    format_kv: "Keys and values", "键值";
    format_text: "Plain text", "纯文本";

    // About an application.
    about_title: "What it is", "基本信息";
    about_description_hint: "What it does, who looks after it, where its source is.", "用途、负责人、源代码位置等。";
    about_read: "How programs read it", "程序如何读取";
    about_read_text: "Over HTTP with a read token; {} is a namespace.", "使用读取令牌通过 HTTP 读取，{} 为命名空间。";
    about_archive_text: "Nothing of it can be edited or published any more. Programs keep reading what is live. It can be restored.",
        "不能再编辑或发布其任何配置，程序仍会读取已生效的配置。可以恢复。";

    // Environments.
    envs_title: "Environments", "环境";
    envs_lead: "In order: from the one to try things in to the one that counts. Every namespace has a config in each.",
        "按顺序排列：从最先试用的环境到最重要的环境。每个命名空间在每个环境中各有一份配置。";
    envs_add: "Add an environment", "添加环境";
    envs_make: "Add the environment", "添加环境";
    env_made(name: &str): "{name} is there.", "{name} 已创建。";
    envs_column: "Environment", "环境";
    envs_order: "Order", "顺序";
    envs_earlier(name: &str): "Move {name} up", "上移 {name}";
    envs_later(name: &str): "Move {name} down", "下移 {name}";
    envs_publishing: "Publishing", "发布要求";
    envs_open: "one click", "直接发布";
    envs_protected: "a reason, and its name typed", "填写原因，并输入环境名确认";
    envs_protect: "Protected: publishing wants a reason and the environment's name, typed", "受保护：发布时需填写原因，并输入环境名确认";
    envs_proof_hint: "Only needed to take the protection off.", "仅在取消保护时需要。";
    envs_name_hint: "Short: dev, staging, prod. It cannot be changed later.", "简短的名称，例如 dev、staging、prod。之后不能更改。";
    envs_edit: "Edit", "编辑";
    envs_archive_text: "Nothing can be edited or published there any more. Programs keep reading what is live. It can be restored.",
        "该环境中不能再编辑或发布，程序仍会读取已生效的配置。可以恢复。";
    envs_none: "No environment yet", "还没有环境";
    envs_none_text: "The guided start makes dev, staging and a protected prod.", "引导流程会创建 dev、staging 和受保护的 prod。";
}
