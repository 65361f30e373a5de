//! What helps whoever has nothing to upload yet: starters to download, a script, the contract.

use std::process::Command;

use crate::support::{App, Bundle, runtime, starter, success};

fn assert_is_python(script: &str) {
    let mut python = Command::new(runtime().join("bin/python"));
    let parse = "import ast, sys; ast.parse(sys.argv[1])";
    python.args(["-I", "-c", parse, script]);
    success(python.output().unwrap());
}

#[tokio::test]
async fn only_the_starters_that_their_host_made_public_can_be_downloaded() {
    let app = App::with(&Bundle::digits()).await;
    let visitor = app.visitor();
    let page = visitor.get("/competitions/digits/submit").await.body;
    let address = "/competitions/digits/starter/small_mlp.onnx";
    assert!(page.contains(&format!("href=\"{address}\"")), "{page}");
    assert!(!page.contains("starter/svc.onnx"));
    let request = visitor.request(reqwest::Method::GET, address);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"small_mlp.onnx\"");
    assert_eq!(answer.bytes().await.unwrap(), starter("small_mlp"));

    for private in ["svc.onnx", "nowhere.onnx", "../hidden/test.csv", ""] {
        let refused = visitor
            .get(&format!("/competitions/digits/starter/{private}"))
            .await;
        assert_eq!(refused.status, 404, "{private}");
    }
    // Others may enter the same bytes.
    let ada = app.person("ada");
    ada.submitted(starter("small_mlp")).await;
}

#[tokio::test]
async fn nothing_is_handed_out_before_a_competition_opens() {
    let app = App::with(&Bundle::digits().rule("opens_at", "2026-03-01")).await;
    let visitor = app.visitor();
    for file in ["starter/small_mlp.onnx", "starter.py", "data/train.csv"] {
        let refused = visitor.get(&format!("/competitions/digits/{file}")).await;
        assert_eq!(refused.status, 403, "{file}");
        assert!(refused.body.contains("once the competition is open"));
    }
    let page = visitor.get("/competitions/digits/submit").await.body;
    assert!(!page.contains("small_mlp.onnx") && !page.contains("import pandas"));
}

#[tokio::test]
async fn the_starter_script_is_written_for_its_competition() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let script = visitor.get("/competitions/digits/starter.py").await;
    assert_eq!(script.status, 200);
    assert_eq!(script.headers["content-type"], "text/plain; charset=utf-8");
    for line in [
        "TARGET = \"label\"",
        "\"pixel_0_0\", \"pixel_0_1\"",
        "target = table[TARGET].astype(\"int64\")",
        "input_types = [(\"features\", FloatTensorType([None, len(NUMBERS)]))]",
        "sample = read(\"sample_test.csv\")",
    ] {
        assert!(script.body.contains(line), "{line} in {}", script.body);
    }
    assert_is_python(&script.body);
    assert!(
        visitor
            .get("/competitions/digits/submit")
            .await
            .body
            .contains("import pandas")
    );
}

#[tokio::test]
async fn the_starter_script_reads_written_texts_by_their_words() {
    let app = App::with(&Bundle::glosses()).await;
    let address = "/competitions/gloss-topics/starter.py";
    let script = app.visitor().get(address).await.body;
    for line in [
        "NUMBERS = []",
        "TEXTS = [\"gloss\"]",
        "(TfidfVectorizer(",
        "options={TfidfVectorizer: {\"tokenexp\": TOKEN}, id(model): {\"zipmap\": False}}",
    ] {
        assert!(script.contains(line), "{line} in {script}");
    }
    assert_is_python(&script);
}

#[tokio::test]
async fn without_training_data_there_is_no_script() {
    let bundle = Bundle::lean();
    std::fs::remove_file(bundle.path().join("data/train.csv")).unwrap();
    let app = App::with(&bundle).await;
    let visitor = app.visitor();
    let script = visitor.get("/competitions/digits/starter.py").await;
    assert_eq!(script.status, 404);
    let page = visitor.get("/competitions/digits/submit").await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("starter.py"));
}

#[tokio::test]
async fn the_page_to_submit_tells_the_contract_and_what_ranks() {
    let app = App::with(&Bundle::lean().rule("measuring.window", "total")).await;
    let page = app.visitor().get("/competitions/digits/submit").await.body;
    for words in [
        "<code>features</code> [N, 64] int64",
        "<code>pixel_0_0</code> [N, 1] int64",
        "and 61 more",
        "N is 32 rows at once",
        "[N, 10], of which the largest counts",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    let ranks = page.split("class=\"counts\"").skip(1);
    let ranks: Vec<&str> = ranks
        .map(|part| part.split("</b>").next().unwrap())
        .collect();
    assert_eq!(ranks, ["><b>Start-up", "><b>First call", "><b>Finish"]);
}

#[tokio::test]
async fn the_page_to_submit_tells_what_is_counted_of_each_kind() {
    let ranked = async |bundle: &Bundle| {
        let app = App::with(bundle).await;
        let page = app.visitor().get("/competitions/diamonds/submit").await;
        let ranks = page.body.split("class=\"counts\"").skip(1);
        let ranks: Vec<String> = ranks
            .map(|part| part.split("</b>").next().unwrap().replace("><b>", ""))
            .collect();
        (ranks, page.body)
    };
    let (ranks, page) = ranked(&Bundle::prices()).await;
    assert_eq!(ranks, ["Start-up", "First call", "Finish", "The whole run"]);
    assert!(page.contains("each stretch, of a script the whole run"));
    let (ranks, page) = ranked(&Bundle::scripts()).await;
    assert_eq!(ranks, ["The whole run"]);
    assert!(!page.contains("Start-up") && page.contains("CPU time of the whole run"));
}

#[tokio::test]
async fn the_runtime_is_that_of_the_runner_at_work_or_the_pinned_one() {
    let app = App::with(&Bundle::lean()).await;
    let visitor = app.visitor();
    let idle = visitor.get("/competitions/digits/submit").await.body;
    assert!(idle.contains("No runner is at work just now"));
    assert!(idle.contains("<b>onnxruntime</b>") && !idle.contains("<dt>Python</dt>"));

    app.run_one_job();
    let page = visitor.get("/competitions/digits/submit").await.body;
    assert!(!page.contains("No runner is at work just now"));
    let version = Command::new(runtime().join("bin/python"))
        .args([
            "-I",
            "-c",
            "import platform; print(platform.python_version())",
        ])
        .output()
        .unwrap();
    let python = format!("<dt>Python</dt><dd>{}</dd>", success(version).trim());
    assert!(page.contains(&python), "{python} in {page}");
    assert!(page.contains("<b>numpy</b>") && !page.contains("<b>pip</b>"));
}
