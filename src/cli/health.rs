//! `trimtab healthcheck`.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::CommandError;
use crate::server::{self, settings::Settings};

/// Queries `/healthz` of the server on this machine.
pub(super) async fn check(settings: &Settings) -> Result<(), CommandError> {
    let address = server::reachable_address(settings.listen);
    let asked = timeout(Duration::from_secs(3), ask(address)).await;
    match asked {
        Ok(Ok(status)) if status.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(status)) => Err(format!("{address} answers {status:?}").into()),
        Ok(Err(e)) => Err(CommandError::io(&address.to_string(), &e)),
        Err(_) => Err(format!("{address} does not answer within 3 s").into()),
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
