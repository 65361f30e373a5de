//! What the harness and the walls add to a model's inference: submissions on their whole way, beside
//! onnxruntime called in a loop on the same batches, by turns.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Outcome;
use crate::first_sandbox::distinct;
use crate::neighbours::Neighbours;
use crate::process::output;
use crate::report::{at_most, heading, line, note, quantile};
use crate::service::{Service, demo};

const ROUNDS: u32 = 6;
/// Figures are printed for small models, too; only this one has a target.
const MODELS: [(&str, Option<f64>); 4] = [
    ("svc", Some(2.0)),
    ("big_mlp", None),
    ("small_mlp", None),
    ("logistic_regression", None),
];

/// Runs a model over the test inputs for half a second, on the CPU that sandboxes use; prints the
/// wall time and the CPU time of a pass.
const IN_PROCESS: &str = r#"
import os, sys, time
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
import numpy, onnxruntime
model, test = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
columns = range(1, open(test).readline().count(",") + 1)
rows = numpy.loadtxt(test, delimiter=",", skiprows=1, dtype="float32", usecols=columns)
name = session.get_inputs()[0].name
feeds = [{name: rows[at : at + 32]} for at in range(0, len(rows), 32)]
outputs = [output.name for output in session.get_outputs()]
wanted = ["label" if "label" in outputs else outputs[0]]
def run_pass():
    return [session.run(wanted, feed)[0] for feed in feeds]
run_pass()
passes, wall, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - wall < 0.5:
    run_pass()
    passes += 1
print((time.perf_counter() - wall) / passes, (time.process_time() - cpu) / passes)
"#;

/// Of a pass, in seconds.
#[derive(Debug, Clone, Copy)]
struct Pass {
    wall: f64,
    cpu: f64,
}

pub fn run(service: &Service, runtime: &Path) -> Outcome<()> {
    heading(
        "One pass over the test inputs: harness behind walls, beside onnxruntime in a loop",
        &["harness", "in-process", "CPU added", "", "wall added"],
    );
    let neighbours = Neighbours::watch()?;
    let mut number = 5000;
    for (model, target_percent) in MODELS {
        let path = demo(&format!("starter/{model}.onnx"));
        let bytes = std::fs::read(&path)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let before = in_process(runtime, &path)?;
            let measured = measured(service, distinct(&bytes, number))?;
            number += 1;
            let after = in_process(runtime, &path)?;
            ours.push(measured.cpu);
            theirs.extend([before.cpu, after.cpu]);
            cpu.push(added_percent(measured.cpu, before.cpu, after.cpu));
            wall.push(added_percent(measured.wall, before.wall, after.wall));
        }
        let added = quantile(&cpu, 0.5);
        let verdict = target_percent.map(|target| at_most(added, target, "%"));
        line(
            model,
            &[
                format!("{:.3} ms", quantile(&ours, 0.5) * 1e3),
                format!("{:.3} ms", quantile(&theirs, 0.5) * 1e3),
                format!("{added:+.1} %"),
                verdict.unwrap_or_default(),
                format!("{:+.1} %", quantile(&wall, 0.5)),
            ],
        );
    }
    neighbours.report()?;
    note(&format!(
        "medians of {ROUNDS}; CPU time, what is added against the mean of a loop before and one after"
    ));
    Ok(())
}

fn added_percent(ours: f64, before: f64, after: f64) -> f64 {
    100.0 * (ours / f64::midpoint(before, after) - 1.0)
}

fn in_process(runtime: &Path, model: &Path) -> Outcome<Pass> {
    let mut python = Command::new(runtime.join("bin/python"));
    let test = demo("hidden/test.csv");
    let said = output(python.args(["-c", IN_PROCESS]).arg(model).arg(test))?;
    let (wall, cpu) = said.trim().split_once(' ').ok_or("no times were printed")?;
    Ok(Pass {
        wall: wall.parse()?,
        cpu: cpu.parse()?,
    })
}

/// What an entry's trials came to.
fn measured(service: &Service, model: Vec<u8>) -> Outcome<Pass> {
    let upload = service.upload(model)?;
    let id = service.commit(&upload)?;
    service.wait_until_idle()?;
    let submission = service.submission(&id)?;
    let per_pass = &submission["result"]["inference"];
    let seconds = |of: &Value| of.as_f64().ok_or_else(|| submission.to_string());
    Ok(Pass {
        wall: seconds(&per_pass["wall_s"])?,
        cpu: seconds(&per_pass["cpu_s"])?,
    })
}
