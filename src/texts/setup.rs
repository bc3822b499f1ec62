//! The words of the first start: the first administrator, and something to begin with.

use super::texts;

texts! {
    // Logging in, before anybody can.
    setup_first_title: "Nobody can log in yet", "还没有可以登录的账户";
    setup_first_text: "The first administrator is made with a link that works once. The server prints it when it starts:",
        "首位管理员通过一次性链接创建。服务器启动时会打印该链接：";
    setup_first_shell: "Or make one on the server's machine:", "也可以在服务器上直接创建：";
    setup_command: "A command", "命令";

    // The set-up link.
    setup_title: "Make the first administrator", "创建首位管理员";
    setup_lead: "This account may do everything, and makes the accounts of the others.", "此账户拥有全部权限，并可为其他人创建账户。";
    setup_name_hint: "To log in with. Upper and lower case are the same.", "用于登录，不区分大小写。";
    setup_password_hint: "12 characters or more. Four random words are good.", "至少 12 个字符，例如四个随机词语。";
    setup_password_again: "Password again", "再次输入密码";
    setup_make: "Make the administrator", "创建管理员";
    setup_wrong_title: "This link does not work", "此链接无效";
    setup_wrong_text: "It was mistyped, or it is older than 24 hours.", "链接输入有误，或已超过 24 小时。";
    setup_wrong_do: "Restart the server: it prints a new link while nobody can log in.", "请重启服务器：在还没有账户时，它会打印新的链接。";
    setup_done_title: "This is set up already", "已完成初始设置";
    setup_done_text: "The link has been used. Log in. If you forgot the password, an administrator can set a new one.",
        "该链接已使用过，请直接登录。忘记密码时可由管理员重置。";
    setup_locked_out: "No administrator can log in? On the server's machine:", "没有管理员能登录？请在服务器上运行：";

    // The guided start.
    start_title: "Start with one application", "从一个应用开始";
    start_lead: "An application is a program that reads its configuration here. Begin with one; others can follow at any time.",
        "应用是从这里读取配置的程序。先创建一个，之后随时可以再添加。";
    start_name: "Name", "名称";
    start_name_hint: "As programs write it: a–z, 0–9, “.”, “_” and “-”.", "程序中使用的名称：a–z、0–9、“.”、“_”、“-”。";
    start_app_title: "Title", "标题";
    start_app_title_hint: "What people call it. Optional.", "便于识别的名称，选填。";
    start_makes: "This makes", "将会创建";
    start_makes_app: "the application, with a first document {} of keys and values", "该应用，以及首份键值文档 {}";
    start_makes_envs: "the environments {}, {} and {}", "环境 {}、{} 和 {}";
    start_makes_protected: "Publishing to {} asks for a reason and for its name, typed. You can change all of this later.",
        "发布到 {} 需填写原因并输入环境名确认。这些以后都可以修改。";
    start_button: "Create it", "创建";
    start_by_hand: "Set it up by hand", "手动创建";

    start_ready(app: &str): "{app} is ready", "{app} 已就绪";
    start_ready_lead: "Four steps from here to a program that reads its configuration.", "再有四步，程序就能读取配置。";
    start_step_edit: "Put in the first keys", "填入第一批键";
    start_step_edit_text: "Type them, or paste a whole .env, .properties, JSON, YAML or TOML file.", "逐个输入，或粘贴整个 .env、.properties、JSON、YAML、TOML 文件。";
    start_step_open: "Open the config", "打开配置";
    start_step_import: "Paste or import", "粘贴或导入";
    start_step_publish: "Publish", "发布";
    start_step_publish_text: "Your edits become release 1 after you have looked at the difference. Until then no program sees them.",
        "查看差异后，您的修改将成为版本 1。在此之前没有程序会看到它们。";
    start_step_token: "Let the program read", "让程序读取";
    start_step_token_text: "A read token is what a program shows instead of a password.", "读取令牌相当于程序的密码。";
    start_step_token_make: "Make a read token", "创建读取令牌";
    start_step_people: "Bring the others in", "邀请同事";
    start_step_people_text: "Each with a name of their own, so that everybody sees who changed what.", "每人一个账户，谁改了什么，一目了然。";
    start_step_people_make: "Add a user", "添加用户";
    start_home: "To the home page", "前往首页";
}
