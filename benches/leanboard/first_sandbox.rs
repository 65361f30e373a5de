//! How long a participant waits for the first sandbox when nobody else does.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::Outcome;
use crate::report::{at_most, heading, line, milliseconds, quantile};
use crate::service::{ROOMS, Service, demo};

const SUBMISSIONS: u32 = 12;
const TARGET_MS: f64 = 150.0;
const PATIENCE: Duration = Duration::from_secs(30);

/// What is seen of a sandbox from outside, in the order in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Its folder appears: the walls begin to be built.
    Begun,
    /// Its process 1 is executed, which then waits for the go byte.
    Walled,
    /// The program that runs the model opens its own first file.
    Running,
}

pub fn run(service: &Service) -> Outcome<()> {
    let signs = watch(service)?;
    let model = std::fs::read(demo("starter/small_mlp.onnx"))?;
    let mut from_commit: [Vec<f64>; 3] = Default::default();
    let mut from_answer = Vec::new();
    for number in 0..SUBMISSIONS {
        let upload = service.upload(distinct(&model, number))?;
        // Not in step with anything that the runner does while it is idle.
        std::thread::sleep(Duration::from_millis(u64::from(number * 137 % 500)));
        while signs.try_recv().is_ok() {}
        let committed = Instant::now();
        service.commit(&upload)?;
        let answered = Instant::now();
        for (sign, figures) in [Sign::Begun, Sign::Walled, Sign::Running]
            .into_iter()
            .zip(&mut from_commit)
        {
            let at = wait_for(&signs, sign)?;
            figures.push(milliseconds(at.duration_since(committed)));
            if sign == Sign::Running {
                from_answer.push(milliseconds(at.saturating_duration_since(answered)));
            }
        }
        service.wait_until_idle()?;
    }
    let [begun, walled, running] = &from_commit;
    heading(
        &format!("Commit of an upload → its first sandbox, idle queue, {SUBMISSIONS} submissions"),
        &["median ms", "p90 ms", "max ms"],
    );
    let figures = |name: &str, figures: &[f64], target: String| {
        let [median, p90, max] = [0.5, 0.9, 1.0].map(|part| quantile(figures, part));
        line(
            name,
            &[
                format!("{median:.1}"),
                format!("{p90:.1}"),
                format!("{max:.1}"),
                target,
            ],
        );
    };
    let target = at_most(quantile(running, 0.5), TARGET_MS, "ms");
    figures(
        "commit sent → walls begin to be built",
        begun,
        String::new(),
    );
    figures("commit sent → process 1 executed", walled, String::new());
    figures("commit sent → the model's program runs", running, target);
    figures(
        "answer received → the model's program runs",
        &from_answer,
        String::new(),
    );
    Ok(())
}

/// The same model with other bytes: an entry of its metadata that nothing reads.
pub fn distinct(model: &[u8], number: u32) -> Vec<u8> {
    // `metadata_props`, field 14 of ModelProto, with a key and a value of four bytes each.
    let mut bytes = [model, b"\x72\x0c\x0a\x04mark\x12\x04"].concat();
    bytes.extend(format!("{number:04}").bytes());
    bytes
}

/// Watches files that sandboxes are made of, as the kernel tells of them: the runner notices
/// nothing. Its mounts are its own, but the way to them leads through `/proc`.
fn watch(service: &Service) -> Outcome<Receiver<(Sign, Instant)>> {
    let rooms = PathBuf::from(format!(
        "/proc/{}/root{ROOMS}/{}",
        service.runner.id(),
        service.runner_name
    ));
    let harness = service
        .folder
        .path()
        .join("runner")
        .join(&service.runner_name)
        .join("harness/harness.py");
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    let add = |path: &Path, flag| -> Outcome<WatchDescriptor> {
        inotify
            .add_watch(path.as_os_str().as_bytes(), flag)
            .map_err(|errno| format!("cannot watch {}: {errno}", path.display()).into())
    };
    let signs = [
        (
            add(&rooms.join("rooms"), AddWatchFlags::IN_CREATE)?,
            Sign::Begun,
        ),
        (
            add(&rooms.join("init"), AddWatchFlags::IN_OPEN)?,
            Sign::Walled,
        ),
        (add(&harness, AddWatchFlags::IN_OPEN)?, Sign::Running),
    ];
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        while let Ok(events) = inotify.read_events() {
            let at = Instant::now();
            for event in events {
                let sign = signs.iter().find(|(watch, _)| *watch == event.wd);
                if sign.is_some_and(|(_, sign)| sender.send((*sign, at)).is_err()) {
                    return;
                }
            }
        }
    });
    Ok(receiver)
}

/// The first such sign from now on.
fn wait_for(signs: &Receiver<(Sign, Instant)>, wanted: Sign) -> Outcome<Instant> {
    loop {
        let (sign, at) = signs
            .recv_timeout(PATIENCE)
            .map_err(|_| format!("no sandbox came to {wanted:?}"))?;
        if sign == wanted {
            return Ok(at);
        }
    }
}
