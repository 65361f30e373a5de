//! Reads the devices of a machine from a thread of its own while something is measured.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Absent, Device, Identity, Sample, energy_of, nth_reading};
use crate::domain::energy::Energy;

/// Ten readings a second: often enough to see what a device draws, seldom enough to cost nothing.
const PERIOD: Duration = Duration::from_millis(100);
/// How long a device is watched at rest before and after a window.
const REST: Duration = Duration::from_secs(2);
/// A window has at least so many of the slowest device's ticks, where the time limit allows.
const TICKS_IN_WINDOW: u32 = 100;
const SHORTEST_WINDOW: Duration = Duration::from_secs(2);

/// All devices of a machine that tell what energy they draw; there may be none.
pub struct Meter {
    devices: Vec<Box<dyn Device>>,
    identities: Vec<Identity>,
    /// Why there are no others.
    absent: Vec<Absent>,
}

impl Meter {
    /// Of the devices that there are; `absent` says why there are no others.
    pub fn new(devices: Vec<Box<dyn Device>>, absent: Vec<Absent>) -> Meter {
        let identities = devices.iter().map(|it| it.identity().clone()).collect();
        Meter {
            devices,
            identities,
            absent,
        }
    }

    /// A machine whose energy is not measured.
    pub fn none() -> Meter {
        let absent = Absent("its runner was told to read none (LEANBOARD_METER)".to_owned());
        Meter::new(Vec::new(), vec![absent])
    }

    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Whether there is any device.
    pub fn reads_any(&self) -> bool {
        !self.identities.is_empty()
    }

    /// How long the devices are left at rest at most on either side of a window: not at all without
    /// devices.
    pub fn longest_rest(&self) -> Duration {
        self.slowest().map_or(Duration::ZERO, |lag| REST + 2 * lag)
    }

    /// How long a window should be at least for its energy to be known well.
    pub fn shortest_window(&self) -> Duration {
        self.slowest().map_or(Duration::ZERO, |lag| {
            SHORTEST_WINDOW.max(lag * TICKS_IN_WINDOW)
        })
    }

    fn why_there_is_none(&self) -> String {
        let mut reason = "no energy counter is read on this machine".to_owned();
        for (number, Absent(absent)) in self.absent.iter().enumerate() {
            reason += if number == 0 { ": " } else { "; " };
            reason += absent;
        }
        reason
    }

    fn slowest(&self) -> Option<Duration> {
        self.identities.iter().map(|it| it.lag).max()
    }

    /// Reads all devices from now on, if they are wanted. Leaves them at rest, and returns when the
    /// window begins.
    pub fn watch(&mut self, wanted: bool) -> Watch<'_> {
        let lag = self.slowest().filter(|_| wanted);
        let (stop, stopped) = mpsc::channel();
        let reader = lag.map(|_| {
            let mut devices = std::mem::take(&mut self.devices);
            std::thread::spawn(move || {
                let traces = read(&mut devices, &stopped);
                Readings { devices, traces }
            })
        });
        if let Some(lag) = lag {
            // Windows begin at any phase of the devices' ticks.
            std::thread::sleep(REST + lag + lag.mul_f64(random_part()));
        }
        Watch {
            meter: self,
            wanted,
            lag,
            stop,
            reader,
            start: Instant::now(),
        }
    }
}

/// Reads until it is told to stop: what each device said, in the order of time.
fn read(devices: &mut [Box<dyn Device>], stopped: &Receiver<()>) -> Vec<Vec<Sample>> {
    let mut traces: Vec<Vec<Sample>> = devices.iter().map(|_| Vec::new()).collect();
    let begun = Instant::now();
    let mut number = 0;
    loop {
        for (device, trace) in devices.iter_mut().zip(&mut traces) {
            trace.push(device.sample());
        }
        // A late reading does not shift those after it, and what was missed is not caught up with.
        let now = Instant::now();
        while begun + nth_reading(number, PERIOD) <= now {
            number += 1;
        }
        match stopped.recv_timeout(begun + nth_reading(number, PERIOD) - now) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return traces,
        }
    }
}

/// From 0 to 1.
fn random_part() -> f64 {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(random) / f64::from(u32::MAX)
}

struct Readings {
    devices: Vec<Box<dyn Device>>,
    /// One for each device.
    traces: Vec<Vec<Sample>>,
}

/// A window whose energy is being read, until it is ended or dropped.
pub struct Watch<'a> {
    meter: &'a mut Meter,
    wanted: bool,
    /// Of the slowest device, where they are read.
    lag: Option<Duration>,
    stop: Sender<()>,
    reader: Option<JoinHandle<Readings>>,
    start: Instant,
}

impl Watch<'_> {
    /// The window ends now. Leaves the devices at rest once more; then the window's energy.
    pub fn end(mut self) -> Energy {
        let end = Instant::now();
        if !self.wanted {
            return Energy::missing("nothing was measured");
        }
        let Some(lag) = self.lag else {
            return Energy::missing(self.meter.why_there_is_none());
        };
        std::thread::sleep(REST + lag);
        let traces = self.stop_reading();
        let traces: Vec<_> = self.meter.identities.iter().zip(traces).collect();
        energy_of(&traces, self.start, end)
    }

    fn stop_reading(&mut self) -> Vec<Vec<Sample>> {
        let Some(reader) = self.reader.take() else {
            return Vec::new();
        };
        // Its end hears nothing only if it has panicked.
        let _ = self.stop.send(());
        match reader.join() {
            Ok(readings) => {
                self.meter.devices = readings.devices;
                readings.traces
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop_reading();
        }
    }
}
