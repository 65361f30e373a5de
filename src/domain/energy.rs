//! Energy that was measured, or the reason why it was not. Never zero for want of a counter.

use serde::{Deserialize, Serialize};

use super::units::Joules;

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

/// A figure of energy with all that is needed to judge it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredEnergy {
    /// With idle power.
    pub gross: Joules,
    pub tier: Tier,
    /// How it was read, such as "counter".
    pub method: String,
    /// What it covers, such as "GPU board".
    pub scope: String,
    /// Made by a fake meter: marked wherever it is shown, and never ranked beside measured energy.
    pub simulated: bool,
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
            Energy::Measured(energy) => Energy::Measured(MeasuredEnergy {
                gross: energy.gross / f64::from(passes),
                ..energy
            }),
            Energy::Missing { reason } => Energy::Missing { reason },
        }
    }
}

/// How much a figure of energy can be trusted. Tiers are never ranked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
