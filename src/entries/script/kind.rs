//! Whether a zip of code is a script or a function: by the file at its top.

use std::io::{self, Write};

use super::{MAIN, Member, PREDICT};
use crate::domain::competition::EntryKind;
use crate::entries::rejection::{Rejection, RejectionCode, clean};

/// The module that a script asks its predictions through on Kaggle.
const INFERENCE_SERVER: &[u8] = b"kaggle_evaluation";

/// Looks for a word in what is written to it.
pub struct Mentions {
    word: &'static [u8],
    /// The end of what came, in which the word may begin.
    end: Vec<u8>,
    pub found: bool,
}

impl Mentions {
    /// An inference server is a function, whatever file it is in.
    pub fn of_inference_server() -> Mentions {
        Mentions {
            word: INFERENCE_SERVER,
            end: Vec::new(),
            found: false,
        }
    }
}

impl Write for Mentions {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.end.extend(bytes);
        self.found |= (self.end.windows(self.word.len())).any(|at| at == self.word);
        let done = self.end.len().saturating_sub(self.word.len() - 1);
        self.end.drain(..done);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Which of the kinds that are taken it is; `serves` says whether its `main.py` is an inference server.
pub fn kind_of(
    members: &[Member],
    kinds: &[EntryKind],
    serves: bool,
) -> Result<EntryKind, Rejection> {
    let has = |path| members.iter().any(|member| member.path == path);
    let takes = |kind| kinds.contains(&kind);
    let is_function = takes(EntryKind::Predict) && (has(PREDICT) || (has(MAIN) && serves));
    let is_script = takes(EntryKind::Script) && has(MAIN);
    match (is_function, is_script) {
        (true, true) if serves => Ok(EntryKind::Predict),
        (true, true) => Err(ambiguous()),
        (true, false) => Ok(EntryKind::Predict),
        (false, true) => Ok(EntryKind::Script),
        (false, false) if takes(EntryKind::Script) => {
            let also = match takes(EntryKind::Predict) {
                true => format!(", and no {PREDICT}"),
                false => String::new(),
            };
            Err(RejectionCode::MainMissing.because(format!(
                "The zip has no {MAIN} at its top, which is what is run{also}.{}",
                where_instead(members, MAIN, "what should run")
            )))
        }
        (false, false) => Err(RejectionCode::PredictMissing.because(format!(
            "The zip has no {PREDICT} at its top, whose function predict() is called.{}",
            where_instead(members, PREDICT, "where predict() is")
        ))),
    }
}

fn ambiguous() -> Rejection {
    RejectionCode::EntryAmbiguous.because(format!(
        "The zip has both {MAIN} and {PREDICT} at its top, and this competition takes scripts and \
         functions. Leave {MAIN} out, or give {PREDICT} another name."
    ))
}

/// Where the file seems to be.
fn where_instead(members: &[Member], name: &str, what: &str) -> String {
    let deeper = (members.iter())
        .find(|member| member.path.rsplit('/').next() == Some(name))
        .map(|member| {
            format!(
                " There is one at `{}`: zip the folder that it lies in.",
                clean(member.path.as_bytes())
            )
        });
    let other = || {
        let mut scripts = members.iter().filter(|member| member.path.ends_with(".py"));
        let script = scripts.next()?;
        Some(format!(
            " If `{}` is {what}, call it {name}.",
            clean(script.path.as_bytes())
        ))
    };
    deeper.or_else(other).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_wherever_it_is_cut() {
        let text = b"import kaggle_evaluation.default_inference_server";
        for cut in 0..text.len() {
            let mut mentions = Mentions::of_inference_server();
            mentions.write_all(&text[..cut]).unwrap();
            mentions.write_all(&text[cut..]).unwrap();
            assert!(mentions.found, "{cut}");
        }
        let mut mentions = Mentions::of_inference_server();
        mentions.write_all(b"import kaggle; evaluation").unwrap();
        assert!(!mentions.found);
    }
}
