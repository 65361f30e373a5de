//! What is ranked as the cost of an entry: an amount with its unit, and of energy how it was
//! measured, since only like is ranked with like.

use serde::{Deserialize, Serialize};

use super::competition::Cost;
use super::efficiency::Unranked;
use super::energy::{Energy, MeasuredEnergy, Tier};
use super::trial::PhaseCost;

/// What an amount of cost is counted in. It follows from the kind of cost that a competition ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "J")]
    Joules,
}

/// An amount of cost with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    pub value: f64,
    pub unit: Unit,
}

impl Amount {
    pub fn in_seconds(self) -> Option<f64> {
        match self.unit {
            Unit::Seconds => Some(self.value),
            Unit::Joules => None,
        }
    }

    pub fn in_joules(self) -> Option<f64> {
        match self.unit {
            Unit::Seconds => None,
            Unit::Joules => Some(self.value),
        }
    }
}

/// All that two figures of energy must have in common to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnergyKind {
    pub tier: Tier,
    pub scope: String,
    pub simulated: bool,
}

impl EnergyKind {
    pub fn of(energy: &MeasuredEnergy) -> EnergyKind {
        EnergyKind {
            tier: energy.tier,
            scope: energy.scope.clone(),
            simulated: energy.simulated,
        }
    }

    /// Whether an entry's energy may be ranked by the scale of a reference whose energy is this.
    ///
    /// # Errors
    /// With what is not alike. What was made up or modelled is never ranked beside what was measured.
    pub fn admits(&self, entry: &EnergyKind) -> Result<(), Unranked> {
        if self.simulated != entry.simulated {
            Err(Unranked::SimulatedApart)
        } else if entry.tier == Tier::D {
            Err(Unranked::Modelled)
        } else if self.tier != entry.tier {
            Err(Unranked::OtherTier)
        } else if self.scope != entry.scope {
            Err(Unranked::OtherScope)
        } else {
            Ok(())
        }
    }
}

/// The cost of a submission, per pass, by which a competition ranks it.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedCost {
    pub amount: Amount,
    /// Of joules alone.
    pub energy: Option<EnergyKind>,
}

impl RankedCost {
    /// From the figure of the ranked window, where there is one, and the energy of a pass.
    ///
    /// # Errors
    /// With the reason why it is missing, in words.
    pub fn of(
        cost: Cost,
        window: Option<PhaseCost>,
        energy: &Energy,
    ) -> Result<RankedCost, String> {
        let time = |of: fn(PhaseCost) -> std::time::Duration| {
            let seconds = window.map(|window| of(window).as_secs_f64());
            let seconds = seconds.ok_or_else(|| "it cannot be told apart from outside".to_owned());
            seconds.map(|value| (value, None))
        };
        let (value, energy) = match (cost, energy) {
            (Cost::Cpu, _) => time(|window| window.cpu)?,
            (Cost::Time, _) => time(|window| window.wall)?,
            (Cost::Energy, Energy::Measured(energy)) => {
                (energy.gross.as_f64(), Some(EnergyKind::of(energy)))
            }
            (Cost::Energy, Energy::Missing { reason }) => return Err(reason.clone()),
        };
        Ok(RankedCost {
            amount: cost.amount(value),
            energy,
        })
    }
}

/// Why an entry has no rank, with the reason why its energy is missing where that is why.
pub fn why_unranked(reason: Unranked, cost: Cost, energy: &Energy) -> String {
    match (reason, cost, energy) {
        (Unranked::CostMissing, Cost::Energy, Energy::Missing { reason }) => {
            format!("its energy was not measured: {reason}")
        }
        (reason, _, _) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::units::Joules;
    use super::*;

    fn measured(tier: Tier, scope: &str, simulated: bool) -> MeasuredEnergy {
        MeasuredEnergy {
            gross: Joules::from_millijoules(1_500),
            tier,
            method: "counter".to_owned(),
            scope: scope.to_owned(),
            simulated,
        }
    }

    #[test]
    fn energy_is_ranked_with_its_like_alone() {
        let kind = |tier, scope, simulated| EnergyKind::of(&measured(tier, scope, simulated));
        let reference = kind(Tier::B, "GPU board", false);
        for (entry, verdict) in [
            (kind(Tier::B, "GPU board", false), Ok(())),
            (kind(Tier::C, "GPU board", false), Err(Unranked::OtherTier)),
            (kind(Tier::A, "GPU board", false), Err(Unranked::OtherTier)),
            (kind(Tier::D, "GPU board", false), Err(Unranked::Modelled)),
            (
                kind(Tier::B, "GPU board + CPU package", false),
                Err(Unranked::OtherScope),
            ),
            (
                kind(Tier::B, "GPU board", true),
                Err(Unranked::SimulatedApart),
            ),
        ] {
            assert_eq!(reference.admits(&entry), verdict, "{entry:?}");
        }
        let fake = kind(Tier::C, "simulated device", true);
        assert_eq!(fake.admits(&fake), Ok(()));
        assert_eq!(fake.admits(&reference), Err(Unranked::SimulatedApart));
        let modelled = kind(Tier::D, "CPU package", false);
        assert_eq!(modelled.admits(&modelled), Err(Unranked::Modelled));
    }

    #[test]
    fn joules_are_no_seconds_and_missing_energy_is_no_amount() {
        let energy = Energy::Measured(measured(Tier::C, "GPU board", false));
        let cost = RankedCost::of(Cost::Energy, None, &energy).unwrap();
        assert_eq!(cost.amount.in_joules(), Some(1.5));
        assert_eq!(cost.amount.in_seconds(), None);
        let missing = Energy::missing("no energy counter on this machine");
        let reason = RankedCost::of(Cost::Energy, Some(PhaseCost::default()), &missing);
        assert_eq!(reason, Err("no energy counter on this machine".to_owned()));
        assert_eq!(
            why_unranked(Unranked::CostMissing, Cost::Energy, &missing),
            "its energy was not measured: no energy counter on this machine"
        );
    }
}
