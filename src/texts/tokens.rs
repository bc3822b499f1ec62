//! Texts of tokens.

use super::texts;

texts! {
    tokens_lead: "Credentials for programs: read tokens for applications, automation tokens for scripts that publish.",
        "供程序使用的凭据：读取令牌供应用使用，自动化令牌供发布脚本使用。";
    create_token: "Create token", "创建令牌";
    tokens_filter: "Filter tokens", "筛选令牌";
    token: "Token", "令牌";
    scope: "Scope", "范围";
    tokens_used: "Last used", "上次使用";
    tokens_expires: "Expires", "到期";
    never: "never", "从未";
    tokens_no_expiry: "never", "永不";
    tokens_created: "by {} {}", "{} 创建于 {}";
    tokens_read: "read", "读取";
    tokens_automation: "automation", "自动化";
    tokens_creator: "can create applications and environments", "可创建应用和环境";
    tokens_revoked: "revoked {}", "吊销于 {}";
    tokens_expired: "expired {}", "到期于 {}";
    tokens_expires_soon: "soon", "即将到期";
    tokens_none: "No tokens yet", "暂无令牌";
    tokens_none_text: "A program needs a token to read its configuration.", "程序需要令牌才能读取配置。";
    tokens_none_owned: "You are not an owner of any application, so you cannot create tokens. Ask an owner of the application.",
        "您不是任何应用的所有者，无法创建令牌。请联系应用的所有者。";
    tokens_show_inactive(n: usize): "Show {n} expired or revoked" | "Show {n} expired or revoked", "显示 {n} 个已失效的令牌";
    tokens_hide_inactive: "Hide expired or revoked", "隐藏已失效的令牌";

    token_revoke: "Revoke", "吊销";
    token_revoke_ask(name: &str): "Revoke {name}?", "吊销 {name}？";
    token_revoke_text: "Programs that use it are rejected within five seconds, including those that are connected now. This cannot be undone.",
        "使用它的程序（包括正在连接的）将在五秒内被拒绝，且无法撤销。";
    token_revoked_now(name: &str): "{name} was revoked.", "{name} 已吊销。";

    // Creating a token.
    token_name_hint: "The program that uses it, for example “shop in prod” or “nightly import”.", "由谁使用，例如“生产环境的商城”“每晚导入”。";
    token_kind_automation: "read, edit and publish (automation)", "读取、编辑和发布（自动化）";
    token_scope_hint: "Rows without an application are ignored.", "未选择应用的行将被忽略。";
    token_scope_row(n: usize): "Scope {n}", "范围 {n}";
    token_creator: "Can also create applications and environments (automation tokens only)", "还可创建应用和环境（仅限自动化令牌）";
    token_expires: "Expires", "有效期";
    token_expires_days(days: u32): "after {days} day" | "after {days} days", "{days} 天后";
    token_expires_year: "after a year", "一年后";

    // The page that shows a new token once.
    token_shown_title(name: &str): "Token {name}", "令牌 {name}";
    token_shown_once: "Copy the token now: it is shown only once", "请立即复制：仅显示这一次";
    token_shown_once_text: "Only its hash is stored. If you lose the token, create another one and revoke this one.",
        "系统只保存其哈希值。如果遗失，请创建新令牌并吊销此令牌。";
    token_try: "Try it", "试一下";
    token_try_none: "No config in its scope is published yet. Once one is published, read it with:", "它可访问的配置尚未发布，发布后可这样读取：";
    token_valid_until: "Valid until", "有效期至";
    token_valid_until_revoked: "it is revoked", "被吊销为止";
    token_done: "I have copied it", "我已复制";
}
