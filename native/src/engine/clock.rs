//! The monotonic clock of the process, in seconds as Python has it.

use std::time::{Duration, Instant};

/// A process may be put aside between two clocks, and what that takes would stand for good
/// between them: neighbours were measured 15 ms too near by one node of twelve that started
/// together.  The quickest of so many readings counts.
const READINGS: usize = 8;

/// Agrees with `time.monotonic()`.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    made: Instant,
    at_s: f64,
}

impl Clock {
    /// Agrees with what `read` tells; fails as it does.
    pub fn agreeing<E>(mut read: impl FnMut() -> Result<f64, E>) -> Result<Self, E> {
        let mut reading = || -> Result<(Duration, Self), E> {
            let made = Instant::now();
            let at_s = read()?;
            Ok((made.elapsed(), Self { made, at_s }))
        };
        let mut best = reading()?;
        for _ in 1..READINGS {
            let next = reading()?;
            if next.0 < best.0 {
                best = next;
            }
        }
        Ok(best.1)
    }

    pub fn now(&self) -> f64 {
        self.at_s + self.made.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, READINGS};
    use std::convert::Infallible;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn a_reading_in_which_the_process_was_put_aside_does_not_count() {
        let (began, mut readings) = (Instant::now(), 0);
        let clock = Clock::agreeing(|| -> Result<f64, Infallible> {
            readings += 1;
            let told = began.elapsed().as_secs_f64();
            if readings != 3 {
                sleep(Duration::from_millis(50));
            }
            Ok(told)
        });
        let Ok(clock) = clock;
        let apart_s = (clock.now() - began.elapsed().as_secs_f64()).abs();
        assert!(apart_s < 0.04, "{apart_s} s apart");
        assert_eq!(readings, READINGS);
    }
}
