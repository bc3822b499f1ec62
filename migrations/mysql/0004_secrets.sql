-- Keys that the server makes for itself at its first start. All nodes share them.
create table secrets (
    name varchar(64) character set ascii collate ascii_bin not null primary key,
    -- In hexadecimal.
    secret varchar(128) character set ascii collate ascii_bin not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
