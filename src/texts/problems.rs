//! Every way in which Trimtab says no, in words. What each means is in `domain::error`.

use super::{Lang, texts};
use crate::domain::error::{Error, Need, Part, Problem, State};

texts! {
    says_unauthenticated: "Log in first", "请先登录";
    says_not_found(what: &str): "There is no {what}", "没有 {what}";
    says_conflict(n: usize): "{n} key was changed by somebody else meanwhile" | "{n} keys were changed by somebody else meanwhile", "有 {n} 个键已被他人修改";
    says_stale: "The difference has changed since you looked at it. Look again, then publish", "差异在您查看之后发生了变化。请重新查看后再发布";
    says_too_large(max: &str): "Larger than {max}", "超过 {max}";
    says_throttled(seconds: u32): "Too many tries. Try again in {seconds} second" | "Too many tries. Try again in {seconds} seconds", "尝试次数过多，请在 {seconds} 秒后重试";
    says_unavailable(part: &str): "{part} does not answer", "{part}没有响应";
    says_internal(id: &str): "Something broke here. It is in the server's log under request {id}", "服务器内部错误，详见日志中的请求 {id}";
    says_unreached: "The server could not be reached. What you typed is still here: try again", "无法连接服务器。您输入的内容仍在此处，请重试";
    part_database: "The database", "数据库";
    part_channel: "etcd", "etcd ";

    needs_view: "You may not see this config", "您无权查看此配置";
    needs_edit: "You may not edit this config", "您无权编辑此配置";
    needs_publish: "You may not publish this config", "您无权发布此配置";
    needs_own: "Only an owner of the application in this environment may do this", "只有该应用在此环境中的所有者可以执行此操作";
    needs_administer: "Only an administrator may do this", "只有管理员可以执行此操作";
    needs_author: "Only the author of the change, or somebody invited, may do this", "只有变更的作者或受邀者可以执行此操作";
    needs_kind: "This token is not for that", "此令牌不可用于该操作";

    state_published: "This change was published already", "此变更已发布";
    state_discarded: "This change was discarded", "此变更已放弃";
    state_empty: "There is nothing in this change that makes a difference", "此变更没有产生任何差异";
    state_set_up: "The first administrator exists already", "首位管理员已存在";
    state_in_progress: "The same request is being worked on", "相同的请求正在处理中";
    state_archived: "This is archived", "此对象已归档";

    problem_required: "Fill this in", "请填写此项";
    problem_name: "Use lower-case letters, digits, “.”, “_” and “-”, at most 64; begin with a letter or digit", "只能使用小写字母、数字、“.”、“_”和“-”，最多 64 个字符，并以字母或数字开头";
    problem_config: "Write it as environment/application/namespace", "请写成 环境/应用/命名空间";
    problem_pattern: "Write it as environment/application/namespace, with * for all: prod/shop/*", "请写成 环境/应用/命名空间，* 表示全部：prod/shop/*";
    problem_too_long(max: usize): "At most {max} bytes", "最多 {max} 字节";
    problem_too_many(max: usize): "At most {max}", "最多 {max} 个";
    problem_control: "Has a control character", "包含控制字符";
    problem_blanks: "Begins or ends with white space", "开头或结尾有空白";
    problem_number: "Not a number", "不是数字";
    problem_boolean: "Only true or false", "只能是 true 或 false";
    problem_syntax(format: &str, detail: &str): "Not valid {format}: {detail}", "{format} 语法错误：{detail}";
    problem_duplicate(key: &str): "“{key}” is there twice", "“{key}” 重复";
    problem_blank: "A published document may not be blank: programs that read it would stop", "发布的文档不能为空：读取它的程序会停止运行";
    problem_unknown(given: &str): "There is no “{given}”", "没有 “{given}”";
    problem_unknown_of(given: &str, known: &str): "There is no “{given}”, only {known}", "没有 “{given}”，只有 {known}";
    problem_taken: "This name is taken", "此名称已被使用";
    problem_password_length: "Between 12 and 128 characters", "长度须为 12 至 128 个字符";
    problem_password_common: "Everybody tries this one first. Choose another", "这个密码太常见，请换一个";
    problem_password_wrong: "Not your present password", "当前密码不正确";
    problem_credentials: "Name and password do not fit", "用户名与密码不匹配";
    problem_setup_link: "The set-up link is wrong or has expired. The server's log has a new one after a restart", "设置链接错误或已过期。重启服务器后日志中会有新的链接";
    problem_confirm(expected: &str): "Type “{expected}” to confirm", "请输入 “{expected}” 以确认";
    problem_kind(format: &str): "This config is {format}: it cannot be edited like this", "此配置的格式是 {format}，不能这样编辑";
    problem_format_fixed(format: &str): "It has releases: the format stays {format}", "已有发布版本，格式固定为 {format}";
    problem_release(n: u64): "There is no release {n} of this config", "此配置没有版本 {n}";
    problem_idempotency: "This idempotency key was used for another request", "此幂等键已用于其他请求";
    problem_duration: "Write a duration such as 90d or 12h", "请填写时长，例如 90d 或 12h";
    problem_range(min: u64, max: u64): "A whole number from {min} to {max}", "须为 {min} 至 {max} 的整数";
    problem_last_administrator: "This is the last administrator", "这是最后一位管理员";
    problem_body(detail: &str): "Not understood: {detail}", "无法理解：{detail}";
    problem_secrets_not_offered: "Secret items are not offered by this version", "此版本不支持机密项";
    at_line(line: u32, text: &str): "Line {line}: {text}", "第 {line} 行：{text}";
}

impl Lang {
    /// Says an error in one sentence. What is wrong with fields is joined; the fields say it themselves better.
    #[must_use]
    pub fn says(self, error: &Error) -> String {
        match error {
            Error::Unauthenticated => self.says_unauthenticated().to_owned(),
            Error::Forbidden(need) => self.says_need(*need).to_owned(),
            Error::NotFound(what) => self.says_not_found(what),
            Error::Invalid(all) => {
                let all: Vec<_> = all.iter().map(|i| self.says_problem(&i.problem)).collect();
                all.join(" · ")
            }
            Error::Conflict(keys) => self.says_conflict(keys.len()),
            Error::Stale(_) => self.says_stale().to_owned(),
            Error::State(state) => self.says_state(*state).to_owned(),
            Error::TooLarge(max) => self.says_too_large(&size(*max)),
            Error::Throttled(seconds) => self.says_throttled(*seconds),
            Error::Unavailable { part, .. } => self.says_unavailable(self.part(*part)),
            Error::Internal(id) if id.is_empty() => self.says_unreached().to_owned(),
            Error::Internal(id) => self.says_internal(id),
        }
    }

    /// The name of a part of the installation.
    #[must_use]
    pub fn part(self, part: Part) -> &'static str {
        match part {
            Part::Database => self.part_database(),
            Part::Channel => self.part_channel(),
        }
    }

    /// Says what an actor lacks.
    #[must_use]
    pub fn says_need(self, need: Need) -> &'static str {
        match need {
            Need::View => self.needs_view(),
            Need::Edit => self.needs_edit(),
            Need::Publish => self.needs_publish(),
            Need::Own => self.needs_own(),
            Need::Administer => self.needs_administer(),
            Need::Author => self.needs_author(),
            Need::Kind => self.needs_kind(),
        }
    }

    /// Says why an object is not ready.
    #[must_use]
    pub fn says_state(self, state: State) -> &'static str {
        match state {
            State::Published => self.state_published(),
            State::Discarded => self.state_discarded(),
            State::Empty => self.state_empty(),
            State::SetUp => self.state_set_up(),
            State::InProgress => self.state_in_progress(),
            State::Archived => self.state_archived(),
        }
    }

    /// Says what is wrong with a field.
    #[must_use]
    pub fn says_problem(self, problem: &Problem) -> String {
        let fixed = match problem {
            Problem::TooLong { max } => return self.problem_too_long(*max),
            Problem::TooMany { max } => return self.problem_too_many(*max),
            Problem::Syntax { format, detail } => return self.problem_syntax(format.as_str(), detail),
            Problem::Duplicate { key } => return self.problem_duplicate(key),
            Problem::Unknown { given, known } if known.is_empty() => return self.problem_unknown(given),
            Problem::Unknown { given, known } => return self.problem_unknown_of(given, &known.join(", ")),
            Problem::Confirm { expected } => return self.problem_confirm(expected),
            Problem::Kind { format } => return self.problem_kind(format.as_str()),
            Problem::FormatFixed { format } => return self.problem_format_fixed(format.as_str()),
            Problem::Release { release } => return self.problem_release(*release),
            Problem::Range { min, max } => return self.problem_range(*min, *max),
            Problem::Body { detail } => return self.problem_body(detail),
            Problem::Required => self.problem_required(),
            Problem::Name { .. } => self.problem_name(),
            Problem::Config { .. } => self.problem_config(),
            Problem::Pattern { .. } => self.problem_pattern(),
            Problem::Control => self.problem_control(),
            Problem::Blanks => self.problem_blanks(),
            Problem::Number => self.problem_number(),
            Problem::Boolean => self.problem_boolean(),
            Problem::Blank => self.problem_blank(),
            Problem::Taken => self.problem_taken(),
            Problem::PasswordLength => self.problem_password_length(),
            Problem::PasswordCommon => self.problem_password_common(),
            Problem::PasswordWrong => self.problem_password_wrong(),
            Problem::Credentials => self.problem_credentials(),
            Problem::SetupLink => self.problem_setup_link(),
            Problem::Idempotency => self.problem_idempotency(),
            Problem::Duration => self.problem_duration(),
            Problem::LastAdministrator => self.problem_last_administrator(),
            Problem::SecretsNotOffered => self.problem_secrets_not_offered(),
        };
        fixed.to_owned()
    }
}

/// A size in bytes for people: `1.4 MiB`.
fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
    }
}
