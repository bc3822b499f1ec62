-- What is accepted and not delivered has a table of its own, and what is delivered another one. A release does not change
-- any more: to mark one wrote its whole content again, and to find those that are due read all that ever were.
create table due (
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    seq bigint not null,
    accepted_at bigint not null,
    primary key (env, app, namespace, seq)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
insert into due select env, app, namespace, seq, accepted_at from releases where delivered_at is null;

create table deliveries (
    env varchar(64) character set ascii collate ascii_bin not null,
    app varchar(64) character set ascii collate ascii_bin not null,
    namespace varchar(64) character set ascii collate ascii_bin not null,
    seq bigint not null,
    delivered_at bigint not null,
    -- The channel's.
    revision bigint not null,
    primary key (env, app, namespace, seq)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
insert into deliveries select env, app, namespace, seq, delivered_at, coalesce(revision, 0) from releases
where delivered_at is not null;

drop index releases_due on releases;
alter table releases drop column delivered_at, drop column revision;

-- Its identities are in the order of time.
drop index audit_events_at on audit_events;
