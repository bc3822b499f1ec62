//! Texts of applications, namespaces and environments.

use super::texts;

texts! {
    // Actions and fields that they share.
    saved: "Saved.", "已保存。";
    save: "Save", "保存";
    title_field: "Display name", "显示名称";
    title_hint: "Optional. Shown beside the name.", "选填，显示在名称旁。";
    description_field: "Description", "说明";
    archive: "Archive", "归档";
    archive_ask(name: &str): "Archive {name}?", "归档 {name}？";
    archived: "archived", "已归档";
    archived_since: "Archived {}", "归档于 {}";
    archived_now(name: &str): "{name} was archived.", "{name} 已归档。";
    restore: "Restore", "恢复";
    restored_now(name: &str): "{name} was restored.", "{name} 已恢复。";
    settings_of(name: &str): "Settings of {name}", "{name} 的设置";

    // Keys of a namespace in all environments.
    keys_of(name: &str): "Keys of {name} in all environments", "{name} 在各环境中的键";
    keys_side_by_side: "Keys in all environments", "各环境中的键";
    keys_shown: "Keys shown", "显示的键";
    keys_all: "All", "全部";
    keys_different: "different", "不同";
    keys_missing: "missing", "缺失";
    keys_agree: "No key differs", "没有不同的键";
    keys_complete: "No key is missing", "没有缺失的键";
    keys_none_found(query: &str): "No key matches “{query}”", "没有匹配“{query}”的键";
    keys_show_all: "Show all keys", "显示所有键";
    keys_none_text: "No environment has a release with keys.", "没有任何环境的版本包含键。";
    select_keys: "Select", "选择";
    select_key(key: &str): "Select {key}", "选择 {key}";
    copy_keys: "Copy keys", "复制键";
    copy_keys_text: "The live values of the selected keys go into a new change of yours, which you review and publish.", "所选键的当前生效值会进入您的一个新变更，由您审阅并发布。";
    copy_from: "From", "来源";
    copy_to: "To", "目标";
    copy_all_listed(n: usize): "The listed key, selected or not" | "All {n} listed keys, selected or not", "全部 {n} 个列出的键（无论是否选中）";
    copy_overwrite: "Overwrite keys that exist there with another value", "覆盖目标中值不同的键";
    copy_into_change: "Copy into a new change", "复制到新变更";
    copy_message(n: usize, env: &str): "Copy {n} key from {env}" | "Copy {n} keys from {env}", "从 {env} 复制 {n} 个键";
    keys_copied: "Keys copied. Review the change.", "键已复制，请审阅变更。";

    // Differences between two environments.
    promote: "Promote", "环境同步";
    promote_text: "Compare two environments, and copy the differences of whole namespaces into a new change, which you review and publish.",
        "对比两个环境，并把整个命名空间的差异复制到一个新变更，由您审阅并发布。";
    promote_need_two: "Comparing needs two environments that you may see.", "对比需要两个您可查看的环境。";
    promote_compare: "Compare", "对比";
    promote_namespaces: "Namespaces to copy", "要复制的命名空间";
    promote_all_equal(from: &str, to: &str): "{from} and {to} are equal", "{from} 与 {to} 一致";
    promote_equal(n: usize): "{n} other namespace is equal in both environments." | "{n} other namespaces are equal in both environments.", "另有 {n} 个命名空间在两个环境中一致。";
    promote_removes(env: &str): "Also remove keys that {env} does not have", "同时移除 {env} 中没有的键";
    promote_message(from: &str, to: &str): "Promote {from} to {to}", "将 {from} 同步到 {to}";
    promote_difference(name: &str): "Difference of {name}", "{name} 的差异";
    promote_may_not(env: &str): "You may not edit this in {env}.", "您不能在 {env} 中编辑此项。";

    // List of applications.
    apps_count(n: usize): "{n} application" | "{n} applications", "{n} 个应用";
    apps_filter: "Filter applications", "筛选应用";
    apps_add: "Add an application", "添加应用";
    apps_create: "Add the application", "添加应用";
    name_field: "Name", "名称";
    apps_name_hint: "Used by programs: a–z, 0–9, “.”, “_” and “-”. It cannot be changed later.", "程序中使用的名称：a–z、0–9、“.”、“_”、“-”，之后不能更改。";
    apps_first_namespace: "Also create a key-value namespace “application”", "同时创建键值命名空间“application”";
    application: "Application", "应用";
    apps_namespaces: "Namespaces", "命名空间";
    apps_released: "Latest release", "最近发布";
    apps_none: "No applications yet", "暂无应用";
    apps_none_create: "An application is a program that reads its configuration from Trimtab. The guided setup creates one, with environments.",
        "应用是从 Trimtab 读取配置的程序。设置向导会创建一个应用及其环境。";
    guided_setup: "Guided setup", "设置向导";
    apps_none_ask: "You have no role in any application. An administrator can give you one.", "您还没有任何应用的角色，请向管理员申请。";
    apps_none_found(query: &str): "No application matches “{query}”", "没有匹配“{query}”的应用";
    apps_all_archived: "All applications are archived", "所有应用均已归档";
    apps_show_archived(n: usize): "Show {n} archived" | "Show {n} archived", "显示 {n} 个已归档应用";
    apps_hide_archived: "Hide archived", "隐藏已归档应用";

    // One application.
    app_configs: "Configs", "配置";
    app_about: "About", "关于";
    app_matrix: "Configs by environment", "各环境的配置";
    app_filter: "Filter namespaces", "筛选命名空间";
    app_instances(n: usize): "Read by {n} instance" | "Read by {n} instances", "{n} 个实例正在读取";
    app_archived_title(name: &str): "{name} is archived", "{name} 已归档";
    app_archived_text: "Editing and publishing are disabled. Applications keep reading the live configuration.", "不能编辑或发布，应用仍会读取当前生效的配置。";
    app_no_envs_text: "A namespace has a config in each environment: dev, staging, prod …", "每个命名空间在每个环境中各有一份配置：dev、staging、prod……";
    app_no_envs_add: "Add environments", "添加环境";
    app_no_namespaces: "No namespaces yet", "暂无命名空间";
    app_no_namespaces_text: "A namespace is one document that the application reads: keys and values, or a text such as JSON, YAML or TOML.",
        "命名空间是应用读取的一份文档：键值，或 JSON、YAML、TOML 等文本。";
    app_no_namespaces_ask: "An owner of the application can add one.", "应用的所有者可以添加。";
    cell_none: "no release", "未发布";
    cell_create: "no release · create", "未发布 · 创建";
    cell_hidden: "no access", "无权限";
    cell_release(seq: u64, config: &str): "release {seq} of {config}", "{config} 的版本 {seq}";
    cell_mine(n: u64): "{n} edit by you" | "{n} edits by you", "我的修改 {n} 处";
    cell_theirs(n: u64, name: &str): "{n} edit by {name}" | "{n} edits by {name}", "{name} 的修改 {n} 处";
    cell_theirs_many(n: u64, people: usize): "{n} edits by {people} others" | "{n} edits by {people} others", "另外 {people} 人的修改 {n} 处";
    cell_seen(seen: usize, all: usize): "seen by {seen} of {all}", "{seen} / {all} 已获取";
    cell_not_delivered: "not delivered yet", "尚未下发";

    // Namespaces.
    namespace: "Namespace", "命名空间";
    namespace_add: "Add namespace", "添加命名空间";
    namespace_create: "Add the namespace", "添加命名空间";
    was_created(name: &str): "{name} was created.", "{name} 已创建。";
    namespace_name_hint: "a–z, 0–9, “.”, “_” and “-”.", "a–z、0–9、“.”、“_”、“-”。";
    format_field: "Format", "格式";
    namespace_format_hint: "Cannot be changed after the first edit or release.", "首次修改或发布后不能更改。";
    namespace_format_fixed: "The format cannot be changed: the namespace has edits or releases.", "已有修改或版本，格式不能更改。";
    namespace_for: "Purpose", "用途";
    namespace_archive_text: "It can no longer be edited or published in any environment. Applications keep reading the live configuration. You can restore it later.",
        "在所有环境中都不能再编辑或发布，应用仍会读取当前生效的配置。之后可以恢复。";
    namespaces_archived: "Archived namespaces", "已归档的命名空间";
    format_kv: "Keys and values", "键值";
    format_text: "Plain text", "纯文本";

    // About an application.
    about_title: "Details", "基本信息";
    about_description_hint: "For example: purpose, owner, source repository.", "例如：用途、负责人、源代码位置。";
    about_read: "How to read it", "读取方式";
    about_read_text: "Read over HTTP with a read token. {} is a namespace.", "使用读取令牌通过 HTTP 读取，其中 {} 为命名空间。";
    about_file: "All configs in one file", "导出全部配置";
    about_file_text: "The live content of all configs that you may see. “Import applications” and the command trimtab import --from read it.", "包含您可查看的全部配置的当前生效内容，可通过“导入应用”或命令 trimtab import --from 导入。";
    env_file_text: "The live content of all configs of this environment that you may see. “Import applications” and the command trimtab import --from read it.", "包含此环境中您可查看的全部配置的当前生效内容，可通过“导入应用”或命令 trimtab import --from 导入。";
    clone_app: "Clone application", "克隆应用";
    clone_app_text: "A new application with the same namespaces. The live content goes into a change of yours, which you review and publish.", "创建一个命名空间相同的新应用；当前生效的内容会进入您的一个变更，由您审阅并发布。";
    clone_envs: "Copy the content of", "复制以下环境的内容";
    clone_message(app: &str): "Clone {app}", "克隆 {app}";
    app_cloned: "Application created. Review the change.", "应用已创建，请审阅变更。";
    about_archive_text: "Its configs can no longer be edited or published. Applications keep reading the live configuration. You can restore it later.",
        "不能再编辑或发布其任何配置，应用仍会读取当前生效的配置。之后可以恢复。";

    // Environments.
    envs_lead: "Ordered from development to production. Every namespace has a config in each environment.",
        "按从开发到生产的顺序排列。每个命名空间在每个环境中各有一份配置。";
    envs_add: "Add an environment", "添加环境";
    envs_create: "Add the environment", "添加环境";
    environment: "Environment", "环境";
    envs_order: "Order", "顺序";
    envs_earlier(name: &str): "Move {name} up", "上移 {name}";
    envs_later(name: &str): "Move {name} down", "下移 {name}";
    envs_publishing: "Publishing", "发布要求";
    envs_open: "no confirmation", "无需确认";
    envs_protected: "a reason and the environment name", "填写原因并输入环境名";
    envs_protect: "Protected: publishing requires a reason and the environment name, typed to confirm", "受保护：发布时需填写原因，并输入环境名确认";
    envs_password_hint: "Required only to remove the protection.", "仅在取消保护时需要。";
    envs_name_hint: "A short name such as dev, staging or prod. It cannot be changed later.", "简短的名称，例如 dev、staging、prod。之后不能更改。";
    edit: "Edit", "编辑";
    envs_archive_text: "Configs in this environment can no longer be edited or published. Applications keep reading the live configuration. You can restore it later.",
        "该环境中不能再编辑或发布，应用仍会读取当前生效的配置。之后可以恢复。";
    envs_none: "No environments yet", "暂无环境";
    envs_none_text: "The guided setup creates dev, staging and a protected prod.", "设置向导会创建 dev、staging 和受保护的 prod。";
}
