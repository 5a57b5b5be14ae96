// knows: clock, shared, sync · must not know: what is spread
//! Random numbers, and the lives of connections that they spread: what would happen all at once does not.

use super::clock::{FOR_EVER, span};
use super::shared::Shared;
use crate::sync::Relaxed;

impl Shared {
    /// A number that is hard to foresee, to spread what would happen all at once: a Weyl sequence, mixed (after
    /// SplitMix, <https://doi.org/10.1145/2660193.2660195>).
    pub(super) fn random(&self) -> usize {
        let address = core::ptr::from_ref(self).addr();
        #[expect(clippy::cast_possible_truncation, reason = "as many bits as a word has")]
        let step = 0x9E37_79B9_7F4A_7C15_u64 as usize | 1;
        let mut mixed = self.random.fetch_add(step, Relaxed) ^ address;
        for _ in 0..2 {
            mixed ^= mixed >> (usize::BITS / 2 - 1);
            mixed = mixed.wrapping_mul(step);
        }
        mixed ^ mixed >> (usize::BITS / 2 - 1)
    }

    /// How long a connection that is made now may live, in milliseconds.
    pub(super) fn lifetime(&self) -> usize {
        let Some(longest) = self.settings().max_lifetime() else { return FOR_EVER };
        let longest = span(longest);
        let jitter = longest / 100 * usize::from(self.config().lifetime_jitter_percent);
        longest - if jitter == 0 { 0 } else { self.random() % (jitter + 1) }
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::Shared;
    use crate::managed::clock::Millis;
    use crate::managed::config::Config;
    use crate::managed::outage::{Demand, Purpose};

    #[test]
    fn what_happens_at_random_is_spread() {
        let low: fn(usize) -> usize = |random| random % 10;
        let high = |random: usize| (random / (usize::MAX / 10)).min(9);
        for tenth in [low, high] {
            let shared = Shared::new(Config::new());
            let mut counts = [0; 10];
            (0..10_000).for_each(|_| counts[tenth(shared.random())] += 1);
            assert!(counts.iter().all(|count| (750..1250).contains(count)), "{counts:?}");
        }
    }

    /// Else the instances of a service would come back to their server all at once.
    #[test]
    fn pauses_after_a_connect_that_has_failed_are_spread() {
        let (shared, now) = (Shared::new(Config::new()), Millis(50));
        let mut pauses: Vec<_> = (0..100)
            .map(|_| {
                shared.note_failure(now, None, Purpose::Pool);
                let pause = shared.connect_due(now, Demand::Floor).unwrap().get();
                shared.note_connected(|| now);
                pause
            })
            .collect();
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 20 && pauses[0] >= 50 && pauses[pauses.len() - 1] <= 100, "{pauses:?}");
    }

    /// Neighbours in time, as those that are connected one after the other.
    #[test]
    fn random_numbers_that_follow_each_other_are_apart() {
        let shared = Shared::new(Config::new());
        let rises = (0..10_000).filter(|_| shared.random() < shared.random()).count();
        assert!((4_500..5_500).contains(&rises), "{rises} rises");
    }
}
