//! Texts of the pages of a config.

use super::{Lang, texts};
use crate::domain::release::{DelayReason, Delivery, Release};

texts! {
    // On all of its pages.
    config: "Config", "配置";
    tab_items: "Items", "条目";
    tab_text: "Text", "文本";
    tab_difference: "Difference", "差异";
    tab_releases: "Releases", "发布记录";
    tab_readers: "Readers", "读取实例";
    tab_use: "Connect", "接入";
    comma: ", ", "，";
    live_is: "Live: ", "当前生效：";
    release_n(n: u64): "release {n}", "版本 {n}";
    release_title(n: u64): "Release {n}", "版本 {n}";
    by_author(name: &str): "by {name}", "· {name}";
    keys_counted(n: usize): "key" | "keys", "个键";
    lines_counted(n: usize): "line" | "lines", "行";
    also_here(names: &str): "Also here: {names}", "同时在此页面：{names}";
    newer_release(n: u64, author: &str): "Release {n} by {author} is live now.", "{author} 发布的版本 {n} 现已生效。";
    newer_release_text: "This page shows the one before. What you typed is kept.", "此页面仍显示之前的版本。您输入的内容会保留。";
    show_newer: "Show it", "显示该版本";
    seen_by: "Seen by", "已获取";
    n_of_m(n: usize, m: usize): "{n} of {m}", "{n} / {m}";
    instances_word(m: usize): "instance" | "instances", "个实例";
    no_readers_yet: "No readers yet", "尚无读取实例";
    config_archived: "This config is archived", "此配置已归档";
    config_archived_text: "You can view it but not edit it. Applications keep reading the live configuration.", "可以查看，但不能编辑。应用继续读取当前生效的配置。";

    // Items.
    value: "Value", "值";
    type_field: "Type", "类型";
    last_change: "Last change", "最近修改";
    comment: "Comment", "备注";
    comment_hint: "Shown only in the console. Not delivered to applications.", "仅显示在控制台中，不会下发给应用。";
    filter_keys(n: usize): "Filter {n} key" | "Filter {n} keys", "筛选 {n} 个键";
    add_key: "Add key", "添加键";
    paste_or_import: "Paste or import", "粘贴或导入";
    by_you: " by you, ", " · 我 · ";
    is_editing(name: &str): "{name} is editing this", "{name} 正在编辑";
    is_removing(name: &str): "{name} is removing this", "{name} 将要删除";
    in_conflict: "conflict", "冲突";
    empty_value: "empty", "空";
    begins_with(what: &str): "begins with {what}", "以{what}开头";
    ends_with(what: &str): "ends with {what}", "以{what}结尾";
    contains(what: &str): "contains {what}", "含有{what}";
    a_space: "a space", "空格";
    a_tab: "a tab", "制表符";
    a_line_break: "a line break", "换行符";
    a_return: "a carriage return", "回车符";
    long_value(size: &str): "{size}, show all", "{size}，展开全部";
    show_less: "Show less", "收起";
    no_keys_title: "No keys yet", "暂无键";
    no_keys_text: "Add the first key, or paste a whole .env, properties, JSON, YAML or TOML file.", "添加第一个键，或直接粘贴整个 .env、properties、JSON、YAML、TOML 文件。";
    no_keys_viewer: "Nothing has been published here yet.", "这里还没有发布过任何内容。";
    keys_word: "keys", "键";
    rows_shown(first: usize, last: usize, all: usize): "Keys {first} to {last} of {all}", "第 {first} 至 {last} 个键，共 {all} 个";
    long_table_hint: "Find in page (Ctrl+F) searches only the rows near the screen. The filter searches all of them.", "浏览器的页内查找（Ctrl+F）只搜索屏幕附近的行，筛选则搜索所有行。";
    items_of(config: &str): "Items of {config}", "{config} 的条目";

    // Items as one text.
    edit_as_text: "Edit as text", "以文本编辑";
    view_as_text: "View as text", "以文本查看";
    items_as_text: "Items as text", "条目文本";
    items_as_text_hint: "Saving adds what differs to your change. A key that is not in the text is removed.", "保存时，差异会加入您的变更；文本中没有的键会被删除。";
    text_format: "Format of the text", "文本格式";
    back_to_items: "Items", "条目";
    not_written(format: &str): "Some keys do not fit into {format}. Choose another format.", "部分键无法写成 {format}，请选择其他格式。";
    n_more(n: usize): "and {n} more", "另有 {n} 个";
    text_unchanged: "The text changes nothing.", "文本没有任何改动。";

    // Selected keys.
    selected_keys: "Selected keys", "选中的键";
    select_listed: "Select all listed keys", "选择所有列出的键";
    keys_selected(n: &str): "{n} selected", "已选 {n} 个";
    remove_keys: "Remove", "删除";
    revert_keys: "Revert edits", "撤销修改";
    move_keys: "Move to another change", "移到其他变更";
    move_keys_text: "The edits of the selected keys go into another change of yours.", "所选键的修改会移入您的另一个变更。";
    move_into: "Change", "变更";
    edits_moved: "Edits moved. Review the change.", "修改已移动，请审阅变更。";
    copy_selected: "Copy to other configs", "复制到其他配置";
    copy_selected_text: "The selected keys, with your edits, go into a new change of yours, which you review and publish.", "所选键（含您的修改）会进入您的一个新变更，由您审阅并发布。";
    copy_to_other: "Another config", "其他配置";
    copy_to_other_hint: "environment/application/namespace", "环境/应用/命名空间";
    copy_keys_as: "Copy as", "复制为";
    keys_in_clipboard: "Copied to the clipboard", "已复制到剪贴板";
    keys_not_in_clipboard: "The browser did not allow copying. Reload the page and try again.", "浏览器未允许复制，请刷新页面后重试。";

    // Editing a key.
    edit_title(key: &str): "Edit {key}", "编辑 {key}";
    new_key_title: "New key", "新的键";
    key_hint: "Use dots for groups: checkout.timeout_ms", "用点分组，例如 checkout.timeout_ms";
    live_value: "Live value", "当前生效的值";
    cancel: "Cancel", "取消";
    remove: "Remove", "删除";
    revert_edit: "Revert", "撤销修改";
    save_to: "Save to", "保存到";
    save_to_hint: "Edits of one change are published together.", "同一变更中的修改会一起发布。";
    a_new_change: "New change", "新变更";
    change_without_message(at: &str): "Change without a description, {at}", "无说明的变更，{at}";
    edit_saved: "Saved in your change, not live yet", "已保存到我的变更，尚未生效";
    edit_reverted: "Edit reverted", "修改已撤销";
    edits_discarded: "Your edits were discarded", "修改已放弃";
    only_viewer: "You can view this config but not edit it.", "您只能查看此配置，不能编辑。";

    multi_line: "Multi-line value", "多行值";

    // Merging.
    merge_title: "Someone else has changed this in the meantime", "期间其他人修改了这里";
    merge_text(name: &str, release: u64): "{name} published release {release} after you started editing. Your input is kept. Choose which version to keep.", "在您开始编辑之后，{name} 发布了版本 {release}。您输入的内容没有丢失，请选择保留哪一个。";
    merge_elsewhere: "You saved another value of this key elsewhere, for example in another tab. Choose which value to keep.", "您在别处（例如另一个标签页）保存了此键的另一个值，请选择保留哪一个。";
    n_conflicts(n: usize): "{n} of your edits conflicts with a newer release" | "{n} of your edits conflict with a newer release", "我的 {n} 处修改与更新的版本冲突";
    conflicts_text: "Someone published another value of the same key after your edit. Choose which value to keep, then publish.", "在您修改之后，有人发布了同一个键的其他值。请选择保留哪一个，然后再发布。";
    merge_base: "Before your edit", "您编辑之前";
    merge_theirs: "Theirs (live)", "对方的（当前生效）";
    merge_elsewhere_side: "Saved elsewhere", "在别处保存的";
    merge_mine: "Mine", "我的";
    keep_theirs: "Keep theirs", "保留对方的";
    keep_mine: "Keep mine", "保留我的";
    keep_mine_edited: "Keep my edit (shown below)", "保留我的修改（如下）";
    not_set: "not set", "未设置";

    // Text.
    text_of(format: &str): "{format} document", "{format} 文档";
    lines_around_error: "Lines around the error", "出错位置附近的行";
    lines_around(line: usize): "Lines around line {line}", "第 {line} 行附近的内容";
    no_text_title: "No text yet", "暂无内容";
    text_others(names: &str): "Also being edited by {names}. The person who publishes second has to merge.", "{names} 也在编辑此文本，后发布的人需要合并。";
    ends_crlf: "Line endings: CRLF", "换行符为 CRLF";
    ends_mixed: "Mixed line endings. Unchanged lines keep theirs", "换行符混用；未改动的行保持原样";
    upload_or_import: "Upload", "上传";

    // My change.
    undo: "Undo", "撤销";
    redo: "Redo", "重做";
    edits_undone: "The last action is undone.", "已撤销上一步操作。";
    edits_redone: "The action is done again.", "已重做该操作。";
    my_change: "My change", "我的变更";
    no_edits_text: "Your edits are collected here. Nothing is live until you publish.", "修改会汇集在这里，发布之前不会生效。";
    see_difference: "View difference", "查看差异";
    more_edits(n: usize): "and {n} more" | "and {n} more", "还有 {n} 处";
    why: "Reason", "原因";
    why_required(env: &str): "required in {env}", "{env} 必填";
    why_optional: "optional", "选填";
    type_to_publish(env: &str): "Type {env} to confirm publishing", "输入 {env} 以确认发布";
    becomes_release(n: u64): "Creates release {n}.", "将生成版本 {n}。";
    instances_read(n: usize): "{n} instance reads this config." | "{n} instances read this config.", "有 {n} 个实例读取此配置。";
    publish_edits(n: usize): "Publish {n} edit" | "Publish {n} edits", "发布 {n} 处修改";
    publish_text: "Publish the text", "发布文本";
    review: "Review", "查看变更";
    discard: "Discard", "放弃";
    discard_question(n: usize): "Discard {n} edit?" | "Discard {n} edits?", "放弃 {n} 处修改？";
    discard_whole(n: usize): "The change also has edits of {n} other config. The whole change will be discarded. This cannot be undone." | "The change also has edits of {n} other configs. The whole change will be discarded. This cannot be undone.", "此变更还包含其他 {n} 个配置的修改，将一并放弃且无法恢复。";
    also_elsewhere(n: usize): "This change also edits {n} other config. All edits are published together." | "This change also edits {n} other configs. All edits are published together.", "此变更还修改了其他 {n} 个配置，会一起发布。";
    review_and_publish: "Review and publish", "查看并发布";
    may_not_publish: "You can edit but not publish. A publisher has to review and publish the change.", "您可以编辑，由有发布权限的人查看并发布。";
    open_change: "Open the change", "打开变更";
    resolve_first(n: usize): "Resolve the conflict of {n} key first." | "Resolve the conflicts of {n} keys first.", "请先解决 {n} 个键的冲突。";
    edits_not_live(n: usize): "{n} edit, not yet live" | "{n} edits, not yet live", "{n} 处修改尚未生效";
    nothing_left: "Your edits no longer differ from the live content.", "您的修改与当前生效的内容已无差异。";
    others_edit: "Others are editing", "他人正在编辑";
    n_keys(n: usize): "{n} key" | "{n} keys", "{n} 个键";
    the_text: "the text", "文本";

    // Delivery of a release.
    progress_running(n: u64): "Release {n} is being delivered", "版本 {n} 下发中";
    accepted: "Accepted", "已接受";
    delivered: "Delivered", "已下发";
    not_delivered: "Not delivered yet", "尚未下发";
    revision(n: i64): "revision {n}", "修订号 {n}";
    seen_by_n(n: usize, m: usize): "Seen by {n} of {m}", "已获取 {n} / {m}";
    no_readers: "No readers", "尚无读取实例";
    no_readers_recently: "No instance has read this config in the last ten minutes.", "最近十分钟内没有实例读取此配置。";
    waiting_for: "Waiting for", "等待：";
    and_more(n: usize): "and {n} more" | "and {n} more", "以及另外 {n} 个";
    still_read(n: u64): "Applications keep reading release {n}.", "应用继续读取版本 {n}。";
    roll_back: "Roll back", "回滚";
    plus_ms(text: &str): "+ {text}", "+ {text}";
    milliseconds(n: i64): "{n} ms", "{n} 毫秒";
    seconds(n: &str): "{n} s", "{n} 秒";
    minutes(n: i64): "{n} min", "{n} 分钟";
    hours(n: i64): "{n} h", "{n} 小时";
    days(n: i64): "{n} day" | "{n} days", "{n} 天";
    why_channel(detail: &str): "etcd is not responding: {detail}", "etcd 没有响应：{detail}";
    etcd_not_responding: "etcd is not responding", "etcd 没有响应";
    why_busy: "Another node holds the lock and is publishing", "另一个节点持有锁并正在发布";
    why_mismatch(config: &str, seq: u64): "The content in etcd differs from release {seq} of {config}", "etcd 中的内容与 {config} 的版本 {seq} 不一致";
    why_ahead(config: &str, seq: u64): "etcd has release {seq} of {config}, which is not in the database", "etcd 中 {config} 的版本 {seq} 在数据库中不存在";
    why_unreadable(config: &str, seq: u64): "Release {seq} of {config} cannot be read from the database", "无法从数据库读取 {config} 的版本 {seq}";
    why_slow: "Delivery is taking longer than usual", "下发耗时比平时长";

    // Differences.
    nothing_yet: "Nothing yet", "尚无内容";
    live_release(n: u64): "Live, release {n}", "当前生效：版本 {n}";
    env_live(env: &str): "Live in {env}", "{env} 当前生效";
    env_release(env: &str, n: u64): "{env}, release {n}", "{env}：版本 {n}";
    env_nothing(env: &str): "{env}, nothing yet", "{env}：尚无内容";
    compared_with: "Compared with", "对比对象";
    view_of: "View", "视图";
    compare_others: "Compare others", "对比其他";
    compare_from: "From", "从";
    compare_to: "To", "到";
    compare: "Compare", "对比";
    next_previous: "next and previous difference", "下一处、上一处差异";
    nothing_to_compare: "Nothing to compare yet", "暂无可对比的内容";
    nothing_to_compare_text: "Your edits are shown here, compared with the live content.", "修改会显示在这里，与当前生效的内容对比。";
    same_by_key: "All keys are equal. Only their order, comments or the layout differ.", "所有键均相同，仅键的顺序、注释或排版不同。";
    no_keys_to_compare: "At least one of the texts cannot be read as keys. Compared by line instead.", "至少有一个文本无法按键读取，改为按行对比。";
    same_on_both_sides: "No differences.", "没有差异。";
    more_not_shown(n: usize): "{n} more is not shown." | "{n} more are not shown.", "还有 {n} 处未显示。";
    show_next: "Show the next", "显示后续内容";
    show_previous: "Show the previous", "显示前面的内容";
    rows_of(first: usize, last: usize, all: usize): "{first} to {last} of {all}", "第 {first} 至 {last} 项，共 {all} 项";
    kinds_of_change: "Kinds of change", "修改类型";
    all_kinds: "All", "全部";
    jump_to_key: "Jump to a key", "跳转到键";
    link_to_difference(key: &str): "Link to the difference of {key}", "{key} 差异的链接";
    show_all: "Show all", "全部显示";

    // Releases.
    no_releases: "Nothing published yet", "尚未发布";
    no_releases_text: "Each publish creates a numbered release, which is kept forever.", "每次发布都会生成一个带编号的版本，永久保留。";
    release: "Release", "版本";
    published_by: "Published by", "发布人";
    when_accepted: "Time", "时间";
    actions: "Actions", "操作";
    live: "live", "生效中";
    rolled_back_to(n: u64): "rollback to {n}", "回滚到 {n}";
    key_history(key: &str): "History of {key}", "{key} 的历史";
    blame: "Last change of each line", "逐行最近修改";
    blame_title(namespace: &str): "Last change of each line of {namespace}", "{namespace} 的逐行最近修改";
    blame_none: "Only a published text has lines with releases.", "只有已发布的文本才有逐行记录。";
    blame_older(release: u64): "before release {release}", "早于版本 {release}";
    blame_bounded(release: u64): "Older lines were not looked up beyond release {release}.", "更早的行只追溯到版本 {release}。";
    lines_shown(first: usize, last: usize, all: usize): "Lines {first} to {last} of {all}", "第 {first} 至 {last} 行，共 {all} 行";
    lines_word: "lines", "行";
    key_history_link: "History", "历史";
    key_history_none: "No release has this key.", "没有任何版本包含该键。";
    key_history_none_here: "No release shown here changed this key. Other releases may have.", "此处的版本都没有修改该键，其他版本可能修改过。";
    restore_value: "Restore this value", "恢复该值";
    restore_value_of(seq: u64): "Restore the value of release {seq}", "恢复版本 {seq} 的值";
    no_reason: "No reason given", "未填写原因";
    roll_back_to(n: u64): "Roll back to release {n}", "回滚到版本 {n}";
    roll_back_text: "A rollback creates a new release with the content of an older one. Nothing is deleted.", "回滚会用旧版本的内容生成一个新版本，不会删除任何内容。";
    roll_back_does(n: u64, live: u64): "Publishes the content of release {n} again. Compared with the live release {live}:", "重新发布版本 {n} 的内容。与当前生效的版本 {live} 相比：";
    same_as_live(live: u64): "Its content is already live, as release {live}.", "其内容已作为版本 {live} 生效。";
    delivered_after(text: &str): "delivered after {text}", "{text}后下发完成";
    its_change: "View change", "查看变更";
    copy_hash: "Copy the hash of the document", "复制文档的哈希值";
    shown_is: "Show", "显示";
    what_it_changed: "Changes in this release", "此版本的修改";
    against_live: "Compared with live", "与当前生效版本对比";
    content: "Content", "内容";
    download: "Download", "下载";

    // Readers.
    no_readers_text: "Instances of the application are listed here when they read this config, with the release that they received.", "应用实例读取此配置后会显示在这里，并注明获取的版本。";
    filter_instances(n: usize): "Filter {n} instances", "筛选 {n} 个实例";
    readers_of_this_server: "Instances that read from this server in the last ten minutes.", "最近十分钟内从本服务器读取的实例。";
    readers_of_nodes(n: usize): "Instances that read from {n} node in the last ten minutes." | "Instances that read from {n} nodes in the last ten minutes.", "最近十分钟内从 {n} 个节点读取的实例。";
    nodes_silent(n: usize, of: usize, names: &str): "{n} of {of} nodes responded. No response yet: {names}.", "{of} 个节点中有 {n} 个已响应，尚未响应：{names}。";
    nodes_partly(n: usize): "{n} node has too many configs to show all of their readers here. Open a config to see its readers." | "{n} nodes have too many configs to show all of their readers here. Open a config to see its readers.", "{n} 个节点的配置过多，此处未能全部统计。请在各配置的页面查看。";
    nodes_unreachable: "Other nodes cannot be reached. Only instances that read from this node are shown.", "无法连接其他节点，此处仅显示从本节点读取的实例。";
    reader_node_named(name: &str): "{name} (reader node)", "{name}（读取节点）";
    readers_unnamed(n: usize): "{n} more instance is counted but not listed." | "{n} more instances are counted but not listed. An instance that reads from several nodes may be counted more than once.", "另有 {n} 个实例仅计数、未列出；从多个节点读取的实例可能被重复计数。";
    through_node: "Node", "节点";
    instance: "Instance", "实例";
    reader_since: "Since", "获取时间";
    last_request: "Last request", "最近请求";
    client: "Client", "客户端";
    reader_release_unpublished: "not published here", "非此处发布";
    n_behind(n: u64): "{n} behind" | "{n} behind", "落后 {n}";

    // Connecting.
    over_http: "Over HTTP", "通过 HTTP";
    over_http_text: "Works with any language, without a client library. Send the ETag back as If-None-Match: an unchanged config is answered with 304.", "任何语言均可，无需客户端库。内容未变时返回 304：请把 ETag 作为 If-None-Match 传回。";
    snapshot: "Live content", "当前生效的内容";
    raw_document: "Document only", "仅文档";
    long_poll: "Wait for the next release", "等待下一个版本";
    long_poll_text(n: u64): "Responds immediately if there is a release after {n}, otherwise when the next one arrives, or with 304 after one minute. X-Instance is the name of the instance on the Readers page.", "若已有版本 {n} 之后的版本则立即返回，否则等待新版本；一分钟后返回 304。X-Instance 是“读取实例”页面显示的实例名称。";
    events: "Every release as an event", "以事件接收每个版本";
    client_programs: "Programs", "程序";
    client_programs_text: "Each is complete: it waits for releases of this config and passes on the content of every new one.", "每个程序都是完整的：等待此配置的新版本，并输出每个新版本的内容。";
    client_language: "Language", "语言";
    client_environment: "Environment", "环境变量";
    needs_nothing: "The standard library is enough.", "只需标准库。";
    needs_java: "Java 11 or newer. It reads the raw document, so it needs no JSON library.", "Java 11 或更新版本。它读取原始文档，无需 JSON 库。";
    needs_rust: "Crates: reqwest with the features blocking and json, serde with derive, serde_json.", "依赖：reqwest（启用 blocking 和 json）、serde（启用 derive）、serde_json。";
    needs_kubernetes: "Kubernetes 1.29 or newer. Replace the image of the application.", "Kubernetes 1.29 或更新版本。请替换应用的镜像。";
    a_token: "Read token", "读取令牌";
    a_token_text: "Reading requires a token. Create one on the server:", "读取时需要令牌。可在服务器上创建：";
    no_etcd_text: "This server runs without etcd. With etcd, applications can also read the document directly from its key.", "本服务器未使用 etcd。配置 etcd 后，应用也可直接从键读取文档。";
    etcd_text: "Each config is one key; its value is the document. Watch it with any client. Do not write to it.", "每个配置对应一个键，值即文档。可用任意客户端监听，请勿写入。";
    etcd_key: "Key", "键名";
    etcd_get: "Read", "读取";
    etcd_watch: "Watch", "监听";

    // Import and export.
    import_page: "Import", "导入";
    paste_or_upload: "Paste or upload", "粘贴或上传";
    paste_here: "Paste here", "粘贴到这里";
    paste_hint: ".properties, .env, JSON, YAML or TOML. Nested keys are joined with dots.", "支持 .properties、.env、JSON、YAML、TOML。嵌套的键用点连接。";
    paste_text_hint: "Replaces the whole text.", "将替换整个文本。";
    or_a_file: "Or choose a file", "或选择文件";
    file_was: "The preview is of {}. Choose it again to preview it with other options.", "预览来自 {}。如需更改选项，请重新选择该文件。";
    source_detect: "Detect automatically", "自动识别";
    typing: "Numbers and booleans", "数字和布尔值";
    types_keep: "Keep types", "保留类型";
    types_strings: "Convert to strings", "转为字符串";
    mode: "Keys missing from the import", "导入内容中没有的键";
    missing_keys_keep: "Keep", "保留";
    preview: "Preview", "预览";
    import_preview: "Preview of changes", "修改预览";
    read_as(source: &str): "Read as {source}.", "按 {source} 读取。";
    after_import: "After the import", "导入后";
    add_edits(n: usize): "Add {n} edit to my change" | "Add {n} edits to my change", "将 {n} 处修改加入我的变更";
    add_text: "Add the text to my change", "将文本加入我的变更";
    import_nothing: "Nothing to import", "没有可导入的内容";
    import_nothing_text: "No changes: the content is the same as the current one.", "没有修改：导入的内容与现有内容一致。";
    import_wrong: "This cannot be imported", "无法导入";
    import_added: "Added to your change, not live yet", "已加入我的变更，尚未生效";
    download_live: "Export", "导出";
    download_text: "Download the live content as a file.", "将当前生效的内容下载为文件。";

    // After publishing.
    release_delivered(seq: u64): "Release {seq} is delivered", "版本 {seq} 已下发";
    releases_delivered(n: usize): "{n} release is delivered" | "{n} releases are delivered", "{n} 个版本已下发";
    release_accepted(seq: u64, because: &str): "Release {seq} is accepted and will be delivered. {because}", "版本 {seq} 已接受，稍后下发。{because}";
    releases_accepted(n: usize, because: &str): "{n} release is accepted and will be delivered. {because}" | "{n} releases are accepted and will be delivered. {because}", "{n} 个版本已接受，稍后下发。{because}";
}

impl Lang {
    /// Returns the reason of a delay.
    pub fn why_late(self, why: &DelayReason) -> String {
        match why {
            DelayReason::Channel(None) => self.etcd_not_responding().to_owned(),
            DelayReason::Channel(Some(detail)) => self.why_channel(detail),
            DelayReason::Busy => self.why_busy().to_owned(),
            DelayReason::Mismatch(config, seq) => self.why_mismatch(&config.to_string(), *seq),
            DelayReason::Ahead(config, seq) => self.why_ahead(&config.to_string(), *seq),
            DelayReason::Unreadable(config, seq) => self.why_unreadable(&config.to_string(), *seq),
            DelayReason::Slow => self.why_slow().to_owned(),
        }
    }

    /// Returns the outcome of a publish or rollback, in one sentence.
    pub fn published(self, releases: &[Release], delivery: &Delivery, why: &DelayReason) -> String {
        match (delivery, releases) {
            (Delivery::Delivered { .. }, [one]) => self.release_delivered(one.seq),
            (Delivery::Delivered { .. }, many) => self.releases_delivered(many.len()),
            (Delivery::Accepted { .. }, [one]) => self.release_accepted(one.seq, &self.why_late(why)),
            (Delivery::Accepted { .. }, many) => self.releases_accepted(many.len(), &self.why_late(why)),
        }
    }

    /// Returns the name of an invisible character, or its code point if it has no common name.
    pub fn unseen_character(self, c: char) -> String {
        match c {
            ' ' => self.a_space().to_owned(),
            '\t' => self.a_tab().to_owned(),
            '\n' => self.a_line_break().to_owned(),
            '\r' => self.a_return().to_owned(),
            c => format!("U+{:04X}", u32::from(c)),
        }
    }

    /// Formats a number of bytes for people.
    pub fn bytes(self, bytes: usize) -> String {
        self.size(bytes)
    }
}
