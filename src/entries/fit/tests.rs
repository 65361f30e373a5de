use super::*;
use crate::entries::onnx::OnnxModel;

const WHOLE: ColumnKind = ColumnKind::Integers { fit_float32: true };

fn tensor(name: &str, dtype: &str, shape: &[i64]) -> TensorSpec {
    TensorSpec {
        name: name.to_owned(),
        dtype: dtype.to_owned(),
        shape: (shape.iter())
            .map(|axis| u64::try_from(*axis).map_or(Dim::Free, Dim::Fixed))
            .collect(),
    }
}

fn task(text: &str) -> Task {
    toml::from_str(text).unwrap()
}

fn verdict(inputs: Vec<TensorSpec>, output: TensorSpec, task: &Task) -> Result<(), String> {
    asked(inputs, output, task, "")
}

/// The verdict on a model with this manifest.
fn asked(
    inputs: Vec<TensorSpec>,
    output: TensorSpec,
    task: &Task,
    manifest: &str,
) -> Result<(), String> {
    let model = OnnxModel {
        inputs,
        outputs: vec![output],
        ..OnnxModel::default()
    };
    let columns = [("a", WHOLE), ("b", WHOLE), ("c", ColumnKind::Text)];
    let checked = Checked {
        content: Content::Onnx(model),
        manifest: Some(crate::entries::package::manifest::parse(manifest.as_bytes()).unwrap()),
    };
    check(&checked, &columns, task, 1024).map_err(|rejection| rejection.code.as_str().to_owned())
}

#[test]
fn no_model_takes_more_rows_at_once_than_its_competition_gives() {
    let labels = task("kind = 'label'\ntarget = 'y'\nclasses = ['0', '1']");
    let verdict = |rows: i64, most_rows: u32| {
        let model = OnnxModel {
            inputs: vec![tensor("features", "float32", &[rows, 2])],
            outputs: vec![tensor("label", "int64", &[rows])],
            ..OnnxModel::default()
        };
        let checked = Checked {
            content: Content::Onnx(model),
            manifest: None,
        };
        let columns = [("a", WHOLE), ("b", WHOLE)];
        check(&checked, &columns, &labels, most_rows)
            .map_err(|rejection| rejection.code.as_str().to_owned())
    };
    for (rows, most_rows) in [(-1, 1), (1, 1), (-1, 64), (64, 64)] {
        assert_eq!(verdict(rows, most_rows), Ok(()), "{rows} of {most_rows}");
    }
    for (rows, most_rows) in [(2, 1), (65, 64)] {
        assert_eq!(verdict(rows, most_rows), Err("batch_axis".to_owned()));
    }
}

#[test]
fn inputs_are_bound_as_the_harness_binds_them() {
    let labels = task("kind = 'label'\ntarget = 'y'\nclasses = ['1', '2', '3']");
    let label = || tensor("label", "int64", &[-1]);
    let refused = |code: &str| Err(code.to_owned());
    for (inputs, expected) in [
        (vec![tensor("x", "float32", &[-1, 2])], Ok(())),
        (vec![tensor("x", "float32", &[8, 1, 2])], Ok(())),
        (vec![tensor("x", "float32", &[-1, -1])], Ok(())),
        (vec![tensor("x", "float32", &[])], Ok(())),
        (
            vec![
                tensor("a", "float32", &[-1, 1]),
                tensor("c", "string", &[-1, 1]),
            ],
            Ok(()),
        ),
        (vec![], refused("input_unbound")),
        (
            vec![
                tensor("a", "float32", &[-1, 1]),
                tensor("x", "float32", &[-1, 1]),
            ],
            refused("input_unbound"),
        ),
        (
            vec![tensor("x", "float32", &[-1, 3])],
            refused("input_shape"),
        ),
        (
            vec![tensor("x", "string", &[-1, 2])],
            refused("input_dtype"),
        ),
        (
            vec![tensor("c", "float32", &[-1, 1])],
            refused("input_dtype"),
        ),
        (
            vec![
                tensor("a", "float32", &[8, 1]),
                tensor("b", "float32", &[4, 1]),
            ],
            refused("batch_axis"),
        ),
        (vec![tensor("x", "float32", &[0, 2])], refused("batch_axis")),
    ] {
        let what = format!("{inputs:?}");
        assert_eq!(verdict(inputs, label(), &labels), expected, "{what}");
    }
}

#[test]
fn an_output_that_is_no_answer_to_the_task_is_refused() {
    let labels = task("kind = 'label'\ntarget = 'y'\nclasses = ['1', '2', '3']");
    let two = task("kind = 'probability'\ntarget = 'y'\nclasses = ['no', 'yes']");
    let values = task("kind = 'value'\ntargets = ['low', 'high']");
    for (task, dtype, shape, expected) in [
        (&labels, "float32", &[-1, 3][..], Ok(())),
        (&labels, "int64", &[-1], Ok(())),
        (&labels, "seq(map(int64,tensor(float)))", &[], Ok(())),
        (&labels, "float32", &[-1], Err("output_kind")),
        (&labels, "float32", &[-1, 4], Err("output_classes")),
        (&two, "float32", &[-1, 2], Ok(())),
        (&two, "float32", &[-1, 1], Ok(())),
        (&two, "float32", &[-1, 3], Err("output_classes")),
        (&values, "float32", &[-1, 2], Ok(())),
        (&values, "float32", &[-1, 1], Err("output_shape")),
    ] {
        let input = vec![tensor("x", "float32", &[-1, 2])];
        let found = verdict(input, tensor("y", dtype, shape), task);
        let expected = expected.map_err(str::to_owned);
        assert_eq!(found, expected, "{dtype} {shape:?}");
    }
}

#[test]
fn what_a_manifest_says_of_the_output_must_fit_it_and_the_task() {
    let two = task("kind = 'label'\ntarget = 'y'\nclasses = ['no', 'yes']");
    let three = task("kind = 'label'\ntarget = 'y'\nclasses = ['1', '2', '3']");
    let likely = task("kind = 'probability'\ntarget = 'y'\nclasses = ['no', 'yes']");
    let forecast = task("kind = 'probability'\ntarget = 'y'\nclasses = ['1', '2', '3']");
    let values = task("kind = 'value'\ntarget = 'y'");
    let zipmap = "seq(map(string,tensor(float)))";
    for (task, manifest, dtype, shape, expected) in [
        (&two, "threshold = 0.5", "float32", &[-1, 1][..], Ok(())),
        (&two, "threshold = 0.5", "float32", &[-1], Ok(())),
        (&two, "threshold = 0.5", "float32", &[-1, -1], Ok(())),
        (
            &two,
            "threshold = 0.5",
            "float32",
            &[-1, 2],
            Err("output_shape"),
        ),
        (&two, "threshold = 0.5", "int64", &[-1], Err("output_kind")),
        (&two, "threshold = 0.5", zipmap, &[], Err("output_kind")),
        (&two, "", "float32", &[-1, 1], Err("output_kind")),
        (
            &three,
            "threshold = 0.5",
            "float32",
            &[-1],
            Err("manifest_invalid"),
        ),
        (
            &values,
            "threshold = 0.5",
            "float32",
            &[-1],
            Err("manifest_invalid"),
        ),
        (
            &two,
            "activation = 'softmax'",
            "float32",
            &[-1, 2],
            Err("manifest_invalid"),
        ),
        (
            &likely,
            "activation = 'softmax'",
            "float32",
            &[-1, 2],
            Ok(()),
        ),
        (&likely, "activation = 'softmax'", zipmap, &[], Ok(())),
        (
            &likely,
            "activation = 'softmax'",
            "float32",
            &[-1, 1],
            Err("output_shape"),
        ),
        (
            &likely,
            "activation = 'sigmoid'",
            "float32",
            &[-1, 1],
            Ok(()),
        ),
        (
            &likely,
            "activation = 'sigmoid'",
            "float32",
            &[-1, 2],
            Err("output_shape"),
        ),
        (
            &forecast,
            "activation = 'softmax'",
            "float32",
            &[-1, 3],
            Ok(()),
        ),
        (
            &forecast,
            "activation = 'softmax'",
            "int64",
            &[-1, 3],
            Err("output_kind"),
        ),
        (
            &forecast,
            "activation = 'sigmoid'",
            "float32",
            &[-1, 1],
            Err("manifest_invalid"),
        ),
        (
            &two,
            "output = 'z'",
            "float32",
            &[-1, 2],
            Err("output_unknown"),
        ),
    ] {
        let input = vec![tensor("x", "float32", &[-1, 2])];
        let found = asked(input, tensor("y", dtype, shape), task, manifest);
        let expected = expected.map_err(str::to_owned);
        assert_eq!(found, expected, "{manifest} {dtype} {shape:?}");
    }
}

#[test]
fn a_manifest_binds_inputs_as_the_harness_does() {
    let labels = task("kind = 'label'\ntarget = 'y'\nclasses = ['1', '2', '3']");
    let input = || tensor("x", "float32", &[-1, 2]);
    let second = |dtype, shape: &[i64]| vec![input(), tensor("k", dtype, shape)];
    for (inputs, manifest, expected) in [
        // The only input that is no constant takes the features.
        (
            second("bool", &[1]),
            "k = { const = 0, shape = [1] }",
            Ok(()),
        ),
        (second("float32", &[]), "k = { const = 0.1 }", Ok(())),
        (
            second("string", &[1]),
            "k = { const = 'en', shape = [1] }",
            Ok(()),
        ),
        (
            second("float32", &[-1, 3]),
            "k = { const = 1, shape = ['batch', 3] }",
            Ok(()),
        ),
        (
            second("float32", &[-1, 1]),
            "x = { from = 'features' }\nk = { from = 'a' }",
            Ok(()),
        ),
        (
            second("string", &[-1]),
            "x = { from = 'features' }\nk = { from = 'c' }",
            Ok(()),
        ),
        (
            second("float32", &[-1, 1]),
            "k = { from = 'a' }",
            Err("input_unbound"),
        ),
        (
            second("float32", &[-1, 1]),
            "x = { from = 'features' }\nk = { from = 'c' }",
            Err("input_dtype"),
        ),
        (
            second("float32", &[-1, 2]),
            "x = { from = 'features' }\nk = { from = 'a' }",
            Err("input_shape"),
        ),
        (
            second("float32", &[-1, 1]),
            "x = { from = 'features' }\nk = { from = 'd' }",
            Err("input_unbound"),
        ),
        (
            second("int8", &[1]),
            "k = { const = 128, shape = [1] }",
            Err("input_dtype"),
        ),
        (
            second("int64", &[1]),
            "k = { const = 0.5, shape = [1] }",
            Err("input_dtype"),
        ),
        (
            second("int64", &[1]),
            "k = { const = 2.0, shape = [1] }",
            Ok(()),
        ),
        (
            second("float32", &[1]),
            "k = { const = 'one', shape = [1] }",
            Err("input_dtype"),
        ),
        (
            second("int64", &[2]),
            "k = { const = 1, shape = [3] }",
            Err("input_shape"),
        ),
        (
            vec![input()],
            "x = { const = 1, shape = ['batch', 2] }",
            Err("input_unbound"),
        ),
        (
            vec![input()],
            "z = { from = 'features' }",
            Err("input_unknown"),
        ),
        // A constant by the row counts where rows are fixed, and any other does not.
        (
            vec![
                tensor("x", "float32", &[8, 2]),
                tensor("k", "float32", &[4]),
            ],
            "k = { const = 1, shape = [4] }",
            Ok(()),
        ),
        (
            vec![
                tensor("x", "float32", &[8, 2]),
                tensor("k", "float32", &[4]),
            ],
            "k = { const = 1, shape = ['batch'] }",
            Err("batch_axis"),
        ),
    ] {
        let what = format!("{manifest} {inputs:?}");
        let text = format!("[inputs]\n{manifest}");
        let found = asked(inputs, tensor("y", "int64", &[-1]), &labels, &text);
        assert_eq!(found, expected.map_err(str::to_owned), "{what}");
    }
    let fixed = vec![tensor("x", "float32", &[8, 2])];
    let found = |rows: &str| {
        let text = format!("batch_size = {rows}");
        asked(fixed.clone(), tensor("y", "int64", &[-1]), &labels, &text)
    };
    assert_eq!(found("8"), Ok(()));
    assert_eq!(found("9"), Err("batch_axis".to_owned()));
}
