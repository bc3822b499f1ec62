-- Times are Unix milliseconds. Identities are made by the server (UUIDv7).

create table envs (
    name text not null primary key,
    title text not null,
    position integer not null,
    protected integer not null,
    created_at integer not null,
    archived_at integer
) strict;

create table apps (
    name text not null primary key,
    title text not null,
    description text not null,
    created_at integer not null,
    archived_at integer
) strict;

create table namespaces (
    app text not null references apps (name),
    name text not null,
    format text not null,
    description text not null,
    created_at integer not null,
    archived_at integer,
    primary key (app, name)
) strict;

-- One row a config that was ever published: what a publish locks.
create table configs (
    env text not null references envs (name),
    app text not null references apps (name),
    namespace text not null,
    -- The number of its newest release.
    live integer not null,
    primary key (env, app, namespace)
) strict;

-- Immutable but for delivered_at and revision. A release without delivered_at is due: this table is the outbox.
create table releases (
    env text not null references envs (name),
    app text not null references apps (name),
    namespace text not null,
    seq integer not null,
    format text not null,
    -- kv: the items as JSON; otherwise the text.
    content text not null,
    -- Of the document's bytes.
    sha256 text not null,
    author_id text not null,
    author text not null,
    message text not null,
    change_id text not null,
    rolled_back_to integer,
    accepted_at integer not null,
    delivered_at integer,
    revision integer,
    primary key (env, app, namespace, seq)
) strict;
create index releases_due on releases (delivered_at, env, accepted_at);
create index releases_change on releases (change_id);
create index releases_latest on releases (accepted_at);

create table changes (
    id text not null primary key,
    author text not null,
    author_name text not null,
    message text not null,
    state text not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null
) strict;
create index changes_author on changes (author, state, updated_at);
create index changes_state on changes (state, updated_at);

create table edits (
    change_id text not null references changes (id),
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
create index edits_config on edits (env, app, namespace);

create table users (
    id text not null primary key,
    name text not null unique,
    -- argon2id, as a PHC string.
    password text not null,
    administrator integer not null,
    created_at integer not null,
    disabled_at integer,
    last_login_at integer
) strict;

create table roles (
    user_id text not null references users (id),
    -- env/app/namespace, each a name or *.
    pattern text not null,
    role text not null,
    primary key (user_id, pattern)
) strict;

-- Only a hash of a session's id is kept: who reads this table cannot become somebody.
create table sessions (
    id_sha256 text not null primary key,
    user_id text,
    data text not null,
    created_at integer not null,
    expires_at integer not null
) strict;
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table tokens (
    id text not null primary key,
    name text not null,
    kind text not null,
    -- A JSON array of patterns.
    patterns text not null,
    creator integer not null,
    sha256 text not null,
    created_by text not null,
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    last_used_at integer
) strict;

-- Failed log-ins by account and by address, for the back-off.
create table failures (
    subject text not null primary key,
    tries integer not null,
    last_at integer not null
) strict;

create table setup_links (
    sha256 text not null primary key,
    expires_at integer not null
) strict;

create table idempotency (
    actor text not null,
    idem_key text not null,
    body_sha256 text not null,
    change_id text not null,
    created_at integer not null,
    primary key (actor, idem_key)
) strict;
create index idempotency_age on idempotency (created_at);

-- Append-only.
create table audit_events (
    id text not null primary key,
    at integer not null,
    actor text not null,
    actor_name text not null,
    action text not null,
    object text not null,
    detail text not null
) strict;
create index audit_events_at on audit_events (at);
