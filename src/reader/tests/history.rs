use futures::StreamExt;

use super::*;
use crate::reader::history::{BUCKETS, Picture};

impl TestReader {
    /// Returns the number of reads since the last call.
    fn counted(&self) -> u32 {
        self.reader.store.all().iter().map(|snapshot| snapshot.reads.take()).sum()
    }

    fn picture(&self) -> Picture {
        self.reader.sample_history();
        self.reader.history.picture(|config| config.env.as_str() == "prod")
    }
}

#[tokio::test]
async fn answers_with_a_release_count_as_reads() {
    let test = TestReader::new();
    assert_eq!((test.get(SHOP).send().await.release(), test.counted()), (1, 1));
    for path in [format!("{SHOP}/raw"), "/api/v1/configs/prod/shop".to_owned()] {
        assert_eq!((test.get(&path).send().await.status.as_u16(), test.counted()), (200, 1), "{path}");
    }
    let unchanged = test.get(&format!("{SHOP}?after=1")).send().await.status.as_u16();
    assert_eq!((unchanged, test.counted()), (304, 1));
    for refused in ["/api/v1/configs/prod/shop/none", "/api/v1/configs/dev/shop/application", "/api/v1/configs/prod"] {
        assert!(test.get(refused).send().await.status.as_u16() >= 400, "{refused}");
    }
    assert_eq!(test.counted(), 0);
}

#[tokio::test]
async fn events_count_as_reads() {
    let test = TestReader::new();
    let stream = test.get("/api/v1/watch?config=prod/shop/application").open().await.into_body().into_data_stream();
    let mut chunks = stream.map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap());
    while !chunks.next().await.unwrap().contains(r#""release":1"#) {}
    assert_eq!(test.counted(), 1);
    test.publish("prod/shop/application", 2);
    while !chunks.next().await.unwrap().contains(r#""release":2"#) {}
    assert_eq!(test.counted(), 1);
}

#[tokio::test]
async fn reads_are_counted_across_releases() {
    let test = TestReader::new();
    for seq in [2, 3] {
        test.get(SHOP).send().await;
        test.publish("prod/shop/application", seq);
    }
    assert_eq!(test.counted(), 2);
}

#[tokio::test]
async fn a_picture_has_instances_and_the_time_to_see_a_release() {
    let test = TestReader::new();
    assert!(test.picture().is_empty());
    for name in ["a", "b", "b"] {
        test.get(SHOP).header("x-instance", name).send().await;
    }
    assert_eq!(test.picture().instances[BUCKETS - 1], Some(2));
    let published_at = now();
    let mut next = entry("prod/shop/application", 2, "{}");
    next.meta = Arc::new(Meta { published_at, ..(*next.meta).clone() });
    test.reader.store.apply(vec![next]);
    for name in ["a", "new"] {
        test.get(SHOP).header("x-instance", name).send().await;
    }
    let releases = test.picture().releases;
    assert_eq!(releases.iter().map(|seen| (seen.seq, seen.instances)).collect::<Vec<_>>(), [(2, 1)]);
    assert!((0..60_000).contains(&releases[0].all_ms) && releases[0].accepted_at == published_at);
}
