-- The page about the delivery of an environment asks for its newest releases.
create index releases_env on releases (env, accepted_at);
