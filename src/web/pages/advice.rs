//! What to try after a failure, by its code.

use crate::domain::submission::{Failure, FailureClass};

/// Whose failure it was, and what follows from it.
pub fn fault(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Participant => {
            "The fault lies with the entry, so it counts against the daily limit."
        }
        FailureClass::Metric => {
            "The fault lies with the competition's metric, which its host has to mend. It does not count \
             against the daily limit."
        }
        FailureClass::Infrastructure => {
            "The fault is ours. It does not count against the daily limit."
        }
        FailureClass::Noise => {
            "The machine was disturbed while it measured. It does not count against the daily limit."
        }
    }
}

/// A sentence on what to do now.
pub fn what_to_try(failure: &Failure) -> &'static str {
    match failure.class {
        FailureClass::Metric | FailureClass::Infrastructure | FailureClass::Noise => {
            return "Nothing is wrong with the entry as far as we know. Submit the same file again: it is queued once more.";
        }
        FailureClass::Participant => {}
    }
    match failure.code.as_str() {
        "onnx_invalid" => {
            "Save the model anew and run `onnx.checker.check_model` on the file that you upload."
        }
        "onnx_unsupported" => "Export with an older opset: most exporters take it as a parameter.",
        "onnx_external_data" => {
            "Save the model as one file: `onnx.save(model, path, save_as_external_data=False)`."
        }
        "onnx_custom_op" => {
            "Use operators of ai.onnx, ai.onnx.ml and com.microsoft only; a custom operator's library cannot come along."
        }
        "passes_unlike" => {
            "Compute the predictions from the inputs in every pass, and keep nothing from one to the next."
        }
        "input_unbound" => {
            "Give the model one input, which takes all columns at once, or inputs that are named like the columns."
        }
        "input_shape" | "batch_axis" => {
            "Axis 0 of every input is the row. Export with a dynamic first axis, and as many values per row as there are \
             columns."
        }
        "input_dtype" => {
            "Declare the input as float32 or float64: only lossless casts are made for you."
        }
        "output_ambiguous" => {
            "Name the output that holds the prediction `label`, or export the model with that output only."
        }
        "output_rows" | "output_shape" => {
            "Return exactly one prediction for each row that the model is given."
        }
        "output_classes" | "output_kind" => {
            "Return either one label of the class list for each row, or one score for each class."
        }
        "output_nonfinite" => {
            "Look for a division by zero, the logarithm of zero or an overflow in half precision; the sample of the test \
             inputs lets you see it at home."
        }
        "timeout" => {
            "The model is too slow for the limit. Time it on the sample of the test inputs: a smaller or quantised model \
             ranks better anyway."
        }
        "memory" => {
            "The model needs more memory than the limit. Smaller layers, smaller types or fewer trees help."
        }
        "values" => {
            "Keep the predictions in the metric's range: for a logarithmic error, clip them at 0."
        }
        "submission_missing" => {
            "Write the predictions to `submission.csv` in the working folder, which is where a script starts: \
             `submission.to_csv(\"submission.csv\", index=False)`."
        }
        "columns" => {
            "Write the columns of the sample submission and no other; with pandas, leave the index out: `index=False`."
        }
        "ids" => {
            "Take the row ids from the test inputs that the script finds, not from the file that you downloaded: the hidden \
             test has other rows. Read them as text."
        }
        "exit_status" => {
            "The smoke run’s standard error below has Python’s traceback. Packages that the submit page does not list cannot \
             be installed: there is no network."
        }
        "processes" => {
            "Leave threads and processes to the runtime: the entry has the CPUs of the limits and no more."
        }
        "log_too_large" => "Take the operators out that print.",
        _ => {
            "Run the file with onnxruntime on the sample of the test inputs: what fails here fails there too."
        }
    }
}
