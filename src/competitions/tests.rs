use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;

use super::keys::{Key, Kind};
use super::*;
use crate::domain::competition::{Cost, Direction, Window};

const RULES: &str = r#"slug = "ab"
title = "A or B"
summary = "Tell a from b."
opens_at = 2026-01-01
closes_at = 2026-02-01T12:00:00+02:00

[task]
kind = "label"
target = "label"
classes = ["a", "b"]

[metric]
name = "accuracy"
benchmark = 0.5

[[starter]]
file = "starter/best.onnx"
team = "Host"
reference = true
"#;

/// A bundle without faults, in which a test then plants one.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        for (path, text) in [
            ("competition.toml", RULES),
            ("description.md", "# A or B\n"),
            ("rules.md", "Be kind.\n"),
            ("data/sample_test.csv", "id,x\n7,0.5\n"),
            ("data/sample_submission.csv", "id,label\n1,a\n2,a\n"),
            ("hidden/test.csv", "id,x\n1,1.5\n2,2\n"),
            (
                "hidden/solution.csv",
                "id,label,Usage\n2,b,Private\n1,a,Public\n",
            ),
            ("starter/best.onnx", "a model"),
        ] {
            folder.write(path, text);
        }
        folder
    }

    fn with_rules(change: impl Fn(&str) -> String) -> Folder {
        let folder = Folder::new();
        folder.write("competition.toml", &change(RULES));
        folder
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.path().join(path)).unwrap();
    }

    fn findings(&self) -> Vec<String> {
        let findings = Bundle::read(self.0.path()).unwrap_err();
        findings.iter().map(Finding::to_string).collect()
    }
}

#[test]
fn a_bundle_without_faults_is_read_whole() {
    let folder = Folder::new();
    folder.write("data/.DS_Store", "left behind");
    let bundle = Bundle::read(folder.0.path()).unwrap();
    assert_eq!(bundle.spec.slug.as_str(), "ab");
    assert_eq!(
        bundle.spec.closes_at.unwrap().to_rfc3339(),
        "2026-02-01T10:00:00+00:00"
    );
    assert_eq!(bundle.test.ids, ["1", "2"]);
    assert_eq!(bundle.solution.rows(), 2);
    let paths: Vec<&str> = bundle.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "data/sample_submission.csv",
            "data/sample_test.csv",
            "hidden/solution.csv",
            "hidden/test.csv",
            "starter/best.onnx"
        ]
    );
    assert_eq!(
        bundle.file("hidden/test.csv").unwrap().kind,
        FileKind::Hidden
    );
}

#[test]
fn every_key_that_may_be_written_is_understood() {
    let every_key = r#"
        slug = "ab"
        title = "A or B"
        summary = "Tell a from b."
        opens_at = "2026-01-01T00:00:00Z"
        closes_at = 2026-02-01
        daily_limit = 1_000
        demo = true
        task = { kind = "value", id = "row", target = "price", targets = ["a"], classes = [], test = "hidden/a.csv", solution = "hidden/b.csv", sample = "data/c.csv", sample_submission = "data/deep/d.csv" }
        metric = { name = "rmsle", benchmark = 1, average = "macro", beta = 2, positive = "b", k = 5, weights = "linear", alpha = 0.9, direction = "maximize", title = "wit", params = { a = true, b = [1, 0.5, "x"] }, time_s = 9 }
        entries = { kinds = ["onnx"], max_size_mib = 10, batch_size = 0x20 }
        limits = { time_s = 60, start_up_s = 20, batch_s = 0.5, memory_mib = 512, processes = 8, cpus = 2, output_mib = 1 }
        measuring = { profile = "quick", window = "total", scenario = "offline" }
        efficiency = { form = "norm", cost = "time", halving_cost_is_worth = 0.01 }
        starter = [{ file = "starter/a.onnx", team = "Host", description = "", reference = true }]
    "#;
    let spec = Manifest::parse(every_key).unwrap().spec;
    assert_eq!(spec.daily_limit, 1000);
    assert_eq!(spec.entries.batch_size, 32);
    assert_eq!(spec.limits.cpus, 2);
    assert_eq!(spec.limits.batch, Some(Duration::from_millis(500)));
    assert_eq!(spec.measuring.window, Window::Total);
    assert_eq!(spec.efficiency.cost, Cost::Time);
    let stored = serde_json::to_value(&spec).unwrap();
    let keys = |keys: &[keys::Key]| {
        let mut names: Vec<String> = keys.iter().map(|key| key.name.to_owned()).collect();
        names.sort();
        names
    };
    let fields = |value: &serde_json::Value| -> Vec<String> {
        let object = value.as_object().unwrap();
        let mut names: Vec<String> = object.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(keys(keys::COMPETITION), fields(&stored));
    for key in keys::COMPETITION {
        match key.kind {
            keys::Kind::Table(below) => assert_eq!(keys(below), fields(&stored[key.name])),
            keys::Kind::Tables(below) => assert_eq!(keys(below), fields(&stored[key.name][0])),
            _ => {}
        }
    }
}

#[test]
fn a_wrong_key_or_value_is_found_with_its_line() {
    for (from, to, expected) in [
        (
            "title =",
            "titel =",
            "competition.toml:2: unknown key `titel`; did you mean `title`?",
        ),
        (
            "target = ",
            "colour = 1\ntarget = ",
            "competition.toml:9: unknown key `colour`",
        ),
        (
            "target = ",
            "daily_limit = 3\ntarget = ",
            "competition.toml:9: the key `daily_limit` belongs in the top, above the first [table]",
        ),
        (
            "benchmark = 0.5",
            "benchmark = nan",
            "competition.toml:14: `metric.benchmark` must be a finite number",
        ),
        (
            "benchmark = 0.5",
            "benchmark = 1.0",
            "competition.toml:14: `metric.benchmark` must be from 0 to below 1, or nothing could be \
             better than it",
        ),
        (
            "opens_at = 2026-01-01",
            "opens_at = 2026-01-01T00:00:00",
            "competition.toml:4: `opens_at` must be a day, 2026-01-31, which begins at midnight \
             UTC, or an instant with its offset, 2026-01-31T18:00:00Z",
        ),
        (
            "closes_at = 2026",
            "closes_at = 2025",
            "competition.toml:5: `closes_at` must be later than `opens_at`",
        ),
        (
            "[task]",
            "[limits]\ntime_s = 86401\n[task]",
            "competition.toml:8: `limits.time_s` must be a whole number from 1 to 86400",
        ),
        (
            "[task]",
            "[efficiency]\nhalving_cost_is_worth = 0\n[task]",
            "competition.toml:8: `efficiency.halving_cost_is_worth` must be above 0",
        ),
        (
            "slug = \"ab\"",
            "slug = \"api\"",
            "competition.toml:1: `slug` must be a slug: the slug `api` is reserved",
        ),
        (
            "kind = \"label\"",
            "kind = \"labels\"",
            "competition.toml:8: `task.kind` must be one of \"label\", \"value\", \
             \"probability\", \"list\", \"text\"; did you mean \"label\"?",
        ),
        (
            "\"accuracy\"",
            "\"f1\"\naverge = \"macro\"",
            "competition.toml:14: unknown key `averge`; did you mean `average`?",
        ),
        (
            "\"accuracy\"",
            "\"accuracy\"\nbeta = 2",
            "competition.toml:14: accuracy does not take `metric.beta`, which is for fbeta",
        ),
        (
            "\"accuracy\"",
            "\"fbeta\"",
            "competition.toml:13: Fβ needs `metric.beta`, how many times as much recall weighs as \
             precision",
        ),
        (
            "\"accuracy\"",
            "\"fbeta\"\nbeta = 0",
            "competition.toml:14: `metric.beta` must be above 0",
        ),
        (
            "\"accuracy\"",
            "\"f1\"\npositive = \"c\"",
            "competition.toml:14: `c` is not in `task.classes`",
        ),
        (
            "\"accuracy\"",
            "\"f1\"\naverage = \"micro\"\npositive = \"b\"",
            "competition.toml:15: `metric.positive` is for the figure of one of two classes, and \
             this one is an average over all",
        ),
        (
            "[\"a\", \"b\"]\n\n[metric]\nname = \"accuracy\"",
            "[\"a\", \"b\", \"c\"]\n\n[metric]\nname = \"f1\"",
            "competition.toml:13: of 3 classes F1 needs `metric.average`: \"macro\", where each class \
             counts as much, \"weighted\", by its rows, or \"micro\", all rows together",
        ),
        (
            "\"accuracy\"",
            "\"mcc\"\naverage = \"macro\"",
            "competition.toml:14: MCC does not take `metric.average`, which is for f1, fbeta, \
             precision, recall, jaccard, roc_auc, average_precision",
        ),
        (
            "kind = \"label\"\ntarget = \"label\"",
            "kind = \"label\"\ntargets = [\"x\", \"y\"]",
            "competition.toml:9: several targets are for values; a task of labels has one \
             `task.target`",
        ),
        (
            "target = \"label\"\n",
            "",
            "competition.toml:7: missing key `task.target`, the column that is predicted; of several \
             columns of values it is `task.targets`, a list",
        ),
        (
            "target = \"label\"",
            "target = \"label\"\ntargets = [\"label\"]",
            "competition.toml:10: `task.targets` stands beside `task.target`: keep one of them",
        ),
        (
            "kind = \"label\"",
            "kind = \"list\"",
            "competition.toml:8: an entry of the kind `onnx` gives labels, probabilities or \
             numbers; this task predicts lists, so leave the kind out of `entries.kinds`",
        ),
        (
            "\"accuracy\"",
            "\"rmsle\"",
            "competition.toml:13: RMSLE needs `task.kind = \"value\"`",
        ),
        (
            "\"accuracy\"",
            "\"acuracy\"",
            "competition.toml:13: `metric.name` must be one of \"accuracy\", \"balanced_accuracy\", \
             \"f1\", \"fbeta\", \"precision\", \"recall\", \"jaccard\", \"mcc\", \"cohen_kappa\", \
             \"quadratic_weighted_kappa\", \"log_loss\", \"brier\", \"roc_auc\", \
             \"average_precision\", \"rmse\", \"mae\", \"rmsle\", \"mape\", \"r2\", \"mcrmse\", \
             \"pinball\", \"pearson\", \"spearman\", \"map_at_k\", \"ndcg_at_k\", \"levenshtein\", \
             \"word_jaccard\", \"custom\"; did you mean \"accuracy\"?",
        ),
        (
            "\"accuracy\"",
            "\"custom\"",
            "competition.toml:13: \"custom\" needs `metric.direction`, \"maximize\" or \"minimize\"",
        ),
        (
            "\"accuracy\"",
            "\"custom\"",
            "metric.py: the bundle has no such file",
        ),
        (
            "\"accuracy\"",
            "\"accuracy\"\nparams = { k = 1 }",
            "competition.toml:14: `metric.params` is for `metric.name = \"custom\"`",
        ),
        (
            "\"accuracy\"",
            "\"custom\"\nparams = { at = [1, 2026-01-01] }",
            "competition.toml:14: `metric.params.at` must be true or false, a finite number, a \
             text, or a list of such",
        ),
        (
            "\"accuracy\"",
            "\"custom\"\nparams = { submission = 1 }",
            "competition.toml:14: `score` is given `submission` already",
        ),
        (
            "[\"a\", \"b\"]",
            "[\"a\", \"a\"]",
            "competition.toml:10: the class `a` is listed twice",
        ),
        (
            "target = \"label\"",
            "target = \"id\"",
            "competition.toml:9: `id` cannot be both the row id and the target",
        ),
        (
            "starter/best.onnx",
            "starter/../hidden/test.csv",
            "competition.toml:17: `starter[0].file` must be the path of a file in the bundle's \
             folder starter/, written `starter/…`",
        ),
        (
            "starter/best.onnx",
            "starter/other.onnx",
            "competition.toml:17: the bundle has no file `starter/other.onnx`",
        ),
        (
            "reference = true\n",
            "",
            "competition.toml:16: one starter must be the reference, the most accurate entry you \
             have: give it `reference = true`",
        ),
        (
            "[[starter]]",
            "[limits]\nbatch_s = -1\n\n[[starter]]",
            "competition.toml:17: `limits.batch_s` must be above 0",
        ),
        (
            "[[starter]]",
            "[measuring]\nscenario = \"single_stream\"\n\n[entries]\nkinds = [\"onnx\", \"script\"]\n\n[[starter]]",
            "competition.toml:17: a script cannot be given one row after the other: with \
             `measuring.scenario = \"single_stream\"`, `entries.kinds` cannot have \"script\"",
        ),
        (
            "[[starter]]",
            "[measuring]\nwindow = \"total\"\n\n[efficiency]\ncost = \"energy\"\n\n[[starter]]",
            "competition.toml:20: the energy from start to exit is measured of scripts alone: with \
             `efficiency.cost = \"energy\"`, either `measuring.window` must be \"inference\" or \
             `entries.kinds` have nothing but \"script\"",
        ),
        (
            "target = \"label\"",
            "target = \"label",
            "competition.toml:9: invalid basic string, expected `\"`",
        ),
    ] {
        let folder = Folder::with_rules(|rules| rules.replace(from, to));
        let found = folder.findings();
        assert!(
            found.iter().any(|finding| finding == expected),
            "{found:#?} lacks {expected:?}"
        );
    }
}

#[test]
fn many_faults_are_found_at_once() {
    let folder = Folder::with_rules(|rules| {
        rules
            .replace("title = \"A or B\"\n", "")
            .replace("benchmark = 0.5", "benchmark = \"half\"")
            .replace("team = ", "tema = ")
    });
    folder.remove("rules.md");
    folder.write("metric.py", "");
    assert_eq!(
        folder.findings(),
        [
            "competition.toml: missing key `title`",
            "competition.toml:13: `metric.benchmark` must be a finite number",
            "competition.toml:15: missing key `starter[0].team`",
            "competition.toml:17: unknown key `tema`; did you mean `team`?",
            "rules.md: the bundle has no such file",
        ]
    );
}

#[test]
fn a_metric_file_belongs_to_the_metric_custom_and_is_hidden() {
    let own = |rules: &str| rules.replace("\"accuracy\"", "\"custom\"\ndirection = \"minimize\"");
    let folder = Folder::with_rules(own);
    for text in [
        "",
        "from elsewhere import score\n",
        "class A:\n    def score(self): pass\n",
    ] {
        folder.write("metric.py", text);
        assert_eq!(
            folder.findings(),
            ["metric.py: it defines no function `score(solution, submission, row_id_column_name)`"],
            "{text}"
        );
    }
    folder.write(
        "metric.py",
        "def score(solution, submission, row_id_column_name):\n    return 1\n",
    );
    let bundle = Bundle::read(folder.0.path()).unwrap();
    assert_eq!(bundle.file("metric.py").unwrap().kind, FileKind::Hidden);
    assert_eq!(bundle.spec.metric.direction(), Direction::LowerIsBetter);

    let unused = Folder::new();
    unused.write(
        "metric.py",
        "def score(solution, submission, row_id_column_name): pass\n",
    );
    assert_eq!(
        unused.findings(),
        ["metric.py: it is not used: say `metric.name = \"custom\"`, or take out the file"]
    );
}

#[test]
fn tables_that_do_not_fit_together_are_found() {
    for (path, text, expected) in [
        (
            "hidden/test.csv",
            "id,x\n1,1\n2,\n",
            "hidden/test.csv:3: column `x` is numeric but for this cell, ``; a number must stand \
             in it",
        ),
        (
            "hidden/test.csv",
            "id,x,label\n1,1,a\n2,2,b\n",
            "hidden/test.csv:1: the column `label` is what is predicted; take it out",
        ),
        (
            "data/sample_test.csv",
            "id,y\n7,1\n",
            "data/sample_test.csv:1: the columns must be those of `hidden/test.csv`, in the same \
             order",
        ),
        (
            "data/sample_test.csv",
            "id,x\n7,seven\n",
            "data/sample_test.csv: the column `x` has text here and decimals in `hidden/test.csv`; \
             what entries are fed is told by the sample, so take rows that show it",
        ),
        (
            "data/sample_test.csv",
            "id,x\n7,1\n",
            "data/sample_test.csv: the column `x` has whole numbers here and decimals in \
             `hidden/test.csv`; what entries are fed is told by the sample, so take rows that show \
             it",
        ),
        (
            "hidden/test.csv",
            "id,x\n1,1.5\n2,0.1234567\n",
            "data/sample_test.csv: the column `x` has decimals here and decimals of more than 6 \
             digits in `hidden/test.csv`; what entries are fed is told by the sample, so take rows \
             that show it",
        ),
        (
            "data/sample_submission.csv",
            "id,label\n1,a\n3,a\n",
            "data/sample_submission.csv: the row ids are not those of the test inputs: 1 of them \
             are missing and 1 are unknown, for example `2`",
        ),
        (
            "data/sample_submission.csv",
            "id,answer\n1,a\n2,a\n",
            "data/sample_submission.csv:1: the columns must be `id` and `label`",
        ),
        (
            "hidden/solution.csv",
            "id,label,Usage\n1,a,Public\n2,c,Private\n",
            "hidden/solution.csv:3: the target is not in the competition's list of classes (1 \
             cells in all)",
        ),
        (
            "data/copy.csv",
            "id,label,Usage\n2,b,Private\n1,a,Public\n",
            "data/copy.csv: it is a copy of `hidden/solution.csv`, which is hidden",
        ),
        (
            "data/Test.csv",
            "",
            "data/Test.csv: it has the name of `hidden/test.csv`, which is hidden",
        ),
    ] {
        let folder = Folder::new();
        folder.write(path, text);
        let found = folder.findings();
        assert!(
            found.iter().any(|finding| finding == expected),
            "{found:#?} lacks {expected:?}"
        );
    }
}

#[test]
fn links_are_refused_wherever_they_lead() {
    let folder = Folder::new();
    let root = folder.0.path();
    folder.remove("hidden/test.csv");
    symlink("solution.csv", root.join("hidden/test.csv")).unwrap();
    symlink("/etc", root.join("data/etc")).unwrap();
    folder.remove("rules.md");
    symlink("description.md", root.join("rules.md")).unwrap();
    let no_links = "only files and folders can be in a bundle: no links, no devices";
    assert_eq!(
        folder.findings(),
        [
            "competition.toml: the bundle has no file `hidden/test.csv`, which is `task.test`"
                .to_owned(),
            format!("data/etc: {no_links}"),
            format!("hidden/test.csv: {no_links}"),
            format!("rules.md: {no_links}"),
        ]
    );
}

#[test]
fn the_demo_is_a_bundle_without_faults() {
    let bundle = Bundle::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/digits")).unwrap();
    assert_eq!((bundle.test.rows(), bundle.solution.rows()), (797, 797));
    assert_eq!(bundle.test.columns.len(), 64);
}

#[test]
fn the_bundle_to_begin_with_has_every_key() {
    fn collect(keys: &[Key], names: &mut Vec<&'static str>) {
        for key in keys {
            match key.kind {
                Kind::Table(keys) | Kind::Tables(keys) => collect(keys, names),
                _ => names.push(key.name),
            }
        }
    }
    let mut names = Vec::new();
    collect(super::keys::COMPETITION, &mut names);
    let rules = include_str!("../../demo/template/competition.toml");
    for name in names {
        let shown = |line: &str| {
            let line = line.trim_start_matches("# ");
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(" = "))
        };
        assert!(rules.lines().any(shown), "{name}");
    }
}
