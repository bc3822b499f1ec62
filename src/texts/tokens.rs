//! The words of tokens.

use super::texts;

texts! {
    tokens_title: "Tokens", "令牌";
    tokens_lead: "What programs show instead of a password: read tokens for applications, automation tokens for scripts that publish.",
        "程序用令牌代替密码：读取令牌供应用使用，自动化令牌供发布脚本使用。";
    tokens_add: "Make a token", "创建令牌";
    tokens_filter: "Filter tokens", "筛选令牌";
    tokens_column: "Token", "令牌";
    tokens_reach: "Reaches", "范围";
    tokens_used: "Last used", "上次使用";
    tokens_expires: "Expires", "到期";
    tokens_acts: "Actions", "操作";
    tokens_never_used: "never", "从未";
    tokens_no_expiry: "never", "永不";
    tokens_made: "by {} {}", "{} 创建于 {}";
    tokens_read: "read", "读取";
    tokens_automation: "automation", "自动化";
    tokens_creator: "may create applications and environments", "可创建应用和环境";
    tokens_revoked: "revoked {}", "吊销于 {}";
    tokens_expired: "expired {}", "到期于 {}";
    tokens_expires_soon: "soon", "即将到期";
    tokens_none: "No token yet", "还没有令牌";
    tokens_none_text: "A program needs one to read its configuration.", "程序需要令牌才能读取配置。";
    tokens_none_owned: "You own no application, so you cannot make tokens. An owner of the application can.",
        "您不是任何应用的所有者，无法创建令牌。请联系应用的所有者。";
    tokens_show_dead(n: usize): "{n} that no longer works" | "{n} that no longer work", "{n} 个已失效";
    tokens_hide_dead: "Hide those that no longer work", "隐藏已失效的令牌";

    token_revoke: "Revoke", "吊销";
    token_revoke_ask(name: &str): "Revoke {name}?", "吊销 {name}？";
    token_revoke_text: "Programs that show it are refused within five seconds, also those that are connected now. It cannot be taken back.",
        "使用它的程序（包括正在连接的）将在五秒内被拒绝，且无法撤销。";
    token_revoked_now(name: &str): "{name} is revoked.", "{name} 已吊销。";

    // Making one.
    token_new: "Make a token", "创建令牌";
    token_name: "Name", "名称";
    token_name_hint: "What uses it: “shop in prod”, “nightly import”.", "由谁使用，例如“生产环境的商城”“每晚导入”。";
    token_kind: "It may", "用途";
    token_kind_read: "read", "读取";
    token_kind_automation: "read, edit and publish", "读取、编辑和发布";
    token_reach: "What it reaches", "可访问的范围";
    token_reach_hint: "Rows without an application do not count.", "未选择应用的行不计。";
    token_reach_row(n: usize): "Configs {n}", "范围 {n}";
    token_creator: "It may also create applications and environments (automation)", "还可创建应用和环境（自动化）";
    token_expires: "It stops working by itself", "自动失效";
    token_expires_days(days: u32): "after {days} day" | "after {days} days", "{days} 天后";
    token_expires_year: "after a year", "一年后";
    token_expires_never: "never", "永不";
    token_make: "Make the token", "创建令牌";

    // Shown once.
    token_shown_title(name: &str): "The token {name}", "令牌 {name}";
    token_shown_once: "Copy it now: it is shown this once", "请立即复制：仅显示这一次";
    token_shown_once_text: "Only its hash is kept here. If you lose it, make another one and revoke this one.",
        "系统只保存其哈希值。如果遗失，请创建新令牌并吊销此令牌。";
    token_text: "The token", "令牌";
    token_try: "Try it", "试一下";
    token_try_none: "Nothing that it reaches is published yet. When it is, this reads it:", "它可访问的配置尚未发布，发布后可这样读取：";
    token_reaches: "Reaches", "范围";
    token_works_until: "Works until", "有效期至";
    token_works_until_revoked: "it is revoked", "被吊销为止";
    token_done: "I have copied it", "我已复制";
}
