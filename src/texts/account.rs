//! Texts of the page "My account".

use super::texts;

texts! {
    account_created: "Created {}", "账户创建于 {}";
    account_roles: "My permissions", "我的权限";
    account_everything: "You are an administrator and have all permissions.", "您是管理员，拥有全部权限。";
    account_no_roles: "You have no roles. Ask an administrator for a role in an application.", "暂无角色，请向管理员申请应用的角色。";
    change_password: "Change password", "修改密码";
    account_password_text: "This ends all your sessions. Log in again with the new password.", "修改后所有会话都将结束，请用新密码重新登录。";
    account_current: "Current password", "当前密码";
    account_new: "New password", "新密码";
    account_again: "Repeat new password", "确认新密码";
    account_changed: "Password changed. Log in with the new one.", "密码已修改，请用新密码登录。";
    account_sessions: "Sessions", "会话";
    account_sessions_text: "Ends your sessions in all browsers, including this one. Use it if you forgot to log out somewhere. If someone may know your password, change the password instead.",
        "结束您在所有浏览器中的会话，包括当前浏览器。如果忘记在别处退出登录，请使用此功能。如果密码可能已泄露，请改为修改密码。";
    account_end: "Log out everywhere", "在所有位置退出登录";
    account_ended: "You are logged out everywhere.", "您已在所有位置退出登录。";
    account_appearance: "Language and theme", "语言和主题";
    account_appearance_text: "Saved in this browser.", "保存在此浏览器中。";
}
