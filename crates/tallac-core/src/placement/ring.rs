//! The permuted ring: every file has its own order of the servers, the same for every client
//! (sections 2.7 and 4.1).

use crate::hash;
use crate::ids::StorageIndex;

/// Brings servers into the order in which this file's shares are placed and looked for.
///
/// `seed` gives a server's permutation seed. Servers with the same seed stay as they were.
pub fn permute<T>(servers: &mut [T], storage_index: &StorageIndex, seed: impl Fn(&T) -> &[u8]) {
    servers.sort_by_cached_key(|server| hash::permute_server(storage_index, seed(server)));
}

/// As [`permute`], with the servers that the user prefers in front of all others.
pub fn permute_preferring<T>(
    servers: &mut [T],
    storage_index: &StorageIndex,
    seed: impl Fn(&T) -> &[u8],
    is_preferred: impl Fn(&T) -> bool,
) {
    servers.sort_by_cached_key(|server| {
        (!is_preferred(server), hash::permute_server(storage_index, seed(server)))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring(names: &[&str], preferred: &[&str]) -> Vec<String> {
        let mut servers: Vec<String> = names.iter().map(ToString::to_string).collect();
        let si = StorageIndex::new([7; 16]);
        permute_preferring(&mut servers, &si, |s| s.as_bytes(), |s| preferred.contains(&&s[..]));
        servers
    }

    #[test]
    fn preferred_servers_come_first_each_group_in_ring_order() {
        let all = ring(&["a", "b", "c", "d", "e"], &[]);
        let [rest @ .., last] = &all[..] else { unreachable!() };
        let preferring = ring(&["a", "b", "c", "d", "e"], &[last]);
        assert_eq!(&preferring[0], last);
        assert_eq!(&preferring[1..], rest);
    }

    proptest! {
        #[test]
        fn the_order_depends_on_the_file_and_not_on_the_order_before(
            mut seeds in prop::collection::hash_set(any::<[u8; 8]>(), 0..20)
                .prop_map(|set| set.into_iter().collect::<Vec<_>>()),
            si: [u8; 16],
        ) {
            let si = StorageIndex::new(si);
            let mut turned = seeds.clone();
            turned.reverse();
            permute(&mut seeds, &si, |seed| seed);
            permute(&mut turned, &si, |seed| seed);
            prop_assert_eq!(&seeds, &turned);
            let hashes: Vec<_> = seeds.iter().map(|s| hash::permute_server(&si, s)).collect();
            prop_assert!(hashes.is_sorted());
        }
    }
}
