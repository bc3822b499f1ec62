-- A role is a name for a set of permissions; a grant gives it to somebody for the configs that a pattern names.
create table grants (
    -- user:<id>
    subject varchar(64) character set ascii collate ascii_bin not null,
    -- env/app/namespace, each a name or *.
    pattern varchar(200) character set ascii collate ascii_bin not null,
    role varchar(64) character set ascii collate ascii_bin not null,
    primary key (subject, pattern, role)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
insert into grants select concat('user:', user_id), pattern, role from roles;

drop table roles;
create table roles (
    name varchar(64) character set ascii collate ascii_bin not null primary key,
    -- Names of permissions with blanks between them.
    permissions varchar(400) character set ascii collate ascii_bin not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
insert into roles (name, permissions) values
    ('viewer', 'view'),
    ('editor', 'view edit'),
    ('publisher', 'view edit approve publish'),
    ('owner', 'view edit approve publish own');
