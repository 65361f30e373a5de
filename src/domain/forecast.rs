//! When what waits will be taken, and when it will be done, by what the last ones took.

use std::time::Duration;

/// A job that is not finished.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// What one of its kind takes; `None` before any was measured.
    pub takes: Option<Duration>,
    /// How long it has been running, if it is.
    pub running_for: Option<Duration>,
    /// No runner takes it before this time is over.
    pub not_before: Duration,
}

/// From now on; `None` where nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// Of what is running: nothing.
    pub starts_in: Option<Duration>,
    pub ends_in: Option<Duration>,
}

impl Forecast {
    /// What is left of it when some time has passed.
    #[must_use]
    pub fn after(self, passed: Duration) -> Forecast {
        let left = |time: Option<Duration>| time.map(|time| time.saturating_sub(passed));
        Forecast {
            starts_in: left(self.starts_in),
            ends_in: left(self.ends_in),
        }
    }
}

/// A forecast for each job, in the order in which they are taken: what runs stands first. Each
/// runner takes one after the other. What takes longer than the others did is about to end.
pub fn forecast(jobs: &[Ahead], runners: usize) -> Vec<Forecast> {
    let running = jobs.iter().filter(|job| job.running_for.is_some()).count();
    // When each runner is free; `None`: nobody knows.
    let mut free = vec![Some(Duration::ZERO); runners.saturating_sub(running)];
    let mut forecasts = Vec::new();
    for job in jobs {
        if let Some(elapsed) = job.running_for {
            let ends_in = job.takes.map(|takes| takes.saturating_sub(elapsed));
            free.push(ends_in);
            forecasts.push(Forecast {
                starts_in: None,
                ends_in,
            });
            continue;
        }
        let next = (0..free.len()).min_by_key(|runner| free[*runner].unwrap_or(Duration::MAX));
        let starts_in = next
            .and_then(|next| free[next])
            .map(|free| free.max(job.not_before));
        let ends_in = starts_in.zip(job.takes).map(|(start, takes)| start + takes);
        if let Some(next) = next {
            free[next] = ends_in;
        }
        forecasts.push(Forecast { starts_in, ends_in });
    }
    forecasts
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    fn ends(jobs: &[(Option<u64>, Option<u64>)], runners: usize) -> Vec<Option<u64>> {
        let jobs: Vec<Ahead> = (jobs.iter())
            .map(|(takes, running_for)| Ahead {
                takes: takes.and_then(seconds),
                running_for: running_for.and_then(seconds),
                not_before: Duration::ZERO,
            })
            .collect();
        let forecasts = forecast(&jobs, runners);
        (forecasts.iter())
            .map(|forecast| forecast.ends_in.map(|end| end.as_secs()))
            .collect()
    }

    #[test]
    fn each_waits_for_those_ahead_with_what_their_own_competitions_take() {
        let queue = [(Some(10), Some(4)), (Some(10), None), (Some(60), None)];
        assert_eq!(ends(&queue, 1), [Some(6), Some(16), Some(76)]);
        assert_eq!(ends(&queue, 2), [Some(6), Some(10), Some(66)]);
        // A runner that holds a job is there, whatever was counted.
        assert_eq!(ends(&queue, 0), [Some(6), Some(16), Some(76)]);
    }

    #[test]
    fn what_is_in_a_pause_starts_when_that_is_over_or_later() {
        let job = |running_for, not_before| Ahead {
            takes: seconds(10),
            running_for,
            not_before: Duration::from_secs(not_before),
        };
        let forecasts = forecast(&[job(seconds(4), 0), job(None, 0), job(None, 60)], 1);
        assert_eq!(forecasts[1].starts_in, seconds(6));
        assert_eq!(forecasts[2].starts_in, seconds(60));
        assert_eq!(forecasts[2].ends_in, seconds(70));
        assert_eq!(
            forecast(&[job(seconds(4), 0), job(None, 2)], 1)[1].starts_in,
            seconds(6)
        );
        let later = forecasts[1].after(Duration::from_secs(8));
        assert_eq!((later.starts_in, later.ends_in), (seconds(0), seconds(8)));
    }

    #[test]
    fn what_overruns_is_about_to_end_and_nothing_is_said_of_what_nobody_knows() {
        assert_eq!(
            ends(&[(Some(10), Some(30)), (Some(5), None)], 1),
            [Some(0), Some(5)]
        );
        assert_eq!(ends(&[(None, Some(30)), (Some(5), None)], 1), [None, None]);
        assert_eq!(ends(&[(Some(5), None)], 0), [None]);
        let first = forecast(
            &[Ahead {
                takes: None,
                running_for: None,
                not_before: Duration::ZERO,
            }],
            1,
        );
        assert_eq!(first[0].starts_in, seconds(0));
        assert_eq!(first[0].ends_in, None);
    }
}
