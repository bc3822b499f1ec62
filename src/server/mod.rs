//! Assembles a console or a reader node: its settings, parts, routes and shutdown.

pub mod assets;
mod background;
mod bin;
mod confirmed;
#[cfg(test)]
mod console_tests;
pub mod data_dir;
mod health;
#[cfg(test)]
mod import_tests;
pub mod layers;
#[cfg(test)]
mod page_tests;
mod reader_node;
mod refresh;
mod scrape;
pub mod settings;
mod shutdown;
mod sweep;
pub mod telemetry;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{signing::Signer, tokens::TokenCache},
    automation,
    channel::Channel,
    connections::{self, ConnectionConfig, Limits},
    delivery::Publisher,
    fast_path::FastPath,
    http::{headers::Headers, request_id},
    pages::{
        self, Frame,
        assets::{Assets, File},
        console::Console,
        cookies::Jar,
        routes,
    },
    reader::{self, Reader, last_good::LastGood, nodes::Nodes},
    service::{Dispatch, SETUP_LINK_HOURS, Service, now},
    session::{
        browsers::Browsers,
        guard::{self, Guard},
        streams::SessionStreams,
    },
    stdio,
    storage::Db,
    tasks::TaskDriver,
    traces::TraceExport,
};
use background::ConsoleTasks;
use confirmed::ConfirmedChannel;
use data_dir::DataDir;
use health::Health;
use layers::SenderLookup;
use scrape::Scrape;
use settings::{NodeRole, RateSettings, Settings};
use shutdown::Shutdown;

/// Runs the server until SIGTERM or SIGINT. `site` has the static files. `traces` is flushed at the end.
///
/// # Errors
/// Fails if the server cannot start, with the reason in one line.
pub async fn serve(settings: Settings, site: &'static [File], traces: Option<TraceExport>) -> Result<(), String> {
    let _held = DataDir::create_and_lock(&settings.data_dir)?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|e| format!("listen = {}: {e}; another program may use the port", settings.listen))?;
    let stop = CancellationToken::new();
    let node = ServerNode::start(settings, site, &listener, stop.clone()).await?;
    tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        stop.cancel();
    });
    node.run(listener, traces).await
}

/// A server that is ready to run.
pub struct ServerNode {
    router: reader::Front,
    connections: ConnectionConfig,
    tasks: TaskDriver,
    shutdown: Shutdown,
}

impl ServerNode {
    /// Opens the storage that its role needs, starts the background tasks and assembles the routes.
    ///
    /// # Errors
    /// Fails if the server cannot start, with the reason in one line.
    pub async fn start(
        settings: Settings,
        site: &'static [File],
        listener: &TcpListener,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        match settings.role {
            NodeRole::Console => Self::console(settings, assets(site), address, stop).await,
            NodeRole::Reader => {
                let (tasks, shutdown) = (TaskDriver::new(now, CancellationToken::new()), Shutdown::new(stop));
                let (router, scrape) = reader_node::start(&settings, address, &tasks, &shutdown).await?;
                let connections = connection_config(&settings, &public_url(&settings, address), &scrape);
                Ok(Self { router, connections, tasks, shutdown })
            }
        }
    }

    /// Starts a console over the database and the channel.
    async fn console(
        settings: Settings,
        assets: Assets,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let public_url = public_url(&settings, address);
        let db = Db::open(&settings.database_url).await?;
        let channel = match &settings.etcd {
            Some(etcd) => Channel::etcd(etcd.clone()).await.map_err(|e| format!("etcd: {e}"))?,
            None => Channel::local(),
        };
        let (dispatch, shutdown) = (Arc::new(Dispatch::new(FastPath::new(settings.fast_path))), Shutdown::new(stop));
        let tasks = TaskDriver::new(now, CancellationToken::new());
        let service =
            Service::new(db.clone(), dispatch.clone()).with_channel(channel.clone()).with_bin_days(settings.bin_days);
        let publisher = Publisher::new(db.clone(), channel.clone(), dispatch.clone(), tasks.stop().clone());
        let tokens = Arc::new(TokenCache::new());
        let reading = reader::ReaderSettings { rate: settings.rates.reads, ..reader::ReaderSettings::default() };
        let reader = Reader::new(tokens.clone(), now, &reading, shutdown.closing.clone());

        let confirmed = ConfirmedChannel {
            db: db.clone(),
            channel: channel.clone(),
            store: reader.store.clone(),
            dispatch: dispatch.clone(),
        };
        let mut kept = None;
        if let Some(etcd) = &settings.etcd {
            let file = LastGood::new(&settings.data_dir, &etcd.root, reader.store.clone(), None, now);
            let published = async { db.read().await?.latest_releases(1, 0).await };
            if published.await.map_err(|e| format!("the releases cannot be read: {e}"))?.is_empty() {
                // The database has no release, so there is nothing to wait for, even if the channel is empty.
                reader.store.declare_ready();
            } else {
                let loaded = file.load_confirmed(async |entries| confirmed.confirm(entries, &[]).await);
                loaded.await.map_err(|e| format!("the releases cannot be read: {e}"))?;
            }
            kept = Some(file);
        } else {
            // The in-process channel is empty at the start. It is filled from SQL before the first read.
            let loaded = async {
                // Releases that the previous process left in the outbox are the latest.
                publisher.drain_once().await.map_err(|e| e.to_string())?;
                publisher.reconcile().await.map_err(|e| e.to_string())?;
                channel.list().await.map_err(|e| e.to_string())
            };
            reader.store.adopt(loaded.await.map_err(|e| format!("the releases cannot be loaded: {e}"))?);
        }
        refresh::tokens(&service, &tokens).await.map_err(|e| format!("the tokens cannot be loaded: {e}"))?;

        let name = settings.etcd.as_ref().map_or("", |etcd| &etcd.node);
        let nodes = Nodes::new(reader.clone(), name, channel.node_registry().is_some());
        let scrape = Arc::new(Scrape::new(Some((&db, dispatch.clone())), &channel, reader.clone(), &tasks));
        let streams = SessionStreams::default();
        let background = ConsoleTasks {
            service: service.clone(),
            channel,
            publisher,
            tokens,
            streams: streams.clone(),
            reader: reader.clone(),
            nodes: nodes.clone(),
            confirmed,
            last_good: kept,
        };
        tasks.start(background.list());

        let etcd_root = settings.etcd.as_ref().map(|etcd| etcd.root.as_str().into());
        let health = Health {
            service: service.clone(),
            dispatch,
            reader: reader.clone(),
            draining: shutdown.draining.clone(),
            scrape: scrape.clone(),
            tasks: tasks.clone(),
        };
        let signer = service.signer().await.map_err(|e| format!("the key of the cookies cannot be read: {e}"))?;
        let console = Console {
            service: service.clone(),
            reader,
            nodes,
            streams,
            tasks: tasks.clone(),
            public_url: public_url.as_str().into(),
            etcd_root,
        };
        let router = routes(console, assets, db, health, signer, &settings.rates);
        if let Some(why) = unencrypted_warning(&settings, &public_url, address) {
            tracing::warn!("{why}");
        }
        announce_setup(&service, &public_url).await?;
        let connections = connection_config(&settings, &public_url, &scrape);
        Ok(Self { router, connections, tasks, shutdown })
    }

    /// Serves until the shutdown begins. Then answers the requests in flight, within a deadline.
    ///
    /// # Errors
    /// Fails if the listener has no address.
    pub async fn run(self, listener: TcpListener, traces: Option<TraceExport>) -> Result<(), String> {
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        print_line(&format!("listening on http://{address}"));
        let serving = connections::serve(listener, self.router, self.connections, self.shutdown.closing.clone());
        self.shutdown.run(serving, self.tasks, traces).await;
        Ok(())
    }
}

fn connection_config(settings: &Settings, public_url: &str, scrape: &Scrape) -> ConnectionConfig {
    ConnectionConfig {
        limits: Limits::of_this_process(&settings.proxies),
        headers: Headers::of(public_url),
        health_paths: &health::PATHS,
        meter: scrape.connections.clone(),
    }
}

/// Returns all routes: reads in front, then automation, health, and the console inside of its layers.
fn routes(
    console: Console,
    assets: Assets,
    db: Db,
    health: Health,
    signer: Signer,
    rates: &RateSettings,
) -> reader::Front {
    let public_url = console.public_url.clone();
    let https = public_url.starts_with("https://");
    let jar = Jar::new(signer.clone(), https);
    let frame = Frame::new(assets, vec![public_url.to_string()], jar);
    let (reader, scrape, service) = (health.reader.clone(), health.scrape.clone(), console.service.clone());
    let (provided, browsers) = (service.clone(), Browsers::new(signer, https));
    let pages = pages::console(frame.clone(), routes::all(console), move || {
        leptos::context::provide_context(provided.clone());
        leptos::context::provide_context(browsers.clone());
    });
    let guard = Guard::new(service.clone(), rates.pages, rates.log_in);
    let pages =
        pages.layer(middleware::from_fn_with_state(guard, guard::identify)).layer(guard::sessions(db.clone(), https));
    let accounts = service.clone();
    let signed_in: SenderLookup = Arc::new(move |headers| {
        let (accounts, db, headers) = (accounts.clone(), db.clone(), headers.clone());
        Box::pin(async move { guard::account_of_session(&accounts, &db, https, &headers).await })
    });
    let automation = automation::Automation::new(service, reader.tokens.clone(), &*public_url)
        .with_rate(rates.writes)
        .with_compute(frame.compute.clone());
    let rest = Router::new()
        .merge(automation::router(automation))
        .merge(assets::router(&frame.assets))
        .fallback_service(layers::pages(pages, &frame, signed_in))
        .layer(middleware::from_fn_with_state(scrape, scrape::count))
        .merge(health::router(health).layer(middleware::from_fn(request_id::layer)));
    reader::in_front(reader, rest)
}

/// Returns a warning if sessions and passwords may cross a network unencrypted.
fn unencrypted_warning(settings: &Settings, public_url: &str, address: SocketAddr) -> Option<String> {
    let advice = "Use a TLS proxy and set public_url to its https:// address.";
    match &settings.public_url {
        Some(url) if url.starts_with("https://") || settings::has_loopback_host(url) => None,
        Some(_) => Some(format!("passwords and sessions cross the network unencrypted at {public_url}. {advice}")),
        None if address.ip().is_loopback() => None,
        None => Some(format!(
            "listen = {address} is reachable from other machines, and public_url is not set. Passwords and sessions may \
             cross the network unencrypted. {advice} If only this machine connects, set it to http://localhost:{}.",
            address.port()
        )),
    }
}

/// Returns the embedded files. A build without any uses the folder that `cargo leptos watch` writes.
fn assets(site: &'static [File]) -> Assets {
    if site.is_empty() {
        Assets::in_folder(std::env::var("LEPTOS_SITE_ROOT").unwrap_or_else(|_| "target/site".to_owned()))
    } else {
        Assets::embedded(site)
    }
}

/// Prints a line on stdout. A failure is only logged, because the server works without it.
fn print_line(line: &str) {
    if let Err(error) = stdio::print(&format!("{line}\n")) {
        tracing::warn!(error = %error, "stdout cannot be written");
    }
}

/// Prints the set-up link while there are no users.
async fn announce_setup(service: &Service, public_url: &str) -> Result<(), String> {
    if service.needs_setup().await.map_err(|e| e.to_string())? {
        let code = service.setup_code().await.map_err(|e| e.to_string())?;
        print_line(&format!(
            "first start: make the administrator at {public_url}/setup/{code} (works once, for {SETUP_LINK_HOURS} hours)"
        ));
    }
    Ok(())
}

/// Returns the address of the console for browsers: the setting, or else the address of the listener.
pub fn public_url(settings: &Settings, address: SocketAddr) -> String {
    settings.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable_address(address)))
}

/// Returns the address at which this machine reaches a listener: loopback in place of an unspecified address.
pub fn reachable_address(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unencrypted_access_from_other_machines_is_warned_about() {
        let said = |url: &str, listen: &str| {
            let environment = [("TRIMTAB_PUBLIC_URL".to_owned(), url.to_owned())];
            let settings = Settings::load(Some("/dev/null".as_ref()), environment.into_iter(), &[]).unwrap();
            let address = listen.parse().unwrap();
            unencrypted_warning(&settings, &public_url(&settings, address), address)
        };
        for (url, listen) in [
            ("", "127.0.0.1:3000"),
            ("", "[::1]:3000"),
            ("https://config.example", "0.0.0.0:3000"),
            ("http://localhost:3000", "0.0.0.0:3000"),
            ("http://127.0.0.1:3000", "0.0.0.0:3000"),
            ("http://[::1]:3000/", "0.0.0.0:3000"),
        ] {
            assert_eq!(said(url, listen), None, "{url} {listen}");
        }
        for (url, listen) in [
            ("", "0.0.0.0:3000"),
            ("", "192.0.2.1:3000"),
            ("http://config.example", "127.0.0.1:3000"),
            ("http://localhost.example", "127.0.0.1:3000"),
            ("http://192.0.2.1:3000", "0.0.0.0:3000"),
        ] {
            assert!(said(url, listen).is_some_and(|said| said.contains("https://")), "{url} {listen}");
        }
    }

    #[test]
    fn unspecified_addresses_become_loopback() {
        let local = |address: &str| reachable_address(address.parse().unwrap()).to_string();
        assert_eq!(local("0.0.0.0:3000"), "127.0.0.1:3000");
        assert_eq!(local("[::]:3000"), "[::1]:3000");
        assert_eq!(local("192.0.2.7:80"), "192.0.2.7:80");
    }
}
