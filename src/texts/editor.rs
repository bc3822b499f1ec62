//! Texts of the editor. CodeMirror's own phrases are those whose names it uses.

use serde_json::json;

use super::{Lang, texts};

texts! {
    editor_keys: "Ctrl+F finds. Esc, then Tab leaves the editor.", "Ctrl+F 查找；先按 Esc，再按 Tab 离开编辑器。";
    editor_leaves: "Tab now leaves the editor.", "现在按 Tab 离开编辑器。";
    editor_format: "Format", "格式化";
    editor_no_format: "The text is not valid JSON, so it is not formatted.", "文本不是有效的 JSON，未格式化。";
    editor_only_json: "Only JSON can be formatted.", "只能格式化 JSON。";
    editor_added: "Added since the live release", "相对当前生效版本新增";
    editor_changed: "Changed since the live release", "相对当前生效版本修改";
    editor_removed: "Lines of the live release are removed here", "此处删除了当前生效版本中的行";
    editor_find: "Find", "查找";
    editor_replace: "Replace", "替换";
    editor_next: "Next", "下一个";
    editor_previous: "Previous", "上一个";
    editor_match_case: "Match case", "区分大小写";
    editor_regexp: "Regular expression", "正则表达式";
    editor_by_word: "Whole words", "全字匹配";
    editor_replace_all: "Replace all", "全部替换";
    editor_close: "Close", "关闭";
    editor_current_match: "Current match", "当前匹配";
    editor_on_line: "on line", "所在行";
    editor_replaced_on_line: "Replaced the match on line $", "已替换第 $ 行的匹配项";
    editor_replaced: "Replaced $ matches", "已替换 $ 处匹配项";
    editor_go_to_line: "Go to line", "转到行";
    editor_go: "Go", "转到";
    editor_folded: "Folded lines", "已折叠行";
    editor_unfolded: "Unfolded lines", "已展开行";
    editor_to: "to", "至";
    editor_folded_lines: "Folded lines", "已折叠的行";
    editor_unfold: "Unfold", "展开";
    editor_fold_line: "Fold", "折叠";
    editor_problems: "Problems", "问题";
    editor_no_problems: "No problems", "没有问题";
    editor_control: "Control character", "控制字符";
    editor_selection_deleted: "Selection deleted", "已删除所选内容";
}

impl Lang {
    /// Returns the texts of the editor as JSON, by the names that `islands/editor/` and CodeMirror give them.
    pub fn editor_phrases(self) -> String {
        json!({
            "keys": self.editor_keys(),
            "leaves": self.editor_leaves(),
            "format": self.editor_format(),
            "noFormat": self.editor_no_format(),
            "onlyJson": self.editor_only_json(),
            "added": self.editor_added(),
            "changed": self.editor_changed(),
            "removed": self.editor_removed(),
            "Find": self.editor_find(),
            "Replace": self.editor_replace(),
            "next": self.editor_next(),
            "previous": self.editor_previous(),
            "match case": self.editor_match_case(),
            "regexp": self.editor_regexp(),
            "by word": self.editor_by_word(),
            "replace": self.editor_replace(),
            "replace all": self.editor_replace_all(),
            "close": self.editor_close(),
            "current match": self.editor_current_match(),
            "on line": self.editor_on_line(),
            "replaced match on line $": self.editor_replaced_on_line(),
            "replaced $ matches": self.editor_replaced(),
            "Go to line": self.editor_go_to_line(),
            "go": self.editor_go(),
            "Folded lines": self.editor_folded(),
            "Unfolded lines": self.editor_unfolded(),
            "to": self.editor_to(),
            "folded code": self.editor_folded_lines(),
            "unfold": self.editor_unfold(),
            "Fold line": self.editor_fold_line(),
            "Unfold line": self.editor_unfold(),
            "Diagnostics": self.editor_problems(),
            "No diagnostics": self.editor_no_problems(),
            "Control character": self.editor_control(),
            "Selection deleted": self.editor_selection_deleted(),
        })
        .to_string()
    }
}
