//! Texts of the delivery pages.

use super::texts;

texts! {
    delivery: "Delivery", "下发";
    delivery_of(env: &str): "Delivery to {env}", "{env} 的下发";
    delivery_lead: "Delivery of releases from the database to the readers, by environment.", "各环境中版本从数据库到读取实例的下发情况。";
    delivery_none_text: "Delivery starts with the first environment.", "创建第一个环境后开始下发。";
    status: "Status", "状态";
    delivery_on_time: "on time", "正常";
    delivery_delayed: "delayed", "延迟";
    delivery_time: "Delivery time", "下发耗时";
    delivery_time_is(half: &str, most: &str): "usually {half}, at most {most}", "通常 {half}，最长 {most}";
    delivery_time_of(n: usize): "of the last {n} release" | "of the last {n} releases", "最近 {n} 个版本";
    delivery_last: "Latest release", "最新版本";
    delivery_never: "none yet", "暂无";
    delivery_drift: "Drift", "配置漂移";
    delivery_comparison: "Comparison", "对比";
    delivery_in_sync: "In sync", "已同步";
    delivery_compared: "Compared. Missing releases were delivered again.", "已对比，缺少的版本已重新下发。";
    delivery_compared_at: "Last compared {}", "上次对比：{}";
    delivery_not_compared: "Not compared yet", "尚未对比";
    delivery_lock: "Lock", "锁";
    delivery_lock_free: "Free. No node is publishing.", "空闲，没有节点正在发布。";
    delivery_lock_held(node: &str): "{node} holds the lock.", "{node} 持有锁。";
    delivery_lock_other: "A program other than Trimtab", "非 Trimtab 程序";
    delivery_lock_until(s: u64): "If the holder stops now, the lock expires in {s} s. A restart of etcd extends this time.", "如果持有者现在停止，锁将在 {s} 秒后过期；etcd 重启会延长这一时间。";
    delivery_lock_lease(lease: &str): "Lease {lease}", "租约 {lease}";
    delivery_lock_unknown: "Unknown", "未知";
    delivery_force_unlock: "Force unlock", "强制解锁";
    delivery_force_unlock_text: "For a lock whose holder does not release it. This is safe: a holder that is still running stops writing and acquires the lock again.", "用于持有者未释放的锁。此操作是安全的：仍在运行的持有者会停止写入并重新获取锁。";
    delivery_unlocked: "The lock was released", "锁已释放";
    delivery_again: "Compare and deliver again", "对比并重新下发";
    delivery_again_text: "Every node does this automatically every 30 seconds. Repeating it is safe.", "各节点每 30 秒自动执行一次，重复执行没有影响。";
    delivery_releases: "Latest releases", "最近的版本";
    delivery_accepted: "Accepted", "接受";
    delivery_delivered: "Delivered", "下发";
    delivery_revision: "Revision", "修订号";
    curve_title: "Rollout progress", "下发进度";
    curve_text(n: usize, half: &str, all: &str): "{n} instance received it: after {all}." | "{n} instances received it: half after {half}, all after {all}.", "{n} 个实例已获取：一半用时 {half}，全部用时 {all}。";
    curve_axis: "Instances by time since the release was accepted", "实例数（按版本被接受后的时间）";
}
