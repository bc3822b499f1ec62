//! Texts of the page about the background tasks of a node.

use super::texts;

texts! {
    system: "System", "系统";
    system_title: "Background tasks", "后台任务";
    system_lead: "Work that this node does automatically. Every node has its own tasks.", "此节点自动执行的工作。每个节点都有自己的任务。";
    system_lead_of(node: &str): "Work that node {node} does automatically. Every node has its own tasks.", "节点 {node} 自动执行的工作。每个节点都有自己的任务。";
    system_task: "Task", "任务";
    system_last: "Last run", "上次运行";
    system_next: "Next run", "下次运行";
    system_on_event: "when needed", "按需";
    system_retrying: "retrying", "重试中";
    system_error: "Last error", "上次错误";
    system_no_error: "none", "无";
    task_running: "running", "运行中";
    task_waiting: "waiting", "等待中";
    task_failing: "failing", "出错";
    task_stopped: "stopped", "已停止";

    // Titles of the tasks.
    task_publisher: "Delivery of releases", "下发版本";
    task_repairs: "Requested repairs", "执行修复请求";
    task_delivery_acks: "Recording of deliveries in the database", "在数据库中记录下发结果";
    task_reconciler: "Comparison of delivered releases with the database", "对比已下发版本与数据库";
    task_reader_tokens: "Tokens for reader nodes", "向读取节点同步令牌";
    task_token_refresh: "Refresh of tokens from the database", "从数据库刷新令牌";
    task_known_tokens: "Tokens from etcd", "从 etcd 同步令牌";
    task_sweep: "Cleanup of sessions and recording of token use", "清理过期会话，记录令牌使用时间";
    task_bin: "Removal of archived objects after their time in the bin", "清理回收站中到期的对象";
    task_session_streams: "End of live updates after log-out", "退出登录后结束实时更新";
    task_feed: "Releases for readers", "为读取实例加载版本";
    task_history: "Reads and instances of the last 24 hours", "记录最近 24 小时的读取与实例";
    task_last_good: "Copy of the releases on disk", "在磁盘上保存版本副本";
    task_nodes: "Communication with other nodes", "与其他节点通信";
}
