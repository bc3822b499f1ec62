//! The pages about delivery.

use super::texts;

texts! {
    delivery: "Delivery", "投递";
    delivery_of(env: &str): "Delivery to {env}", "{env} 的投递";
    delivery_lead: "How releases come from the database to the readers, in each environment.", "各环境中，版本如何从数据库到达读取方。";
    delivery_none: "There are no environments yet", "还没有环境";
    delivery_none_text: "Delivery begins with the first environment.", "创建第一个环境后开始投递。";
    delivery_state: "State", "状态";
    delivery_on_time: "on time", "正常";
    delivery_late: "late", "延迟";
    delivery_usual: "Accepted to delivered", "接受到投递";
    delivery_usual_is(half: &str, most: &str): "usually {half}, at most {most}", "通常 {half}，最长 {most}";
    delivery_usual_of(n: usize): "of the last {n} release" | "of the last {n} releases", "最近 {n} 个版本";
    delivery_last: "Latest release", "最新版本";
    delivery_never: "nothing yet", "尚无";
    delivery_departs: "Departures", "偏差";
    delivery_departs_check: "Comparison", "比较";
    delivery_departs_none: "The channel holds what the database says.", "通道内容与数据库一致。";
    delivery_compared: "Compared. What was missing was delivered again.", "已比较，缺少的内容已重新投递。";
    delivery_compared_at: "Compared {}", "比较于 {}";
    delivery_not_compared: "Not compared yet", "尚未比较";
    delivery_lock: "Lock", "锁";
    delivery_lock_free: "Nobody is publishing.", "没有节点正在发布。";
    delivery_lock_held(node: &str): "{node} holds it.", "{node} 持有锁。";
    delivery_lock_other: "A program that is not Trimtab", "非 Trimtab 程序";
    delivery_lock_until(s: u64): "If it stops now, the lock is free after {s} s; a restart of etcd makes that longer.", "如果它现在停止，锁将在 {s} 秒后释放；etcd 重启会延长这一时间。";
    delivery_lock_lease(lease: &str): "Lease {lease}", "租约 {lease}";
    delivery_lock_unknown: "It cannot be told.", "无法得知。";
    delivery_lock_free_it: "Free the lock", "释放锁";
    delivery_lock_free_text: "For a lock that nobody gives back. It is safe: a node that holds it and is alive writes nothing any more, and begins anew.", "用于无人归还的锁。此操作是安全的：仍在运行的持有节点将不再写入，并会重新开始。";
    delivery_lock_freed: "The lock was taken away", "锁已释放";
    delivery_again: "Compare and deliver again", "比较并重新投递";
    delivery_again_text: "Nodes do this by themselves every 30 seconds. Delivering twice does no harm.", "各节点每 30 秒自动执行一次，重复投递没有影响。";
    delivery_releases: "Latest releases", "最近的版本";
    delivery_accepted: "Accepted", "接受";
    delivery_delivered: "Delivered", "投递";
    delivery_revision: "Revision", "修订号";
    curve_title: "How the readers came to have it", "读取方获取过程";
    curve_says(n: usize, half: &str, all: &str): "{n} instance has it: after {all}." | "{n} instances have it: half after {half}, all after {all}.", "{n} 个实例已获取：一半用时 {half}，全部用时 {all}。";
    curve_axis: "instances, by the time since it was accepted", "实例数，按接受后的时间";
}
