//! What the door would say, asked on the command line.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::scripts::zip_of_files;
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
fn a_model_with_a_manifest_is_checked_as_it_is_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let model = std::fs::read(root().join("demo/digits/starter/small_mlp.tflite")).unwrap();
    let file = |manifest: &str| {
        let path = folder.path().join("model.zip");
        let zip = zip_of_files(&[
            ("model.tflite", &model),
            ("leanboard.toml", manifest.as_bytes()),
        ]);
        std::fs::write(&path, zip).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let said = success(check(&file("batch_size = 512"), &[]));
    assert!(said.contains("tflite: digits would take it"), "{said}");
    assert!(said.contains("512 rows at once"), "{said}");
    let said = success(check(&file("batch_size = 512"), &["--json"]));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(*at(&said, "/model/manifest/batch_size"), json!(512));
    for (manifest, code) in [
        ("batch_size = 5120", "batch_size"),
        ("batch = 512", "manifest_invalid"),
        ("output = \"score\"", "output_unknown"),
        ("[inputs]\nx = { from = \"features\" }", "input_unknown"),
    ] {
        let output = check(&file(manifest), &["--json"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(*at(&document(&output), "/error/code"), json!(code));
    }
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
