//! Texts of the search.

use super::texts;

texts! {
    search: "Search", "搜索";
    search_of(query: &str): "Search: {query}", "搜索：{query}";
    search_field: "Keys, values, changes, applications", "键、值、变更、应用";
    search_words: "Every word must occur, in any order and any case. Quotes keep words together.", "所有词都必须出现，不分先后和大小写。引号使多个词连在一起。";
    search_filters: "Filters", "筛选条件";
    search_filter_env: "in one environment", "仅限某个环境";
    search_filter_app: "in one application", "仅限某个应用";
    search_filter_key: "the word is in the key", "该词在键中";
    search_filter_value: "the word is in the value", "该词在值中";
    search_none: "No matches", "没有匹配项";
    search_none_text: "Try fewer or shorter words, or remove a filter. You find only what you may see.", "请减少或缩短搜索词，或去掉筛选条件。只会显示您有权查看的内容。";
    search_keys: "Keys and values", "键和值";
    search_texts: "Texts", "文本";
    search_comments: "Comments", "备注";
    search_comments_unread(n: usize): "The comments of {n} config are still being read. Search again in a moment." | "The comments of {n} configs are still being read. Search again in a moment.", "{n} 个配置的备注仍在读取，请稍后再搜索。";
    search_comments_too_large(n: usize): "The comments of {n} config are too large and were not searched." | "The comments of {n} configs are too large and were not searched.", "{n} 个配置的备注过大，未参与搜索。";
    search_edits: "Unpublished edits", "未发布的修改";
    search_changes: "Open changes", "进行中的变更";
    search_releases: "Releases", "版本";
    search_actions: "Pages and actions", "页面和操作";
    search_count(n: usize): "{n} match" | "{n} matches", "{n} 处匹配";
    search_at_least(n: usize): "at least {n} match" | "at least {n} matches", "至少 {n} 处匹配";
    search_more: "There are more. Add a word.", "还有更多，请再加一个词。";
    search_partial: "The search took too long and was stopped. Add a word or a filter.", "搜索时间过长，已中止。请再加一个词或筛选条件。";
    search_line(n: usize): "line {n}", "第 {n} 行";
    search_removes: "removes the key", "删除该键";
    search_whole_text: "whole text", "整个文本";
    search_previous: "Previous", "上一页";
    search_next: "Next", "下一页";
    search_results: "Results", "搜索结果";
    search_all: "Show all results", "显示全部结果";
    search_move: "choose", "选择";
    search_open: "open", "打开";
    search_close: "close", "关闭";
    search_failed: "The search failed. Press Enter to open it as a page.", "搜索失败。按 Enter 键在页面中打开。";

    action_publish: "Publish or discard my changes", "发布或放弃我的变更";
    action_add_app: "Set up an application or environment", "新建应用或环境";
    action_add_user: "Add a user", "添加用户";
    action_add_token: "Create a token", "创建令牌";
    action_theme: "Theme, language and password", "主题、语言和密码";
}
