//! Printing to stdout and stderr. A closed pipe or a full disk must not cause a panic.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::Path,
};

/// Outcome of printing a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// The whole text was written.
    Complete,
    /// The program at the other end of the pipe has ended, as `head` does.
    Cut,
}

/// Writes a text to stdout and flushes it.
///
/// # Errors
/// All errors except a closed pipe.
pub fn print(text: &str) -> io::Result<Printed> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Printed::Complete),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Printed::Cut),
        Err(error) => Err(error),
    }
}

/// Writes a line to stderr. A failure is ignored, because there is no other place to report it.
pub fn print_error(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Returns whether stdout is the null device. The runtime opens it there if it was closed before the start.
pub fn is_stdout_null() -> bool {
    let device = |metadata: io::Result<std::fs::Metadata>| metadata.map(|m| (m.rdev(), m.mode() >> 12)).ok();
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let stdout = device(stdout.and_then(|file| file.metadata()));
    stdout.is_some() && stdout == device(Path::new("/dev/null").metadata())
}

/// Describes an error in the words of the system, without its number: `no space left on device`.
pub fn reason(error: &io::Error) -> String {
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default();
    let mut chars = said.chars();
    // An abbreviation such as EOF keeps its capitals.
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().collect::<String>() + &said[first.len_utf8()..]
        }
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_as_part_of_a_sentence() {
        let error = File::open("/nowhere/at/all").unwrap_err();
        assert_eq!(reason(&error), "no such file or directory");
        assert_eq!(reason(&io::Error::other("EOF in it")), "EOF in it");
    }
}
