//! Whether a model can be fed with a competition's arrays and its output read, as far as the model
//! says so itself: what the harness would refuse, refused before anything is queued. What a model
//! leaves open is left to the harness, whose `binding.py` and `predictions.py` have the whole rules.

mod manifest;

use super::rejection::{Rejection, RejectionCode, clean};
use super::tensors::{Dim, TensorSpec};
use super::{Checked, Content};
use crate::domain::competition::{Task, TaskKind};
use crate::domain::model_manifest::{Axis, InputSource, ModelManifest};
use crate::domain::table::ColumnKind;

/// The array of all numeric columns.
const FEATURES: &str = "features";
/// The largest number of rows that an input may fix.
const FIXED_ROWS_MAX: u64 = 65_536;
/// Names that are listed in a sentence.
const NAMES_SHOWN: usize = 6;
/// What converters call the output that holds the prediction.
const LABEL_NAMES: [&str; 3] = ["label", "output_label", "variable"];
const PROBABILITY_NAMES: [&str; 2] = ["probabilities", "output_probability"];

/// Refuses what certainly cannot be fed with these columns, which are all of the test inputs but the
/// row id, or whose answer certainly is none to the task.
pub fn check(
    checked: &Checked,
    columns: &[(&str, ColumnKind)],
    task: &Task,
    most_rows: u32,
) -> Result<(), Rejection> {
    let (inputs, outputs, may_scale) = match &checked.content {
        Content::Onnx(model) => (&model.inputs, &model.outputs, false),
        Content::Tflite(model) => (&model.inputs, &model.outputs, true),
        Content::Predict(_) | Content::Script(_) => return Ok(()),
    };
    let without = ModelManifest::default();
    let wish = Wish {
        manifest: checked.manifest.as_ref().unwrap_or(&without),
        may_scale,
        most_rows,
    };
    wish.check_batch_size()?;
    wish.check_task(task)?;
    wish.check_names(inputs)?;
    // Nothing is known of what it is fed where there is no public sample to tell.
    if !columns.is_empty() {
        check_inputs(inputs, columns, wish)?;
    }
    check_output(outputs, task, wish)
}

/// How the model asks to be run.
#[derive(Clone, Copy)]
struct Wish<'a> {
    manifest: &'a ModelManifest,
    /// Whether whole numbers may stand for decimals, which a TensorFlow Lite model does not tell here.
    may_scale: bool,
    /// The competition gives it no more at once.
    most_rows: u32,
}

/// An array of test inputs: its name, whether it holds numbers, and how many values a row of it has.
struct Array {
    name: String,
    is_numeric: bool,
    width: u64,
}

fn check_inputs(
    inputs: &[TensorSpec],
    columns: &[(&str, ColumnKind)],
    wish: Wish<'_>,
) -> Result<(), Rejection> {
    if inputs.is_empty() {
        return Err(RejectionCode::InputUnbound.because(
            "The model has no inputs, so that it can see nothing of the rows. Export it with an input \
             [N, …] whose axis 0 is the row.",
        ));
    }
    let numeric = columns.iter().filter(|(_, kind)| kind.is_numeric()).count();
    let features = (numeric > 0).then(|| Array {
        name: FEATURES.to_owned(),
        is_numeric: true,
        width: numeric as u64,
    });
    let each = columns.iter().map(|(name, kind)| Array {
        name: clean(name.as_bytes()),
        is_numeric: kind.holds_numbers(),
        width: kind.width(),
    });
    let arrays: Vec<Array> = features.into_iter().chain(each).collect();
    check_batch_axis(inputs, wish)?;
    let mut fed = 0;
    for input in inputs {
        match wish.source_of(input) {
            Some(InputSource::Constant { value, shape }) => {
                wish.check_constant(input, value, shape)?;
            }
            Some(InputSource::Array { .. }) | None => fed += 1,
        }
    }
    if fed == 0 {
        return Err(RejectionCode::InputUnbound.because(
            "The manifest makes every input of the model a constant, so that it can see nothing of the \
             rows. Bind one of them to an array.",
        ));
    }
    for input in inputs {
        let chosen = match wish.source_of(input) {
            Some(InputSource::Constant { .. }) => continue,
            Some(InputSource::Array { name }) => Some(name.as_str()),
            None => None,
        };
        let array = find_array(input, chosen, fed == 1, &arrays)?;
        check_type(input, array)?;
        check_shape(input, array)?;
    }
    Ok(())
}

/// `chosen` is what the manifest says; `is_only` whether all other inputs are constants.
fn find_array<'a>(
    input: &TensorSpec,
    chosen: Option<&str>,
    is_only: bool,
    arrays: &'a [Array],
) -> Result<&'a Array, Rejection> {
    let named = |name: &str| arrays.iter().find(|array| array.name == name);
    let all = || {
        let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
        listed(&names)
    };
    if let Some(chosen) = chosen {
        let chosen = clean(chosen.as_bytes());
        return named(&chosen).ok_or_else(|| {
            RejectionCode::InputUnbound.because(format!(
                "The manifest feeds input {input} from '{chosen}', and there is no such array of test \
                 inputs. There is: {}.",
                all()
            ))
        });
    }
    let found = named(&input.name).or_else(|| match (is_only, arrays) {
        (true, [only]) => Some(only),
        (true, _) => named(FEATURES),
        (false, _) => None,
    });
    found.ok_or_else(|| {
        RejectionCode::InputUnbound.because(format!(
            "No array of the test inputs is named like input {input}. Rename the input, or bind it in a \
             manifest, to one of: {}.",
            all()
        ))
    })
}

fn check_batch_axis(inputs: &[TensorSpec], wish: Wish<'_>) -> Result<(), Rejection> {
    let is_by_row = |input: &&TensorSpec| match wish.source_of(input) {
        Some(InputSource::Constant { shape, .. }) => matches!(shape.first(), Some(Axis::Rows(_))),
        Some(InputSource::Array { .. }) | None => true,
    };
    let mut fixed: Vec<u64> = (inputs.iter().filter(is_by_row))
        .filter_map(|input| match input.shape.first() {
            Some(Dim::Fixed(rows)) => Some(*rows),
            Some(Dim::Named(_) | Dim::Free) | None => None,
        })
        .collect();
    fixed.sort_unstable();
    fixed.dedup();
    if fixed.len() > 1
        || fixed
            .iter()
            .any(|rows| !(1..=FIXED_ROWS_MAX).contains(rows))
    {
        let inputs: Vec<String> = inputs.iter().map(TensorSpec::to_string).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        return Err(RejectionCode::BatchAxis.because(format!(
            "Axis 0 of every input is the row. Where it is fixed, it must be the same number everywhere, \
             from 1 to {FIXED_ROWS_MAX}; the inputs are: {}. Make axis 0 free: give it a name instead of \
             a number.",
            listed(&inputs)
        )));
    }
    let most_rows = u64::from(wish.most_rows);
    match (fixed.as_slice(), wish.manifest.batch_size) {
        ([rows], _) if *rows > most_rows => Err(RejectionCode::BatchAxis.because(format!(
            "Axis 0 of the model's inputs is fixed to {rows}, and this competition gives a model at most \
             {most_rows} {} at once. Make axis 0 free: give it a name instead of a number.",
            if most_rows == 1 { "row" } else { "rows" }
        ))),
        ([rows], Some(wanted)) if *rows != u64::from(wanted) => {
            Err(RejectionCode::BatchAxis.because(format!(
                "The manifest asks for a batch_size of {wanted}, and axis 0 of the model's inputs is fixed to \
                 {rows}. Leave batch_size out, or make axis 0 free: give it a name instead of a number."
            )))
        }
        _ => Ok(()),
    }
}

fn check_type(input: &TensorSpec, array: &Array) -> Result<(), Rejection> {
    let takes_text = input.dtype == "string";
    if is_number(&input.dtype) == array.is_numeric && takes_text != array.is_numeric {
        return Ok(());
    }
    let holds = if array.is_numeric { "numbers" } else { "text" };
    Err(RejectionCode::InputDtype.because(format!(
        "Input {} is bound to the array '{}', which holds {holds}. Declare the input so that it takes \
         {holds}, or rename it.",
        input,
        array.name
    )))
}

fn check_shape(input: &TensorSpec, array: &Array) -> Result<(), Rejection> {
    let Some((_, per_row)) = input.shape.split_first() else {
        return Ok(());
    };
    let mut open = 0;
    let mut size = 1u64;
    for axis in per_row {
        match axis {
            Dim::Fixed(length) => size = size.saturating_mul(*length),
            Dim::Named(_) | Dim::Free => open += 1,
        }
    }
    let fits = match open {
        0 => size == array.width,
        1 => size > 0 && array.width.is_multiple_of(size),
        // One value for each of several open axes fits by rank alone, which the harness looks at.
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let wants = match open {
        0 => format!(", and the input wants {size}"),
        _ => String::new(),
    };
    Err(RejectionCode::InputShape.because(format!(
        "Input {} does not fit the array '{}': a row has {} values{wants}. Export the model with an input \
         of shape [N, {}].",
        input,
        array.name,
        array.width,
        array.width
    )))
}

fn check_output(outputs: &[TensorSpec], task: &Task, wish: Wish<'_>) -> Result<(), Rejection> {
    let output = find_output(outputs, task, wish.manifest.output.as_deref())?;
    // A list of one dictionary for each row, as scikit-learn's ZipMap makes.
    let is_zipmap = output.dtype.starts_with("seq(map(");
    let shape = match output.shape.split_first() {
        Some((_, per_row)) if !is_zipmap => Some(per_row),
        Some(_) | None => None,
    };
    if wish.check_answer(output, is_zipmap, shape, task)? {
        return Ok(());
    }
    match shape {
        Some(per_row) => check_answer(output, per_row, task),
        None => Ok(()),
    }
}

/// The output that holds the prediction: the one that the manifest has chosen, the only one, or the
/// one with a usual name.
fn find_output<'a>(
    outputs: &'a [TensorSpec],
    task: &Task,
    chosen: Option<&str>,
) -> Result<&'a TensorSpec, Rejection> {
    let all = || {
        let outputs: Vec<String> = outputs.iter().map(TensorSpec::to_string).collect();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        listed(&outputs)
    };
    if let Some(chosen) = chosen {
        let chosen = clean(chosen.as_bytes());
        let mut outputs = outputs.iter();
        return outputs.find(|output| output.name == chosen).ok_or_else(|| {
            RejectionCode::OutputUnknown.because(format!(
                "The manifest takes output '{chosen}', which the model does not have. It has: {}.",
                all()
            ))
        });
    }
    let usual: &[&str] = match task.kind {
        TaskKind::Probability => &PROBABILITY_NAMES,
        TaskKind::Label | TaskKind::Value | TaskKind::List | TaskKind::Text => &LABEL_NAMES,
    };
    let named = || {
        let mut names = usual.iter();
        names.find_map(|name| outputs.iter().find(|output| output.name == *name))
    };
    match outputs {
        [only] => Ok(only),
        _ => named().ok_or_else(|| {
            RejectionCode::OutputAmbiguous.because(format!(
                "The model has {} outputs and none of them is named {}: {}. Name the one with the \
                 prediction '{}', choose it in a manifest, or export the model with that one only.",
                outputs.len(),
                usual.join(" or "),
                all(),
                usual[0]
            ))
        }),
    }
}

/// What an output of this shape says to the task, without a word in the manifest.
fn check_answer(output: &TensorSpec, per_row: &[Dim], task: &Task) -> Result<(), Rejection> {
    let is_decimal = output.dtype.starts_with("float");
    let classes = task.classes.len() as u64;
    let threshold = match classes {
        2 => ", or set a threshold in a manifest",
        _ => "",
    };
    let refuse = |code: RejectionCode, fix: String| {
        Err(code.because(format!("Output {} cannot be read: {fix}.", output)))
    };
    match (task.kind, per_row) {
        (TaskKind::Label, [] | [Dim::Fixed(1)]) if is_decimal => refuse(
            RejectionCode::OutputKind,
            format!(
                "it is one number for each row, which does not say where one class ends and the next \
                 begins. Return the label, or one score for each of the {classes} classes{threshold}"
            ),
        ),
        (TaskKind::Label, [Dim::Fixed(found)]) if is_decimal && *found != classes => refuse(
            RejectionCode::OutputClasses,
            format!("it scores {found} classes, and the competition has {classes}"),
        ),
        (TaskKind::Probability, [Dim::Fixed(found)])
            if *found != classes && !(classes == 2 && *found == 1) =>
        {
            refuse(
                RejectionCode::OutputClasses,
                format!(
                    "it has {found} probabilities for each row, and the competition {classes} classes"
                ),
            )
        }
        (TaskKind::Value, [Dim::Fixed(found)]) if *found != task.targets().len() as u64 => refuse(
            RejectionCode::OutputShape,
            format!(
                "it has {found} values for each row, and {} are predicted",
                task.targets().len()
            ),
        ),
        (
            TaskKind::Label
            | TaskKind::Probability
            | TaskKind::Value
            | TaskKind::List
            | TaskKind::Text,
            _,
        ) => Ok(()),
    }
}

fn is_number(dtype: &str) -> bool {
    let starts = |prefix: &&str| dtype.starts_with(prefix);
    dtype == "bool" || ["float", "int", "uint"].iter().any(starts)
}

fn listed(names: &[&str]) -> String {
    let first = names[..names.len().min(NAMES_SHOWN)].join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
