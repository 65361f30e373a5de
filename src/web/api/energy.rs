//! Energy in the API's answers.

use serde::Serialize;

use crate::domain::energy::{DeviceEnergy, Energy, EnergyInterval, MeasuredEnergy, Tier};
use crate::domain::units::{Joules, Watts};

/// A figure of energy, or null with the reason.
#[derive(Debug, Serialize)]
pub struct EnergyDocument {
    value: Option<f64>,
    unit: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

/// How a figure was measured, and what it is made of.
#[derive(Debug, Serialize)]
struct MeasuredDocument {
    /// Where the value may lie, with 95 % confidence.
    low: Option<f64>,
    high: Option<f64>,
    /// The value without idle power.
    net: Option<f64>,
    idle_w: Option<f64>,
    tier: Tier,
    method: String,
    scope: String,
    includes_idle: bool,
    simulated: bool,
    devices: Vec<DeviceDocument>,
}

/// One device's part of a figure.
#[derive(Debug, Serialize)]
struct DeviceDocument {
    device: String,
    scope: String,
    value: f64,
    low: f64,
    high: f64,
    net: Option<f64>,
    idle_w: Option<f64>,
    tier: Tier,
    method: String,
    /// By what part of it the power, held from reading to reading, differs from the counter.
    power_differs_by: Option<f64>,
}

impl From<&Energy> for EnergyDocument {
    fn from(energy: &Energy) -> EnergyDocument {
        let unit = "J";
        match energy {
            Energy::Measured(measured) => EnergyDocument {
                value: Some(measured.gross.as_f64()),
                unit,
                measured: Some(MeasuredDocument::from(measured)),
                missing: None,
            },
            Energy::Missing { reason } => EnergyDocument {
                value: None,
                unit,
                measured: None,
                missing: Some(reason.clone()),
            },
        }
    }
}

impl From<&MeasuredEnergy> for MeasuredDocument {
    fn from(energy: &MeasuredEnergy) -> MeasuredDocument {
        let MeasuredEnergy {
            gross: _,
            net,
            interval,
            idle,
            tier,
            method,
            scope,
            simulated,
            devices,
        } = energy;
        let end = |of: fn(&EnergyInterval) -> Joules| interval.as_ref().map(|it| of(it).as_f64());
        MeasuredDocument {
            low: end(|it| it.low),
            high: end(|it| it.high),
            net: net.map(Joules::as_f64),
            idle_w: idle.map(Watts::as_f64),
            tier: *tier,
            method: method.clone(),
            scope: scope.clone(),
            includes_idle: true,
            simulated: *simulated,
            devices: devices.iter().map(DeviceDocument::from).collect(),
        }
    }
}

impl From<&DeviceEnergy> for DeviceDocument {
    fn from(energy: &DeviceEnergy) -> DeviceDocument {
        let DeviceEnergy {
            device,
            scope,
            gross,
            net,
            interval,
            idle,
            tier,
            method,
            power_differs_by,
        } = energy;
        DeviceDocument {
            device: device.clone(),
            scope: scope.clone(),
            value: gross.as_f64(),
            low: interval.low.as_f64(),
            high: interval.high.as_f64(),
            net: net.map(Joules::as_f64),
            idle_w: idle.map(Watts::as_f64),
            tier: *tier,
            method: method.clone(),
            power_differs_by: *power_differs_by,
        }
    }
}
