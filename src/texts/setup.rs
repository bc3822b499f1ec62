//! Texts of the first start: creating the first administrator, and the guided setup.

use super::texts;

texts! {
    // Log-in page while there are no users.
    setup_first_title: "No user accounts yet", "尚无用户账户";
    setup_first_text: "Create the first administrator with a one-time link. The server prints the link when it starts:",
        "首位管理员通过一次性链接创建。服务器启动时会打印该链接：";
    setup_first_shell: "Or create the administrator on the server:", "也可以在服务器上直接创建：";
    setup_command: "Command", "命令";

    // Set-up link.
    setup_title: "Create the first administrator", "创建首位管理员";
    setup_lead: "This account has all permissions and creates the accounts of other users.", "此账户拥有全部权限，并可为其他人创建账户。";
    setup_name_hint: "Used to log in. Not case-sensitive.", "用于登录，不区分大小写。";
    setup_password_hint: "At least 12 characters, for example four random words.", "至少 12 个字符，例如四个随机词语。";
    setup_password_again: "Repeat password", "确认密码";
    setup_create: "Create administrator", "创建管理员";
    setup_wrong_title: "This link is not valid", "此链接无效";
    setup_wrong_text: "The link was mistyped, or it is older than 24 hours.", "链接输入有误，或已超过 24 小时。";
    setup_wrong_action: "Restart the server. It prints a new link as long as there are no user accounts.", "请重启服务器：在没有用户账户时，它会打印新的链接。";
    setup_done_title: "Setup is already complete", "已完成初始设置";
    setup_done_text: "The link has already been used. Log in. If you forgot your password, ask an administrator to reset it.",
        "该链接已使用过，请直接登录。忘记密码时可由管理员重置。";
    setup_locked_out: "No administrator can log in? Run this on the server:", "没有管理员能登录？请在服务器上运行：";

    // Guided setup.
    start_title: "Start with one application", "从一个应用开始";
    start_lead: "An application is a program that reads its configuration from Trimtab. Start with one. You can add others at any time.",
        "应用是从 Trimtab 读取配置的程序。先创建一个，之后随时可以再添加。";
    start_name_hint: "Used by programs: a–z, 0–9, “.”, “_” and “-”.", "程序中使用的名称：a–z、0–9、“.”、“_”、“-”。";
    start_creates: "This creates", "将会创建";
    start_creates_app: "the application, with a key-value namespace {}", "该应用，以及键值命名空间 {}";
    start_creates_envs: "the environments {}, {} and {}", "环境 {}、{} 和 {}";
    start_creates_protected: "Publishing to {} requires a reason and the environment name, typed to confirm. You can change all of this later.",
        "发布到 {} 需填写原因并输入环境名确认。这些以后都可以修改。";
    start_button: "Create application", "创建应用";
    start_by_hand: "Set up manually", "手动创建";

    start_ready(app: &str): "{app} is ready", "{app} 已就绪";
    start_ready_lead: "Follow these steps to let your program read its configuration.", "按以下步骤操作，让程序读取配置。";
    start_step_edit: "Add the first keys", "添加第一批键";
    start_step_edit_text: "Type them, or paste a whole .env, .properties, JSON, YAML or TOML file.", "逐个输入，或粘贴整个 .env、.properties、JSON、YAML、TOML 文件。";
    start_step_open: "Open the config", "打开配置";
    start_step_publish_text: "Review the difference and publish. Your edits become release 1. Until then, no program reads them.",
        "查看差异后发布，您的修改将成为版本 1。在此之前，程序不会读取到它们。";
    start_step_token: "Give the program access", "授权程序读取";
    start_step_token_text: "A program authenticates with a read token.", "程序使用读取令牌进行身份验证。";
    start_step_token_create: "Create read token", "创建读取令牌";
    start_step_people: "Invite your team", "邀请同事";
    start_step_people_text: "Create an account for each person, so that you can see who changed what.", "每人一个账户，谁改了什么，一目了然。";
    start_home: "Go to the home page", "前往首页";
}
