-- What is accepted and not delivered has a table of its own, and what is delivered another one. A release does not change
-- any more: to mark one wrote its whole content again, and to find those that are due read all that ever were.
create table due (
    env text not null,
    app text not null,
    namespace text not null,
    seq integer not null,
    accepted_at integer not null,
    primary key (env, app, namespace, seq)
) strict, without rowid;
insert into due select env, app, namespace, seq, accepted_at from releases where delivered_at is null;

create table deliveries (
    env text not null,
    app text not null,
    namespace text not null,
    seq integer not null,
    delivered_at integer not null,
    -- The channel's.
    revision integer not null,
    primary key (env, app, namespace, seq)
) strict, without rowid;
insert into deliveries select env, app, namespace, seq, delivered_at, coalesce(revision, 0) from releases
where delivered_at is not null;

drop index releases_due;
alter table releases drop column delivered_at;
alter table releases drop column revision;

-- Fewer pages to write for each publish: published changes need no index, and short rows lie in that of their key.
create table changes_new (
    id text not null primary key,
    author text not null,
    author_name text not null,
    message text not null,
    state text not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null
) strict, without rowid;
insert into changes_new select id, author, author_name, message, state, version, created_at, updated_at from changes;

create table edits_new (
    change_id text not null references changes_new (id),
    env text not null,
    app text not null,
    namespace text not null,
    -- Empty for a whole text.
    item_key text not null,
    -- What the author wants, as JSON.
    edit text not null,
    -- The release that it was made on.
    base integer not null,
    -- The change's version that saved it.
    version integer not null,
    at integer not null,
    -- Keeps the order in which keys were added.
    position integer not null,
    primary key (change_id, env, app, namespace, item_key)
) strict;
insert into edits_new
select change_id, env, app, namespace, item_key, edit, base, version, at, position from edits;

drop table edits;
drop table changes;
alter table changes_new rename to changes;
alter table edits_new rename to edits;
create index edits_config on edits (env, app, namespace);
create index changes_open on changes (updated_at) where state = 'open';
create index changes_open_by on changes (author, updated_at) where state = 'open';

-- Its identities are in the order of time.
create table audit_events_new (
    id text not null primary key,
    at integer not null,
    actor text not null,
    actor_name text not null,
    action text not null,
    object text not null,
    detail text not null
) strict, without rowid;
insert into audit_events_new select id, at, actor, actor_name, action, object, detail from audit_events;
drop table audit_events;
alter table audit_events_new rename to audit_events;
