//! The demo competition, as it is or with other rules.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use toml_edit::{DocumentMut, value};

/// A bundle folder that a test may change.
pub struct Bundle {
    folder: TempDir,
    rules: DocumentMut,
}

impl Bundle {
    /// The demo as it is checked in, with all its starters. Nothing is measured again, so that a
    /// test that does not ask for it knows what its runners do.
    pub fn digits() -> Bundle {
        Bundle::demo("digits")
    }

    /// The demo of prices, which takes scripts, with a cheap reference as its only starter.
    pub fn prices() -> Bundle {
        Bundle::demo("diamonds").with_only("starter/ridge.onnx")
    }

    /// The same, which takes nothing but scripts.
    pub fn scripts() -> Bundle {
        let mut bundle = Bundle::demo("diamonds").with_only("starter/linear.zip");
        bundle.rules["entries"]["kinds"] = value(toml_edit::Array::from_iter(["script"]));
        bundle.write();
        bundle
    }

    /// The demo of digits with a TensorFlow Lite model as its only starter.
    pub fn tflite() -> Bundle {
        Bundle::digits().with_only("starter/small_mlp.tflite")
    }

    /// The demo of texts with a small model and a function as its starters.
    pub fn glosses() -> Bundle {
        let mut bundle = Bundle::demo("gloss-topics");
        let kept = ["starter/few_words.onnx", "starter/stems.zip"];
        let starters = bundle.rules["starter"].as_array_of_tables_mut().unwrap();
        starters.retain(|starter| kept.contains(&starter["file"].as_str().unwrap()));
        starters.get_mut(0).unwrap()["reference"] = value(true);
        bundle.write();
        bundle
    }

    /// The demo of digits with the random forest as its only starter.
    pub fn forest() -> Bundle {
        Bundle::digits().with_only("starter/random_forest.onnx")
    }

    /// The demo of digits with a small network as its only starter, which takes functions as well.
    pub fn small_mlp() -> Bundle {
        Bundle::digits()
            .with_only("starter/small_mlp.onnx")
            .kinds(&["onnx", "predict"])
    }

    /// The demo of prices, which takes nothing but functions: its reference is one.
    pub fn functions() -> Bundle {
        let mut bundle = Bundle::demo("diamonds").with_only("starter/ridge.onnx");
        let name = "starter/row_by_row.zip";
        let zip = crate::scripts::zip_of("predict.py", &function("row_by_row"));
        fs::write(bundle.folder.path().join(name), zip).unwrap();
        fs::remove_file(bundle.folder.path().join("starter/ridge.onnx")).unwrap();
        let starters = bundle.rules["starter"].as_array_of_tables_mut().unwrap();
        starters.get_mut(0).unwrap()["file"] = value(name);
        bundle.kinds(&["predict"])
    }

    /// The same, which takes these kinds.
    pub fn kinds(mut self, kinds: &[&str]) -> Bundle {
        self.rules["entries"]["kinds"] = value(toml_edit::Array::from_iter(kinds.iter().copied()));
        self.write();
        self
    }

    /// With this starter, as the reference, and no other.
    fn with_only(mut self, file: &str) -> Bundle {
        let starters = self.rules["starter"].as_array_of_tables_mut().unwrap();
        starters.retain(|starter| starter["file"].as_str() == Some(file));
        starters.get_mut(0).unwrap()["reference"] = value(true);
        self.write();
        self
    }

    pub fn demo(name: &str) -> Bundle {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("demo").join(name), folder.path());
        let rules = fs::read_to_string(folder.path().join("competition.toml")).unwrap();
        Bundle {
            rules: rules.parse().unwrap(),
            folder,
        }
        .rule("measuring.deepen", false)
    }

    /// The demo with no entry but its reference.
    pub fn lean() -> Bundle {
        let mut bundle = Bundle::digits();
        let starters = bundle.rules["starter"].as_array_of_tables_mut().unwrap();
        starters.retain(|starter| starter.contains_key("reference"));
        bundle.write();
        bundle
    }

    /// The demo with its reference and what people can download.
    pub fn offering() -> Bundle {
        let mut bundle = Bundle::digits();
        let starters = bundle.rules["starter"].as_array_of_tables_mut().unwrap();
        starters
            .retain(|starter| starter.contains_key("reference") || starter.contains_key("public"));
        bundle.write();
        bundle
    }

    /// Changes a rule, such as `limits.time_s`.
    pub fn rule(mut self, key: &str, rule: impl Into<toml_edit::Value>) -> Bundle {
        let mut item = self.rules.as_item_mut();
        for part in key.split('.') {
            item = &mut item[part];
        }
        *item = value(rule);
        self.write();
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self) {
        fs::write(
            self.folder.path().join("competition.toml"),
            self.rules.to_string(),
        )
        .unwrap();
    }
}

/// A demo entry that works.
pub fn starter(name: &str) -> Vec<u8> {
    fs::read(
        root()
            .join("demo/digits/starter")
            .join(format!("{name}.onnx")),
    )
    .unwrap()
}

/// A script's bundle, one of `sandbox/examples/scripts`.
pub fn script(name: &str) -> Vec<u8> {
    fs::read(
        root()
            .join("sandbox/examples/scripts")
            .join(format!("{name}.zip")),
    )
    .unwrap()
}

/// A function's code, one of `sandbox/examples/predict`.
pub fn function(name: &str) -> String {
    let folder = root().join("sandbox/examples/predict");
    fs::read_to_string(folder.join(format!("{name}.py"))).unwrap()
}

/// An entry that passes the door and fails behind it.
pub fn broken(name: &str) -> Vec<u8> {
    fs::read(
        root()
            .join("sandbox/examples/broken")
            .join(format!("{name}.onnx")),
    )
    .unwrap()
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
