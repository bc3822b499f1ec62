-- Applications and configs that users marked to find them first.
create table favourites (
    -- user:<id>
    user_id varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    -- Both are empty for an application.
    env varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    primary key (user_id, app, env, namespace)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
