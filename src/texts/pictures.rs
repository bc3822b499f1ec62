//! Texts of favourites, and of the pictures of the last 24 hours.

use super::texts;

texts! {
    pictures_title: "Last 24 hours", "最近 24 小时";
    pictures_reads: "Reads per minute", "每分钟读取次数";
    // The present number, the maximum, its time, the minimum.
    pictures_reads_says: "Now {}, at most {} ({}), at least {}.", "当前 {}，最多 {}（{}），最少 {}。";
    pictures_instances: "Instances", "实例数";
    pictures_seen: "Time from accepted to seen", "从接受到读取的时间";
    // Two durations.
    pictures_seen_says(n: usize): "{n} releases: all instances had half of them after {{}}, and 95 % of them after {{}}.",
        "{n} 个版本：一半在 {{}} 内、95 % 在 {{}} 内到达其全部实例。";
    pictures_seen_one: "One release: all instances had it after {}.", "1 个版本：在 {} 内到达其全部实例。";
    pictures_none: "Nothing has read here yet. The page “Connect” of a config has complete programs that do.",
        "还没有读取。配置的“接入”页面有完整的示例程序。";
    pictures_no_releases: "No release has reached an instance yet.", "还没有版本到达实例。";
    pictures_kept: "Kept in the memory of this node.", "保存在此节点的内存中。";
    pictures_since: "Kept in the memory of this node, which started {}.", "保存在此节点的内存中，此节点启动于 {}。";
    pictures_one_node: "Reads from other nodes are not included.", "不包括其他节点的读取。";
    pictures_counted: "An application counts with its most read config.", "每个应用按其实例最多的配置计数。";
    pictures_ago: "24 h ago", "24 小时前";
    pictures_now: "now", "现在";
    spark_says(now: &str, most: &str): "Reads per minute: now {now}, at most {most} in 24 h", "每分钟读取：当前 {now}，24 小时内最多 {most}";

    favourites: "Favourites", "收藏";
    favourites_none: "The star on the page of an application or config puts it here.", "在应用或配置页面点击星标，即可收藏到这里。";
    favourite: "Favourite", "收藏";
    favourite_mark: "Add to favourites", "加入收藏";
    favourite_unmark: "Remove from favourites", "取消收藏";
}
