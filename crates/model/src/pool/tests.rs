use super::*;

fn key(number: usize) -> SeriesKey {
    SeriesKey::new("a", [("n", number.to_string().as_str())]).unwrap()
}

fn schema(pool: &KeyPool, numbers: impl IntoIterator<Item = usize>) -> Schema {
    let mut schema = Schema::new(1);
    for number in numbers {
        schema.push(pool.key(key(number)));
    }
    pool.share(&mut schema);
    schema
}

#[test]
fn equal_keys_and_equal_lists_are_there_once() {
    let pool = KeyPool::new();
    let (one, two) = (schema(&pool, 0..9), schema(&pool.clone(), 0..9));
    assert!(one.shares_memory_with(&two) && one == two);
    let mut more = schema(&pool, 0..10);
    assert!(!more.shares_memory_with(&one));
    assert!(more.keys().iter().zip(one.keys()).all(|(a, b)| a.shares_memory_with(b)));
    // One that grows leaves the other as it was.
    more = two.clone();
    more.push(pool.key(key(99)));
    assert_eq!((one.len(), two.len(), more.len()), (9, 9, 10));
    assert_eq!(pool.counts(), PoolCounts { keys: 11, lists: 2, not_shared: 0 });
}

#[test]
fn lists_of_another_generation_are_shared_as_well() {
    let pool = KeyPool::new();
    let one = schema(&pool, 0..3);
    let mut other = Schema::new(7);
    for number in 0..3 {
        other.push(key(number));
    }
    pool.share(&mut other);
    assert!(other.shares_memory_with(&one));
    assert_eq!(other.generation(), 7);
}

#[test]
fn what_nobody_uses_is_removed() {
    let pool = KeyPool::new();
    let kept = schema(&pool, 0..10);
    for round in 1..100 {
        drop(schema(&pool, round * 1000..round * 1000 + 500));
        assert!(pool.counts().keys <= 2 * SWEEP_EVERY, "round {round}");
    }
    assert!(schema(&pool, 0..10).shares_memory_with(&kept));
}

#[test]
fn a_full_pool_gives_keys_back_as_they_came() {
    let pool = KeyPool::with_limit(4);
    let (one, two) = (schema(&pool, 0..6), schema(&pool, 0..6));
    let shared = one.keys().iter().zip(two.keys()).filter(|(a, b)| a.shares_memory_with(b));
    assert_eq!((shared.count(), pool.counts().not_shared), (6, 4), "the list is shared");
    assert_eq!((one.len(), two), (6, one));
}

#[test]
fn threads_share_one_pool() {
    let pool = KeyPool::new();
    let schemas: Vec<Schema> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| schema(&pool, 0..300));
        let threads: Vec<_> = std::iter::repeat_with(start).take(4).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let all = |at: usize| schemas.iter().map(move |schema| &schema.keys()[at]);
    assert!((0..300).all(|at| all(at).all(|key| key.shares_memory_with(&schemas[0].keys()[at]))));
}
