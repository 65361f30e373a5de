//! Energy as a cell of a table: a figure with its badge, or a dash with the reason. Never zero. And
//! what a figure is made of.

use askama::Template;
use askama::filters::HtmlSafe;

use super::figures::{self, Figure};
use crate::domain::energy::{DeviceEnergy, Energy, EnergyInterval, MeasuredEnergy, Tier};
use crate::domain::units::{Joules, Watts};

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
        badge(measured.tier, measured.simulated)
    }

    fn explanation(&self, measured: &MeasuredEnergy) -> String {
        let simulated = if measured.simulated {
            "Made up by a simulated meter. "
        } else {
            ""
        };
        let interval = measured.interval.map_or(String::new(), |interval| {
            format!(" {}", give_or_take(measured.gross, interval))
        });
        let net = (measured.net).map_or(String::new(), |net| {
            format!(", {} without it", figures::joules(net).text())
        });
        format!(
            "{simulated}{}: {}{interval} with idle power{net}; by {} ({})",
            measured.scope,
            figures::joules(measured.gross).text(),
            measured.method,
            trust(measured.tier)
        )
    }
}

fn badge(tier: Tier, simulated: bool) -> &'static str {
    match tier {
        _ if simulated => "simulated",
        Tier::A => "tier A",
        Tier::B => "tier B",
        Tier::C => "tier C",
        Tier::D => "modelled",
    }
}

/// How far a tier can be trusted.
fn trust(tier: Tier) -> &'static str {
    match tier {
        Tier::A => "an external meter",
        Tier::B => "an on-board counter, cross-checked against its power",
        Tier::C => "an on-board counter or sensor that nothing confirms",
        Tier::D => "a model, not a meter",
    }
}

/// Such as "± 0.3 %".
fn give_or_take(gross: Joules, interval: EnergyInterval) -> String {
    let half = (interval.high - interval.low).as_f64() / 2.0;
    let percent = 100.0 * half / gross.as_f64();
    let decimals = if percent < 0.0995 { 3 } else { 2 };
    format!("±\u{a0}{percent:.decimals$}\u{a0}%")
}

/// What a figure of energy is made of, device by device.
#[derive(Debug, Template)]
#[template(path = "submissions/energy.html")]
pub struct EnergyTable<'a> {
    energy: &'a MeasuredEnergy,
}

impl HtmlSafe for EnergyTable<'_> {}

/// A device, or all of them.
struct EnergyRow {
    name: String,
    scope: String,
    gross: Figure,
    interval: Option<String>,
    net: Option<Figure>,
    idle: Option<Figure>,
    badge: &'static str,
    trust: &'static str,
    method: String,
}

impl<'a> EnergyTable<'a> {
    /// `None` where nothing is known of the devices.
    pub fn of(energy: &'a Energy) -> Option<EnergyTable<'a>> {
        match energy {
            Energy::Measured(energy) if !energy.devices.is_empty() => Some(EnergyTable { energy }),
            Energy::Measured(_) | Energy::Missing { .. } => None,
        }
    }

    fn rows(&self) -> Vec<EnergyRow> {
        let devices = self.energy.devices.iter();
        devices.map(|device| self.row(device)).collect()
    }

    fn row(&self, device: &DeviceEnergy) -> EnergyRow {
        let method = match device.power_differs_by {
            Some(part) => {
                let percent = format!("{:+.1}", 100.0 * part).replace('-', "\u{2212}");
                format!("{} ({percent}\u{a0}%)", device.method)
            }
            None => device.method.clone(),
        };
        EnergyRow {
            name: device.device.clone(),
            scope: device.scope.clone(),
            method,
            ..self.figures(
                device.gross,
                Some(device.interval),
                device.net,
                device.idle,
                device.tier,
            )
        }
    }

    /// Of all devices, where there are several.
    fn sum(&self) -> Option<EnergyRow> {
        let all = self.energy;
        (all.devices.len() > 1).then(|| EnergyRow {
            name: "All".to_owned(),
            scope: all.scope.clone(),
            method: all.method.clone(),
            ..self.figures(all.gross, all.interval, all.net, all.idle, all.tier)
        })
    }

    fn figures(
        &self,
        gross: Joules,
        interval: Option<EnergyInterval>,
        net: Option<Joules>,
        idle: Option<Watts>,
        tier: Tier,
    ) -> EnergyRow {
        EnergyRow {
            name: String::new(),
            scope: String::new(),
            gross: figures::joules(gross),
            interval: interval.map(|interval| give_or_take(gross, interval)),
            net: net.map(figures::joules),
            idle: idle.map(figures::watts),
            badge: badge(tier, self.energy.simulated),
            trust: trust(tier),
            method: String::new(),
        }
    }
}
