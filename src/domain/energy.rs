//! Energy that was measured, or the reason why it was not. Never zero for want of a counter.

use serde::{Deserialize, Serialize};

use super::units::{Joules, Watts};

/// The energy of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Energy {
    Measured(MeasuredEnergy),
    /// There is no figure; the reason is shown in its place.
    Missing {
        reason: String,
    },
}

/// A figure of energy with all that is needed to judge it. What was stored before a window was
/// bracketed with rest has a gross figure only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredEnergy {
    /// With idle power.
    pub gross: Joules,
    /// Without it.
    #[serde(default)]
    pub net: Option<Joules>,
    /// Where the gross energy may lie.
    #[serde(default)]
    pub interval: Option<EnergyInterval>,
    /// What the devices drew at rest, before and after.
    #[serde(default)]
    pub idle: Option<Watts>,
    /// The weakest of its devices.
    pub tier: Tier,
    /// How it was read, such as "counter".
    pub method: String,
    /// What it covers, such as "GPU board".
    pub scope: String,
    /// Made by a fake meter: marked wherever it is shown, and never ranked beside measured energy.
    pub simulated: bool,
    /// The same of each device.
    #[serde(default)]
    pub devices: Vec<DeviceEnergy>,
}

/// What one device drew in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceEnergy {
    /// Such as "NVIDIA A100-SXM4-40GB".
    pub device: String,
    pub scope: String,
    pub gross: Joules,
    pub net: Option<Joules>,
    pub interval: EnergyInterval,
    pub idle: Option<Watts>,
    pub tier: Tier,
    pub method: String,
    /// By what part of it the device's power, held from reading to reading, differs from its counter.
    /// `None` where only one of them was read.
    pub power_differs_by: Option<f64>,
}

/// Where a figure of energy may lie, with 95 % confidence: as far as the readings of its device tell.
/// Whether the device itself is right they don't.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnergyInterval {
    pub low: Joules,
    pub high: Joules,
}

impl MeasuredEnergy {
    fn divided_by(self, parts: f64) -> MeasuredEnergy {
        MeasuredEnergy {
            gross: self.gross / parts,
            net: self.net.map(|net| net / parts),
            interval: self.interval.map(|it| it.divided_by(parts)),
            devices: (self.devices.into_iter())
                .map(|device| device.divided_by(parts))
                .collect(),
            ..self
        }
    }
}

impl DeviceEnergy {
    fn divided_by(self, parts: f64) -> DeviceEnergy {
        DeviceEnergy {
            gross: self.gross / parts,
            net: self.net.map(|net| net / parts),
            interval: self.interval.divided_by(parts),
            ..self
        }
    }
}

impl EnergyInterval {
    fn divided_by(self, parts: f64) -> EnergyInterval {
        EnergyInterval {
            low: self.low / parts,
            high: self.high / parts,
        }
    }
}

impl Energy {
    pub fn missing(reason: impl Into<String>) -> Energy {
        Energy::Missing {
            reason: reason.into(),
        }
    }

    /// Divides a window's energy among its passes.
    pub fn per_pass(self, passes: u32) -> Energy {
        match self {
            Energy::Measured(energy) => Energy::Measured(energy.divided_by(f64::from(passes))),
            Energy::Missing { reason } => Energy::Missing { reason },
        }
    }
}

/// How much a figure of energy can be trusted. Tiers are never ranked together. The
/// weakest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// An external meter.
    A,
    /// An on-board counter, cross-checked.
    B,
    /// An on-board counter, unchecked.
    C,
    /// Modelled.
    D,
}

impl Tier {
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::A => "A",
            Tier::B => "B",
            Tier::C => "C",
            Tier::D => "D",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_there_was_rest_is_still_read() {
        let stored = r#"{"state":"measured","gross":12.5,"tier":"C","method":"counter",
            "scope":"GPU board","simulated":true}"#;
        let Energy::Measured(energy) = serde_json::from_str(stored).unwrap() else {
            panic!("it was measured");
        };
        assert_eq!(energy.gross, Joules::from_millijoules(12_500));
        assert_eq!(
            (energy.net, energy.interval, energy.idle),
            (None, None, None)
        );
        assert_eq!(energy.devices, []);
        let missing = r#"{"state":"missing","reason":"the GPU was lost"}"#;
        let missing: Energy = serde_json::from_str(missing).unwrap();
        assert_eq!(missing, Energy::missing("the GPU was lost"));
    }

    #[test]
    fn a_window_is_divided_among_its_passes_with_all_that_it_is_made_of() {
        let joules = Joules::new;
        let energy = |times: f64| {
            let interval = EnergyInterval {
                low: joules(90.0 * times),
                high: joules(110.0 * times),
            };
            let device = DeviceEnergy {
                device: "GPU".to_owned(),
                scope: "GPU board".to_owned(),
                gross: joules(100.0 * times),
                net: Some(joules(60.0 * times)),
                interval,
                idle: Some(Watts::new(20.0)),
                tier: Tier::B,
                method: "counter".to_owned(),
                power_differs_by: Some(0.01),
            };
            Energy::Measured(MeasuredEnergy {
                gross: device.gross,
                net: device.net,
                interval: Some(interval),
                idle: device.idle,
                tier: device.tier,
                method: device.method.clone(),
                scope: device.scope.clone(),
                simulated: false,
                devices: vec![device],
            })
        };
        // Power and what was compared are no sums.
        assert_eq!(energy(4.0).per_pass(4), energy(1.0));
        let stored = serde_json::to_string(&energy(1.0)).unwrap();
        assert_eq!(
            serde_json::from_str::<Energy>(&stored).unwrap(),
            energy(1.0)
        );
    }

    #[test]
    fn the_weakest_tier_is_the_greatest() {
        assert_eq!([Tier::B, Tier::C, Tier::A].iter().max(), Some(&Tier::C));
    }
}
