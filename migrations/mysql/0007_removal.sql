-- Who archived an object: the actor's name, for people.
alter table envs add column archived_by varchar(2000);
alter table apps add column archived_by varchar(2000);
alter table namespaces add column archived_by varchar(2000);

-- An object that was removed for good. Its identity stays when its name is used again.
create table removed_objects (
    id char(36) character set ascii collate ascii_bin not null primary key,
    -- env, app or namespace
    kind varchar(40) character set ascii collate ascii_bin not null,
    -- Its name: prod, shop, shop/routes
    name varchar(160) character set ascii collate ascii_bin not null,
    title varchar(2000) not null,
    archived_at bigint not null,
    archived_by varchar(2000) not null,
    removed_at bigint not null,
    removed_by varchar(2000) not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index removed_objects_name on removed_objects (name);

-- Releases of removed objects, which no config has any more.
create table removed_releases (
    object_id char(36) character set ascii collate ascii_bin not null,
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    seq bigint not null,
    format varchar(40) character set ascii collate ascii_bin not null,
    content mediumtext not null,
    sha256 char(64) character set ascii collate ascii_bin not null,
    author_id varchar(64) character set ascii collate ascii_bin not null,
    author varchar(2000) not null,
    message varchar(2000) not null,
    change_id char(36) character set ascii collate ascii_bin not null,
    rolled_back_to bigint,
    accepted_at bigint not null,
    primary key (env, app, namespace, seq)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index removed_releases_object on removed_releases (object_id);

-- One row each time that a config was removed for good. The removal has the number after its last release, so the
-- numbers of a later config with this name go on after it.
create table removals (
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    seq bigint not null,
    object_id char(36) character set ascii collate ascii_bin not null,
    removed_at bigint not null,
    removed_by varchar(2000) not null,
    -- Whether it is not in the channel yet: the outbox of removals.
    due boolean not null,
    primary key (env, app, namespace, seq)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index removals_due on removals (due, env);
