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
        (
            Unranked::CostMissing | Unranked::ScaleDegenerate,
            Cost::Energy,
            Energy::Missing { reason },
        ) => format!("its energy was not measured: {reason}"),
        (reason, _, _) => reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::super::competition::{Direction, EfficiencySpec};
    use super::super::efficiency::{Degenerate, Scale};
    use super::super::ids::{SubmissionId, TeamId};
    use super::super::ranking::{Board, Entry, Standing, rank};
    use super::super::units::Joules;
    use super::*;

    fn measured(tier: Tier, scope: &str, simulated: bool) -> MeasuredEnergy {
        MeasuredEnergy {
            gross: Joules::from_millijoules(1_500),
            tier,
            method: "counter".to_owned(),
            scope: scope.to_owned(),
            simulated,
            net: None,
            interval: None,
            idle: None,
            devices: Vec::new(),
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

    const NO_COUNTER: &str = "no energy counter on this machine";

    fn joules(millijoules: u64, change: impl Fn(&mut MeasuredEnergy)) -> Energy {
        let mut energy = measured(Tier::B, "GPU board", false);
        energy.gross = Joules::from_millijoules(millijoules);
        change(&mut energy);
        Energy::Measured(energy)
    }

    fn frozen(reference: &Energy) -> Result<Scale, Degenerate> {
        let spec = EfficiencySpec {
            cost: Cost::Energy,
            ..EfficiencySpec::default()
        };
        let cost = RankedCost::of(spec.cost, None, reference);
        Scale::freeze_cost(0.1, 0.99, Direction::HigherIsBetter, cost, &spec)
    }

    /// Whoever spent these, all with the same score, in the order of the board.
    fn board(scale: &Scale, energies: &[(u128, Energy)]) -> Vec<(u128, Result<u32, Unranked>)> {
        let entries = energies.iter().map(|(team, energy)| Entry {
            submission: SubmissionId(Uuid::from_u128(*team)),
            team: TeamId(Uuid::from_u128(*team)),
            submitted_at: DateTime::UNIX_EPOCH,
            score: 0.9,
            cost: RankedCost::of(Cost::Energy, None, energy).ok(),
            cost_interval: None,
        });
        let direction = Direction::HigherIsBetter;
        let standings = rank(Board::Efficiency, direction, Ok(scale), entries.collect());
        let line = |standing: Standing| {
            let place = standing.efficiency.map(|_| standing.rank.unwrap_or(0));
            (standing.entry.team.0.as_u128(), place)
        };
        standings.into_iter().map(line).collect()
    }

    #[test]
    fn who_spends_less_leads_and_only_like_is_ranked_with_like() {
        let plain = |millijoules| joules(millijoules, |_| {});
        let scale = frozen(&plain(1_000)).unwrap();
        assert_eq!(scale.amount(scale.cost_scale), Cost::Energy.amount(50.0));
        let lines = board(
            &scale,
            &[
                (1, plain(1_000)),
                (2, plain(300)),
                (3, plain(0)),
                (4, Energy::missing(NO_COUNTER)),
                (5, joules(1, |energy| energy.tier = Tier::C)),
                (6, joules(1, |energy| energy.simulated = true)),
                (7, joules(1, |energy| energy.scope = "CPU".to_owned())),
            ],
        );
        assert_eq!(
            lines,
            [
                (2, Ok(1)),
                (1, Ok(2)),
                (3, Err(Unranked::BelowResolution)),
                (4, Err(Unranked::CostMissing)),
                (5, Err(Unranked::OtherTier)),
                (6, Err(Unranked::SimulatedApart)),
                (7, Err(Unranked::OtherScope)),
            ]
        );
    }

    #[test]
    fn what_is_simulated_is_ranked_among_itself() {
        let fake = |millijoules| joules(millijoules, |energy| energy.simulated = true);
        let scale = frozen(&fake(1_000)).unwrap();
        assert!(scale.is_simulated());
        let honest = joules(1, |_| {});
        let lines = board(&scale, &[(1, fake(900)), (2, fake(800)), (3, honest)]);
        assert_eq!(
            lines,
            [(2, Ok(1)), (1, Ok(2)), (3, Err(Unranked::SimulatedApart))]
        );
    }

    #[test]
    fn a_reference_without_measured_energy_freezes_nothing_and_says_why() {
        let why = frozen(&Energy::missing(NO_COUNTER)).unwrap_err();
        assert_eq!(
            why.to_string(),
            "the reference entry’s energy was not measured (no energy counter on this machine)"
        );
        let modelled = joules(1_000, |energy| energy.tier = Tier::D);
        assert_eq!(frozen(&modelled), Err(Degenerate::ReferenceModelled));
        let nothing = joules(0, |_| {});
        let below = Err(Degenerate::ReferenceCostBelowResolution);
        assert_eq!(frozen(&nothing), below);
    }

    #[test]
    fn joules_are_no_seconds_and_missing_energy_is_no_amount() {
        let energy = Energy::Measured(measured(Tier::C, "GPU board", false));
        let cost = RankedCost::of(Cost::Energy, None, &energy).unwrap();
        assert_eq!(cost.amount.in_joules(), Some(1.5));
        assert_eq!(cost.amount.in_seconds(), None);
        let missing = Energy::missing(NO_COUNTER);
        let reason = RankedCost::of(Cost::Energy, Some(PhaseCost::default()), &missing);
        assert_eq!(reason, Err(NO_COUNTER.to_owned()));
        assert_eq!(
            why_unranked(Unranked::CostMissing, Cost::Energy, &missing),
            "its energy was not measured: no energy counter on this machine"
        );
    }
}
