//! Permissions, sets of them, and roles, which are named sets.

use std::{borrow::Cow, fmt, str::FromStr};

use crate::domain::error::{Invalid, Problem, Result, truncate};

/// A right of a person or token regarding the configs of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Permission {
    /// See configs, changes and releases. The others have no effect without it.
    View,
    /// Edit in one's own changes.
    Edit,
    /// Approve changes of others.
    Approve,
    /// Publish and roll back.
    Publish,
    /// Manage namespaces, tokens and people.
    Own,
    /// See the values of secrets. No built-in role includes it, and administrators do not have it automatically.
    Reveal,
}

impl Permission {
    /// All permissions, in the order of lists.
    pub const ALL: [Self; 6] = [Self::View, Self::Edit, Self::Approve, Self::Publish, Self::Own, Self::Reveal];

    /// Returns the name: `view`, `edit` …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Approve => "approve",
            Self::Publish => "publish",
            Self::Own => "own",
            Self::Reveal => "reveal",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(u8);

impl PermissionSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Returns the set of these permissions.
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut bits, mut n) = (0, 0);
        while n < permissions.len() {
            bits |= permissions[n].bit();
            n += 1;
        }
        Self(bits)
    }

    /// Returns whether the permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Returns whether all permissions of `other` are in the set.
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Parses the stored form of a set: names separated by blanks. Names that this version does not know are ignored.
    pub fn read(text: &str) -> Self {
        let named = |name| Permission::ALL.into_iter().find(|permission| permission.as_str() == name);
        text.split(' ').filter_map(named).collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<T: IntoIterator<Item = Permission>>(permissions: T) -> Self {
        permissions.into_iter().fold(Self::NONE, |set, permission| set.union(Self::of(&[permission])))
    }
}

impl fmt::Display for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Permission::ALL.into_iter().filter(|p| self.contains(*p)).map(Permission::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    name: Cow<'static, str>,
    permissions: PermissionSet,
}

impl Role {
    /// May see configs, changes and releases.
    pub const VIEWER: Self = Self::built_in("viewer", &[Permission::View]);
    /// May also edit in its own changes.
    pub const EDITOR: Self = Self::built_in("editor", &[Permission::View, Permission::Edit]);
    /// May also approve, publish and roll back.
    pub const PUBLISHER: Self =
        Self::built_in("publisher", &[Permission::View, Permission::Edit, Permission::Approve, Permission::Publish]);
    /// May also manage namespaces, tokens and people.
    pub const OWNER: Self = Self::built_in(
        "owner",
        &[Permission::View, Permission::Edit, Permission::Approve, Permission::Publish, Permission::Own],
    );
    /// The built-in roles. Each includes those before it.
    pub const BUILT_IN: [Self; 4] = [Self::VIEWER, Self::EDITOR, Self::PUBLISHER, Self::OWNER];

    const fn built_in(name: &'static str, permissions: &[Permission]) -> Self {
        Self { name: Cow::Borrowed(name), permissions: PermissionSet::of(permissions) }
    }

    /// Returns a role that was read from the database.
    pub fn stored(name: String, permissions: PermissionSet) -> Self {
        Self { name: Cow::Owned(name), permissions }
    }

    /// Returns the name: `viewer`, `editor`, `publisher`, `owner` or a custom one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its permissions.
    pub fn permissions(&self) -> PermissionSet {
        self.permissions
    }
}

impl FromStr for Role {
    type Err = Invalid;

    /// Returns the built-in role of this name.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::BUILT_IN.into_iter().find(|role| role.name == text).ok_or_else(|| {
            let known = Self::BUILT_IN.iter().map(|role| role.name().to_owned()).collect();
            Invalid::new("/role", Problem::Unknown { given: truncate(text), known })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_roles_keep_their_meaning() {
        let [viewer, editor, publisher, owner] = Role::BUILT_IN.map(|role| role.permissions());
        assert_eq!(viewer.to_string(), "view");
        assert_eq!(editor.to_string(), "view edit");
        assert_eq!(publisher.to_string(), "view edit approve publish");
        assert_eq!(owner.to_string(), "view edit approve publish own");
        for (less, more) in [(viewer, editor), (editor, publisher), (publisher, owner)] {
            assert!(more.includes(less) && !less.includes(more));
        }
        for role in Role::BUILT_IN {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("reader".parse::<Role>().is_err());
    }

    #[test]
    fn stored_sets_are_read_back() {
        for set in (0..1 << Permission::ALL.len()).map(PermissionSet) {
            assert_eq!(PermissionSet::read(&set.to_string()), set);
            assert_eq!(Permission::ALL.into_iter().filter(|p| set.contains(*p)).collect::<PermissionSet>(), set);
        }
        assert_eq!(PermissionSet::read("view  of a later version"), Role::VIEWER.permissions());
    }
}
