-- A role is a name for a set of permissions; a grant gives it to somebody for the configs that a pattern names.
create table grants (
    -- user:<id>
    subject text not null,
    -- env/app/namespace, each a name or *.
    pattern text not null,
    role text not null,
    primary key (subject, pattern, role)
) strict, without rowid;
insert into grants select 'user:' || user_id, pattern, role from roles;

drop table roles;
create table roles (
    name text not null primary key,
    -- Names of permissions with blanks between them.
    permissions text not null
) strict, without rowid;
insert into roles (name, permissions) values
    ('viewer', 'view'),
    ('editor', 'view edit'),
    ('publisher', 'view edit approve publish'),
    ('owner', 'view edit approve publish own');
