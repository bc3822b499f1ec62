//! Texts of the recycle bin.

use super::texts;

texts! {
    bin: "Recycle bin", "回收站";
    bin_lead: "Archived applications, namespaces and environments. Applications still read them until they are removed for good.",
        "已归档的应用、命名空间和环境。在彻底删除之前，应用仍会读取它们。";
    bin_keeps(days: u32): "After {days} day in the bin it is removed for good." | "After {days} days in the bin they are removed for good.", "在回收站中保留 {days} 天后将被彻底删除。";
    bin_keeps_ever: "They are removed for good only by an administrator.", "只有管理员可以彻底删除它们。";
    bin_none: "The recycle bin is empty", "回收站是空的";
    bin_none_text: "Applications, namespaces and environments that are archived appear here.", "归档的应用、命名空间和环境会显示在这里。";
    bin_archived_by: "Archived", "归档";
    bin_by(name: &str): "by {name}", "由 {name}";
    bin_removed_for_good: "Removed for good", "彻底删除";
    bin_not_removed: "not by itself", "不会自动删除";
    bin_soon: "soon", "即将";
    bin_move: "Archived objects are in the recycle bin, which removes them for good after a time.", "归档的对象会放入回收站，保留一段时间后会被彻底删除。";
    bin_open: "Open the recycle bin", "打开回收站";
    bin_kind: "Kind", "类型";
    remove_for_good: "Remove for good", "彻底删除";
    remove_title(name: &str): "Remove {name} for good", "彻底删除 {name}";
    remove_text: "Its documents leave etcd, and programs that read them get the answer for a config that does not exist. Its name is free again. Its releases and its audit stay in the database under an identity of their own, but no page can bring them back.",
        "其文档会从 etcd 中删除，读取它们的程序将得到“配置不存在”的应答。名称可以重新使用。其版本和审计记录会以独立标识保留在数据库中，但无法在页面上恢复。";
    remove_rights: "Roles and tokens that name it stay, and apply to a later object with this name.", "指定此名称的角色和令牌会保留，并对以后同名的对象生效。";
    remove_configs(n: usize): "{n} config is removed" | "{n} configs are removed", "将删除 {n} 份配置";
    remove_no_configs: "It has no configs with a release or an edit.", "没有任何已发布或正在修改的配置。";
    remove_readers: "Who still reads it", "仍在读取的实例";
    remove_readers_count(n: usize): "{n} instance has read it within the last minutes. It gets nothing more." | "{n} instances have read it within the last minutes. They get nothing more.",
        "最近几分钟内有 {n} 个实例读取过，删除后它们将读取不到内容。";
    remove_readers_none: "No instance has read it within the last minutes.", "最近几分钟内没有实例读取。";
    remove_changes: "Open changes", "未发布的变更";
    remove_changes_text: "They lose their edits of these configs, and keep all others.", "它们会失去对这些配置的修改，其他修改保留。";
    remove_type(name: &str): "Type {name} to confirm", "输入 {name} 以确认";
    removed_now(name: &str): "{name} was removed for good.", "{name} 已彻底删除。";
    remove_earlier(n: usize): "An earlier object with this name was removed for good." | "{n} earlier objects with this name were removed for good.", "以前有 {n} 个同名对象被彻底删除。";
    remove_earlier_one: "Removed {} with identity {}", "删除于 {}，标识 {}";
    kind_env: "Environment", "环境";
    kind_app: "Application", "应用";
    kind_namespace: "Namespace", "命名空间";
}
