//! Texts of all errors: what is wrong, and what to do next.

use super::{Lang, texts};
use crate::domain::{
    content::Format,
    error::{Dependency, DotenvTrouble, Error, Invalid, Need, Problem, StateConflict},
    unseen::describe,
};

texts! {
    error_unauthenticated: "Log in, or send a valid token.", "请登录，或提供有效的令牌。";
    error_not_found(what: &str): "{what} does not exist, or you have no access to it. Check the spelling.", "{what} 不存在，或者您无权查看。请检查拼写。";
    error_invalid(n: usize): "Check the field with the error." | "Check the {n} fields with errors.", "请检查 {n} 处有误的内容。";
    error_conflict(n: usize): "Someone else has changed {n} key in the meantime. Choose which value to keep." | "Someone else has changed {n} keys in the meantime. Choose which values to keep.", "期间有 {n} 个键被他人修改，请选择保留哪个值。";
    error_stale: "The difference has changed since you reviewed it. Review it again, then publish.", "差异与您查看时已不同，请重新查看后再发布。";
    error_too_large(size: &str): "Larger than {size}. Make it smaller, or split it.", "超过 {size}，请缩小或拆分。";
    error_busy(seconds: u32): "The server is processing too many large requests. Try again in {seconds} second." | "The server is processing too many large requests. Try again in {seconds} seconds.", "服务器正在处理过多的大请求，请在 {seconds} 秒后重试。";
    error_throttled(seconds: u32): "Too many requests. Try again in {seconds} second." | "Too many requests. Try again in {seconds} seconds.", "请求过于频繁，请在 {seconds} 秒后重试。";
    error_database: "The database is not responding. Applications keep reading their current configuration. Try again in a moment.", "数据库没有响应。应用仍可读取现有配置，请稍后重试。";
    error_channel: "The delivery channel (etcd) is not responding. Try again in a moment.", "下发通道（etcd）没有响应，请稍后重试。";
    error_internal(request: &str): "Internal error. Try again. If it persists, give an administrator the request ID {request}.", "服务器内部错误。请重试；若仍然出错，请把请求编号 {request} 告诉管理员。";

    need_view: "You do not have permission to view this config. Ask an owner of the application.", "您无权查看此配置，请联系应用的所有者。";
    need_edit: "You can view but not edit. Ask an owner of the application for the editor role.", "您可以查看但不能编辑，请向应用的所有者申请编辑角色。";
    need_publish: "You can edit but not publish. Ask a publisher to publish it.", "您可以编辑但不能发布，请让有发布权限的人发布。";
    need_own: "Only an owner of the application can do this.", "只有应用的所有者可以执行此操作。";
    need_administer: "Only an administrator can do this.", "只有管理员可以执行此操作。";
    need_author: "Only the author can edit or discard this change.", "只有作者可以编辑或放弃此变更。";
    need_kind: "This token is read-only. Writing requires an automation token.", "此令牌只能读取，写入需要自动化令牌。";

    state_published: "This change is already published. Start a new one.", "此变更已发布，请新建一个变更。";
    state_discarded: "This change was discarded. Start a new one.", "此变更已放弃，请新建一个变更。";
    state_empty: "This change has no differences, so there is nothing to publish.", "此变更没有任何差异，无需发布。";
    state_set_up: "The first administrator already exists. Log in.", "首位管理员已存在，请直接登录。";
    state_in_progress: "The same request is still being processed. Try again in a moment.", "同一请求正在处理中，请稍后再查询。";
    state_archived: "This is archived. Restore it first.", "此项已归档，请先恢复。";
    state_not_archived: "This is not archived. Archive it first.", "此项未归档，请先归档。";
    state_ahead: "etcd or a reader node has a later release than the database, so publishing is blocked. An administrator must choose which version to keep on the page of the config.", "etcd 或读取节点中的版本比数据库中的更新，暂时无法发布。请管理员在该配置的页面选择保留哪个版本。";
    state_numbers: "No release numbers are left for this config.", "此配置已没有可用的版本号。";
    state_unreleased: "This config has no release. Publish it first.", "此配置尚未发布，请先发布。";
    state_nothing_to_copy: "There is nothing to copy: the targets have these keys already. Overwriting also replaces other values.",
        "没有可复制的内容：目标中已有这些键。选择覆盖可以替换不同的值。";
    state_no_edits: "None of these keys has an edit of yours.", "这些键中没有您的修改。";
    state_edited_elsewhere: "The change was edited meanwhile, for example in another tab. Nothing was undone. Reload the page.", "该变更已在别处（例如另一个标签页）被修改，未执行撤销。请重新加载页面。";
    state_nothing_to_undo: "There is nothing to undo or redo.", "没有可撤销或重做的操作。";
    state_edited_in_target: "The other change edits one of these keys already. Publish it, or revert the edit there.", "另一个变更已修改其中的键。请先发布它，或在那里撤销该修改。";

    problem_required: "Fill this in.", "请填写此项。";
    problem_name(name: &str): "“{name}” is not a valid name. Use a–z, 0–9, “.”, “_” and “-”. Begin with a letter or digit. 64 characters at most.", "“{name}”不是有效名称。请使用 a–z、0–9、“.”、“_”、“-”，以字母或数字开头，最多 64 个字符。";
    problem_config(text: &str): "“{text}” is not a valid config. Use the form environment/application/namespace.", "“{text}”不是有效的配置，请写成 环境/应用/命名空间。";
    problem_pattern(text: &str): "“{text}” is not a valid scope. Use the form prod/shop/*, each part a name or *.", "“{text}”不是有效范围，请写成 prod/shop/*，每段为名称或 *。";
    problem_too_long(size: &str): "Longer than {size}. Make it shorter.", "超过 {size}，请缩短。";
    problem_too_many(max: usize): "More than {max}. Use fewer.", "超过 {max} 个，请减少。";
    problem_control: "Contains a control character, such as a tab or a line break. Remove it.", "含有控制字符（例如制表符或换行），请删除。";
    problem_unseen(position: u32, character: &str): "Character {position} is invisible: {character}. Remove it.", "第 {position} 个字符不可见：{character}，请删除。";
    problem_scripts(word: &str, scripts: &str): "“{word}” mixes letters of several scripts ({scripts}), so it can be mistaken for another name. Use one script in each word.", "“{word}”混用了多种文字的字母（{scripts}），容易与其他名称混淆。每个词请只用一种文字。";
    dotenv_placeholder: "Shells and libraries read this value differently from a .env file: some replace “${…}” even in quotes. Export it in another format.", "此值含有“${…}”，部分库即使在引号中也会替换它，无法在 .env 文件中一致地表示，请导出为其他格式。";
    dotenv_quotes: "Shells and libraries read this value differently from a .env file. It needs quotes because of #, $, a blank at one end or a quote at the beginning, but its own backslashes or quotes do not allow them. Export it in another format.", "此值中的反斜杠或引号使其无法加引号，又含有 # 或 $、首尾有空白或以引号开头，shell 与各种库对它在 .env 文件中的读法不一致，请导出为其他格式。";
    dotenv_lines: "Shells and libraries read this value differently from a .env file: it has line breaks together with \", $ or backslashes. Export it in another format.", "此值同时含有换行和 \"、$ 或反斜杠，shell 与各种库对它在 .env 文件中的读法不一致，请导出为其他格式。";
    problem_blanks: "Begins or ends with white space. Remove it.", "首尾有空白，请删除。";
    problem_number: "Not a number. Write it as JSON does: 42, -1.5, 6e3.", "不是数字，请按 JSON 书写：42、-1.5、6e3。";
    problem_boolean: "Write true or false.", "请写 true 或 false。";
    problem_syntax(format: &str, detail: &str): "Not valid {format}: {detail}.", "不是有效的 {format}：{detail}。";
    problem_duplicate(key: &str): "“{key}” is listed twice. Keep one.", "“{key}”出现了两次，请保留一个。";
    problem_blank: "A published document cannot be empty: applications that read it could fail. Enter some content.", "发布的文档不能为空，否则读取它的应用可能出错。请填写内容。";
    problem_no_keys: "The import contains no keys, so replacing would remove all existing keys. Check its source.", "导入内容中没有任何键，替换会删除现有的全部键。请检查其来源。";
    problem_unknown(given: &str): "“{given}” is unknown. Check the spelling.", "未知的“{given}”，请检查拼写。";
    problem_not_one_of(given: &str, known: &str): "“{given}” is unknown. Use one of: {known}.", "未知的“{given}”，可用的有：{known}。";
    problem_taken: "This name is taken. Choose another one.", "此名称已被占用，请换一个。";
    problem_password_length: "Use 12 to 128 characters.", "请使用 12 到 128 个字符。";
    problem_password_common: "This password is too common. Choose another one.", "此密码太常见，容易被猜中，请换一个。";
    problem_password_wrong: "The current password is incorrect.", "当前密码不正确。";
    problem_password_again: "The passwords do not match. Type them again.", "两次输入的密码不一致，请重新输入。";
    problem_credentials: "Incorrect user name or password.", "用户名或密码错误。";
    problem_setup_link: "This link is not valid or has expired. Restart the server for a new one.", "此链接无效或已过期，请重启服务获取新链接。";
    problem_confirm(expected: &str): "Type “{expected}” to confirm.", "请输入“{expected}”以确认。";
    problem_kind_items: "This config has keys and values. Edit keys, not a text.", "此配置由键值组成，请编辑键而不是文本。";
    problem_kind_text(format: &str): "This config is one {format} text. Send the text, not keys.", "此配置是一份 {format} 文本，请提交文本而不是键。";
    problem_format_fixed(format: &str): "The format cannot be changed: there are releases in {format}. Create another namespace.", "已有 {format} 格式的版本，格式不能更改。请新建命名空间。";
    problem_other_format(format: &str, other: &str): "The formats differ: one config is {format}, the other one is {other}. Only configs of the same format can be compared.", "格式不同：一个配置是 {format}，另一个是 {other}。只能对比格式相同的配置。";
    problem_release(release: u64): "This config has no release {release}. Choose one from its list.", "此配置没有版本 {release}，请从列表中选择。";
    problem_idempotency: "This idempotency key was used for another request. Use a new one.", "此幂等键已用于另一请求，请换一个。";
    problem_duration: "Not a duration. Write 90d, 12h or 30m.", "不是时长，请写 90d、12h 或 30m。";
    problem_range(min: u64, max: u64): "Enter a whole number from {min} to {max}.", "请填写 {min} 到 {max} 之间的整数。";
    problem_last_administrator: "This is the last administrator. Create another one first.", "这是最后一位管理员，请先添加另一位。";
    problem_body(detail: &str): "The request cannot be read: {detail}.", "无法读取请求：{detail}。";
    problem_unicode: "Not UTF-8. Save it as UTF-8, then send it again.", "不是 UTF-8 编码，请另存为 UTF-8 后重试。";
    problem_secrets: "This version does not support secret items.", "此版本尚不支持机密项。";

    rows_not_loaded: "Some rows could not be loaded. Scroll to try again, or reload the page.", "部分行未能加载。请滚动重试，或重新加载页面。";
    error_unreachable: "The server could not be reached. Your input is kept. Try again.", "无法连接服务器。您输入的内容仍在此处，请重试。";
    at_place(line: u32, column: u32, text: &str): "Line {line}, column {column}: {text}", "第 {line} 行第 {column} 列：{text}";
    at_line(line: u32, text: &str): "Line {line}: {text}", "第 {line} 行：{text}";

    size_bytes(n: usize): "{n} byte" | "{n} bytes", "{n} 字节";

    token_missing: "Send a token: “Authorization: Bearer …”.", "请提供令牌：“Authorization: Bearer …”。";
    token_mistyped: "This token is incomplete or mistyped. Copy it again.", "令牌不完整或有误，请重新复制。";
    token_unknown: "This token is unknown. Ask for a new one.", "未知的令牌，请申请新的。";
    token_expired: "This token has expired. Ask for a new one.", "此令牌已过期，请申请新的。";
    token_revoked: "This token was revoked. Ask for a new one.", "此令牌已吊销，请申请新的。";
    token_waiting: "Too many requests are already waiting with this token. Try again in a moment, or use a separate token for each application.", "使用此令牌等待的请求过多，请稍后重试，或为每个应用使用各自的令牌。";
    token_scope(config: &str): "This token has no access to {config}. Ask for one with a matching scope.", "此令牌无权访问 {config}，请申请有权限的令牌。";
    config_unreleased(config: &str): "{config} has no release. Publish it, or check the spelling.", "{config} 尚未发布。请先发布，或检查拼写。";
    nothing_arrived: "No release has arrived since this server started. Try again in a moment.", "此服务器启动后尚未收到任何发布，请稍后重试。";
    readers_waiting: "Too many requests are already waiting. Try again in a moment.", "等待中的请求过多，请稍后重试。";
    tokens_not_loaded: "The tokens are not loaded yet. Try again in a moment.", "令牌尚未加载，请稍后重试。";
    reader_node: "This node serves only the read endpoints. Use a console node.", "此节点仅提供读取接口，请访问控制台节点。";
    method_not_allowed(allow: &str): "Method not allowed. Use {allow}.", "不支持此方法，请使用 {allow}。";
    head_malformed: "The request head is not valid HTTP/1.1.", "请求头不符合 HTTP/1.1。";
    head_too_long: "The request head is too long.", "请求头过长。";
    type_not_supported(given: &str, expected: &str): "Unsupported content type “{given}”. Send {expected}.", "不支持内容类型“{given}”，请发送 {expected}。";
    coding_not_supported(given: &str): "Content encoding “{given}” is not supported. Send the body uncompressed.", "不支持内容编码“{given}”，请发送未压缩的请求体。";
    coding_not_acceptable: "Responses are gzip or uncompressed, and Accept-Encoding excludes both.", "响应仅提供 gzip 或未压缩形式，而 Accept-Encoding 将两者都排除了。";
}

impl Lang {
    /// Returns what went wrong and what to do.
    pub fn error(self, error: &Error) -> String {
        match error {
            Error::Unauthenticated => self.error_unauthenticated().into(),
            Error::Forbidden(need) => self.need(*need).into(),
            Error::NotFound(what) => self.error_not_found(what),
            // A single problem is shown as it is; several are shown at their fields.
            Error::Invalid(list) => match &list[..] {
                [one] => self.problem(&one.problem),
                many => self.error_invalid(many.len()),
            },
            Error::Conflict(keys) => self.error_conflict(keys.len()),
            Error::Stale(_) => self.error_stale().into(),
            Error::State(state) => self.state(*state).into(),
            Error::TooLarge(bytes) => self.error_too_large(&self.size(*bytes)),
            Error::Throttled(seconds) => self.error_throttled(*seconds),
            Error::Busy(seconds) => self.error_busy(*seconds),
            Error::Unavailable { part: Dependency::Database, .. } => self.error_database().into(),
            Error::Unavailable { part: Dependency::Channel, .. } => self.error_channel().into(),
            // The browser got no response from a server function.
            Error::Internal(request) if request.is_empty() => self.error_unreachable().into(),
            Error::Internal(request) => self.error_internal(request),
        }
    }

    /// Returns what is wrong with a field and what it should be.
    pub fn problem(self, problem: &Problem) -> String {
        match problem {
            Problem::Required => self.problem_required().into(),
            Problem::Name { name } => self.problem_name(name),
            Problem::Config { text } => self.problem_config(text),
            Problem::Pattern { text } => self.problem_pattern(text),
            Problem::TooLong { max } => self.problem_too_long(&self.size(*max)),
            Problem::TooMany { max } => self.problem_too_many(*max),
            Problem::Control => self.problem_control().into(),
            Problem::Unseen { character, position } => self.problem_unseen(*position, &describe(*character)),
            Problem::Scripts { word, scripts } => self.problem_scripts(word, &scripts.join(", ")),
            Problem::Dotenv { trouble } => self.dotenv(*trouble).into(),
            Problem::Blanks => self.problem_blanks().into(),
            Problem::Number => self.problem_number().into(),
            Problem::Boolean => self.problem_boolean().into(),
            Problem::Syntax { format, detail } => self.problem_syntax(&format_name(*format), without_full_stop(detail)),
            Problem::Duplicate { key } => self.problem_duplicate(key),
            Problem::Blank => self.problem_blank().into(),
            Problem::NoKeys => self.problem_no_keys().into(),
            Problem::Unknown { given, known } if known.is_empty() => self.problem_unknown(given),
            Problem::Unknown { given, known } => self.problem_not_one_of(given, &known.join(", ")),
            Problem::Taken => self.problem_taken().into(),
            Problem::PasswordLength => self.problem_password_length().into(),
            Problem::PasswordCommon => self.problem_password_common().into(),
            Problem::PasswordWrong => self.problem_password_wrong().into(),
            Problem::PasswordAgain => self.problem_password_again().into(),
            Problem::Credentials => self.problem_credentials().into(),
            Problem::SetupLink => self.problem_setup_link().into(),
            Problem::Confirm { expected } => self.problem_confirm(expected),
            Problem::Kind { format } if *format == Format::Kv => self.problem_kind_items().into(),
            Problem::Kind { format } => self.problem_kind_text(&format_name(*format)),
            Problem::FormatFixed { format } => self.problem_format_fixed(&format_name(*format)),
            Problem::OtherFormat { format, other } => {
                self.problem_other_format(&format_name(*format), &format_name(*other))
            }
            Problem::Release { release } => self.problem_release(*release),
            Problem::Idempotency => self.problem_idempotency().into(),
            Problem::Duration => self.problem_duration().into(),
            Problem::Range { min, max } => self.problem_range(*min, *max),
            Problem::LastAdministrator => self.problem_last_administrator().into(),
            Problem::Body { detail } => self.problem_body(without_full_stop(detail)),
            Problem::Unicode => self.problem_unicode().into(),
            Problem::SecretsNotOffered => self.problem_secrets().into(),
        }
    }

    /// Returns what is wrong with a field, with the line and the column if they are known.
    pub fn invalid(self, invalid: &Invalid) -> String {
        let text = self.problem(&invalid.problem);
        match (invalid.line, invalid.column) {
            (Some(line), Some(column)) => self.at_place(line, column, &text),
            (Some(line), None) => self.at_line(line, &text),
            _ => text,
        }
    }

    fn dotenv(self, trouble: DotenvTrouble) -> &'static str {
        match trouble {
            DotenvTrouble::Placeholder => self.dotenv_placeholder(),
            DotenvTrouble::Quotes => self.dotenv_quotes(),
            DotenvTrouble::Lines => self.dotenv_lines(),
        }
    }

    /// Returns the missing permission, and the role to ask where there is one.
    pub fn need(self, need: Need) -> &'static str {
        match need {
            Need::View => self.need_view(),
            Need::Edit => self.need_edit(),
            Need::Publish => self.need_publish(),
            Need::Own => self.need_own(),
            Need::Administer => self.need_administer(),
            Need::Author => self.need_author(),
            Need::Kind => self.need_kind(),
        }
    }

    fn state(self, state: StateConflict) -> &'static str {
        match state {
            StateConflict::Published => self.state_published(),
            StateConflict::Discarded => self.state_discarded(),
            StateConflict::Empty => self.state_empty(),
            StateConflict::SetUp => self.state_set_up(),
            StateConflict::InProgress => self.state_in_progress(),
            StateConflict::Archived => self.state_archived(),
            StateConflict::NotArchived => self.state_not_archived(),
            StateConflict::Ahead => self.state_ahead(),
            StateConflict::Numbers => self.state_numbers(),
            StateConflict::Unreleased => self.state_unreleased(),
            StateConflict::NothingToCopy => self.state_nothing_to_copy(),
            StateConflict::NoEdits => self.state_no_edits(),
            StateConflict::EditedInTarget => self.state_edited_in_target(),
            StateConflict::EditedElsewhere => self.state_edited_elsewhere(),
            StateConflict::NothingToUndo => self.state_nothing_to_undo(),
        }
    }

    /// Formats a number of bytes for people: `256 bytes`, `20 KiB`, `1.4 MiB`.
    pub fn size(self, bytes: usize) -> String {
        let (unit, name) = match bytes {
            0..10_240 => return self.size_bytes(bytes),
            10_240..1_048_576 => (1024, "KiB"),
            _ => (1_048_576, "MiB"),
        };
        match (bytes * 10 + unit / 2) / unit {
            tenths if tenths % 10 == 0 => format!("{} {name}", tenths / 10),
            tenths => format!("{}.{} {name}", tenths / 10, tenths % 10),
        }
    }
}

/// Returns the name of a format as people write it: JSON, YAML.
fn format_name(format: Format) -> String {
    match format {
        Format::Kv | Format::Text | Format::Properties => format.as_str().to_owned(),
        Format::Json | Format::Yaml | Format::Toml | Format::Xml => format.as_str().to_uppercase(),
    }
}

/// Removes the full stop from a parser message, because the text around it ends with one.
fn without_full_stop(detail: &str) -> &str {
    detail.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits;

    #[test]
    fn a_single_problem_is_shown_and_several_are_counted() {
        let one = vec![Invalid::new("/wait", Problem::Range { min: 1, max: 90 })];
        let many = vec![Invalid::new("/a", Problem::Required), Invalid::new("/b", Problem::Taken)];
        assert_eq!(Lang::En.error(&Error::Invalid(one)), "Enter a whole number from 1 to 90.");
        assert_eq!(Lang::En.error(&Error::Invalid(many.clone())), "Check the 2 fields with errors.");
        assert_eq!(Lang::Zh.error(&Error::Invalid(many)), "请检查 2 处有误的内容。");
    }

    #[test]
    fn sizes_are_formatted_for_people() {
        let said = [256, 2000, 10_240, limits::VALUE_BYTES, limits::DOCUMENT_BYTES].map(|n| Lang::En.size(n));
        assert_eq!(said, ["256 bytes", "2,000 bytes", "10 KiB", "1 MiB", "1.4 MiB"]);
    }

    #[test]
    fn a_parser_message_adds_no_second_full_stop() {
        let wrong = Problem::Body { detail: "unknown field `ttle`. ".into() };
        assert_eq!(Lang::En.problem(&wrong), "The request cannot be read: unknown field `ttle`.");
    }
}
