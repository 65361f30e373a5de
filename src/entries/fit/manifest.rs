//! Whether what a manifest says fits the model that it lies beside, and the task.

use super::{Wish, is_number, listed};
use crate::domain::competition::{Task, TaskKind};
use crate::domain::model_manifest::{Activation, Axis, Constant, InputSource};
use crate::entries::package::MANIFEST;
use crate::entries::rejection::{Rejection, RejectionCode, clean};
use crate::entries::tensors::{Dim, TensorSpec};

impl<'a> Wish<'a> {
    /// Whether no more rows are asked for at once than the competition gives.
    pub(super) fn check_batch_size(self) -> Result<(), Rejection> {
        let most = self.most_rows;
        match self.manifest.batch_size {
            Some(wanted) if wanted > most => Err(RejectionCode::BatchSize.because(format!(
                "{MANIFEST} asks for a batch_size of {wanted}, and this competition gives a model at most {most} \
                 {} at once. Write {most} or less.",
                if most == 1 { "row" } else { "rows" }
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// What the manifest feeds this input. Names are cleaned for showing, and so compared as they are
    /// shown; the harness has the last word.
    pub(super) fn source_of(self, input: &TensorSpec) -> Option<&'a InputSource> {
        let mut inputs = self.manifest.inputs.iter();
        let (_, source) = inputs.find(|(name, _)| clean(name.as_bytes()) == input.name)?;
        Some(source)
    }

    pub(super) fn check_names(self, inputs: &[TensorSpec]) -> Result<(), Rejection> {
        let mut names = self
            .manifest
            .inputs
            .keys()
            .map(|name| clean(name.as_bytes()));
        let unknown = names.find(|name| inputs.iter().all(|input| input.name != *name));
        let Some(unknown) = unknown else {
            return Ok(());
        };
        let inputs: Vec<String> = inputs.iter().map(TensorSpec::to_string).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Err(RejectionCode::InputUnknown.because(format!(
            "The manifest binds input '{unknown}', which the model does not have. It has: {}.",
            listed(&inputs)
        )))
    }

    /// Whether the task has a use for what the manifest says of the output.
    pub(super) fn check_task(self, task: &Task) -> Result<(), Rejection> {
        let invalid = |what: &str| Err(RejectionCode::ManifestInvalid.because(what.to_owned()));
        let has_two = task.classes.len() == 2;
        if self.manifest.threshold.is_some() && !(task.kind == TaskKind::Label && has_two) {
            return invalid(&format!(
                "{MANIFEST} sets a `threshold`, which is for labels of two classes, and this competition \
                 asks for something else. Leave it out."
            ));
        }
        match (self.manifest.activation, task.kind) {
            (None, _) => Ok(()),
            (Some(Activation::Sigmoid), TaskKind::Probability) if !has_two => invalid(&format!(
                "{MANIFEST} sets `activation = \"sigmoid\"`, which is for two classes, and this competition \
                 has {}. Take \"softmax\".",
                task.classes.len()
            )),
            (Some(_), TaskKind::Probability) => Ok(()),
            (Some(_), TaskKind::Label | TaskKind::Value | TaskKind::List | TaskKind::Text) => {
                invalid(&format!(
                    "{MANIFEST} sets an `activation`, which is for probabilities, and this competition asks \
                     for something else. Leave it out."
                ))
            }
        }
    }

    pub(super) fn check_constant(
        self,
        input: &TensorSpec,
        value: &Constant,
        shape: &[Axis],
    ) -> Result<(), Rejection> {
        let is_fine = match value {
            Constant::Text(_) => input.dtype == "string",
            Constant::Truth(_) => is_number(&input.dtype),
            Constant::Whole(_) | Constant::Decimal(_) if self.may_scale => is_number(&input.dtype),
            Constant::Whole(number) => holds_whole(&input.dtype, *number),
            Constant::Decimal(number) => {
                // Up to 2^53 each whole number is a decimal.
                let whole = (number.fract() == 0.0 && number.abs() <= 2f64.powi(53))
                    .then_some(*number as i64);
                input.dtype.starts_with("float")
                    || whole.is_some_and(|number| holds_whole(&input.dtype, number))
            }
        };
        if !is_fine {
            return Err(RejectionCode::InputDtype.because(format!(
                "Input {input} is a constant in the manifest that is no value of its type. Write one that {} \
                 has.",
                input.dtype
            )));
        }
        let fits = |(axis, dim): (&Axis, &Dim)| match (axis, dim) {
            (Axis::Fixed(length), Dim::Fixed(wanted)) => length == wanted,
            (Axis::Rows(_), _) | (Axis::Fixed(_), Dim::Named(_) | Dim::Free) => true,
        };
        // A scalar is declared as what has no known shape.
        if input.shape.is_empty()
            || (input.shape.len() == shape.len() && shape.iter().zip(&input.shape).all(fits))
        {
            return Ok(());
        }
        Err(RejectionCode::InputShape.because(format!(
            "Input {input} is a constant in the manifest that does not have its shape. Give the constant the \
             input's shape, with \"batch\" where the row is."
        )))
    }

    /// Checks an output that the manifest says how to read; `false` where it says nothing. `per_row` is
    /// the shape where it is known.
    pub(super) fn check_answer(
        self,
        output: &TensorSpec,
        is_zipmap: bool,
        per_row: Option<&[Dim]>,
        task: &Task,
    ) -> Result<bool, Rejection> {
        let (what, takes_one) = match (self.manifest.threshold, self.manifest.activation) {
            (Some(_), _) => ("a threshold", true),
            (None, Some(Activation::Sigmoid)) => ("a sigmoid", true),
            (None, Some(Activation::Softmax)) => ("a softmax", false),
            (None, None) => return Ok(false),
        };
        let classes = task.classes.len();
        let wanted = match takes_one {
            true => "one number for each row, [N] or [N, 1]".to_owned(),
            false => format!("one score for each class, [N, {classes}]"),
        };
        let refuse = |code: RejectionCode, why: &str| {
            Err(code.because(format!(
                "Output {output} {why}: {what} in the manifest is for {wanted}, as floats. Choose another \
                 output, or leave {what} out."
            )))
        };
        if is_zipmap {
            return match takes_one {
                true => refuse(RejectionCode::OutputKind, "has scores by class"),
                false => Ok(true),
            };
        }
        let is_decimal = output.dtype.starts_with("float");
        if !(is_decimal || self.may_scale && is_number(&output.dtype)) {
            return refuse(RejectionCode::OutputKind, "holds no decimals");
        }
        let is_fine = match per_row {
            None => true,
            Some([]) => takes_one,
            Some([Dim::Fixed(found)]) if takes_one => *found == 1,
            Some([Dim::Fixed(found)]) => *found == classes as u64,
            Some([Dim::Named(_) | Dim::Free]) => true,
            Some(_) => false,
        };
        match is_fine {
            true => Ok(true),
            false => refuse(RejectionCode::OutputShape, "has another shape"),
        }
    }
}

/// Whether a type has this number. Those with decimals have each closely enough.
fn holds_whole(dtype: &str, number: i64) -> bool {
    let bits = |name: &str| dtype.strip_prefix(name)?.parse::<u32>().ok();
    if dtype == "bool" {
        return matches!(number, 0 | 1);
    }
    if let Some(bits) = bits("uint") {
        return number >= 0 && (bits >= 63 || number < 1 << bits);
    }
    match bits("int") {
        Some(bits) => bits >= 64 || (-(1i64 << (bits - 1))..1 << (bits - 1)).contains(&number),
        None => dtype.starts_with("float"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_fit_the_types_that_have_them() {
        for (dtype, number, fits) in [
            ("bool", 1, true),
            ("bool", 2, false),
            ("int8", -128, true),
            ("int8", 128, false),
            ("uint8", 255, true),
            ("uint8", 256, false),
            ("uint8", -1, false),
            ("int64", i64::MIN, true),
            ("uint64", i64::MAX, true),
            ("float32", i64::MAX, true),
            ("string", 1, false),
        ] {
            assert_eq!(holds_whole(dtype, number), fits, "{dtype} {number}");
        }
    }
}
