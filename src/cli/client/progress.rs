//! How far something is, on standard error: one line that is redrawn on a terminal, and elsewhere a
//! line now and then.

use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use terminal_size::Width;
use unicode_width::UnicodeWidthStr;

use super::{in_plain_text, plain, table};
use crate::domain::units::Bytes;
use crate::web::figures;

const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// Where lines stay, as in a log.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// The bar, in columns of the terminal.
const BAR_WIDTH: usize = 20;

/// The line at the bottom of the terminal, or lines of a log.
pub struct Progress {
    is_terminal: bool,
    /// What stands there now.
    shown: String,
}

impl Progress {
    pub fn on_standard_error() -> Progress {
        Progress {
            is_terminal: io::stderr().is_terminal(),
            shown: String::new(),
        }
    }

    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows where things stand. The same again is not said twice.
    pub fn show(&mut self, text: &str) {
        if text == self.shown {
            return;
        }
        self.shown = plain(text);
        let mut output = io::stderr().lock();
        // Whoever closed standard error does not want to know.
        let _ = match self.is_terminal {
            true => write!(output, "\r\x1b[K{}", table::cut(&self.shown, width())),
            false => writeln!(output, "{}", self.shown),
        };
        let _ = output.flush();
    }

    /// Ends the line: what is said next stands below it, or in its place.
    pub fn clear(&mut self) {
        if self.is_terminal && !self.shown.is_empty() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
        self.shown.clear();
    }

    /// Says something that stays.
    pub fn say(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(io::stderr().lock(), "{}", plain(text));
    }
}

/// One less than there is, or some terminals begin a new line.
fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    usize::from(size.map_or(80, |(Width(width), _)| width)).saturating_sub(1)
}

/// Shows how much of something was read.
pub struct Upload<'a, R> {
    from: R,
    progress: &'a mut Progress,
    name: String,
    size: Bytes,
    read: u64,
    begun_at: Instant,
    /// In a log, a small file is worth one line when it was sent.
    drawn_at: Option<Instant>,
}

impl<'a, R: Read> Upload<'a, R> {
    pub fn new(from: R, progress: &'a mut Progress, name: &str, size: u64) -> Upload<'a, R> {
        let is_terminal = progress.is_terminal;
        Upload {
            from,
            progress,
            name: name.to_owned(),
            size: Bytes::new(size),
            read: 0,
            begun_at: Instant::now(),
            drawn_at: (!is_terminal).then(Instant::now),
        }
    }

    /// Says what was sent in all, and how fast.
    pub fn finish(self) {
        let took = self.begun_at.elapsed();
        let summary = format!(
            "Sent {} ({}) in {}, {}",
            self.name,
            bytes(self.size),
            in_plain_text(&figures::duration(took)),
            speed(self.read, took)
        );
        self.progress.say(&summary);
    }

    fn draw(&mut self) {
        let every = match self.progress.is_terminal {
            true => REDRAW_EVERY,
            false => LINE_EVERY,
        };
        let now = Instant::now();
        let is_due = self.drawn_at.is_none_or(|at| now - at >= every);
        if is_due {
            self.drawn_at = Some(now);
            let text = state(
                &self.name,
                self.read,
                self.size,
                self.begun_at.elapsed(),
                self.progress.is_terminal,
            );
            self.progress.show(&text);
        }
    }
}

impl<R: Read> Read for Upload<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read += read as u64;
        self.draw();
        Ok(read)
    }
}

/// `model.onnx  ████████░░░░   40 %  4.0 of 10 MiB, 1.3 MiB/s`
fn state(name: &str, read: u64, size: Bytes, took: Duration, has_bar: bool) -> String {
    let share = read as f64 / (size.as_u64() as f64).max(1.0);
    let percent = (share * 100.0).floor().min(100.0);
    let numbers = format!(
        "{percent:3.0} %  {} of {}, {}",
        bytes(Bytes::new(read)),
        bytes(size),
        speed(read, took)
    );
    if !has_bar {
        return format!("Sending {name}: {}", numbers.trim_start());
    }
    let full = (share * BAR_WIDTH as f64) as usize;
    let full = full.min(BAR_WIDTH);
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR_WIDTH - full));
    // The numbers are what counts where there is little room.
    let room = width().saturating_sub(numbers.width() + BAR_WIDTH + 4);
    match room {
        0..8 => numbers,
        _ => format!("{}  {bar}  {numbers}", table::cut(name, room)),
    }
}

fn bytes(size: Bytes) -> String {
    in_plain_text(&figures::bytes(size))
}

fn speed(read: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64().max(1e-3);
    let per_second = Bytes::new((read as f64 / seconds) as u64);
    format!("{}/s", bytes(per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_percent_and_speed_are_told() {
        let state = |read| {
            let size = Bytes::from_mib(10);
            super::state("m.onnx", read, size, Duration::from_secs(2), false)
        };
        assert_eq!(state(0), "Sending m.onnx: 0 %  0 B of 10.0 MiB, 0 B/s");
        assert_eq!(
            state(4 << 20),
            "Sending m.onnx: 40 %  4.00 MiB of 10.0 MiB, 2.00 MiB/s"
        );
        // Never full before it is.
        assert!(state((10 << 20) - 1).contains(" 99 % "));
    }
}
