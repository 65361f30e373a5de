//! The pipes between the runner and a sandbox, and the lines that come out of one.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Uid, fchown, pipe2, read, write};

use super::error::{Doing, SandboxError};

/// What came out of a program's event pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A line without its newline, and when it was read.
    Line { text: String, at: Instant },
    /// The program has ended, was killed, or closed its end; [`super::Sandbox::wait`] tells which.
    Ended,
    /// Nothing came until the caller's deadline.
    TimedOut,
    /// Not a line of UTF-8 of at most [`LONGEST_LINE`] bytes. Nothing after it makes sense.
    Garbage,
}

/// What came of waiting for a number of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceivedBytes {
    /// As many as were waited for, and when the last was read.
    Whole { bytes: Vec<u8>, at: Instant },
    /// The program has ended, was killed, or closed its end; [`super::Sandbox::wait`] tells which.
    Ended,
    /// They were not all there by the caller's deadline.
    TimedOut,
}

/// In bytes, newline included: what a pipe takes in one piece.
pub(crate) const LONGEST_LINE: usize = 4096;

/// The descriptors that the init gets as 3, 4, 5 and 6.
pub(super) struct TheirEnds {
    pub go: OwnedFd,
    pub report: OwnedFd,
    pub commands: OwnedFd,
    pub events: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

pub(super) struct OurEnds {
    pub go: OwnedFd,
    pub report: OwnedFd,
    pub commands: OwnedFd,
    pub events: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Our ends never block; theirs do, as programs expect. Output and error belong to `user`, so that
/// a program can open `/dev/stderr`; the other pipes can be used only by those who have them.
pub(super) fn open_pipes(user: u32) -> Result<(OurEnds, TheirEnds), SandboxError> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).doing(|| "cannot open a pipe");
    let ours = |end: OwnedFd| -> Result<OwnedFd, SandboxError> {
        fcntl(&end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).doing(|| "cannot set up a pipe")?;
        Ok(end)
    };
    let (their_go, our_go) = pipe()?;
    let (our_report, their_report) = pipe()?;
    let (their_commands, our_commands) = pipe()?;
    let (our_events, their_events) = pipe()?;
    let (our_stdout, their_stdout) = pipe()?;
    let (our_stderr, their_stderr) = pipe()?;
    for end in [&their_stdout, &their_stderr] {
        fchown(end, Some(Uid::from_raw(user)), None).doing(|| "cannot give a pipe away")?;
    }
    Ok((
        OurEnds {
            go: ours(our_go)?,
            report: ours(our_report)?,
            commands: ours(our_commands)?,
            events: ours(our_events)?,
            stdout: ours(our_stdout)?,
            stderr: ours(our_stderr)?,
        },
        TheirEnds {
            go: their_go,
            report: their_report,
            commands: their_commands,
            events: their_events,
            stdout: their_stdout,
            stderr: their_stderr,
        },
    ))
}

/// The state of a pipe that is ready or not.
pub(super) enum Piece {
    Bytes(usize),
    NothingYet,
    End,
}

pub(super) fn read_piece(from: impl AsFd, buffer: &mut [u8]) -> Result<Piece, SandboxError> {
    loop {
        return match read(&from, buffer) {
            Ok(0) => Ok(Piece::End),
            Ok(bytes) => Ok(Piece::Bytes(bytes)),
            Err(Errno::EAGAIN) => Ok(Piece::NothingYet),
            Err(Errno::EINTR) => continue,
            Err(errno) => Err(errno).doing(|| "cannot read from a pipe of the sandbox"),
        };
    }
}

/// Waits until `fd` is ready for `events` or hung up. False at the deadline.
pub(super) fn wait_for(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    deadline: Option<Instant>,
) -> Result<bool, SandboxError> {
    loop {
        let mut awaited = [PollFd::new(fd, events)];
        match poll(&mut awaited, timeout_until(deadline)) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Ok(false);
            }
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno).doing(|| "cannot wait for a pipe of the sandbox"),
        }
    }
}

/// Rounded up to a millisecond, so that a loop over `poll` does not spin before its deadline.
pub(super) fn timeout_until(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else {
        return PollTimeout::NONE;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
}

/// Writes all of `bytes`. True when they are written; false at the deadline, or when nobody reads any
/// more.
pub(super) fn write_all(
    to: BorrowedFd<'_>,
    bytes: &[u8],
    deadline: Option<Instant>,
) -> Result<bool, SandboxError> {
    let mut left = bytes;
    while !left.is_empty() {
        match write(to, left) {
            Ok(written) => left = &left[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EPIPE) => return Ok(false),
            Err(Errno::EAGAIN) => {
                if !wait_for(to, PollFlags::POLLOUT, deadline)? {
                    return Ok(false);
                }
            }
            Err(errno) => return Err(errno).doing(|| "cannot write to a pipe of the sandbox"),
        }
    }
    Ok(true)
}

/// Cuts a stream of bytes into lines, and into the pieces of known length between them.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    pub fn append(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
    }

    /// The next complete line, if there is one; `Err` when what comes is no line.
    pub fn take_line(&mut self) -> Option<Result<String, NotALine>> {
        let Some(newline) = self.pending.iter().position(|byte| *byte == b'\n') else {
            return (self.pending.len() >= LONGEST_LINE).then_some(Err(NotALine));
        };
        if newline >= LONGEST_LINE {
            return Some(Err(NotALine));
        }
        let mut line: Vec<u8> = self.pending.drain(..=newline).collect();
        line.pop();
        Some(String::from_utf8(line).map_err(|_| NotALine))
    }

    /// What lies there already of the next `most` bytes.
    pub fn take_up_to(&mut self, most: usize) -> Vec<u8> {
        let count = most.min(self.pending.len());
        self.pending.drain(..count).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotALine;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_the_bytes_arrive() {
        let mut lines = Lines::default();
        lines.append(b"rea");
        assert_eq!(lines.take_line(), None);
        lines.append(b"dy\nstep 1\nst");
        assert_eq!(lines.take_line(), Some(Ok("ready".into())));
        assert_eq!(lines.take_line(), Some(Ok("step 1".into())));
        assert_eq!(lines.take_line(), None);
    }

    #[test]
    fn bytes_between_lines_come_out_as_they_are() {
        let mut lines = Lines::default();
        lines.append(b"next 4\n\n\xff\nxdone\n");
        assert_eq!(lines.take_line(), Some(Ok("next 4".into())));
        assert_eq!(lines.take_up_to(4), b"\n\xff\nx");
        assert_eq!(lines.take_line(), Some(Ok("done".into())));
        assert_eq!(lines.take_up_to(4), b"");
    }

    #[test]
    fn an_endless_line_is_garbage_before_it_fills_the_memory() {
        let mut lines = Lines::default();
        lines.append(&[b'x'; LONGEST_LINE - 1]);
        assert_eq!(lines.take_line(), None);
        lines.append(b"x");
        assert_eq!(lines.take_line(), Some(Err(NotALine)));
    }

    #[test]
    fn bytes_that_are_no_text_are_garbage() {
        let mut lines = Lines::default();
        lines.append(b"\xff\xfe\n");
        assert_eq!(lines.take_line(), Some(Err(NotALine)));
    }
}
