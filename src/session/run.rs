//! What one run of a candidate came to, whatever kind it is of.

use crate::domain::contention::Contention;
use crate::domain::energy::Energy;
use crate::domain::submission::Failure;
use crate::domain::trial::Phases;
use crate::domain::units::Bytes;
use crate::sandbox::Run;

/// A run, whether or not the candidate held out.
#[derive(Debug)]
pub struct Finished {
    pub result: Result<Measured, Failure>,
    /// Not for participants where the run saw hidden data.
    pub stdout: String,
    pub stderr: String,
}

/// A run that went to its end.
#[derive(Debug)]
pub struct Measured {
    pub phases: Phases,
    pub energy: Energy,
    pub contention: Option<Contention>,
    /// What ran it, such as "onnxruntime 1.32.0".
    pub runtime: String,
    /// Rows that a model was given at once.
    pub batch_size: Option<u32>,
    pub peak_memory: Bytes,
    /// As it wrote them.
    pub predictions: Vec<u8>,
}

impl Finished {
    /// A failure of which no output is kept.
    pub fn silent(failure: Failure) -> Finished {
        Finished {
            result: Err(failure),
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// What may be said to participants where the run saw hidden data.
    pub fn without_data(self) -> Finished {
        Finished {
            result: self.result.map_err(|failure| without_data(&failure)),
            ..self
        }
    }
}

pub fn finished(run: &Run, result: Result<Measured, Failure>) -> Finished {
    Finished {
        result,
        stdout: run.stdout.text(),
        stderr: run.stderr.text(),
    }
}

/// What may be said of a failure on the hidden test inputs: which rule was broken, and no more. A
/// model can be made to fail with a shape that it computed from its inputs, and a script with any
/// number of missing ids.
pub fn without_data(failure: &Failure) -> Failure {
    // What says nothing but which limit was reached is as it was.
    const LIMITS: [&str; 7] = [
        "batch_timeout",
        "log_too_large",
        "memory",
        "output_too_large",
        "processes",
        "start_up_timeout",
        "timeout",
    ];
    const RULES: [&str; 33] = [
        "batch_axis",
        "classes",
        "columns",
        "crashed",
        "exit_status",
        "ids",
        "input_dtype",
        "input_shape",
        "input_unbound",
        "input_unknown",
        "onnx_custom_op",
        "onnx_external_data",
        "onnx_invalid",
        "onnx_unsupported",
        "output_ambiguous",
        "output_classes",
        "output_kind",
        "output_nonfinite",
        "output_not_proba",
        "output_rows",
        "output_shape",
        "output_unknown",
        "predict_failed",
        "predict_import",
        "predict_kind",
        "predict_missing",
        "predict_rows",
        "rows",
        "submission_missing",
        "submission_unusable",
        "tflite_custom_op",
        "tflite_invalid",
        "values",
    ];
    if LIMITS.contains(&failure.code.as_str()) {
        return failure.clone();
    }
    let rule = RULES.into_iter().find(|rule| *rule == failure.code);
    Failure::participant(
        rule.unwrap_or("run_failed"),
        "The entry passed on the public sample and failed on the hidden test inputs. What went wrong \
         is in the code alone, because a longer message could hold what is hidden.",
    )
}
