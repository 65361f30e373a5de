//! Reads the devices of a machine from a thread of its own while something is measured.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Device, Identity, Sample, energy_of};
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
}

impl Meter {
    pub fn new(devices: Vec<Box<dyn Device>>) -> Meter {
        let identities = devices.iter().map(|it| it.identity().clone()).collect();
        Meter {
            devices,
            identities,
        }
    }

    /// A machine without an energy counter.
    pub fn none() -> Meter {
        Meter::new(Vec::new())
    }

    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// How long a device is left at rest on either side of a window: not at all without devices.
    pub fn rest(&self) -> Duration {
        let lag = self.identities.iter().map(|it| it.lag).max();
        lag.map_or(Duration::ZERO, |lag| REST + lag)
    }

    /// How long a window should be at least for its energy to be known well.
    pub fn shortest_window(&self) -> Duration {
        let lag = self.identities.iter().map(|it| it.lag).max();
        lag.map_or(Duration::ZERO, |lag| {
            SHORTEST_WINDOW.max(lag * TICKS_IN_WINDOW)
        })
    }

    /// Begins to read all devices, until the recording is ended.
    pub fn record(&mut self) -> Recording<'_> {
        let rest = self.rest();
        let (stop, stopped) = mpsc::channel();
        let reader = (!self.devices.is_empty()).then(|| {
            let mut devices = std::mem::take(&mut self.devices);
            std::thread::spawn(move || {
                let mut traces: Vec<Vec<Sample>> = devices.iter().map(|_| Vec::new()).collect();
                let begun = Instant::now();
                for reading in 1.. {
                    for (device, trace) in devices.iter_mut().zip(&mut traces) {
                        trace.push(device.sample());
                    }
                    // A late reading does not shift those after it.
                    let next = begun + PERIOD * reading;
                    let pause = next.saturating_duration_since(Instant::now());
                    match stopped.recv_timeout(pause) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
                for (device, trace) in devices.iter_mut().zip(&mut traces) {
                    trace.push(device.sample());
                }
                Readings { devices, traces }
            })
        });
        Recording {
            meter: self,
            rest,
            stop,
            reader,
        }
    }
}

struct Readings {
    devices: Vec<Box<dyn Device>>,
    /// One for each device.
    traces: Vec<Vec<Sample>>,
}

/// Devices being read, until it is ended or dropped.
pub struct Recording<'a> {
    meter: &'a mut Meter,
    rest: Duration,
    stop: Sender<()>,
    /// `None` without devices.
    reader: Option<JoinHandle<Readings>>,
}

impl Recording<'_> {
    /// Waits while the devices are at rest.
    pub fn rest(&self) {
        std::thread::sleep(self.rest);
    }

    /// Ends it. The energy from `start` to `end`.
    pub fn energy(mut self, start: Instant, end: Instant) -> Energy {
        let traces = self.finish();
        let traces: Vec<_> = self.meter.identities.iter().zip(traces).collect();
        energy_of(&traces, start, end)
    }

    fn finish(&mut self) -> Vec<Vec<Sample>> {
        let Some(reader) = self.reader.take() else {
            return Vec::new();
        };
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

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.finish();
        }
    }
}
