//! When a failed task runs again. Source: the earlier system's rule, 60 s doubled per failure, capped at an hour.

use std::time::Duration;

/// Failures allowed by default before a task is dead-lettered.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// The first delay.
pub const BASE: Duration = Duration::from_secs(60);
/// The longest delay before jitter.
pub const CAP: Duration = Duration::from_secs(3600);

/// The delay after the `failures`-th failure (from 1): 60, 120, 240 s … at most 3,600 s, times `1 + 0.1 × jitter`.
/// `jitter` is drawn by the caller from 0 to 1, so that tasks that failed together do not return together.
#[must_use]
pub fn delay(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let plain = BASE.saturating_mul(1 << doublings).min(CAP);
    plain.mul_f64(1.0 + 0.1 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_from_a_minute_to_an_hour() {
        let seconds: Vec<u64> = (1..=8).map(|n| delay(n, 0.0).as_secs()).collect();
        assert_eq!(seconds, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn never_shorter_than_the_rule_and_at_most_a_tenth_longer(failures in 0u32.., jitter in -1.0f64..2.0) {
            let (plain, jittered) = (delay(failures, 0.0), delay(failures, jitter));
            prop_assert!(jittered >= plain && jittered <= plain.mul_f64(1.1));
        }
    }
}
