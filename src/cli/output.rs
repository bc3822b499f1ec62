//! Output of commands: stdout and the files that `-o` names.

use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
};

use super::CommandError;
use crate::stdio::{self, Printed};

/// Prints a text. A closed pipe is no failure: the program at its end, such as `head`, needs no more.
///
/// # Errors
/// Fails if stdout cannot be written.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    stdio::print(text).map(drop).map_err(|error| CommandError::io("stdout", &error))
}

/// Prints a line.
///
/// # Errors
/// Those of [`print()`].
pub(super) fn print_line(line: impl Display) -> Result<(), CommandError> {
    print(&format!("{line}\n"))
}

/// Prints a line that must be read, because it cannot be printed again.
///
/// # Errors
/// Fails if stdout cannot be written or its pipe is closed.
pub(super) fn print_once(line: &str) -> Result<(), CommandError> {
    match stdio::print(&format!("{line}\n")) {
        Ok(Printed::Complete) => Ok(()),
        Ok(Printed::Cut) => Err(CommandError::io("stdout", &ErrorKind::BrokenPipe.into())),
        Err(error) => Err(CommandError::io("stdout", &error)),
    }
}

/// Writes a file as a whole. After a failure the old content is unchanged.
///
/// # Errors
/// Fails if the file cannot be written.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), CommandError> {
    let failed = |error: io::Error| CommandError::io(&path.display().to_string(), &error);
    // Replaces the target of a link, not the link.
    let target = match path.canonicalize() {
        Ok(target) => target,
        // Refuses a dangling link. The target of `/dev/stdout` has no name either, but it exists.
        Err(error) if path.is_symlink() && fs::metadata(path).is_err() => return Err(failed(error)),
        Err(_) => path.to_owned(),
    };
    let written = match fs::metadata(&target) {
        // Writes directly to a device or a pipe, which cannot be replaced.
        Ok(there) if !there.is_file() => File::options().write(true).open(&target).and_then(|f| fill(f, content)),
        there => replace(&target, there.ok(), content),
    };
    written.map_err(failed)
}

fn replace(target: &Path, old_metadata: Option<fs::Metadata>, content: &[u8]) -> io::Result<()> {
    // Writes a draft beside the target. Its name is random, because processes in containers may share one id.
    let draft = target.with_file_name(format!(".trimtab-{}.new", uuid::Uuid::new_v4().simple()));
    let written = || {
        let file = OpenOptions::new().write(true).create_new(true).open(&draft)?;
        if let Some(there) = old_metadata {
            file.set_permissions(there.permissions())?;
        }
        fill(&file, content)?;
        file.sync_all()?;
        fs::rename(&draft, target)
    };
    written().inspect_err(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&draft);
        }
    })
}

fn fill(mut file: impl Write, content: &[u8]) -> io::Result<()> {
    file.write_all(content)
}
