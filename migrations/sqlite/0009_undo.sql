-- The last actions on the edits of an open change, for undo and redo.
create table edit_steps (
    change_id text not null references changes (id),
    env text not null,
    app text not null,
    namespace text not null,
    -- The version of the change that the action made.
    step integer not null,
    undone integer not null,
    key_count integer not null,
    -- One of its keys, for people.
    item_key text not null,
    -- Each key with its edit before and after, as JSON.
    effect text not null,
    -- The length of the effect.
    bytes integer not null,
    primary key (change_id, env, app, namespace, step)
) strict;
create index edit_steps_config on edit_steps (env, app, namespace);
