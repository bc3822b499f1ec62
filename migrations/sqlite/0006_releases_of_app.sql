-- The releases of an application in the order of time.
create index releases_app on releases (app, accepted_at, env, namespace, seq);
