//! The image: Debian's packages and the pinned wheels, and nothing of the host.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::geteuid;

use super::{Failure, Partial, REQUIREMENTS, apt, list, read_manifest, remove, run, wheels};
use crate::domain::digest::{Digest, Hasher};
use crate::domain::runtime::{Manifest, Package};
use crate::sandbox;
use crate::session::Runtime;
use crate::session::runtime::{MANIFEST, PYTHON, USR, file_digest, tree_digest};

const SUITE: &str = "bookworm";
/// Beside what these ask for: the interpreter, a shell and its tools for scripts that start a
/// program, and the libraries that wheels do not bring.
const PACKAGES: [&str; 6] = [
    "coreutils",
    "dash",
    "libc-bin",
    "libgomp1",
    "libstdc++6",
    "python3",
];
/// Goes up whenever the steps below make something else of the same packages.
const STEPS: u32 = 1;
const INTERPRETER: &str = "/usr/bin/python3.11";
const REMEDY: &str = "install the Debian package `mmdebstrap` (`scripts/setup runtime` does)";
const CHROOT_REMEDY: &str = "install the Debian package `coreutils`";

/// Whether the image is there and of this version. Its files are not read.
///
/// # Errors
/// When there is one that is not what it says.
pub fn is_current(folder: &Path) -> Result<bool, Failure> {
    match read_manifest(folder) {
        Ok(manifest) => Ok(manifest.is_some_and(|manifest| manifest.recipe == recipe())),
        Err(error) => Err(format!(
            "the runtime image in {} is damaged: {error}; make it anew with `leanboard runtime build`",
            folder.display()
        )),
    }
}

fn recipe() -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(format!("{STEPS} {SUITE} {}\n", PACKAGES.join(" ")).as_bytes());
    hasher.update(REQUIREMENTS.as_bytes());
    hasher.finish()
}

/// Makes the image, unless it is there, current and whole. It appears whole or not at all.
pub fn build(folder: &Path) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Err(
            "the runtime image belongs to root, because sandboxes are to trust it: start this as root \
             (sudo), or make the one for development with `leanboard runtime build --host`"
                .to_owned(),
        );
    }
    if matches!(is_current(folder), Ok(true)) {
        match Runtime::open(folder) {
            Ok(_) => return Ok(()),
            Err(error) => eprintln!("The image in {} is damaged: {error}", folder.display()),
        }
    }
    run(Command::new("mmdebstrap").arg("--version"), REMEDY)?;
    let sources = apt::sources(SUITE)?;
    // What a step mounts goes away with us, even when we are killed, and nothing of the host lies
    // below what the next start removes.
    sandbox::enter_private_mounts().map_err(|error| error.to_string())?;
    eprintln!("Building the runtime image in {} …", folder.display());
    let building = Partial::start(folder)?;
    let manifest = Workshop::new(&building.path)?.build(&sources)?;
    let text = manifest.text();
    fs::write(building.path.join(MANIFEST), &text)
        .map_err(|error| format!("cannot write the manifest: {error}"))?;
    let digest = manifest.digest();
    building.finish(folder, &digest.to_string())?;
    eprintln!("The image is {digest}");
    Ok(())
}

/// Where an image is put together.
struct Workshop<'a> {
    partial: &'a Path,
    /// A whole Debian root; of it only `/usr` and the Python environment are kept.
    root: PathBuf,
    /// What is needed for the building alone.
    scrap: PathBuf,
}

impl Workshop<'_> {
    fn new(partial: &Path) -> Result<Workshop<'_>, Failure> {
        let scrap = partial.join("scrap");
        make_folder(&scrap)?;
        Ok(Workshop {
            partial,
            root: partial.join("root"),
            scrap,
        })
    }

    fn build(&self, sources: &str) -> Result<Manifest, Failure> {
        eprintln!("  1/5 Debian's packages");
        self.extract(sources)?;
        let debian = self.list_packages()?;
        eprintln!("  2/5 the locale en_US.UTF-8");
        self.make_locale()?;
        eprintln!("  3/5 the wheels");
        let packages = self.root.join("runtime/lib/python3.11/site-packages");
        make_folder(&packages)?;
        let wheels = wheels::install(&packages, &self.scrap.join("tools"))?;
        let python = self.make_environment()?;
        eprintln!("  4/5 compiling");
        self.compile()?;
        eprintln!("  5/5 cleaning and hashing");
        self.keep_what_is_needed()?;
        let tree = tree_digest(self.partial, &[PYTHON, USR]).map_err(|error| error.to_string())?;
        Ok(Manifest {
            recipe: recipe(),
            suite: SUITE.to_owned(),
            architecture: self.architecture()?,
            python,
            debian,
            wheels,
            tree,
        })
    }

    /// Unpacks the packages. Nothing of them is run: no script, and no program.
    fn extract(&self, sources: &str) -> Result<(), Failure> {
        let list = self.scrap.join("sources.list");
        write(&list, sources)?;
        let options = self.scrap.join("apt.conf");
        write(&options, &apt::options()?)?;
        // The sources of locales are needed once. Their package would draw in Perl.
        let downloads = self.downloads();
        make_folder(&downloads)?;
        // apt gives up root before it downloads.
        set_mode(&downloads, 0o777)?;
        let download = format!(
            "cd '{}' && APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get -qq download locales",
            downloads.display()
        );
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap
            .args(["--quiet", "--mode=root", "--variant=extract"])
            .arg("--format=directory")
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr")
            .arg(format!("--extract-hook={download}"))
            // The packages' files are hashed below.
            .arg("--skip=cleanup/apt,cleanup/mmdebstrap,chroot/mount")
            .arg(format!("--aptopt={}", options.display()))
            .arg(SUITE)
            .arg(&self.root)
            .arg(&list);
        run(&mut mmdebstrap, REMEDY)?;
        Ok(())
    }

    fn downloads(&self) -> PathBuf {
        self.scrap.join("downloads")
    }

    /// The packages, by name, with the hashes of their files.
    fn list_packages(&self) -> Result<Vec<Package>, Failure> {
        let mut packages = Vec::new();
        for folder in [self.root.join("var/cache/apt/archives"), self.downloads()] {
            for path in list(&folder)? {
                if path.extension().is_none_or(|extension| extension != "deb") {
                    continue;
                }
                let mut query = Command::new("dpkg-deb");
                query.args(["--show", "--showformat=${Package} ${Version}"]);
                let shown = run(query.arg(&path), "the image is built on Debian")?;
                let Some((name, version)) = shown.trim().split_once(' ') else {
                    return Err(format!("dpkg-deb cannot name {}", path.display()));
                };
                packages.push(Package {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    sha256: file_digest(&path)
                        .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
                });
            }
        }
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        match packages.as_slice() {
            [] => Err("mmdebstrap left no packages behind".to_owned()),
            _ => Ok(packages),
        }
    }

    fn architecture(&self) -> Result<String, Failure> {
        let mut query = Command::new("dpkg");
        let shown = run(
            query.arg("--print-architecture"),
            "the image is built on Debian",
        )?;
        Ok(shown.trim().to_owned())
    }

    fn make_locale(&self) -> Result<(), Failure> {
        let inside = self.root.join("locales");
        make_folder(&inside)?;
        for package in list(&self.downloads())? {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("--extract").arg(&package).arg(&inside);
            run(&mut unpack, "the image is built on Debian")?;
        }
        let sources = inside.join("usr/share/i18n");
        let mut unzip = Command::new("gzip");
        unzip.arg("--decompress");
        run(
            unzip.arg(sources.join("charmaps/UTF-8.gz")),
            "install the Debian package `gzip`",
        )?;
        let mut localedef = self.inside("localedef");
        localedef
            .env("I18NPATH", "/locales/usr/share/i18n")
            .arg("--no-archive")
            .args(["-i", "/locales/usr/share/i18n/locales/en_US"])
            .args(["-f", "/locales/usr/share/i18n/charmaps/UTF-8"])
            .arg("/usr/lib/locale/en_US.utf8");
        run(&mut localedef, CHROOT_REMEDY)?;
        Ok(())
    }

    /// Makes a virtual environment of the installed wheels, as `venv` would, and says which Python
    /// runs in it.
    fn make_environment(&self) -> Result<String, Failure> {
        let environment = self.root.join("runtime");
        let programs = environment.join("bin");
        make_folder(&programs)?;
        for (link, target) in [
            ("python", INTERPRETER),
            ("python3", "python"),
            ("python3.11", "python"),
        ] {
            symlink(target, programs.join(link))
                .map_err(|error| format!("cannot make {link}: {error}"))?;
        }
        let print = "import platform; print(platform.python_version())";
        let mut python = self.inside(INTERPRETER);
        let version = run(python.args(["-I", "-S", "-c", print]), CHROOT_REMEDY)?;
        let version = version.trim();
        write(
            &environment.join("pyvenv.cfg"),
            &format!(
                "home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
            ),
        )?;
        Ok(version.to_owned())
    }

    /// Compiled ahead, because sandboxes cannot write what they compile. What is compiled names its
    /// source by hash, so that it is the same in every build, and is never compared with it.
    fn compile(&self) -> Result<(), Failure> {
        let mut compile = self.inside("/runtime/bin/python");
        compile
            .env("PYTHONHASHSEED", "0")
            .args(["-m", "compileall", "-q"])
            .args(["--invalidation-mode", "unchecked-hash"])
            .args(["/usr/lib/python3.11", "/runtime/lib"]);
        run(&mut compile, CHROOT_REMEDY)?;
        Ok(())
    }

    /// A program of the image, started within it, with nothing of the host's environment.
    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .arg(&self.root)
            .arg(program);
        command
    }

    /// Keeps `/usr` and the environment, without what only people, packagers and compilers read.
    fn keep_what_is_needed(&self) -> Result<(), Failure> {
        let usr = self.root.join("usr");
        for unneeded in ["share", "lib32", "libx32", "lib/dpkg"] {
            remove(&usr.join(unneeded))?;
        }
        make_folder(&usr.join("share"))?;
        for (from, to) in [(usr, USR), (self.root.join("runtime"), PYTHON)] {
            let to = self.partial.join(to);
            fs::rename(&from, &to)
                .map_err(|error| format!("cannot move {}: {error}", from.display()))?;
            tidy_modes(&to)?;
        }
        remove(&self.root)?;
        remove(&self.scrap)
    }
}

/// Everybody may read everything, only root may write, and nothing gives rights.
fn tidy_modes(top: &Path) -> Result<(), Failure> {
    let mut waiting = vec![top.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if metadata.is_symlink() {
            continue;
        }
        let is_program = metadata.is_dir() || metadata.mode() & 0o111 != 0;
        set_mode(&path, if is_program { 0o755 } else { 0o644 })?;
        if metadata.is_dir() {
            waiting.extend(list(&path)?);
        }
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Failure> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|error| format!("cannot change {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
