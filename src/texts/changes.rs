//! The words of changes: what is compared, decided, published.

use super::texts;

texts! {
    // Lists.
    changes_title: "Changes", "变更";
    changes_lead: "A change holds somebody's edits until they are published. Edits of two people never mix.",
        "变更保存一个人的修改，直到发布。不同人的修改互不混合。";
    changes_mine: "Mine", "我的变更";
    changes_others: "Others", "他人的变更";
    changes_none: "No change is open", "没有进行中的变更";
    changes_none_text: "Edit a key or a text in a config: that opens one.", "编辑配置中的键或文本，即会新建变更。";
    changes_none_mine: "You have none open. Edit a key or a text in a config: that opens one.", "没有进行中的变更。编辑配置中的键或文本，即会新建。";
    changes_none_others: "Nobody else has edits that you may see.", "没有您可以查看的他人修改。";
    changes_to_apps: "To the applications", "前往应用";
    change_untitled: "Not described yet", "尚未填写说明";
    change_edited: "edited {}", "修改于 {}";
    change_by: "by {}", "作者 {}";
    change_more(n: usize): "and {n} more", "以及另外 {n} 个";
    change_conflict_text: "Somebody else released another text meanwhile.", "期间有人发布了另一份文本。";
    change_conflicts(n: usize): "Somebody else released {n} of the same keys meanwhile." | "Somebody else released {n} of the same keys meanwhile.", "期间有人发布了其中 {n} 个键的其他值。";
    change_decide: "Decide", "处理";

    // One change.
    change_opened: "opened {}", "创建于 {}";
    change_last_edit: "last edit {}", "最后修改于 {}";
    change_open: "open", "进行中";
    change_is_published: "published", "已发布";
    change_is_accepted: "accepted", "已接受";
    change_accepted_when: "accepted {}", "接受于 {}";
    change_is_discarded: "discarded", "已放弃";
    change_published_when: "published {}", "发布于 {}";
    change_discarded_title: "This change was discarded", "此变更已放弃";
    change_discarded_text: "Nothing of it was published. Its edits are shown against what is live now.", "其中的内容均未发布，下面是它与当前生效内容的差异。";
    change_discarded_now: "The change is discarded.", "变更已放弃。";
    change_empty: "This change makes no difference", "此变更没有任何差异";
    change_empty_text: "What it wants is live already, or every edit was taken back.", "它的内容已经生效，或所有修改都已撤回。";
    change_view: "View", "视图";
    change_configs(n: usize): "{n} config" | "{n} configs", "{n} 个配置";
    change_live(seq: u64): "Live, release {seq}", "当前生效：版本 {seq}";
    change_live_none: "Not there yet", "尚不存在";
    change_mine_side: "My change", "我的变更";
    change_their_side(name: &str): "Change by {name}", "{name} 的变更";
    change_release(seq: u64): "Release {seq}", "版本 {seq}";
    change_edit_config: "Edit", "编辑";
    change_no_difference: "No difference to what is live.", "与当前生效内容没有差异。";

    // Describing and discarding.
    change_describe: "Describe it", "填写说明";
    change_message: "Why", "原因";
    change_message_hint: "Stands in the history of every config that it touches.", "会记录在所涉及配置的历史中。";
    change_discard: "Discard", "放弃";
    change_discard_ask: "Discard this change?", "放弃此变更？";
    change_discard_text(n: usize): "Its {n} edit is thrown away and does not come back." | "Its {n} edits are thrown away and do not come back.", "其中 {n} 处修改将被丢弃，无法恢复。";

    change_discard_other(name: &str, n: usize): "{name} cannot do it. Edits that are thrown away and do not come back: {n}.", "{name} 无法自行放弃。将丢弃 {n} 处修改，且无法恢复。";

    // Conflicts.
    conflict_title(n: usize): "{n} key was changed on both sides" | "{n} keys were changed on both sides", "有 {n} 个键双方都修改了";
    conflict_title_text: "The text was changed on both sides", "文本双方都修改了";
    conflict_lead: "Since these edits began, somebody else released other values. Decide what is to be published.",
        "在这些修改开始之后，有人发布了其他的值。请决定发布哪一个。";
    conflict_lead_other: "The author has to decide before this can be published.", "需由作者处理后才能发布。";
    conflict_side: "This change", "此变更";
    conflict_all_mine: "Keep all of mine", "全部保留我的";
    conflict_all_theirs: "Keep all of theirs", "全部保留对方的";
    conflict_of(key: &str): "Decide {key}", "处理 {key}";
    conflict_their_text: "What was released meanwhile", "期间发布的修改";
    conflict_my_text: "What this change does", "此变更的修改";
    conflict_edit_text: "Or put both together in the editor.", "也可以在编辑器中合并两者。";

    // Publishing.
    publish_title: "Publish", "发布";
    publish_becomes: "Becomes", "将成为";
    publish_readers(n: usize): "{n} instance reads this." | "{n} instances read this.", "有 {n} 个实例正在读取。";
    publish_button(n: usize): "Publish {n} edit" | "Publish {n} edits", "发布 {n} 处修改";
    publish_conflicts: "Decide the conflicts first.", "请先处理冲突。";
    publish_not_mine_to: "You may edit here but not publish. Send a publisher the address of this page.", "您可以编辑但不能发布。请把本页地址发给有发布权限的人。";
    publish_view_only: "You may look at this change.", "您可以查看此变更。";
    publish_stale_title: "The difference has changed since you looked at it", "差异在您查看之后发生了变化";
    publish_stale_text: "Nothing was published. Below is the difference as it is now: look through it, then publish.", "没有发布任何内容。下面是最新的差异，请查看后再发布。";
    publish_conflict_title: "Somebody else published the same keys just now", "刚刚有人发布了相同的键";
    publish_conflict_text: "Nothing was published. Decide below whose values stay.", "没有发布任何内容，请在下面决定保留谁的值。";

    // The way of its releases.
    change_way: "On its way", "投递进度";
    way_superseded(seq: u64): "Release {seq} is live now", "当前生效的是版本 {seq}";
    way_again: "Look again", "刷新";

    // What is late, and why.
    late_title(env: &str): "{env}: delivery is late", "{env}：投递延迟";
    late_since: "It began {}.", "开始于 {}。";
    late_because(why: &str): "{why}.", "{why}。";
    late_works: "Applications keep reading what they have. You can edit and publish: it is accepted and goes out by itself.",
        "应用继续读取现有配置。仍可编辑和发布：内容会先被接受，随后自动投递。";
    late_waiting(n: u64): "{n} release waits." | "{n} releases wait.", "有 {n} 个版本等待投递。";
    drift_title(config: &str): "{config}: etcd holds something else", "{config}：etcd 中的内容不一致";
    drift_look: "Look and decide", "查看并处理";
    drift_foreign(seq: u64): "etcd holds other bytes as release {seq}", "etcd 中版本 {seq} 的内容与此处不同";
    drift_foreign_text: "Somebody wrote to etcd past Trimtab. Programs that read etcd directly get those bytes until the release is written again.",
        "有人绕过 Trimtab 写入了 etcd。直接读取 etcd 的程序会得到那份内容，直到重新写入该版本。";
    drift_repair(seq: u64): "Write release {seq} again", "重新写入版本 {seq}";
    drift_repaired: "Written again. Programs that watch the key are woken", "已重新写入，监听该键的程序会收到通知";
    drift_ahead(seq: u64): "etcd holds release {seq}, which the database does not know", "etcd 中有数据库不知道的版本 {seq}";
    drift_ahead_text: "The database was restored from an older backup, or another installation uses the same keys. Nothing is published here until you decide which of both counts.",
        "数据库可能由较旧的备份恢复，或另有安装在使用同样的键。在您决定以哪一方为准之前，此处不会发布任何内容。";
    drift_held(seq: u64): "A reader node holds release {seq}, which was never published here", "读取节点持有版本 {seq}，该版本从未在此处发布";
    drift_held_text: "Somebody wrote it to etcd and took it away again, or the database was restored from an older backup. Reader nodes never go back to an earlier number, so they ignore what is published here until the live release goes out under a later number.",
        "有人曾将其写入 etcd 后又撤回，或数据库是从较早的备份恢复的。读取节点不会退回较小的版本号，因此在以更大的版本号重新发布之前，它会忽略此处的发布。";
    drift_unknown: "The database has no release of it. Create its application, environment and namespace where they are missing, then decide on its page.",
        "数据库中没有它的任何版本。请先创建缺少的应用、环境和命名空间，再在其页面处理。";
    drift_title_held(config: &str): "{config}: a reader node holds something else", "{config}：读取节点中的内容不一致";
    drift_channel_wins(seq: u64): "Take release {seq} over from etcd", "采用 etcd 中的版本 {seq}";
    drift_database_wins(live: u64, next: u64): "Publish release {live} of the database as {next}", "将数据库中的版本 {live} 发布为 {next}";
    unheard_title: "etcd does not answer", "etcd 没有响应";
}
