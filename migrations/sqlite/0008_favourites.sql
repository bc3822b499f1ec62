-- Applications and configs that users marked to find them first.
create table favourites (
    -- user:<id>
    user_id text not null,
    app text not null,
    -- Both are empty for an application.
    env text not null,
    namespace text not null,
    primary key (user_id, app, env, namespace)
) strict, without rowid;
