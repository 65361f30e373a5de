//! The runtime image: what is in it, what it is refused for, and where it is named.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{fs, io};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scripts::zip_of;
use crate::support::{App, Bundle, PROGRAM, at, starter, success, unique_name};

/// The image, built once and kept between runs of the tests.
fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
        success(build(&data).output().unwrap());
        data.join("runtime")
    })
}

fn build(data: &Path) -> Command {
    let mut build = Command::new(PROGRAM);
    build.args(["runtime", "build", "--data-dir"]).arg(data);
    build
}

fn manifest() -> Value {
    serde_json::from_slice(&fs::read(image().join("manifest.json")).unwrap()).unwrap()
}

fn run_one_job(app: &App, runtime: &Path) {
    let mut runner = app.runner(&unique_name());
    runner.env("LEANBOARD_RUNTIME_DIR", runtime).arg("--once");
    success(runner.output().unwrap());
}

/// Fails unless the system is the image's: nothing of the host, and the locale.
const LOOKS_AROUND: &str = "\
import csv, ctypes, glob, locale, os, subprocess, sys
import numpy, onnxruntime, pandas, scipy.linalg, sklearn.linear_model
assert os.environ['LANG'] == 'en_US.UTF-8'
assert locale.setlocale(locale.LC_ALL, '') == 'en_US.UTF-8'
assert locale.format_string('%d', 1234567, grouping=True) == '1,234,567'
for path in ['/usr/bin/mmdebstrap', '/usr/bin/perl', '/usr/bin/gcc', '/usr/bin/su', '/usr/lib/os-release',
             '/usr/local', '/usr/share/doc', '/usr/lib/postgresql', '/etc/shadow', '/var', '/home']:
    assert not os.path.exists(path), path
assert os.path.realpath(sys.executable) == '/usr/bin/python3.11'
for folder, _, names in os.walk('/usr'):
    for name in names:
        mode = os.lstat(os.path.join(folder, name)).st_mode
        assert not mode & 0o6000 and (mode & 0o170000 == 0o120000 or not mode & 0o022), name
assert subprocess.run('echo a | tr a b', shell=True, capture_output=True).stdout == b'b\\n'
assert str(pandas.Timestamp('2024-07-01', tz='Europe/Berlin')).endswith('+02:00')
model = sklearn.linear_model.Ridge().fit(numpy.eye(3), [1, 2, 3])
assert numpy.isfinite(scipy.linalg.inv(numpy.eye(3) + 1 / 3)).all() and model.coef_.shape == (3,)
assert 'CPUExecutionProvider' in onnxruntime.get_available_providers()
[path] = glob.glob('/kaggle/input/*/sample_submission.csv')
header, *rows = csv.reader(open(path))
csv.writer(open('submission.csv', 'w')).writerows([header, *([id, 1000] for id, _ in rows)])
";

#[tokio::test]
async fn a_script_finds_nothing_of_the_host_in_the_image() {
    let app = App::with(&Bundle::scripts()).await;
    let ada = app.person("ada");
    let zip = zip_of("main.py", LOOKS_AROUND);
    let id = ada.submitted_to("diamonds", zip).await;
    while app.queue().await["queued"] != 0 {
        run_one_job(&app, image());
    }
    let submission = ada.submission(&id).await;
    assert_eq!(submission["status"], "scored", "{submission:#}");
    let runtime = at(&submission, "/result/runtime");
    assert_eq!(runtime["kind"], "image", "{runtime}");
}

#[tokio::test]
async fn a_model_scores_the_same_in_the_image_whose_digest_stands_everywhere() {
    let app = App::with(&Bundle::lean()).await;
    let (ada, bob) = (app.person("ada"), app.person("bob"));
    let in_image = ada.submitted(starter("small_mlp")).await;
    // The reference goes first.
    run_one_job(&app, image());
    run_one_job(&app, image());
    let on_host = bob.submitted(starter("small_mlp")).await;
    app.run_one_job();

    let stamp = fs::read_to_string(image().join("leanboard-runtime")).unwrap();
    let (first, second) = (
        ada.submission(&in_image).await,
        ada.submission(&on_host).await,
    );
    assert_eq!(
        at(&first, "/result/score"),
        at(&second, "/result/score"),
        "{first:#}"
    );
    let runtime = json!({"kind": "image", "digest": stamp});
    assert_eq!(*at(&first, "/result/runtime"), runtime);
    let host = json!({"kind": "host", "digest": null});
    assert_eq!(*at(&second, "/result/runtime"), host);

    let mark = "host&#39;s /usr (development)";
    let report = ada.get(&format!("/submissions/{in_image}")).await.body;
    assert!(report.contains("pinned image") && report.contains(&format!("/runtimes#{stamp}")));
    assert!(!report.contains(mark));
    let report = ada.get(&format!("/submissions/{on_host}")).await.body;
    assert!(report.contains(mark), "{report}");
    let submit = ada.get("/competitions/digits/submit").await.body;
    assert!(submit.contains(mark), "{submit}");

    let page = app.visitor().get("/runtimes").await.body;
    let runtimes = app.visitor().get("/api/v1/runtimes").await.json();
    assert_eq!(*at(&runtimes, "/images/0/digest"), json!(stamp));
    assert_eq!(*at(&runtimes, "/images/0/manifest"), manifest());
    assert!(page.contains(&stamp) && page.contains(mark));
    for list in ["wheels", "debian"] {
        for package in manifest()[list].as_array().unwrap() {
            for fact in ["name", "version", "sha256"] {
                let fact = package[fact].as_str().unwrap();
                assert!(page.contains(fact), "{fact}");
            }
        }
    }
    let kinds: Vec<&Value> = (at(&runtimes, "/runners").as_array().unwrap().iter())
        .map(|runner| at(runner, "/runtime/kind"))
        .collect();
    assert_eq!(kinds, ["host", "image", "image"]);
}

#[tokio::test]
async fn an_image_that_was_changed_is_refused_and_made_anew_only_when_it_is_asked_for() {
    let copy = copied_image();
    let folder = copy.path().join("runtime");
    let app = App::start().await;
    let start = || {
        let mut runner = app.runner(&unique_name());
        runner.env("LEANBOARD_RUNTIME_DIR", &folder).arg("--once");
        runner.output().unwrap()
    };
    success(start());
    // Beside what is there, so that the image of the other tests keeps its bytes.
    let added = folder.join("usr/bin/added");
    fs::write(&added, "#!/bin/sh\n").unwrap();
    let refusal = refusal(start());
    assert!(refusal.contains("not those that it was built with"));
    assert!(refusal.contains("leanboard runtime build"), "{refusal}");
    fs::remove_file(&added).unwrap();
    success(start());

    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
    fs::remove_file(folder.join("manifest.json")).unwrap();
    assert!(self::refusal(start()).contains("leanboard runtime build"));
    let edited = manifest.replace("bookworm", "sid");
    assert_ne!(edited, manifest);
    fs::write(folder.join("manifest.json"), edited).unwrap();
    assert!(self::refusal(start()).contains("its manifest"));
}

#[test]
fn an_image_is_roots_and_nothing_is_left_of_its_building() {
    let beside: Vec<String> = fs::read_dir(image().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(beside, ["runtime"]);
    // There already: nothing is fetched, and nothing said.
    let again = build(image().parent().unwrap()).output().unwrap();
    assert!(again.status.success() && again.stderr.is_empty());

    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), io_mode(0o777)).unwrap();
    let program = folder.path().join("leanboard");
    fs::copy(PROGRAM, &program).unwrap();
    let mut build = Command::new(program);
    build.args(["runtime", "build", "--data-dir"]);
    let output = build.arg(folder.path().join("data")).uid(65534).output();
    let refusal = refusal(output.unwrap());
    assert!(refusal.contains("as root"), "{refusal}");
    assert!(refusal.contains("--host"), "{refusal}");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn an_image_names_what_is_missing_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = build(folder.path()).env("PATH", "/nowhere").output();
    let refusal = refusal(output.unwrap());
    assert!(refusal.contains("mmdebstrap"), "{refusal}");
    assert!(refusal.contains("scripts/setup runtime"), "{refusal}");
    assert!(!folder.path().join("runtime").exists());
}

fn io_mode(mode: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// The image with folders of its own. Its files are shared, so a test changes none of them.
fn copied_image() -> TempDir {
    let copy = tempfile::Builder::new()
        .prefix("image-")
        .permissions(io_mode(0o755))
        .tempdir_in(image().parent().unwrap().parent().unwrap())
        .unwrap();
    let mut link = Command::new("cp");
    link.args(["-a", "--link"]).arg(image()).arg(copy.path());
    success(link.output().unwrap());
    for name in ["manifest.json", "leanboard-runtime"] {
        let path = copy.path().join("runtime").join(name);
        let alone = || -> io::Result<()> {
            let text = fs::read(&path)?;
            fs::remove_file(&path)?;
            fs::write(&path, text)
        };
        alone().unwrap();
    }
    copy
}

fn refusal(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}
