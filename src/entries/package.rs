//! The door check of a model in a zip, with a manifest beside it that says how it is to be run.

pub mod manifest;

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;

use super::rejection::{Rejection, RejectionCode, clean};
use super::script::{MAIN, PREDICT};
use super::zip::{Bundle, Member, Stop, outcome};
use super::{Checked, Content, in_words, onnx, tflite};
use crate::domain::competition::{EntryKind, EntryRules};
use crate::domain::model_manifest::ModelManifest;
use crate::domain::units::Bytes;

/// What the manifest is called.
pub const MANIFEST: &str = "leanboard.toml";
/// A manifest is a few lines.
const MANIFEST_SIZE_MAX: u64 = 16 << 10;

/// Checks a zip of `size` bytes, if it seems to hold a model. The model is unpacked into a file
/// without a name in the folder `spool`. The inner error is the participant's; the outer one is
/// ours, when a file could not be read or written.
pub fn check(
    file: File,
    size: Bytes,
    rules: &EntryRules,
    spool: &Path,
) -> io::Result<Option<Result<Checked, Rejection>>> {
    let takes_code = rules.kinds.iter().any(|kind| !kind.is_model());
    let bundle = match outcome(Bundle::open(file, size))? {
        Ok(bundle) => bundle,
        // It is told as it is of code.
        Err(_) if takes_code => return Ok(None),
        Err(rejection) => return Ok(Some(Err(rejection))),
    };
    if is_code(&bundle, &rules.kinds) || !holds_model(&bundle) {
        return Ok(None);
    }
    outcome(check_bundle(&bundle, rules, spool)).map(Some)
}

/// Unpacks the model of a zip that passed [`check`] into a new file, and says how it is to be run.
pub fn unpack(
    file: File,
    size: Bytes,
    path: &Path,
) -> io::Result<Result<ModelManifest, Rejection>> {
    outcome(Bundle::open(file, size).and_then(|bundle| {
        let package = Package::find(&bundle)?;
        bundle.read(package.model, &mut File::create_new(path)?)?;
        read_manifest(&bundle, package.manifest)
    }))
}

fn check_bundle(bundle: &Bundle, rules: &EntryRules, spool: &Path) -> Result<Checked, Stop> {
    let Package {
        model,
        kind,
        manifest,
    } = Package::find(bundle)?;
    if !rules.kinds.contains(&kind) {
        return Err(RejectionCode::EntryKind
            .because(format!(
                "`{}` in the zip is of another kind. This competition takes {}.",
                clean(model.path.as_bytes()),
                in_words(&rules.kinds)
            ))
            .into());
    }
    let model_size = Bytes::new(model.size);
    if model_size > rules.max_size() {
        return Err(RejectionCode::ZipTooLarge
            .because(format!(
                "Unpacked, `{}` has {model_size}, and this competition takes models of at most {}.",
                clean(model.path.as_bytes()),
                rules.max_size()
            ))
            .into());
    }
    let manifest = read_manifest(bundle, manifest)?;
    let mut unpacked = tempfile::tempfile_in(spool)?;
    bundle.read(model, &mut unpacked)?;
    unpacked.rewind()?;
    let content = match kind {
        EntryKind::Tflite => tflite::check(unpacked, model_size)?.map(Content::Tflite)?,
        EntryKind::Onnx | EntryKind::Predict | EntryKind::Script => {
            onnx::check(unpacked, model_size)?.map(Content::Onnx)?
        }
    };
    Ok(Checked {
        content,
        manifest: Some(manifest),
    })
}

/// Whether it has what runs of one of the kinds of code that are taken.
fn is_code(bundle: &Bundle, kinds: &[EntryKind]) -> bool {
    let has = |path: &str| bundle.members.iter().any(|member| member.path == path);
    kinds.iter().any(|kind| match kind {
        EntryKind::Onnx | EntryKind::Tflite => false,
        EntryKind::Predict => has(PREDICT) || has(MAIN),
        EntryKind::Script => has(MAIN),
    })
}

fn holds_model(bundle: &Bundle) -> bool {
    let members = &bundle.members;
    members
        .iter()
        .any(|member| member.path == MANIFEST || kind_of(member).is_some())
}

/// The kind of a model at the top, by the ending of its name.
fn kind_of(member: &Member) -> Option<EntryKind> {
    if member.path.contains('/') {
        return None;
    }
    let (_, ending) = member.path.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "onnx" => Some(EntryKind::Onnx),
        "tflite" => Some(EntryKind::Tflite),
        _ => None,
    }
}

/// The two files that such a zip has.
struct Package<'a> {
    model: &'a Member,
    kind: EntryKind,
    manifest: &'a Member,
}

impl<'a> Package<'a> {
    fn find(bundle: &'a Bundle) -> Result<Package<'a>, Rejection> {
        let members = || bundle.members.iter();
        let name = |member: &Member| clean(member.path.as_bytes());
        let mut models = members().filter_map(|member| Some((member, kind_of(member)?)));
        let (model, kind) = models.next().ok_or_else(|| {
            RejectionCode::ModelMissing.because(format!(
                "The zip has a {MANIFEST} and no model: put one .onnx or .tflite file beside it, at the top."
            ))
        })?;
        if let Some((second, _)) = models.next() {
            return Err(RejectionCode::EntryAmbiguous.because(format!(
                "The zip has several models, `{}` and `{}` among them. Leave one in it.",
                name(model),
                name(second)
            )));
        }
        let manifest = members().find(|member| member.path == MANIFEST);
        let manifest = manifest.ok_or_else(|| {
            RejectionCode::ManifestMissing.because(format!(
                "The zip has `{}` and no {MANIFEST} beside it. Put one there that says how the model is \
                 to be run, or upload the model itself, without a zip.",
                name(model)
            ))
        })?;
        let is_known = |member: &Member| member.path == MANIFEST || member.path == model.path;
        if let Some(other) = members().find(|member| !is_known(member)) {
            return Err(RejectionCode::ZipExtra.because(format!(
                "`{}` in the zip is neither the model nor its {MANIFEST}, and nothing else can come along. \
                 Leave it out.",
                name(other)
            )));
        }
        Ok(Package {
            model,
            kind,
            manifest,
        })
    }
}

fn read_manifest(bundle: &Bundle, member: &Member) -> Result<ModelManifest, Stop> {
    if member.size > MANIFEST_SIZE_MAX {
        return Err(manifest::invalid(format!(
            "it has {} bytes, and at most {MANIFEST_SIZE_MAX} are read. Leave out what is no setting",
            member.size
        ))
        .into());
    }
    let mut bytes = Vec::new();
    bundle.read(member, &mut bytes)?;
    Ok(manifest::parse(&bytes)?)
}
