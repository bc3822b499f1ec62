//! What it costs to have many readers wait.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    Effort,
    bare::Bare,
    figures::{Result, Table, whole},
    node::{CONFIG, Caller, Node, Place, memory},
};

/// Prints the table.
pub async fn measure(effort: Effort) -> Result<()> {
    let place = Place::embedded("waiting").await?;
    let (writer, reader) = (Caller::writer(&place).await?, Caller::reader(&place).await?);
    let node = place.start("a").await?;
    writer.fill(&node, CONFIG, 100).await?;
    drop(node);

    let many = effort.readers;
    let title = format!("Memory of {} readers that wait (bytes each)", whole(many as f64));
    let table = Table::new(&title);
    let poll = format!("/api/v1/configs/{CONFIG}?after=1&wait=90");
    let watch = format!("/api/v1/watch?config={CONFIG}");
    for (what, path, answers) in [("long poll", &poll, false), ("event stream", &watch, true)] {
        let bare = Bare::start(&[]).await?;
        let limit = held(&bare.url, "/wait", &reader.token, many, false, bare.pid()?).await?;

        // A new server each time: an allocator does not give back all that it had.
        let node: Node = place.start("a").await?;
        let each = held(&node.url, path, &reader.token, many, answers, node.pid()?).await?;
        table.row(what, whole(each), format!("{} bare axum", whole(limit)), each / limit, "");
    }
    Ok(())
}

/// Opens connections that ask for `path` and wait. Gives by how much each makes the process grow.
async fn held(url: &str, path: &str, token: &str, many: usize, answers: bool, pid: u32) -> Result<f64> {
    let (address, before) = (url.trim_start_matches("http://"), memory(pid)?);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut open = Vec::with_capacity(many);
    for _ in 0..many {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        open.push(stream);
    }
    if answers {
        let mut some = [0; 512];
        for stream in &mut open {
            let _ = stream.read(&mut some).await?;
            if !some.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&some).into());
            }
        }
    }
    sleep(Duration::from_secs(2)).await;
    Ok((memory(pid)? - before) / many as f64)
}
