//! Explanations of terms.

use super::texts;

texts! {
    what_is(term: &str): "Explain “{term}”", "解释“{term}”";
    term_change: "Change", "变更";
    term_change_text: "collects your edits, also of several configs. Applications read none of it until you publish the change. Then all of it becomes live at once.", "汇集您的修改，可以跨多个配置。发布之前应用读不到其中任何内容，发布时全部同时生效。";
    term_conflict: "Conflict", "冲突";
    term_conflict_text: "means that a key which you edited was changed by a newer release. You choose which value stays before you can publish.", "指您修改过的键已被更新的版本改动。发布之前，由您选择保留哪个值。";
    term_delivery: "Delivery", "下发";
    term_delivery_text: "has three steps. Accepted: the release is stored in the database and will not be lost. Delivered: it is in the channel from which applications read. Seen: an instance has received it.", "分为三步。已接受：版本已存入数据库，不会丢失。已下发：已进入应用读取的通道。已获取：实例已收到。";
    term_drift: "Drift", "偏差";
    term_drift_text: "means that the channel holds something else than the database, because another program wrote to it. Applications may read it, until an administrator decides which side is right.", "指通道中的内容与数据库不同，因为有其他程序写入。在管理员决定以哪一方为准之前，应用可能会读到它。";
    term_instance: "Instance", "实例";
    term_instance_text: "is one running copy of a program that reads a config. It counts while it has read in the last ten minutes.", "是读取配置的程序的一个运行副本。最近十分钟内读取过的才计入。";
    term_lock: "Lock", "锁";
    term_lock_text: "makes sure that only one console writes the releases of an environment at a time. It is released shortly after the last delivery.", "确保同一时间只有一个控制台写入某环境的版本。最后一次下发后不久即释放。";
    term_namespace: "Namespace", "命名空间";
    term_namespace_text: "is a named part of an application. In each environment it has one config: keys with values, or one text.", "是应用中一个有名称的部分。它在每个环境中各有一个配置：键值，或一份文本。";
    term_protected: "Protected", "受保护";
    term_protected_text: "environments ask for a reason and for their name, typed by hand, before something is published there.", "的环境在发布前要求填写原因，并手动输入环境名称。";
    term_release: "Release", "版本";
    term_release_text: "is one published version of a config. It never changes. Rolling back publishes an old content as a new release.", "是配置的一个已发布版本，不再改变。回滚会把旧内容作为新版本发布。";
    term_token: "Token", "令牌";
    term_token_text: "stands for a program. A read token reads configs. An automation token edits and publishes, too. Each only for the configs of its patterns.", "代表一个程序。读取令牌只读取配置，自动化令牌还可以编辑和发布。都仅限于其模式所包含的配置。";
}
