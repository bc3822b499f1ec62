//! What a connection is told for which there is no place.

use std::time::Duration;

use tokio::{
    io::{AsyncWriteExt, copy, sink},
    sync::OwnedSemaphorePermit,
    time::timeout,
};

use crate::{
    domain::error::{Error, Part},
    http::{
        listener::Connection,
        problem::{Problem, retry_after},
    },
};

/// How long whoever is refused may take to hear it.
const HEARD: Duration = Duration::from_secs(1);

/// Says that there is no place, without reading what is asked.
pub(super) async fn refuse(mut connection: Connection, _turn: OwnedSemaphorePermit) {
    let crowd = Error::Unavailable { part: Part::Channel, detail: String::new() };
    let seconds = retry_after(&crowd).unwrap_or_default();
    let body = Problem::from(crowd).because("Too many connections are open.").body(None);
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: {seconds}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let said = async {
        connection.write_all(&[head.as_bytes(), &body].concat()).await?;
        connection.shutdown().await?;
        // What is not taken would tear off what was said.
        copy(&mut connection, &mut sink()).await
    };
    // Whoever does not listen is not waited for.
    let _ = timeout(HEARD, said).await;
}
