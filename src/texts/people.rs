//! Texts of users and their roles.

use super::texts;

texts! {
    // Roles and scopes; tokens use the scopes, too.
    role: "Role", "角色";
    role_viewer: "viewer", "查看者";
    role_editor: "editor", "编辑者";
    role_publisher: "publisher", "发布者";
    role_owner: "owner", "所有者";
    role_viewer_may: "Viewer: views configs, changes and releases", "查看者：查看配置、变更和发布";
    role_editor_may: "Editor: edits in changes of their own", "编辑者：在自己的变更中编辑";
    role_publisher_may: "Publisher: publishes and rolls back", "发布者：发布和回滚";
    role_owner_may: "Owner: manages namespaces, tokens and descriptions", "所有者：管理命名空间、令牌和说明";
    role_none: "no role", "无角色";
    reach_all_apps: "all applications", "所有应用";
    reach_namespace(namespace: &str): "{namespace} of all applications", "所有应用的 {namespace}";
    reach_in(what: &str, env: &str): "{what} in {env}", "{what}（{env}）";
    reach_everywhere(what: &str): "{what} in all environments", "{what}（所有环境）";
    part_all: "all", "全部";
    part_choose: "choose …", "请选择";
    own_password: "Your password", "您的密码";
    own_password_hint: "Confirms your identity. You will not be asked again for ten minutes.", "用于确认是您本人，十分钟内不再询问。";

    // The list.
    people_add: "Add a user", "添加用户";
    people_filter: "Filter users", "筛选用户";
    people_last: "Last login", "上次登录";
    people_administrator: "administrator", "管理员";
    people_disabled: "disabled", "已停用";
    people_role_at(role: &str, reach: &str): "{role} of {reach}", "{role}：{reach}";
    people_more(n: usize): "and {n} more", "以及另外 {n} 项";
    people_you: "you", "我";

    // One user.
    people_new_lead: "Give the user this name and the initial password. They can change the password under “My account”.",
        "请把用户名和初始密码告知本人。登录后可在“我的账户”中修改密码。";
    people_name_hint: "Used to log in. It cannot be changed later.", "用于登录，之后不能更改。";
    people_first_password: "Initial password", "初始密码";
    people_password_hint: "12 to 128 characters.", "12 到 128 个字符。";
    people_is_administrator: "Administrator: has all permissions and manages users", "管理员：拥有全部权限，并可管理用户";
    people_is_disabled: "Disabled: cannot log in", "停用：无法登录";
    roles: "Roles", "角色";
    people_roles_hint: "Each role includes the roles before it. If several rows match, the strongest role applies. Choose “no role” to remove a row. Saving adds empty rows.",
        "后面的角色包含前面的权限；多项匹配时以最高权限为准。选择“无角色”即删除该行，保存后会出现新的空行。";
    people_role_row(n: usize): "Role {n}", "角色 {n}";
    people_create: "Add the user", "添加用户";
    people_created(name: &str): "{name} can log in now.", "{name} 现在可以登录了。";
    people_saved(name: &str): "Saved. The sessions of {name} have ended.", "已保存，{name} 的会话已结束。";
    people_ends_sessions: "Saving ends the sessions of this user. The new permissions apply at the next login.", "保存后该用户的会话将结束，新权限在下次登录时生效。";
    people_ends_mine: "This is your own account: saving logs you out.", "这是您自己的账户：保存后将退出登录。";
    people_since: "Member since {}", "创建于 {}";
    people_last_seen: "last login {}", "上次登录 {}";
    people_disabled_since: "Disabled {}. This account cannot log in.", "已于 {} 停用，无法登录。";
    people_reset: "Reset password", "重置密码";
    people_reset_text: "For a user who has forgotten the password. This ends all sessions of the user.", "用于忘记密码的用户，其所有会话将结束。";
    people_reset_button: "Set password", "设置密码";
    people_reset_done(name: &str): "The password of {name} was changed.", "{name} 的密码已重置。";
}
