//! Engines that build weaker walls than they are told to, as a broken or an unknown one may.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use leanboard::sandbox::{Engine, SandboxError, Walls, enter_private_mounts};
use tempfile::TempDir;

use super::support::{assert_leaves_nothing, engines, options, program};

/// A program with an engine's command line, which changes the configuration before the real one
/// reads it.
pub struct WeakEngine {
    folder: TempDir,
}

impl WeakEngine {
    /// `change` is Python, and finds the configuration in `spec`.
    pub fn new(engine: &Engine, change: &str) -> WeakEngine {
        WeakEngine::made_of(&format!(
            "#!/usr/bin/python3 -I
import json, os, sys
program, arguments = {program:?}, sys.argv[1:]
if 'create' in arguments:
    path = arguments[arguments.index('--bundle') + 1] + '/config.json'
    with open(path) as file:
        spec = json.load(file)
    linux, process = spec['linux'], spec['process']
    {change}
    with open(path, 'w') as file:
        json.dump(spec, file)
os.execvp(program, [program, *arguments])
",
            program = program(engine)
        ))
    }

    /// `version` is what it says of itself.
    fn called(engine: &Engine, version: &str) -> WeakEngine {
        WeakEngine::made_of(&format!(
            "#!/bin/sh
if [ \"$1\" = --version ]; then echo '{version}'; else exec {} \"$@\"; fi
",
            program(engine).display()
        ))
    }

    fn made_of(script: &str) -> WeakEngine {
        let folder = tempfile::tempdir().unwrap();
        let weak = WeakEngine { folder };
        // Not by ourselves: a file that another test's child inherited open cannot be executed.
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(weak.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = writer.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        assert!(writer.wait().unwrap().success());
        weak
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("engine")
    }
}

/// What an engine leaves out, and what is then said to be wrong.
fn assert_refused(engine: &Engine, change: &str, expected: &[&str]) {
    let weak = WeakEngine::new(engine, change);
    let (options, folder) = options(Engine::Path(weak.path()));
    let error = Walls::raise(options).expect_err(change);
    assert!(
        matches!(
            error,
            SandboxError::WallsBroken(_) | SandboxError::LimitsNotEnforced(_)
        ),
        "{change}: {error:?}"
    );
    for words in expected {
        let said = error.to_string();
        assert!(said.contains(words), "{change}: no `{words}` in {said}");
    }
    assert_leaves_nothing(&folder);
}

#[test]
fn an_engine_that_changes_nothing_may_be_any_program() {
    enter_private_mounts().unwrap();
    for engine in engines() {
        let same = WeakEngine::new(&engine, "pass");
        let (options, folder) = options(Engine::Path(same.path()));
        drop(Walls::raise(options).unwrap_or_else(|error| panic!("{error}")));
        assert_leaves_nothing(&folder);
    }
}

#[test]
fn the_canary_names_what_an_engine_leaves_out() {
    enter_private_mounts().unwrap();
    for engine in engines() {
        for (change, expected) in [
            (
                "del linux['seccomp']",
                &[
                    "do without a filter of system calls",
                    "call setns",
                    "call clock_settime",
                    "open a netlink socket",
                ][..],
            ),
            (
                "linux['seccomp']['syscalls'].append({'names': ['userfaultfd'], 'action': 'SCMP_ACT_ALLOW'})",
                &["a program could call userfaultfd ("],
            ),
            (
                "for name in process['capabilities']: process['capabilities'][name] = ['CAP_NET_RAW']",
                &["hold a capability"],
            ),
            (
                // With the filter, crun cannot even start it.
                "process['noNewPrivileges'] = False; del linux['seccomp']",
                &["gain privileges by executing"],
            ),
            ("process['user'] = {'uid': 0, 'gid': 0}", &["become root"]),
            (
                "linux['namespaces'] = [n for n in linux['namespaces'] if n['type'] != 'network']",
                &["be in the host's network namespace"],
            ),
            (
                "[m for m in spec['mounts'] if m['destination'] == '/dev/shm'][0]['options'].remove('noexec')",
                &["execute what it wrote to shared memory"],
            ),
        ] {
            assert_refused(&engine, change, expected);
        }
    }
}

#[test]
fn a_limit_that_an_engine_forgets_is_not_enforced_and_named() {
    enter_private_mounts().unwrap();
    for engine in engines() {
        for (change, expected) in [
            ("del linux['resources']['memory']", "memory"),
            ("linux['resources']['memory']['limit'] //= 2", "memory"),
            (
                "linux['resources']['pids']['limit'] = 4096",
                "pids.max is 4096 instead of 8",
            ),
            ("del linux['resources']['pids']", "pids.max is max"),
        ] {
            assert_refused(&engine, change, &["limits-not-enforced", expected]);
        }
        if fs::read_to_string("/sys/devices/system/cpu/online").unwrap() != "0\n" {
            let change = "del linux['resources']['cpu']";
            assert_refused(&engine, change, &["limits-not-enforced", "cpuset.cpus"]);
        }
        if Path::new("/sys/fs/cgroup/devices").exists() {
            let change = "linux['resources']['devices'] = [{'allow': True, 'access': 'rwm'}]";
            assert_refused(&engine, change, &["limits-not-enforced", "device"]);
        }
        if Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists() {
            let change = "linux['resources']['memory']['swap'] *= 2";
            assert_refused(&engine, change, &["limits-not-enforced", "memory.memsw"]);
        }
    }
}

#[test]
fn runsc_is_refused_and_an_engine_that_nobody_knows_is_marked_in_every_result() {
    enter_private_mounts().unwrap();
    for (says, expected) in [
        ("runsc version 0.0~20221219.0", Err("--preserve-fds")),
        (
            "youki version 0.7.0",
            Ok("youki version 0.7.0 (experimental)"),
        ),
    ] {
        let weak = WeakEngine::called(&engines()[0], says);
        let (options, _folder) = options(Engine::Path(weak.path()));
        match (Walls::raise(options), expected) {
            (Ok(walls), Ok(expected)) => assert_eq!(walls.engine_version(), expected),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (other, expected) => panic!("{other:?} instead of {expected:?}"),
        }
    }
}
