use super::*;

fn sizes(docs: &[u64]) -> Vec<Size<usize>> {
    docs.iter().enumerate().map(|(id, &docs)| Size { id, docs, bytes: docs * 64 }).collect()
}

#[test]
fn eight_of_a_size_are_due_the_smallest_first() {
    assert_eq!(due(&sizes(&[10; 7])), None);
    assert_eq!(due(&sizes(&[10; 8])).map(|ids| ids.len()), Some(8));
    let mixed = sizes(&[&[5000; 9][..], &[100; 8]].concat());
    assert_eq!(due(&mixed), Some((9..17).collect()));
    assert_eq!(due(&sizes(&[4095, 4096, 1, 32_768, 7, 40_000, 5, 6, 8])), None, "seven and three");
}

#[test]
fn what_is_merged_stays_within_the_largest() {
    let large = sizes(&[1_500_000; 9]);
    assert_eq!(due(&large), Some(vec![0, 1]));
    assert_eq!(due(&sizes(&[MAX_DOCS / 2 + 1; 20])), None, "all are full");
    let heavy: Vec<_> = (0..8).map(|id| Size { id, docs: 100, bytes: MAX_BYTES / 3 }).collect();
    assert_eq!(due(&heavy), Some(vec![0, 1, 2]));
    for group in fewest(&large) {
        assert!(group.len() * 1_500_000 <= MAX_DOCS as usize);
    }
    assert_eq!(fewest(&sizes(&[1; 100])).len(), 1);
    assert!(fewest(&sizes(&[5])).is_empty());
}

/// Whatever comes, at rest no size has more than seven, and nothing is lost.
#[test]
fn segments_stay_few() {
    let (mut seed, mut next) = (7u64, 0);
    let mut segments: Vec<Size<usize>> = Vec::new();
    let mut total = 0;
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let docs = 1 + (seed >> 33) % [3, 300, 30_000][(seed >> 20) as usize % 3];
        total += docs;
        segments.push(Size { id: next, docs, bytes: docs * 100 });
        next += 1;
        while let Some(ids) = due(&segments) {
            let is_in = |segment: &Size<usize>| ids.contains(&segment.id);
            let merged: u64 =
                segments.iter().filter(|segment| is_in(segment)).map(|segment| segment.docs).sum();
            assert!(merged <= MAX_DOCS);
            segments.retain(|segment| !is_in(segment));
            segments.push(Size { id: next, docs: merged, bytes: merged * 100 });
            next += 1;
        }
        assert!(waiting(&segments) <= 4 * 7, "{segments:?}");
    }
    assert_eq!(segments.iter().map(|segment| segment.docs).sum::<u64>(), total);
    let full = segments.len() - waiting(&segments);
    assert!(full as u64 <= 2 * total / MAX_DOCS, "{full}");
}

/// Partitions that say how their merges go.
struct Scripted(Mutex<Vec<Result<bool, PartitionError>>>);

impl Mergeable for Scripted {
    fn merge_due(&self) -> Result<bool, PartitionError> {
        self.0.lock().unwrap().pop().unwrap_or(Ok(false))
    }

    fn waiting(&self) -> usize {
        MAX_WAITING + self.0.lock().unwrap().len()
    }

    fn stop(&self) {}
}

#[test]
fn one_that_fails_is_left_alone_and_holds_nobody_up() {
    let name = |name: &str| Partition::from_name(name, 1).unwrap();
    let merger: Merger<Scripted> = Merger::start();
    let good = Arc::new(Scripted(Mutex::new(Vec::new())));
    good.0.lock().unwrap().extend([Ok(true), Ok(true), Ok(true)]);
    let bad = Arc::new(Scripted(Mutex::new(vec![Ok(true), Err(PartitionError::BadPayload)])));
    merger.wake(&name("1"), &bad);
    merger.wake(&name("2"), &good);
    // It has more segments than may wait as long as its merges go on.
    merger.keep_up(&name("2"), &good);
    merger.finish();
    assert!(good.0.lock().unwrap().is_empty());
    assert_eq!(bad.0.lock().unwrap().len(), 1, "it was tried once");
    // A commit neither wakes it up before its time nor waits for it.
    merger.wake(&name("1"), &bad);
    merger.keep_up(&name("1"), &bad);
    merger.finish();
    assert_eq!(bad.0.lock().unwrap().len(), 1);
}
