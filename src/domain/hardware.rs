//! Names of hardware classes. Results are compared within one class alone.

/// What the name of a class ends in whose results were made without all the walls.
const DEGRADED: &str = ", degraded";

/// Of runs that get `cpus` CPUs of this model.
pub fn class(cpu_model: &str, cpus: u32, is_degraded: bool) -> String {
    let cores = if cpus == 1 { "core" } else { "cores" };
    let mark = if is_degraded { DEGRADED } else { "" };
    format!("{cpu_model}, {cpus} {cores}, no GPU{mark}")
}

/// Whether results of a class were made without all the walls, and so compare with nothing.
pub fn is_degraded(class: &str) -> bool {
    class.ends_with(DEGRADED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_all_the_walls_is_another_class_and_known_by_its_name() {
        let whole = class("AMD EPYC", 1, false);
        assert_eq!(whole, "AMD EPYC, 1 core, no GPU");
        assert!(!is_degraded(&whole));
        let degraded = class("AMD EPYC", 2, true);
        assert_eq!(degraded, "AMD EPYC, 2 cores, no GPU, degraded");
        assert!(is_degraded(&degraded));
    }
}
