-- Times are Unix milliseconds. Identities are made by the server (UUIDv7). Names and keys compare byte by byte.

create table envs (
    name varchar(64) character set ascii collate ascii_bin not null primary key,
    title varchar(2000) not null,
    position int not null,
    protected boolean not null,
    created_at bigint not null,
    archived_at bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table apps (
    name varchar(64) character set ascii collate ascii_bin not null primary key,
    title varchar(2000) not null,
    description varchar(2000) not null,
    created_at bigint not null,
    archived_at bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table namespaces (
    app varchar(64) character set ascii collate ascii_bin not null,
    name varchar(64) character set ascii collate ascii_bin not null,
    format varchar(40) character set ascii collate ascii_bin not null,
    description varchar(2000) not null,
    created_at bigint not null,
    archived_at bigint,
    primary key (app, name)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- One row a config that was ever published: what a publish locks.
create table configs (
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    -- The number of its newest release.
    live bigint not null,
    primary key (env, app, namespace)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- Immutable but for delivered_at and revision. A release without delivered_at is due: this table is the outbox.
create table releases (
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    seq bigint not null,
    format varchar(40) character set ascii collate ascii_bin not null,
    -- kv: the items as JSON; otherwise the text.
    content mediumtext not null,
    -- Of the document's bytes.
    sha256 char(64) character set ascii collate ascii_bin not null,
    author_id varchar(64) character set ascii collate ascii_bin not null,
    author varchar(2000) not null,
    message varchar(2000) not null,
    change_id char(36) character set ascii collate ascii_bin not null,
    rolled_back_to bigint,
    accepted_at bigint not null,
    delivered_at bigint,
    revision bigint,
    primary key (env, app, namespace, seq)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index releases_due on releases (delivered_at, env, accepted_at);
create index releases_change on releases (change_id);
create index releases_latest on releases (accepted_at);

create table changes (
    id char(36) character set ascii collate ascii_bin not null primary key,
    author varchar(64) character set ascii collate ascii_bin not null,
    author_name varchar(2000) not null,
    message varchar(2000) not null,
    state varchar(40) character set ascii collate ascii_bin not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index changes_author on changes (author, state, updated_at);
create index changes_state on changes (state, updated_at);

create table edits (
    change_id char(36) character set ascii collate ascii_bin not null,
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    -- Empty for a whole text.
    item_key varchar(256) not null,
    -- What the author wants, as JSON.
    edit mediumtext not null,
    -- The release that it was made on.
    base bigint not null,
    -- The change's version that saved it.
    version bigint not null,
    at bigint not null,
    -- Keeps the order in which keys were added.
    position bigint not null,
    primary key (change_id, env, app, namespace, item_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index edits_config on edits (env, app, namespace);

create table users (
    id char(36) character set ascii collate ascii_bin not null primary key,
    name varchar(128) not null unique,
    -- argon2id, as a PHC string.
    password varchar(2000) not null,
    administrator boolean not null,
    created_at bigint not null,
    disabled_at bigint,
    last_login_at bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table roles (
    user_id char(36) character set ascii collate ascii_bin not null,
    -- env/app/namespace, each a name or *.
    pattern varchar(200) character set ascii collate ascii_bin not null,
    role varchar(40) character set ascii collate ascii_bin not null,
    primary key (user_id, pattern)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- Only a hash of a session's id is kept: who reads this table cannot become somebody.
create table sessions (
    id_sha256 char(64) character set ascii collate ascii_bin not null primary key,
    user_id char(36) character set ascii collate ascii_bin,
    data mediumtext not null,
    created_at bigint not null,
    expires_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table tokens (
    id varchar(64) character set ascii collate ascii_bin not null primary key,
    name varchar(2000) not null,
    kind varchar(40) character set ascii collate ascii_bin not null,
    -- A JSON array of patterns.
    patterns mediumtext not null,
    creator boolean not null,
    sha256 char(64) character set ascii collate ascii_bin not null,
    created_by varchar(2000) not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

-- Failed log-ins by account and by address, for the back-off.
create table failures (
    subject varchar(300) not null primary key,
    tries int not null,
    last_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table setup_links (
    sha256 char(64) character set ascii collate ascii_bin not null primary key,
    expires_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table idempotency (
    actor varchar(64) character set ascii collate ascii_bin not null,
    idem_key varchar(300) not null,
    body_sha256 char(64) character set ascii collate ascii_bin not null,
    change_id char(36) character set ascii collate ascii_bin not null,
    created_at bigint not null,
    primary key (actor, idem_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index idempotency_age on idempotency (created_at);

-- Append-only.
create table audit_events (
    id char(36) character set ascii collate ascii_bin not null primary key,
    at bigint not null,
    actor varchar(64) character set ascii collate ascii_bin not null,
    actor_name varchar(2000) not null,
    action varchar(40) character set ascii collate ascii_bin not null,
    object varchar(300) not null,
    detail mediumtext not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index audit_events_at on audit_events (at);
