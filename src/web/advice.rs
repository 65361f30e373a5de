//! What to say of a failure, by its code: what went wrong, whose fault it was, what to try next.

use crate::domain::submission::{Failure, FailureClass};

/// What is said of a code.
struct Advice {
    code: &'static str,
    /// What went wrong, in a few words.
    headline: &'static str,
    /// A sentence or two on what to do now.
    next: &'static str,
}

const fn advice(code: &'static str, headline: &'static str, next: &'static str) -> Advice {
    Advice {
        code,
        headline,
        next,
    }
}

/// Where nothing is wrong with the entry.
const AGAIN: &str = "Nothing is wrong with the entry as far as we know. Submit the same file again: it is queued \
     once more.";

const ADVICE: &[Advice] = &[
    advice(
        "onnx_invalid",
        "The file is no whole ONNX model",
        "Save the model anew and run `onnx.checker.check_model` on the file that you upload.",
    ),
    advice(
        "onnx_unsupported",
        "The model is newer than the runtime",
        "Export with an older opset: most exporters take it as a parameter.",
    ),
    advice(
        "onnx_external_data",
        "The model’s weights lie in another file",
        "Save the model as one file: `onnx.save(model, path, save_as_external_data=False)`.",
    ),
    advice(
        "onnx_custom_op",
        "The model has an operator that the runtime lacks",
        "Use operators of ai.onnx, ai.onnx.ml and com.microsoft only; a custom operator’s library cannot come along.",
    ),
    advice(
        "tflite_invalid",
        "LiteRT cannot load the model",
        "Load it with `ai_edge_litert.interpreter.Interpreter`, in the version that the submit page lists, before you upload it.",
    ),
    advice(
        "tflite_custom_op",
        "The model has an operator that the runtime lacks",
        "Convert it with `TFLITE_BUILTINS` alone: neither custom operators nor TensorFlow’s own can run.",
    ),
    advice(
        "passes_unlike",
        "The passes did not do the same work",
        "Compute the predictions from the inputs in every pass, and keep nothing from one to the next.",
    ),
    advice(
        "scores_unlike",
        "A later trial predicted worse than those that were scored",
        "Predict alike in every run: seed what is random.",
    ),
    advice(
        "input_unbound",
        "The model has an input that nothing is fed to",
        "Give the model one input, which takes all columns at once, or inputs that are named like the columns.",
    ),
    advice(
        "input_unknown",
        "The manifest names an input that the model lacks",
        "Write the names in `leanboard.toml` as the model has them: `session.get_inputs()` lists them.",
    ),
    advice(
        "input_shape",
        "The model wants rows of another size",
        "Axis 0 of every input is the row. Export with a dynamic first axis, and as many values per row as there are \
         columns.",
    ),
    advice(
        "batch_axis",
        "The model’s batch size cannot be used",
        "Axis 0 of every input is the row. Export with a dynamic first axis.",
    ),
    advice(
        "input_dtype",
        "The model’s input type would lose values",
        "Declare the input as float32 or float64: only lossless casts are made for you.",
    ),
    advice(
        "output_ambiguous",
        "Several outputs could be the prediction",
        "Name the output that holds the prediction `label`, or export the model with that output only.",
    ),
    advice(
        "output_unknown",
        "The model’s output is of no kind that can be read",
        "Return a tensor of labels, of scores or of numbers, or scikit-learn’s ZipMap.",
    ),
    advice(
        "output_rows",
        "The model did not answer each row once",
        "Return exactly one prediction for each row that the model is given.",
    ),
    advice(
        "output_shape",
        "The model’s output has a shape that is no prediction",
        "Return exactly one prediction for each row that the model is given.",
    ),
    advice(
        "output_classes",
        "The model answers with other classes than the competition’s",
        "Return either one label of the class list for each row, or one score for each class, in the order of the list.",
    ),
    advice(
        "output_kind",
        "The model’s output is neither a label nor a number",
        "Return either one label of the class list for each row, or one score for each class.",
    ),
    advice(
        "output_not_proba",
        "What the model returns are no probabilities",
        "End the model with a softmax over the classes, or with a sigmoid where it returns that of one class alone.",
    ),
    advice(
        "output_nonfinite",
        "The model predicted NaN or infinity",
        "Look for a division by zero, the logarithm of zero or an overflow in half precision; the sample of the test \
         inputs lets you see it at home.",
    ),
    advice(
        "run_failed",
        "The model failed while it ran",
        "Run the file with onnxruntime on the sample of the test inputs: what fails here fails there too.",
    ),
    advice(
        "timeout",
        "It ran into the time limit",
        "The entry is too slow for the limit. Time it on the sample of the test inputs: a smaller or quantised model \
         ranks better anyway.",
    ),
    advice(
        "memory",
        "It ran out of memory",
        "The entry needs more memory than the limit. Smaller layers, smaller types or fewer trees help.",
    ),
    advice(
        "processes",
        "It wanted too many processes and threads",
        "Leave threads and processes to the runtime: the entry has the CPUs of the limits and no more.",
    ),
    advice(
        "log_too_large",
        "It printed too much",
        "Take out what prints: nothing that is printed on hidden inputs is shown anyway.",
    ),
    advice(
        "crashed",
        "It crashed",
        "Run the file on the sample of the test inputs, with the same versions: a signal ended the process, so look \
         for native code or an operator that goes out of bounds.",
    ),
    advice(
        "values",
        "Some predictions are out of range",
        "Keep the predictions in the metric’s range, or in the class list: for a logarithmic error, clip them at 0.",
    ),
    advice(
        "undefined",
        "The metric has no value for these predictions",
        "Each can be used, but not all of them together: a correlation needs predictions that differ from row to row.",
    ),
    advice(
        "columns",
        "The predictions have other columns",
        "Write the columns of the sample submission and no other; with pandas, leave the index out: `index=False`.",
    ),
    advice(
        "rows",
        "The predictions have another number of rows",
        "Predict each row of the test inputs exactly once.",
    ),
    advice(
        "classes",
        "The predictions have other classes",
        "Answer with labels of the class list, written as they stand there.",
    ),
    advice(
        "ids",
        "The row ids are not those of the test inputs",
        "Take the row ids from the test inputs that the script finds, not from the file that you downloaded: the hidden test \
         has other rows. Read them as text: 007 is not 7.",
    ),
    advice(
        "submission_missing",
        "The script left no submission.csv and no submission.parquet",
        "Write the predictions to `submission.csv` in the working folder, which is where a script starts: \
         `submission.to_csv(\"submission.csv\", index=False)`.",
    ),
    advice(
        "submission_unusable",
        "The submission cannot be read",
        "Write `submission.csv` or `submission.parquet` itself, one of them, a plain file with one row for \
         each test row.",
    ),
    advice(
        "output_too_large",
        "It left too much in its working folder",
        "Write submission.csv and little else; remove what the script needs only on its way.",
    ),
    advice(
        "exit_status",
        "The script ended with an error",
        "The smoke run’s standard error has Python’s traceback. Packages that the page to submit does not list cannot be \
         installed: there is no network.",
    ),
    advice(
        "predict_missing",
        "There is no function to call",
        "Define `predict(batch)` at the top of predict.py, or serve it as on Kaggle: `inference_server.serve()`.",
    ),
    advice(
        "predict_import",
        "The code could not be imported",
        "The smoke run’s standard error has Python’s traceback. Packages that the page to submit does not list cannot be \
         installed: there is no network.",
    ),
    advice(
        "predict_failed",
        "The function raised an error",
        "The smoke run’s standard error has Python’s traceback. Call the function at home with the rows of the sample of \
         the test inputs.",
    ),
    advice(
        "predict_rows",
        "The function did not answer each row once",
        "Return exactly one prediction for each row of the batch, in the order that the rows came in.",
    ),
    advice(
        "predict_kind",
        "The function returned what cannot be read as predictions",
        "Return a DataFrame with the column of the target, a Series or an array: one number or label for each row.",
    ),
    advice(
        "batch_variant",
        "The predictions depend on how the rows are cut into batches",
        "Compute nothing over the rows of a batch: a prediction must depend on its own row alone.",
    ),
    advice(
        "start_up_timeout",
        "It took too long to start",
        "Import and load less before the first call; what can wait can be done in it.",
    ),
    advice(
        "batch_timeout",
        "A call took too long",
        "The function is too slow for the limit of a call. Time it on the sample of the test inputs: a smaller or quantised \
         model ranks better anyway.",
    ),
    advice(
        "metric_visible_error",
        "The competition’s metric refuses the predictions",
        "The message is the metric’s own, which the competition’s host wrote: mend what it names in the predictions.",
    ),
    advice("internal", "We could not run it", AGAIN),
    advice(
        "runner_lost",
        "Our runner stopped in the middle of it",
        AGAIN,
    ),
    advice(
        "not_scorable",
        "The competition cannot be scored",
        "A host of the competition has to mend it. Submit the same file again then: it is queued once more.",
    ),
    advice(
        "machine_busy",
        "Our machine was too busy to measure it",
        AGAIN,
    ),
];

/// Where the entry passed on the public sample, so that nothing at home shows the failure.
const ON_OTHER_ROWS: &str = "The entry passed on the public sample, so look for what other rows may bring: categories \
     that were never seen, empty or unusual texts, extreme numbers, and more rows, which take more memory and time. \
     A host of the competition sees what it printed there: ask one.";
const ON_MORE_ROWS: &str = "The entry kept the limit on the public sample, so look at what it needs for more rows: \
     the hidden test inputs may have many more. Try it at home on the training data, and leave it some room.";

fn find(code: &str) -> Option<&'static Advice> {
    ADVICE.iter().find(|advice| advice.code == code)
}

/// What went wrong, in a few words.
pub fn headline(failure: &Failure) -> &'static str {
    match (find(&failure.code), failure.class) {
        (Some(advice), _) => advice.headline,
        (None, FailureClass::Participant) => "The entry failed while it ran",
        (None, FailureClass::Metric) => "The competition’s metric failed",
        (None, FailureClass::Infrastructure) => "We could not run it",
        (None, FailureClass::Noise) => "Our machine was disturbed",
    }
}

/// Whose failure it was.
pub fn fault(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Participant => "The entry’s",
        FailureClass::Metric => "The competition’s: its host has to mend the metric",
        FailureClass::Infrastructure => "Ours",
        FailureClass::Noise => "Ours: the machine was disturbed while it measured",
    }
}

/// What to do now. `passed_smoke`: the entry failed on the hidden test inputs alone.
pub fn what_to_try(failure: &Failure, passed_smoke: bool) -> &'static str {
    match failure.class {
        FailureClass::Metric | FailureClass::Infrastructure | FailureClass::Noise => {
            find(&failure.code).map_or(AGAIN, |advice| advice.next)
        }
        FailureClass::Participant if passed_smoke => match failure.code.as_str() {
            "batch_timeout" | "timeout" | "memory" => ON_MORE_ROWS,
            // What is said of these holds for any rows.
            "ids" | "log_too_large" | "metric_visible_error" | "output_too_large" | "passes_unlike" | "processes"
            | "start_up_timeout" | "values" => find(&failure.code).map_or(ON_OTHER_ROWS, |advice| advice.next),
            _ => ON_OTHER_ROWS,
        },
        FailureClass::Participant => find(&failure.code).map_or(
            "Run the entry at home on the sample of the test inputs: what fails here fails there too.",
            |advice| advice.next,
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Every file below a folder whose name has this ending.
    fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(files(&path, ending));
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
        found
    }

    /// The words in quotation marks that stand behind `before`, white space between them or not.
    fn words_behind(text: &str, before: &str) -> Vec<String> {
        text.match_indices(before)
            .filter_map(|(at, _)| {
                let behind = text[at + before.len()..].trim_start();
                let word = behind.strip_prefix('"')?.split('"').next()?;
                Some(word.to_owned())
            })
            .collect()
    }

    /// All codes that a failure can have, as the sources of those who make them say.
    fn codes() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut codes = BTreeSet::new();
        for path in files(&root.join("sandbox/harness"), "py") {
            let text = fs::read_to_string(&path).unwrap();
            if !path.components().any(|part| part.as_os_str() == "tests") {
                for before in ["Refused(", "telling("] {
                    codes.extend(words_behind(&text, before));
                }
            }
        }
        for module in ["session", "runner", "scoring"] {
            for path in files(&root.join("src").join(module), "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for before in [
                    "Failure::participant(",
                    "Failure::infrastructure(",
                    "return failure(",
                    "=> failure(",
                    "code: ",
                ] {
                    codes.extend(words_behind(&text, before));
                }
                let arms = text.lines().map(str::trim);
                codes.extend(
                    arms.filter(|line| line.starts_with("PredictionsFault::"))
                        .flat_map(|line| words_behind(line, "=>")),
                );
            }
        }
        codes.insert("runner_lost".to_owned());
        codes
    }

    #[test]
    fn no_code_lacks_advice() {
        let codes = codes();
        for known in [
            "input_shape",
            "timeout",
            "values",
            "machine_busy",
            "internal",
        ] {
            assert!(codes.contains(known), "{known} in {codes:?}");
        }
        let lacking: Vec<&String> = codes.iter().filter(|code| find(code).is_none()).collect();
        assert_eq!(lacking, Vec::<&String>::new());
    }

    #[test]
    fn every_code_stands_in_the_entry_contract_and_no_other_does() {
        let contract = include_str!("../../docs/entry-contract.md");
        let (_, running) = contract.split_once("## When it runs").unwrap();
        let rows = running.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: BTreeSet<String> = rows
            .flat_map(|row| row.split('|').next().unwrap_or_default().split(", "))
            .map(|code| {
                code.split('`')
                    .find(|part| !part.is_empty())
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(documented, codes());
    }

    #[test]
    fn what_passed_on_the_sample_is_not_sent_back_to_it() {
        for code in codes() {
            let next = what_to_try(&Failure::participant(&code, ""), true);
            for wrong in ["sample of the test inputs", "fails there too", "smoke run"] {
                assert!(!next.contains(wrong), "{code}: {next}");
            }
        }
    }

    #[test]
    fn a_code_is_advised_on_once() {
        let codes: BTreeSet<&str> = ADVICE.iter().map(|advice| advice.code).collect();
        assert_eq!(codes.len(), ADVICE.len());
    }

    #[test]
    fn a_failure_of_ours_says_to_send_the_same_file_again() {
        let failure = Failure::infrastructure("of_tomorrow", "");
        for passed_smoke in [false, true] {
            assert!(what_to_try(&failure, passed_smoke).contains("same file again"));
        }
        assert_eq!(headline(&failure), "We could not run it");
    }
}
