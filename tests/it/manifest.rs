//! Models in a zip with a `leanboard.toml`, from the upload to the board.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::probabilities::forecast;
use crate::scripts::zip_of_files;
use crate::support::{App, Bundle, Person, at, broken, root, runtime, script, starter, success};

/// A model of `sandbox/examples/manifest`.
fn model(name: &str) -> Vec<u8> {
    let folder = root().join("sandbox/examples/manifest");
    fs::read(folder.join(format!("{name}.onnx"))).unwrap()
}

/// The model with a manifest beside it.
fn packed(name: &str, manifest: &str) -> Vec<u8> {
    zip_of_files(&[
        ("model.onnx", &model(name)),
        ("leanboard.toml", manifest.as_bytes()),
    ])
}

/// A zip of so many bytes that would be a model, half of them zeros, and a manifest.
fn well_packed(size: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = 1u32;
    let model: Vec<u8> = (0..size)
        .map(|place| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if place % 2 == 0 {
                0
            } else {
                noise.to_be_bytes()[0]
            }
        })
        .collect();
    fs::write(folder.path().join("model.onnx"), model).unwrap();
    fs::write(folder.path().join("leanboard.toml"), "").unwrap();
    let mut zip = Command::new(runtime().join("bin/python"));
    zip.args([
        "-m",
        "zipfile",
        "-c",
        "packed.zip",
        "model.onnx",
        "leanboard.toml",
    ]);
    success(zip.current_dir(folder.path()).output().unwrap());
    fs::read(folder.path().join("packed.zip")).unwrap()
}

fn tflite(manifest: &str) -> Vec<u8> {
    let model = fs::read(root().join("demo/digits/starter/small_mlp.tflite")).unwrap();
    zip_of_files(&[
        ("packed/small.tflite", &model),
        ("packed/leanboard.toml", manifest.as_bytes()),
    ])
}

/// Digits in two halves, of which the reference is a model with this manifest.
fn halves(kind: &str, metric: &str, manifest: &str) -> Bundle {
    let bundle = Bundle::forest()
        .rule("task.kind", kind)
        .rule("task.classes", toml_edit::Array::from_iter(["low", "high"]))
        .rule("metric.name", metric)
        .rule(
            "metric.benchmark",
            if metric == "accuracy" { 0.4 } else { 3.0 },
        );
    let path = |name: &str| bundle.path().join(name);
    fs::write(
        path("starter/random_forest.zip"),
        packed("how_high", manifest),
    )
    .unwrap();
    let rules = fs::read_to_string(path("competition.toml")).unwrap();
    let rules = rules.replace("random_forest.onnx", "random_forest.zip");
    fs::write(path("competition.toml"), rules).unwrap();
    let halve = |name: &str, place: usize, cell: &dyn Fn(&str) -> String| {
        let text = fs::read_to_string(path(name)).unwrap();
        let lines = text.lines().enumerate().map(|(number, line)| {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            let place = place.min(cells.len() - 1);
            if number > 0 {
                cells[place] = cell(&cells[place]);
            }
            cells.join(",") + "\n"
        });
        fs::write(path(name), lines.collect::<String>()).unwrap();
    };
    let half = |digit: &str| if digit < "5" { "low" } else { "high" }.to_owned();
    halve("hidden/solution.csv", 1, &half);
    halve("data/train.csv", usize::MAX, &half);
    halve("data/sample_submission.csv", 1, &|digit| match kind {
        "label" => half(digit),
        _ => "0.5".to_owned(),
    });
    bundle
}

async fn score(person: &Person, submission: &str) -> f64 {
    let submission = person.submission(submission).await;
    let score = submission.pointer("/result/score").and_then(Value::as_f64);
    score.unwrap_or_else(|| panic!("{submission:#}"))
}

#[tokio::test]
async fn a_model_is_given_as_many_rows_at_once_as_its_manifest_asks_for() {
    let bundle = Bundle::forest().rule("entries.batch_size", 64);
    let app = App::with(&bundle).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    // It fails where it is given more than forty rows.
    let bare = ada.submitted(model("at_most_forty")).await;
    let fixed = app.person("eve").submitted(model("eight_rows")).await;
    let packed = packed("at_most_forty", "batch_size = 40\n");
    let packed = bob.submitted(packed).await;
    // One that mixes the rows of a batch is found out at any size.
    let mixed = zip_of_files(&[
        ("model.onnx", &broken("batch_mean")),
        ("leanboard.toml", b"batch_size = 48"),
    ]);
    let mixed = ada.submitted(mixed).await;
    app.run_all_jobs().await;
    let mixed = ada.submission(&mixed).await;
    assert_eq!(at(&mixed, "/failure/code"), "batch_variant", "{mixed:#}");
    let message = at(&mixed, "/failure/message").as_str().unwrap();
    assert!(message.contains("48"), "{message}");
    let bare = ada.submission(&bare).await;
    assert_eq!(at(&bare, "/failure/code"), "run_failed", "{bare:#}");

    let scored = bob.submission(&packed).await;
    assert_eq!(*at(&scored, "/result/batch_size"), json!(40), "{scored:#}");
    assert_eq!(scored["kind"], "onnx");
    let fixed = bob.submission(&fixed).await;
    assert_eq!(*at(&fixed, "/result/batch_size"), json!(8), "{fixed:#}");
    let lines = bob.standings().await;
    let rows = |line: &Value| line["batch_size"].as_u64().unwrap();
    let by_manifest = |line: &&Value| line["submission"] == packed.as_str();
    assert_eq!(rows(lines.iter().find(by_manifest).unwrap()), 40);
    let reference = lines.iter().find(|line| line["reference"] == true);
    assert_eq!(rows(reference.unwrap()), 64);

    let board = bob.get("/competitions/digits").await.body;
    assert!(board.contains(">batch 40<"), "{board}");
    assert!(board.contains(">batch 64<"), "{board}");
    let report = bob.get(&format!("/submissions/{packed}")).await.body;
    assert!(report.contains("40 rows at once"), "{report}");
}

#[tokio::test]
async fn more_rows_at_once_than_the_competition_gives_are_refused_at_the_door() {
    let bundle = Bundle::forest().rule("entries.max_batch_size", 128);
    let app = App::with(&bundle).await;
    let ada = app.person("ada");
    let competition = ada.get("/api/v1/competitions/digits").await.json();
    assert_eq!(*at(&competition, "/max_batch_size"), json!(128));
    let much = ada
        .submit(packed("at_most_forty", "batch_size = 129"))
        .await;
    let sentence = much.problem(422, "batch_size");
    assert!(sentence.contains("129"), "{sentence}");
    assert!(sentence.contains("at most 128 "), "{sentence}");
    let most = ada
        .submit(packed("at_most_forty", "batch_size = 128"))
        .await;
    assert_eq!(most.status, 201, "{}", most.body);
}

#[tokio::test]
async fn inputs_of_any_name_are_fed_as_the_manifest_says_and_one_output_of_several_counts() {
    let app = App::with(&Bundle::forest()).await;
    let [ada, bob, eve, kim, tim] =
        ["ada", "bob", "eve", "kim", "tim"].map(|name| app.person(name));
    let inputs = |is_training: bool| {
        format!(
            "[inputs]\n\
             \"X:0\" = {{ from = \"features\" }}\n\
             \"is training\" = {{ const = {is_training}, shape = [1] }}\n\
             weights = {{ const = 0.25, shape = [\"batch\", 2] }}\n"
        )
    };
    let plain = ada.submitted(starter("small_mlp")).await;
    let bound = bob.submitted(packed("odd_inputs", &inputs(false))).await;
    let spoilt = eve.submitted(packed("odd_inputs", &inputs(true))).await;
    let right = packed("two_outputs", "output = \"right\"");
    let right = kim.submitted(right).await;
    let lite = "batch_size = 100\n[inputs]\nfeatures = { from = \"features\" }\n";
    let lite = tim.submitted(tflite(lite)).await;
    app.run_all_jobs().await;
    let expected = score(&ada, &plain).await;
    assert!(expected > 0.9);
    assert_eq!(score(&bob, &bound).await, expected);
    assert_eq!(score(&kim, &right).await, expected);
    assert_eq!(score(&tim, &lite).await, expected);
    assert!(score(&eve, &spoilt).await < 0.2);
    let lite = tim.submission(&lite).await;
    assert_eq!(lite["kind"], "tflite");
    assert_eq!(*at(&lite, "/result/batch_size"), json!(100));
    let wrong = packed("two_outputs", "output = \"wrong\"");
    let wrong = kim.submitted(wrong).await;
    app.run_all_jobs().await;
    assert!(score(&kim, &wrong).await < 0.2);
    let report = bob.get(&format!("/submissions/{bound}")).await.body;
    for words in ["<code>is training</code>", "is always false [1]"] {
        assert!(report.contains(words), "{words}: {report}");
    }
}

#[tokio::test]
async fn one_number_for_each_row_is_a_label_by_its_threshold() {
    let likely = "output = \"likely\"\nthreshold = 0.5\n";
    let app = App::with(&halves("label", "accuracy", likely)).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    let logit = packed("how_high", "output = \"logit\"\nthreshold = 0\n");
    let logit = ada.submitted(logit).await;
    let never = packed("how_high", "output = \"logit\"\nthreshold = 1000\n");
    let never = bob.submitted(never).await;
    app.run_all_jobs().await;
    let lines = ada.standings().await;
    let reference = lines.iter().find(|line| line["reference"] == true).unwrap();
    let expected = at(reference, "/score").as_f64().unwrap();
    assert!(expected > 0.9, "{reference:#}");
    assert_eq!(score(&ada, &logit).await, expected);
    // About half of the digits are below five.
    let all_low = score(&bob, &never).await;
    assert!((0.4..0.6).contains(&all_low), "{all_low}");
    let bare = "output = \"likely\"";
    let sentence = ada.submit(packed("how_high", bare)).await;
    let sentence = sentence.problem(422, "output_kind");
    assert!(sentence.contains("set a threshold"), "{sentence}");
}

#[tokio::test]
async fn a_sigmoid_and_a_softmax_make_probabilities_of_what_a_model_returns() {
    let sigmoid = "output = \"logit\"\nactivation = \"sigmoid\"\n";
    let app = App::with(&halves("probability", "log_loss", sigmoid)).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    let softmax = "output = \"logits\"\nactivation = \"softmax\"\n";
    let softmax = ada.submitted(packed("how_high", softmax)).await;
    let likely = packed("how_high", "output = \"likely\"\n");
    let likely = bob.submitted(likely).await;
    app.run_all_jobs().await;
    let expected = score(&bob, &likely).await;
    assert!((0.001..0.4).contains(&expected), "{expected}");
    let lines = ada.standings().await;
    let reference = lines.iter().find(|line| line["reference"] == true).unwrap();
    for loss in [
        at(reference, "/score").as_f64().unwrap(),
        score(&ada, &softmax).await,
    ] {
        assert!((loss - expected).abs() < 1e-4, "{loss} {expected}");
    }
}

#[tokio::test]
async fn the_scores_of_ten_classes_become_probabilities_by_a_softmax() {
    let app = App::with(&forecast()).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    let sure = ada.submitted(starter("small_mlp")).await;
    let scores = bob.submitted(tflite("activation = \"softmax\"")).await;
    app.run_all_jobs().await;
    let expected = score(&ada, &sure).await;
    let loss = score(&bob, &scores).await;
    assert!((loss - expected).abs() < 1e-4, "{loss} {expected}");
}

#[tokio::test]
async fn what_a_manifest_or_its_zip_gets_wrong_is_refused_at_the_door() {
    let app = App::with(&Bundle::lean()).await;
    let ada = app.person("ada");
    let before = app.stored_files();
    let network = starter("small_mlp");
    let fixed = model("eight_rows");
    let manifest = |text: &str| {
        zip_of_files(&[
            ("model.onnx", &network),
            ("leanboard.toml", text.as_bytes()),
        ])
    };
    let odd = |text: &str| packed("odd_inputs", text);
    let whole = "\"X:0\" = { from = \"features\" }\n\"is training\" = { const = 0, shape = [1] }\n";
    let inputs = |rest: &str| odd(&format!("[inputs]\n{whole}{rest}"));
    for (file, code, words) in [
        (manifest("batch_size = 2000"), "batch_size", "at most 1024"),
        (
            manifest("batchsize = 64"),
            "manifest_invalid",
            "line 1: unknown field `batchsize`",
        ),
        (
            manifest("\nbatch_size = \"64\""),
            "manifest_invalid",
            "line 2: `batch_size`",
        ),
        (manifest("output = [1"), "manifest_invalid", "line 1"),
        (
            manifest("threshold = 0.5"),
            "manifest_invalid",
            "labels of two classes",
        ),
        (
            manifest("activation = \"softmax\""),
            "manifest_invalid",
            "for probabilities",
        ),
        (
            manifest(&" ".repeat(20_000)),
            "manifest_invalid",
            "20000 bytes",
        ),
        (
            manifest("output = \"scores\""),
            "output_unknown",
            "'probabilities'",
        ),
        (
            manifest("[inputs]\npixels = { from = \"features\" }"),
            "input_unknown",
            "'features' (float32",
        ),
        (
            manifest("[inputs]\nfeatures = { from = \"pixels\" }"),
            "input_unbound",
            "from 'pixels'",
        ),
        (
            manifest("[inputs]\nfeatures = { from = \"pixel_0_0\" }"),
            "input_shape",
            "a row has 1 values",
        ),
        (
            manifest("[inputs]\nfeatures = { const = 1, shape = [\"batch\", 64] }"),
            "input_unbound",
            "every input",
        ),
        (
            zip_of_files(&[
                ("model.onnx", &fixed),
                ("leanboard.toml", b"batch_size = 64"),
            ]),
            "batch_axis",
            "Leave batch_size out",
        ),
        (odd(""), "input_unbound", "bind it in a manifest"),
        (inputs(""), "input_unbound", "'weights'"),
        (
            inputs("weights = { const = \"one\", shape = [1, 2] }"),
            "input_dtype",
            "'weights'",
        ),
        (
            inputs("weights = { const = 1, shape = [\"batch\", 3] }"),
            "input_shape",
            "'weights'",
        ),
        (
            inputs("weights = { const = 1 }"),
            "input_shape",
            "\"batch\"",
        ),
        (
            packed("two_outputs", ""),
            "output_ambiguous",
            "choose it in a manifest",
        ),
        (
            packed("two_outputs", "output = \"left\""),
            "output_unknown",
            "'right'",
        ),
        (
            zip_of_files(&[("model.onnx", &network)]),
            "manifest_missing",
            "leanboard.toml",
        ),
        (
            zip_of_files(&[("leanboard.toml", b"batch_size = 1")]),
            "model_missing",
            ".tflite",
        ),
        (
            zip_of_files(&[
                ("a.onnx", &network),
                ("b.onnx", &network),
                ("leanboard.toml", b""),
            ]),
            "entry_ambiguous",
            "`a.onnx` and `b.onnx`",
        ),
        (
            zip_of_files(&[
                ("model.onnx", &network),
                ("leanboard.toml", b""),
                ("notes.txt", b"hello"),
            ]),
            "zip_extra",
            "`notes.txt`",
        ),
        (
            zip_of_files(&[("../model.onnx", &network), ("leanboard.toml", b"")]),
            "zip_path",
            "climbs out",
        ),
        (
            zip_of_files(&[("model.onnx", b"import onnx\n"), ("leanboard.toml", b"")]),
            "entry_kind",
            "text",
        ),
    ] {
        let sentence = ada.submit(file).await.problem(422, code);
        assert!(sentence.contains(words), "{code}, {words}: {sentence}");
    }
    let mut damaged = manifest("batch_size = 64");
    damaged[200] ^= 1;
    let sentence = ada.submit(damaged).await.problem(422, "zip_invalid");
    assert!(sentence.contains("`model.onnx`"), "{sentence}");
    // Whatever a zip with a script must not be, this one must not be either.
    for (name, code) in [
        ("symlink", "zip_link"),
        ("encrypted", "zip_encrypted"),
        ("absolute_path", "zip_path"),
        ("bomb", "zip_too_large"),
        ("cut_off", "zip_invalid"),
        ("same_name_twice", "zip_duplicate"),
        // A zip without a model is something else.
        ("main_missing", "entry_kind"),
    ] {
        ada.submit(script(name)).await.problem(422, code);
    }
    assert_eq!(app.stored_files(), before);

    // The limit of size is the model's, however well it packs.
    let small = App::with(&Bundle::forest().rule("entries.max_size_mib", 2)).await;
    let sentence = small.person("ada").submit(well_packed(3 << 20)).await;
    let sentence = sentence.problem(422, "zip_too_large");
    assert!(sentence.contains("has 3 MiB"), "{sentence}");

    // Another kind than those that are taken, by the ending of the model's name.
    let onnx = App::with(&Bundle::lean().kinds(&["onnx"])).await;
    let sentence = onnx.person("ada").submit(tflite("")).await;
    let sentence = sentence.problem(422, "entry_kind");
    assert!(sentence.contains("small.tflite"), "{sentence}");
}

#[tokio::test]
async fn where_scripts_are_taken_too_a_zip_with_a_main_py_is_one() {
    let app = App::with(&Bundle::prices()).await;
    let ada = app.person("ada");
    let model = fs::read(root().join("demo/diamonds/starter/ridge.onnx")).unwrap();
    let manifest: (&str, &[u8]) = ("leanboard.toml", b"batch_size = 512");
    let with = |name: &str, content: &[u8]| {
        zip_of_files(&[("ridge.onnx", &model), manifest, (name, content)])
    };
    let alone = zip_of_files(&[("ridge.onnx", &model), manifest]);
    for (zip, kind) in [(alone, "onnx"), (with("main.py", b"print(1)"), "script")] {
        let id = ada.submitted_to("diamonds", zip).await;
        assert_eq!(ada.submission(&id).await["kind"], kind);
    }
    let beside = with("predict.py", b"print(1)");
    let sentence = ada.submit_to("diamonds", beside, "").await;
    let sentence = sentence.problem(422, "zip_extra");
    assert!(sentence.contains("`predict.py`"), "{sentence}");
}
