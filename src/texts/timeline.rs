//! Texts of the time line of an application, and of comparisons between configs.

use super::texts;

texts! {
    // Releases of an application.
    timeline_label(app: &str): "Releases of {app} by environment, newest first", "{app} 在各环境中的发布，从新到旧";
    timeline_hint: "Newest on the left. A diamond is a rollback; its arrow leads to the release whose content it restored.", "最新的在左侧。菱形表示回滚，箭头指向被恢复内容的版本。";
    timeline_release(seq: u64, config: &str, author: &str, at: &str): "Release {seq} of {config}, {author}, {at}", "{config} 的版本 {seq}，{author}，{at}";
    timeline_restored(text: &str, to: u64): "{text}, rollback to release {to}", "{text}，回滚到版本 {to}";
    timeline_all_namespaces: "All namespaces", "所有命名空间";
    timeline_none_text: "Every release of this application is shown here. Open a config, edit it, and publish the change.", "此应用的每次发布都会显示在这里。请打开一个配置进行编辑，然后发布变更。";
    timeline_open_configs: "Open the configs", "打开配置列表";
    timeline_none_here: "No releases on this page", "此页没有版本";
    timeline_show_all: "Show all releases", "显示所有版本";

    // Choosing two releases in the list of a config.
    compare_two: "Compare any two releases.", "可对比任意两个版本。";
    compare_from_release(seq: u64): "From release {seq}", "从版本 {seq}";
    compare_to_release(seq: u64): "To release {seq}", "到版本 {seq}";

    // Comparing with another config.
    compare_config: "Compare with another config", "与其他配置对比";
    compare_config_field: "Other config", "其他配置";
    compare_config_note: "environment/application/namespace, of the same format", "环境/应用/命名空间，格式须相同";
    compare_live: "Compare live contents", "对比当前内容";
    swap_sides: "Swap", "互换";
}
