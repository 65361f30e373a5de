//! Energy as a cell of a table: a figure with its badge, or a dash with the reason. Never zero.

use askama::Template;
use askama::filters::HtmlSafe;

use super::figures::{self, Figure};
use crate::domain::energy::{Energy, MeasuredEnergy, Tier};

#[derive(Debug, Template)]
#[template(path = "energy.html")]
pub struct EnergyCell<'a> {
    energy: &'a Energy,
}

impl HtmlSafe for EnergyCell<'_> {}

/// What is said of a counter that did not move.
const BELOW_RESOLUTION: &str = "it is below what the counter can tell";

impl<'a> EnergyCell<'a> {
    pub fn new(energy: &'a Energy) -> EnergyCell<'a> {
        EnergyCell { energy }
    }

    fn measured(&self) -> Option<&MeasuredEnergy> {
        match self.energy {
            Energy::Measured(measured) => Some(measured).filter(|m| m.gross.as_f64() > 0.0),
            Energy::Missing { .. } => None,
        }
    }

    pub fn figure(&self) -> Option<Figure> {
        self.measured()
            .map(|measured| figures::joules(measured.gross))
    }

    /// Why there is no figure.
    pub fn why_not(&self) -> &str {
        match self.energy {
            Energy::Measured(_) => BELOW_RESOLUTION,
            Energy::Missing { reason } => reason,
        }
    }

    fn badge(&self, measured: &MeasuredEnergy) -> &'static str {
        if measured.simulated {
            "simulated"
        } else {
            match measured.tier {
                Tier::A => "tier A",
                Tier::B => "tier B",
                Tier::C => "tier C",
                Tier::D => "modelled",
            }
        }
    }

    fn explanation(&self, measured: &MeasuredEnergy) -> String {
        let trust = match measured.tier {
            Tier::A => "an external meter",
            Tier::B => "an on-board counter, cross-checked",
            Tier::C => "an on-board counter, unchecked",
            Tier::D => "a model, not a meter",
        };
        let simulated = if measured.simulated {
            "Made up by a simulated meter. "
        } else {
            ""
        };
        format!(
            "{simulated}{}, with idle power; by {} ({trust})",
            measured.scope, measured.method
        )
    }
}
