//! What the door would say, asked on the command line.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{PROGRAM, at, root, success};

fn check(file: &str, arguments: &[&str]) -> Output {
    let mut check = Command::new(PROGRAM);
    check.arg("check").arg(root().join(file));
    check.arg("--competition").arg(root().join("demo/digits"));
    check.args(arguments).output().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_entry_that_would_be_taken_is_told_what_it_is() {
    let said = success(check("demo/digits/starter/small_mlp.tflite", &[]));
    for words in [
        "digits would take it",
        "'features' (float32 [?, 64])",
        "2,410 parameters",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = check("demo/digits/starter/svc.onnx", &["--json"]);
    assert!(output.status.success());
    assert_eq!(document(&output)["kind"], "onnx");
}

#[test]
fn an_entry_that_would_be_refused_is_told_why_and_ends_with_1() {
    for (file, code) in [
        ("sandbox/examples/broken/input_shape.onnx", "input_shape"),
        ("sandbox/examples/custom_op.tflite", "tflite_custom_op"),
        ("demo/digits/rules.md", "entry_kind"),
    ] {
        let output = check(file, &["--json"]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert_eq!(*at(&document(&output), "/error/code"), json!(code));
        let output = check(file, &[]);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert!(sentence.contains(&format!("({code})")), "{sentence}");
    }
}
