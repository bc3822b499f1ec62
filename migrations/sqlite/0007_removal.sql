-- Who archived an object: the actor's name, for people.
alter table envs add column archived_by text;
alter table apps add column archived_by text;
alter table namespaces add column archived_by text;

-- An object that was removed for good. Its identity stays when its name is used again.
create table removed_objects (
    id text not null primary key,
    -- env, app or namespace
    kind text not null,
    -- Its name: prod, shop, shop/routes
    name text not null,
    title text not null,
    archived_at integer not null,
    archived_by text not null,
    removed_at integer not null,
    removed_by text not null
) strict, without rowid;
create index removed_objects_name on removed_objects (name);

-- Releases of removed objects, which no config has any more.
create table removed_releases (
    object_id text not null references removed_objects (id),
    env text not null,
    app text not null,
    namespace text not null,
    seq integer not null,
    format text not null,
    content text not null,
    sha256 text not null,
    author_id text not null,
    author text not null,
    message text not null,
    change_id text not null,
    rolled_back_to integer,
    accepted_at integer not null,
    primary key (env, app, namespace, seq)
) strict;
create index removed_releases_object on removed_releases (object_id);

-- One row each time that a config was removed for good. The removal has the number after its last release, so the
-- numbers of a later config with this name go on after it.
create table removals (
    env text not null,
    app text not null,
    namespace text not null,
    seq integer not null,
    object_id text not null references removed_objects (id),
    removed_at integer not null,
    removed_by text not null,
    -- Whether it is not in the channel yet: the outbox of removals.
    due integer not null,
    primary key (env, app, namespace, seq)
) strict, without rowid;
create index removals_due on removals (env) where due = 1;
