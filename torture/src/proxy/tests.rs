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

/// Returns whether nothing comes for a moment. No event shows that nothing will come.
async fn is_silent(from: &mut OwnedReadHalf) -> bool {
    timeout(Duration::from_millis(200), from.read(&mut [0; 64])).await.is_err()
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
    assert!(matches!(answer(&mut from).await, Ok(3)));
    proxy.set(Mode::BlackHole);
    to.write_all(b"two").await.unwrap();
    assert!(is_silent(&mut from).await);
    assert_eq!(heard.load(Ordering::SeqCst), 3);
    proxy.set(Mode::Whole);
    assert!(matches!(answer(&mut from).await, Ok(3)));
}

#[tokio::test]
async fn drop_answers_forwards_requests_and_resets_after_healing() {
    let (port, heard) = echo().await;
    let proxy = Proxy::to(port).await.unwrap();
    proxy.set(Mode::DropAnswers);
    let (mut from, mut to) = TcpStream::connect(proxy.address).await.unwrap().into_split();
    to.write_all(b"one").await.unwrap();
    eventually("the request arrives", || heard.load(Ordering::SeqCst) == 3).await;
    assert!(is_silent(&mut from).await);
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
        assert!(matches!(answer(&mut from).await, Ok(3)), "{mode:?}");
        proxy.set(mode);
        let _ = to.write_all(b"two").await;
        if silent {
            assert!(is_silent(&mut from).await, "{mode:?}");
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
    assert!(matches!(answer(&mut from).await, Ok(18)), "a read is forwarded");
    let late = b"trimtab/config/a/b/c{}trimtab/meta/a/b/c\"{\"seq\":12,";
    to.write_all(late).await.unwrap();
    let mut kept = Vec::new();
    eventually("the delivery is held back", || {
        kept = proxy.kept();
        !kept.is_empty()
    })
    .await;
    assert!(is_silent(&mut from).await);
    drop((from, to));
    assert_eq!(kept, [Kept { config: "a/b/c".into(), seq: 12 }]);
    assert_eq!(heard.load(Ordering::SeqCst), 18);
    proxy.set(Mode::Whole);
    eventually("the delivery arrives", || heard.load(Ordering::SeqCst) == 18 + late.len() as u64).await;
}
