//! Whole files: read with a bound, written so that there is the old file or the new one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Error as OsError, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::refusal::{refuse, within};
use crate::error::{Error, Result};

/// The content of a file of at most so many bytes.
///
/// # Errors
/// A refusal with the message of the system; [`Error::Memory`] for a larger file.
pub(super) fn read(path: &Path, most: usize) -> Result<Vec<u8>> {
    let failed = |e: OsError| refuse(format!("it cannot be read: {e}"), "check the path");
    // Asked before it is opened: opening a pipe waits for its other end.
    let described = fs::metadata(path).map_err(failed)?;
    if !described.is_file() {
        return Err(refuse("it is a folder or a device", "give the path of a file"));
    }
    let size = usize::try_from(described.len()).unwrap_or(usize::MAX);
    within("the model file", size, most)?;
    let mut bytes = Vec::with_capacity(size);
    // A file that grows meanwhile is not followed.
    File::open(path)
        .and_then(|file| file.take(described.len()).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

/// Writes a file: a new one beside it is written, made durable and renamed onto the path. Where any
/// of that fails what was there before is left as it was. A link is followed; permissions of a file
/// that is replaced are kept.
///
/// # Errors
/// A refusal with the message of the system.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let Some(name) = target.file_name() else {
        return Err(refuse("its path names no file", "give the path of a file"));
    };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let temporary = folder.join(temporary_name(name.to_os_string()));
    let written = write_new(&temporary, bytes)
        .and_then(|()| match fs::metadata(&target) {
            Ok(replaced) => fs::set_permissions(&temporary, replaced.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        // It may never have been made.
        let _ = fs::remove_file(&temporary);
        return Err(cannot_write(&error));
    }
    // Where folders can be opened, the new name is made durable too.
    if let Ok(folder) = File::open(&folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn cannot_write(error: &OsError) -> Error {
    refuse(
        format!("it cannot be written: {error}"),
        "check the path, its permissions and the space",
    )
}

/// A name that no other thread or process uses at this time.
fn temporary_name(name: OsString) -> OsString {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut out = OsString::from(".");
    out.push(name);
    out.push(format!(".{}-{count}.tmp", std::process::id()));
    out
}
