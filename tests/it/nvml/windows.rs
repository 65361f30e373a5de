//! Whole windows of made-up work, measured through NVML in real time.

use std::time::Duration;

use leanboard::domain::energy::Energy;
use leanboard::meter::Meter;

use super::{PROFILES, monotonic, open};
use crate::support::FakeNvml;

/// At rest, then five seconds of work in three steps, then at rest: since the clock's zero.
struct Work {
    begins: Duration,
}

impl Work {
    const REST_W: f64 = 30.0;
    const STEPS: [(f64, f64); 3] = [(1.0, 250.0), (2.5, 120.0), (1.5, 280.0)];

    fn settings(&self) -> String {
        let step = |s: f64, w: f64| {
            let (milliseconds, milliwatts) = ((s * 1e3) as u64, (w * 1e3) as u64);
            format!("[[trace]]\nlasts_ms = {milliseconds}\npower_mw = {milliwatts}\n")
        };
        let mut settings = step(self.begins.as_secs_f64(), Work::REST_W);
        for (lasts, watts) in Work::STEPS {
            settings += &step(lasts, watts);
        }
        settings += &step(86_400.0, Work::REST_W);
        settings
    }

    fn ends(&self) -> Duration {
        let lasts = Work::STEPS.iter().map(|(lasts, _)| lasts).sum();
        self.begins + Duration::from_secs_f64(lasts)
    }

    /// Of a window that has the work in it.
    fn joules(&self, window: Duration) -> f64 {
        let above_rest = |(lasts, watts): &(f64, f64)| lasts * (watts - Work::REST_W);
        let work: f64 = Work::STEPS.iter().map(above_rest).sum();
        work + window.as_secs_f64() * Work::REST_W
    }
}

/// What a meter finds of a window with the work in it, and what it truly was.
fn measure_work(profile: &str, tick_ms: u64, phase_us: u64) -> (Energy, f64) {
    let in_seconds = |seconds| Work {
        begins: Duration::from_secs(monotonic().as_secs() + seconds),
    };
    let settings = |work: &Work| {
        let trace = work.settings();
        format!("profile = {profile:?}\nphase_us = {phase_us}\n{trace}")
    };
    let fake = FakeNvml::playing(&settings(&in_seconds(3_600)));
    let mut meter = Meter::new(vec![Box::new(open(&fake))], Vec::new());
    // After the rest that a meter keeps before a window.
    let work = in_seconds(6);
    fake.play(&settings(&work));
    let watch = meter.watch(true);
    let start = monotonic();
    assert!(start < work.begins, "the machine is too slow for this test");
    // It ends when power, which the counter is checked against, has shown the end of the work, too.
    let seen = Duration::from_millis(tick_ms + 200);
    std::thread::sleep((work.ends() + seen).saturating_sub(start));
    let end = monotonic();
    (watch.end(), work.joules(end - start))
}

#[test]
fn the_energy_of_a_window_is_the_true_one_at_any_tick() {
    let check = |profile: &str, tick_ms: u64, phase_us: u64| {
        // A busy machine may keep the meter from reading; it may not lead it to a wrong figure.
        let measured = (0..3).find_map(|_| match measure_work(profile, tick_ms, phase_us) {
            (Energy::Measured(measured), truth) => Some((measured, truth)),
            (Energy::Missing { reason }, _) => {
                println!("{profile}: {reason}");
                None
            }
        });
        let (measured, truth) = measured.unwrap();
        assert!(measured.simulated);
        let error = measured.gross.as_f64() / truth - 1.0;
        println!("{profile}, phase {phase_us} µs: {:+.3} %", error * 100.0);
        let limit = if tick_ms == 500 { 0.01 } else { 0.005 };
        assert!(error.abs() <= limit, "{profile}: {error}");
    };
    std::thread::scope(|scope| {
        for (profile, tick_ms) in PROFILES {
            for phase_us in [0, tick_ms * 610] {
                scope.spawn(move || check(profile, tick_ms, phase_us));
            }
        }
    });
}
