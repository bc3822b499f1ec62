-- Keys that the server makes for itself at its first start. All nodes share them.
create table secrets (
    name text not null primary key,
    -- In hexadecimal.
    secret text not null
) strict, without rowid;
