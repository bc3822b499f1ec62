//! Texts of the frame around all pages, and of the shared components.

use super::texts;

texts! {
    // Document.
    title_of(page: &str): "{page} · Trimtab", "{page} · Trimtab";
    skip_to_content: "Skip to content", "跳到正文";
    home_link: "Trimtab, home", "Trimtab，首页";
    breadcrumb: "Breadcrumb", "当前位置";
    main_navigation: "Main", "主导航";

    // Sidebar.
    home: "Home", "首页";
    applications: "Applications", "应用";
    changes: "Changes", "变更";
    environments: "Environments", "环境";
    tokens: "Tokens", "令牌";
    users: "Users", "用户";
    more: "More", "更多";
    open_changes(n: u32): "{n} open change" | "{n} open changes", "{n} 个未发布的变更";

    // Header.
    account: "Account", "账户";
    my_account: "My account", "我的账户";
    key_help: "Keyboard shortcuts", "键盘快捷键";
    key_edit_value: "Edit the value of the row", "编辑该行的值";
    key_save_value: "Save the value; Tab also goes to the next row", "保存该值；Tab 同时转到下一行";
    key_undo: "Undo and redo saved edits", "撤销和重做已保存的修改";
    key_select: "Select the next or previous row as well", "同时选择下一行或上一行";
    key_search: "search everything", "搜索全部内容";
    key_filter: "go to the filter of the page", "转到页面的筛选框";
    key_close: "close a dialog or menu", "关闭对话框或菜单";
    key_switch_off: "Single keys do nothing while you type in a field. They can be switched off in {}.", "在输入框中输入时，单键快捷键不起作用。可在“{}”中关闭。";
    log_out: "Log out", "退出登录";
    theme: "Theme", "主题";
    theme_light: "Light", "浅色";
    theme_dark: "Dark", "深色";
    theme_system: "System", "跟随系统";
    language: "Language", "语言";
    itself: "English", "中文";

    // Logging in.
    log_in: "Log in", "登录";
    wrong_address: "You cannot log in at this address", "此地址无法登录";
    wrong_address_text: "This installation requires HTTPS. Open {} instead. Without HTTPS, your browser does not keep the session.",
        "此系统要求通过 HTTPS 访问。请改为打开 {}。没有 HTTPS 时，浏览器不会保存会话。";
    name: "User name", "用户名";
    password: "Password", "密码";

    // Components.
    close: "Close", "关闭";
    copy: "Copy", "复制";
    copied: "Copied", "已复制";
    required: "required", "必填";
    protected: "protected", "受保护";
    filter: "Filter", "筛选";
    filter_shows(shown: &str, all: &str): "{shown} of {all}", "{shown} / {all}";
    filter_none: "No matches", "没有匹配项";
    newer: "Newer", "较新";
    older: "Older", "较旧";
    pages_of(what: &str): "Pages of {what}", "{what}的分页";
    unified: "Unified", "合并视图";
    side_by_side: "Side by side", "并排视图";
    by_key: "By key", "按键对比";
    unchanged_lines(n: usize): "{n} unchanged line" | "{n} unchanged lines", "{n} 行未变";
    added: "added", "新增";
    changed: "changed", "修改";
    removed: "removed", "删除";
    n_added(n: usize): "{n} added", "新增 {n}";
    n_changed(n: usize): "{n} changed", "修改 {n}";
    n_removed(n: usize): "{n} removed", "删除 {n}";
    no_difference: "No differences", "没有差异";
    key: "Key", "键";
    type_changed(old: &str, new: &str): "type {old} → {new}", "类型 {old} → {new}";
    comment_changed(old: &str, new: &str): "comment “{old}” → “{new}”", "备注“{old}” → “{new}”";
    was: "was", "原值";
    is_now: "now", "现值";
    line: "Line", "行";
    not_there: "not present", "不存在";

    // Times.
    months: "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月";
    just_now: "just now", "刚刚";
    minutes_ago(n: i64): "{n} min ago", "{n} 分钟前";
    hours_ago(n: i64): "{n} h ago", "{n} 小时前";
    in_minutes(n: i64): "in {n} min", "{n} 分钟后";
    in_hours(n: i64): "in {n} h", "{n} 小时后";
    soon: "in a moment", "马上";
    day_of(month: &str, day: u32): "{day} {month}", "{month}{day}日";
    date_of(year: i64, month: &str, day: u32): "{day} {month} {year}", "{year}年{month}{day}日";

    // Error pages.
    not_found_title: "Page not found", "页面不存在";
    not_found_text: "It does not exist, was removed, or you have no access to it. Names are in lower case.",
        "它可能不存在、已被删除，或您无权查看。名称一律小写。";
    forbidden_title: "Permission denied", "没有权限";
    cross_site_title: "This form was sent from another site", "此表单来自其他站点";
    cross_site_text: "Nothing was changed. Open the page here and try again.", "未做任何更改。请在本站打开页面后重试。";
    internal_title: "Internal error", "服务器内部错误";
    internal_text: "The cause is in the server log. Nothing was saved in part: a change is saved completely or not at all.",
        "原因已写入服务器日志。不会只保存一部分：变更要么全部保存，要么完全不保存。";
    internal_request(id: &str): "Request ID {id}", "请求编号 {id}";
    busy_title: "Server busy", "服务器繁忙";
    unavailable_title: "Service unavailable", "服务不可用";
    still_works: "Still available", "仍然可用";
    database_down: "The database is not responding. Saving, and pages that read from the database, are unavailable until it recovers.", "数据库没有响应。读取数据库的页面和保存操作需等待其恢复。";
    channel_down: "etcd is not responding. Releases that you publish are accepted, and delivered when etcd recovers.", "etcd 没有响应。发布的版本会先被接受，待 etcd 恢复后下发。";
    still_reading: "Applications keep reading their current configuration", "应用继续读取它们已有的配置";
    still_restarting: "Applications that restart get the last known good configuration", "重启的应用会得到最近一次有效的配置";
    still_nothing_lost: "No published release is lost", "已发布的版本不会丢失";
    still_editing: "Editing, comparing and reviewing", "编辑、对比和查看变更";
    method_title: "Page not available", "页面不可用";
    too_large_title: "Content too large", "内容过大";
    throttled_title: "Too many requests", "请求过于频繁";
    problem_title: "Request failed", "操作失败";
    signed_out_title: "You are no longer logged in", "登录已失效";
    signed_out_text: "Log in in another tab, then send again. Your input is kept on this page.", "请在另一个标签页中登录，然后重新发送：您输入的内容保留在本页。";
    signed_out_large: "Log in in another tab, then go back to the previous page and send again. Your input is too large to be kept here, but your browser still has it on the previous page.", "请在另一个标签页中登录，然后返回上一页重新发送。您输入的内容太大，无法保留在本页，但浏览器在上一页中仍保留着它。";
    log_in_new_tab: "Log in (new tab)", "在新标签页中登录";
    send_again: "Send again", "重新发送";
    try_again: "Try again", "重试";
    to_home: "Go to the home page", "返回首页";
}
