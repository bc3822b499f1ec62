//! Texts of the page that imports whole applications and environments.

use super::texts;

texts! {
    imports: "Import applications", "导入应用";
    imports_lead: "Reads an export of Trimtab, Apollo, Nacos, r-nacos, Consul, etcd, Spring Cloud Config, Kubernetes or .NET. You first see what it would change. The import then opens changes, which you review and publish.",
        "读取 Trimtab、Apollo、Nacos、r-nacos、Consul、etcd、Spring Cloud Config、Kubernetes 或 .NET 的导出文件。先预览将有的修改，导入后生成变更，由您审阅并发布。";
    imports_file: "File", "文件";
    imports_other_file: "Another file", "另一个文件";
    imports_file_hint(size: &str): "A zip, JSON, YAML or properties file of up to {size}. Its content decides which product it is. The command trimtab import --from reads larger ones.",
        "zip、JSON、YAML 或 properties 文件，不超过 {size}；由内容识别产品。更大的文件请使用命令 trimtab import --from。";
    imports_env: "Environment, where the file names none", "环境（文件未指定时）";
    imports_env_hint: "For example Nacos, and configuration without a profile.", "例如 Nacos，以及没有 profile 的配置。";
    imports_env_named: "The file names them", "文件中已指定";
    imports_env_missing(env: &str): "{env} (does not exist)", "{env}（不存在）";
    imports_choice: "If a config is live with other content", "配置已有不同的生效内容时";
    imports_merge: "Take the file's values, keep other keys", "采用文件中的值，保留其他键";
    imports_replace: "Take the file, remove other keys", "完全采用文件，移除其他键";
    imports_keep_live: "Keep live values, add missing keys", "保留生效的值，仅添加缺少的键";
    imports_skip: "Do not import the config", "不导入此配置";
    imports_as_all: "As chosen for all", "与全部相同";
    imports_choice_of(config: &str): "Choice for {config}", "{config} 的处理方式";
    imports_layout: "Meaning of the names", "名称的含义";
    imports_layout_groups: "Group: application; data id: namespace", "Group 为应用，Data ID 为命名空间";
    imports_layout_data_ids: "Data id: application and profile", "Data ID 为应用和 profile";
    imports_layout_app_names: "Application name: application; data id: namespace", "应用名为应用，Data ID 为命名空间";
    imports_layout_env_app_key: "Path: environment / application / key", "路径：环境 / 应用 / 键";
    imports_layout_app_profile_key: "Path: application,profile / key", "路径：应用,profile / 键";
    imports_layout_documents: "Path: environment / application / document", "路径：环境 / 应用 / 文档";
    imports_layout_keys: "All paths are keys of one config", "所有路径都是同一配置的键";
    imports_layout_merged: "One merged document for each environment", "每个环境合并为一份文档";
    imports_layout_as_is: "Each file is a namespace", "每个文件一个命名空间";
    imports_more: "More options", "更多选项";
    imports_product: "Product", "产品";
    imports_app: "Application, where the file names none", "应用（文件未指定时）";
    imports_namespace: "Namespace, where the file names none", "命名空间（文件未指定时）";

    // Preview.
    imports_file_title: "File", "文件";
    imports_read_as: "{} is an export of {}.", "{} 是 {} 的导出文件。";
    imports_configs(n: usize): "{n} config" | "{n} configs", "{n} 个配置";
    imports_assumed: "Assumed", "默认假设";
    imports_answers: "Choices", "选项";
    imports_create: "Create missing applications and namespaces", "创建缺少的应用和命名空间";
    imports_incomplete: "Also import configs of which a part is left out", "部分内容未导入的配置也导入";
    imports_names: "Change names or the file", "更改名称或文件";
    imports_names_text: "Each field is labelled with the name in the file. An empty name leaves it out.", "标签为文件中的名称；留空则不导入。";
    imports_more_names(n: usize): "{n} more is not listed. The command line maps all names." | "{n} more are not listed. The command line maps all names.", "另有 {n} 个未列出，命令行可映射全部名称。";
    imports_leave_out: "Leave out", "不导入";
    imports_again: "Preview again", "重新预览";
    imports_envs_missing(envs: &str): "Environments that do not exist: {envs}", "不存在的环境：{envs}";
    imports_envs_missing_text: "An import creates no environments, because you decide which are protected. Choose others under “Change names”, or add them and preview again.",
        "导入不会创建环境，因为需由您决定是否受保护。请在“更改名称”中选择其他环境，或添加环境后重新预览。";
    imports_created: "Will be created", "将创建";
    imports_new_apps(n: usize): "{n} application" | "{n} applications", "{n} 个应用";
    imports_new_namespaces(n: usize): "{n} namespace" | "{n} namespaces", "{n} 个命名空间";
    imports_configs_title: "Configs", "配置";
    imports_config: "Config", "配置";
    imports_effect: "Effect", "效果";
    imports_choice_column: "Choice", "处理方式";
    imports_count_edited(n: usize): "{n} with edits" | "{n} with edits", "{n} 个有修改";
    imports_count_same(n: usize): "{n} unchanged" | "{n} unchanged", "{n} 个无修改";
    imports_count_skipped(n: usize): "{n} skipped" | "{n} skipped", "{n} 个跳过";
    imports_count_refused(n: usize): "{n} not possible" | "{n} not possible", "{n} 个无法导入";
    imports_earlier: "Previous configs", "上一页配置";
    imports_later(n: usize, rest: usize): "Next {n} of {rest} more configs" | "Next {n} of {rest} more configs", "后 {n} 个（还有 {rest} 个）";
    imports_same: "equal to the live content", "与生效内容一致";
    imports_empty: "nothing was saved; the namespace alone", "没有内容，仅有命名空间";
    imports_skipped: "skipped", "跳过";
    imports_is_incomplete: "a part is left out", "部分内容未导入";
    imports_differing(n: usize): "{n} key is live with another value" | "{n} keys are live with other values", "{n} 个键的生效值不同";
    imports_differing_text: "The live text differs.", "生效的文本不同。";
    imports_only_live(n: usize): "{n} key is only live" | "{n} keys are only live", "{n} 个键仅在生效内容中";
    imports_keys: "Keys", "键";
    imports_changes(n: usize): "{n} change will be opened" | "{n} changes will be opened", "将生成 {n} 个变更";
    imports_changes_text: "All of it is made at once, or nothing if something fails. Nothing is published.", "全部一次完成；如有失败则不做任何修改。不会发布任何内容。";
    imports_message: "Message of the changes", "变更说明";
    imports_apply(n: usize): "Open {n} change" | "Open {n} changes", "生成 {n} 个变更";
    imports_create_only: "Create", "创建";
    imports_nothing_text: "Everything that can be imported is live already.", "可导入的内容均已生效。";
    imports_default_message(product: &str, file: &str): "Import {product}: {file}", "导入 {product}：{file}";

    // Refusals.
    imports_not_done: "Nothing was imported", "未导入任何内容";
    imports_stale: "The configs changed since the preview. Check the new preview, then import.", "预览之后配置已改变，请查看新的预览后再导入。";
    imports_too_large(size: &str): "It is larger than {size}. Import a part of it, or use the command trimtab import --from.", "超过 {size}。请分批导入，或使用命令 trimtab import --from。";
    imports_too_many(n: usize, max: usize): "The file has {n} configs, and this page takes at most {max}. Export one application or environment at a time, or use the command trimtab import --from." | "The file has {n} configs, and this page takes at most {max}. Export one application or environment at a time, or use the command trimtab import --from.",
        "文件包含 {n} 个配置，此页面最多 {max} 个。请按应用或环境分别导出，或使用命令 trimtab import --from。";
    imports_expands: "The file expands to more than this page takes. Export one application or environment at a time, or use the command trimtab import --from.", "文件展开后超出此页面的限制。请按应用或环境分别导出，或使用命令 trimtab import --from。";
    imports_refused_env: "There is no such environment.", "没有此环境。";
    imports_refused_missing: "There is no such namespace. Choose to create it.", "没有此命名空间，可选择创建。";
    imports_refused_archived: "Its environment, application or namespace is archived.", "其环境、应用或命名空间已归档。";
    imports_refused_format(live: &str, found: &str): "The namespace has the format {live}, the file has {found}. Choose another name.", "命名空间的格式为 {live}，文件中为 {found}，请更改名称。";
    imports_refused_incomplete: "A part of it is left out. Choose to import the rest.", "部分内容未导入，可选择导入其余部分。";
    imports_refused_keys(n: usize, max: usize): "It would have {n} keys; at most {max}." | "It would have {n} keys; at most {max}.", "将有 {n} 个键，最多 {max} 个。";
    imports_refused_edits(n: usize, max: usize): "It would need {n} edits; at most {max} in a change." | "It would need {n} edits; at most {max} in a change.", "需要 {n} 处修改，一个变更最多 {max} 处。";
    imports_refused_bytes(size: &str, max: &str): "Its document would have {size}; at most {max}.", "文档将有 {size}，最多 {max}。";

    // Afterwards.
    imports_opened_title: "Opened changes", "已生成的变更";
    imports_opened_text: "Review and publish them. Nothing is live yet.", "请审阅并发布，目前尚未生效。";
    imports_not_open: "no longer open", "已不再打开";
    imports_no_changes: "The applications and namespaces exist now. No change was needed.", "应用和命名空间已存在，无需变更。";
}
