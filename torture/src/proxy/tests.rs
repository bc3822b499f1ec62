use tokio::net::tcp::OwnedReadHalf;

use super::*;

/// Starts an echo server. Returns its port and a counter of received bytes.
async fn echo() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    count.fetch_add(read as u64, Ordering::SeqCst);
                    if stream.write_all(&bytes[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, heard)
}

/// Timeout of steps that must succeed.
const LONG: Duration = Duration::from_secs(20);

async fn answer(from: &mut OwnedReadHalf) -> io::Result<usize> {
    let mut bytes = [0; 64];
    timeout(LONG, from.read(&mut bytes)).await.expect("an answer or an end")
}

/// Returns whether a connection got nothing, neither bytes nor an end, although later requests through a proxy without
/// faults are answered.
async fn stays_silent(from: &OwnedReadHalf) -> bool {
    let (port, _) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    let mut later = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..10 {
        later.write_all(b"x").await.unwrap();
        later.read_exact(&mut [0]).await.unwrap();
    }
    from.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, wait).await.expect(what);
}

#[tokio::test]
async fn black_hole_forwards_held_bytes_after_healing() {
    let (port, heard) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    let (mut from, mut to) = TcpStream::connect(proxy.address).await.unwrap().into_split();
    to.write_all(b"one").await.unwrap();
    assert_eq!(answer(&mut from).await.unwrap(), 3);
    proxy.set(Mode::BlackHole);
    to.write_all(b"two").await.unwrap();
    assert!(stays_silent(&from).await);
    assert_eq!(heard.load(Ordering::SeqCst), 3);
    proxy.set(Mode::Whole);
    assert_eq!(answer(&mut from).await.unwrap(), 3);
}

#[tokio::test]
async fn drop_answers_forwards_requests_and_resets_after_healing() {
    let (port, heard) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    proxy.set(Mode::DropAnswers);
    let (mut from, mut to) = TcpStream::connect(proxy.address).await.unwrap().into_split();
    to.write_all(b"one").await.unwrap();
    eventually("the bytes arrive", || heard.load(Ordering::SeqCst) == 3).await;
    assert!(stays_silent(&from).await);
    proxy.set(Mode::Whole);
    assert!(answer(&mut from).await.is_err(), "a connection with missing bytes is reset");
}

#[tokio::test]
async fn reset_cut_and_half_open_end_connections() {
    let (port, _) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    for (mode, silent) in [(Mode::Reset, false), (Mode::CutAfter(2), false), (Mode::HalfOpen, true)] {
        proxy.set(Mode::Whole);
        let (mut from, mut to) = TcpStream::connect(proxy.address).await.unwrap().into_split();
        to.write_all(b"one").await.unwrap();
        assert_eq!(answer(&mut from).await.unwrap(), 3, "{mode:?}");
        proxy.set(mode);
        let _ = to.write_all(b"two").await;
        if silent {
            assert!(stays_silent(&from).await, "{mode:?}");
        } else {
            let end = answer(&mut from).await;
            assert!(!matches!(end, Ok(1..)), "{mode:?}: {end:?}");
        }
    }
}

#[tokio::test]
async fn late_delivery_arrives_after_its_sender_is_gone() {
    let (port, heard) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    proxy.set(Mode::LateDelivery);
    let (mut from, mut to) = TcpStream::connect(proxy.address).await.unwrap().into_split();
    to.write_all(b"trimtab/meta/a/b/c").await.unwrap();
    assert_eq!(answer(&mut from).await.unwrap(), 18, "a read is forwarded");
    let late = b"trimtab/config/a/b/c{}trimtab/meta/a/b/c\"{\"seq\":12,";
    to.write_all(late).await.unwrap();
    let mut kept = Vec::new();
    eventually("the delivery is held back", || {
        kept = proxy.kept();
        !kept.is_empty()
    })
    .await;
    assert!(stays_silent(&from).await);
    drop((from, to));
    assert_eq!(kept, [Kept { config: "a/b/c".into(), seq: 12 }]);
    assert_eq!(heard.load(Ordering::SeqCst), 18);
    proxy.set(Mode::Whole);
    eventually("the bytes arrive", || heard.load(Ordering::SeqCst) == 18 + late.len() as u64).await;
}

#[tokio::test]
async fn only_deliveries_are_rewritten() {
    let (port, _) = echo().await;
    let proxy = Proxy::rewriting(port, Some(|bytes| bytes[0] = b'!')).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for (sent, first) in [("trimtab/meta/a/b/c", b't'), ("trimtab/config/a/b/c{}trimtab/meta/a/b/c{\"seq\":12,", b'!')]
    {
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = vec![0; sent.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!((answer[0], &answer[1..]), (first, &sent.as_bytes()[1..]));
    }
}
