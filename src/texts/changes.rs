//! Texts of changes: comparing, resolving conflicts, publishing.

use super::texts;

texts! {
    // Lists.
    changes_lead: "A change collects the edits of one person until they are published. Edits of different people never mix.",
        "变更保存一个人的修改，直到发布。不同人的修改互不影响。";
    changes_mine: "Mine", "我的变更";
    changes_others: "Others", "他人的变更";
    changes_none: "No open changes", "没有进行中的变更";
    changes_none_text: "Edit a key or a text of a config to create a change.", "编辑配置中的键或文本，即会新建变更。";
    changes_none_mine: "You have no open changes. Edit a key or a text of a config to create one.", "没有进行中的变更。编辑配置中的键或文本，即会新建。";
    changes_none_others: "There are no changes by others that you can view.", "没有您可以查看的他人变更。";
    changes_to_apps: "Go to applications", "前往应用";
    change_untitled: "No description", "未填写说明";
    change_edited: "edited {}", "修改于 {}";
    change_by: "by {}", "作者 {}";
    change_more(n: usize): "and {n} more", "以及另外 {n} 个";
    change_conflict_text: "Someone else has published another text in the meantime.", "期间他人发布了另一份文本。";
    change_conflicts(n: usize): "Someone else has published {n} of the same keys in the meantime." | "Someone else has published {n} of the same keys in the meantime.", "期间他人发布了其中 {n} 个键的其他值。";
    change_resolve: "Resolve", "解决冲突";

    // One change.
    change_opened: "opened {}", "创建于 {}";
    change_last_edit: "last edit {}", "最后修改于 {}";
    change_open: "open", "进行中";
    change_is_published: "published", "已发布";
    is_accepted: "accepted", "已接受";
    change_accepted_when: "accepted {}", "接受于 {}";
    change_is_discarded: "discarded", "已放弃";
    change_published_when: "published {}", "发布于 {}";
    change_discarded_title: "This change was discarded", "此变更已放弃";
    change_discarded_text: "None of its edits were published. Below, they are compared with the live content.", "其中的修改均未发布，下面是它们与当前生效内容的差异。";
    change_discarded_now: "The change was discarded.", "变更已放弃。";
    change_empty: "This change has no differences", "此变更没有任何差异";
    change_empty_text: "Its edits are already live, or all of them were reverted.", "其修改已经生效，或已全部撤销。";
    change_configs(n: usize): "{n} config" | "{n} configs", "{n} 个配置";
    change_live(seq: u64): "Live, release {seq}", "当前生效：版本 {seq}";
    change_live_none: "No release yet", "尚无版本";
    change_their_side(name: &str): "Change by {name}", "{name} 的变更";
    change_release(seq: u64): "Release {seq}", "版本 {seq}";
    change_no_difference: "No differences from the live content.", "与当前生效内容没有差异。";

    // Describing and discarding.
    change_describe: "Edit description", "编辑说明";
    change_message_hint: "Shown in the history of every affected config.", "会显示在所涉及配置的历史中。";
    change_discard_ask: "Discard this change?", "放弃此变更？";
    change_discard_text(n: usize): "Its {n} edit will be discarded. This cannot be undone." | "Its {n} edits will be discarded. This cannot be undone.", "其中 {n} 处修改将被放弃，且无法恢复。";

    change_discard_other(name: &str, n: usize): "{name} can no longer discard it. Edits that will be discarded: {n}. This cannot be undone.", "{name} 已无法自行放弃。将放弃 {n} 处修改，且无法恢复。";

    // Conflicts.
    conflict_title(n: usize): "{n} key was changed on both sides" | "{n} keys were changed on both sides", "有 {n} 个键双方都修改了";
    conflict_title_text: "The text was changed on both sides", "文本双方都修改了";
    conflict_lead: "Someone else has published other values since these edits were made. Choose which values to publish.",
        "在这些修改之后，他人发布了其他的值。请选择要发布哪些值。";
    conflict_lead_other: "The author must resolve this before the change can be published.", "需由作者解决后才能发布。";
    conflict_side: "This change", "此变更";
    conflict_all_mine: "Keep all of mine", "全部保留我的";
    conflict_all_theirs: "Keep all of theirs", "全部保留对方的";
    conflict_of(key: &str): "Resolve {key}", "解决 {key} 的冲突";
    conflict_their_text: "Published in the meantime", "期间发布的内容";
    conflict_my_text: "Edits of this change", "此变更的修改";
    conflict_edit_text: "Or merge both in the editor.", "也可以在编辑器中合并两者。";

    // Publishing.
    publish: "Publish", "发布";
    publish_becomes: "New releases", "将生成的版本";
    publish_readers(n: usize): "{n} instance reads this." | "{n} instances read this.", "有 {n} 个实例正在读取。";
    publish_conflicts: "Resolve the conflicts first.", "请先解决冲突。";
    publish_not_mine_to: "You can edit but not publish. Send the link to this page to a publisher.", "您可以编辑但不能发布。请把本页链接发给有发布权限的人。";
    publish_view_only: "You can only view this change.", "您只能查看此变更。";
    publish_stale_title: "The difference has changed since you reviewed it", "差异在您查看之后发生了变化";
    publish_stale_text: "Nothing was published. Review the current difference below, then publish.", "没有发布任何内容。下面是最新的差异，请查看后再发布。";
    publish_conflict_title: "Someone else has just published the same keys", "刚刚有其他人发布了相同的键";
    publish_conflict_text: "Nothing was published. Choose below which values to keep.", "没有发布任何内容，请在下面选择保留哪些值。";

    // Delivery of its releases.
    change_progress: "Delivery progress", "下发进度";
    progress_superseded(seq: u64): "Release {seq} is live now", "当前生效的是版本 {seq}";
    refresh: "Refresh", "刷新";

    // Banners: delayed delivery and drift.
    delayed_title(env: &str): "{env}: delivery is delayed", "{env}：下发延迟";
    started_at: "Started {}.", "开始于 {}。";
    delayed_because(why: &str): "{why}.", "{why}。";
    delayed_effect: "Applications keep reading their current configuration. You can still edit and publish: releases are accepted now and delivered later.",
        "应用继续读取现有配置。仍可编辑和发布：版本会先被接受，随后自动下发。";
    releases_waiting(n: u64): "{n} release is waiting." | "{n} releases are waiting.", "有 {n} 个版本等待下发。";
    drift_title(config: &str): "{config}: the content in etcd differs from the database", "{config}：etcd 中的内容与数据库不一致";
    drift_review: "Review", "查看并处理";
    drift_foreign(seq: u64): "The content in etcd differs from release {seq}", "etcd 中的内容与版本 {seq} 不一致";
    drift_foreign_text: "Someone changed the key in etcd without Trimtab. Programs that read etcd directly get this content until the release is written again.",
        "有人绕过 Trimtab 修改了 etcd。直接读取 etcd 的程序会得到该内容，直到重新写入该版本。";
    drift_repair(seq: u64): "Write release {seq} again", "重新写入版本 {seq}";
    drift_repaired: "Written again. Programs that watch the key are notified", "已重新写入，监听该键的程序会收到通知";
    drift_ahead(seq: u64): "etcd has release {seq}, which is not in the database", "etcd 中的版本 {seq} 在数据库中不存在";
    drift_ahead_text: "The database was restored from an older backup, or another installation uses the same keys. Publishing is blocked until you choose which version to keep.",
        "数据库可能由较旧的备份恢复，或另有系统在使用同样的键。在您选择保留哪个版本之前，无法发布。";
    drift_held(seq: u64): "A reader node has release {seq}, which was never published here", "读取节点持有版本 {seq}，该版本从未在此处发布";
    drift_held_text: "Someone wrote the release to etcd and removed it again, or the database was restored from an older backup. Reader nodes never go back to a lower release number. They ignore new releases until the live content is published under a higher number.",
        "有人曾将该版本写入 etcd 后又删除，或数据库由较旧的备份恢复。读取节点不会退回较小的版本号，在以更大的版本号重新发布之前，会忽略新的发布。";
    drift_unknown: "The database has no release of this config. Create its application, environment and namespace if they are missing, then choose which version to keep on the page of the config.",
        "数据库中没有此配置的任何版本。请先创建缺少的应用、环境和命名空间，再在配置页面选择保留哪个版本。";
    drift_title_held(config: &str): "{config}: the content of a reader node differs from the database", "{config}：读取节点的内容与数据库不一致";
    drift_keep_channel(seq: u64): "Keep release {seq} from etcd", "保留 etcd 中的版本 {seq}";
    drift_keep_database(live: u64, next: u64): "Publish release {live} from the database as release {next}", "将数据库中的版本 {live} 发布为版本 {next}";
}
