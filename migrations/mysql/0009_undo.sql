-- The last actions on the edits of an open change, for undo and redo.
create table edit_steps (
    change_id char(36) character set ascii collate ascii_bin not null,
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    -- The version of the change that the action made.
    step bigint not null,
    undone boolean not null,
    key_count bigint not null,
    -- One of its keys, for people.
    item_key varchar(256) not null,
    -- Each key with its edit before and after, as JSON.
    effect longtext not null,
    -- The length of the effect.
    bytes bigint not null,
    primary key (change_id, env, app, namespace, step)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
create index edit_steps_config on edit_steps (env, app, namespace);
