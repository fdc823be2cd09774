// SPDX-License-Identifier: MIT OR Apache-2.0
//! The step `fuzz`: the fuzz targets, which are outside of the workspace, still compile.
//!
//! They are checked and not linked, so that neither a nightly compiler nor a C++ compiler is needed.

use std::fs;

use super::target_directory;
use crate::runner::{StepError, run};
use crate::steps::{Context, cargo};

/// An archive without members.
const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// Checks the fuzz targets as cargo-fuzz builds them (`--cfg fuzzing`).
pub(crate) fn fuzz(context: &mut Context) -> Result<(), StepError> {
    let target = target_directory(context)?.join("fuzz");
    // Given a library the build script of libfuzzer-sys does not compile libFuzzer. `cargo check`
    // links nothing; the file exists because cargo runs the script again each time if it does not.
    let library = target.join("libnone.a");
    let written = fs::create_dir_all(&target).and_then(|()| match fs::read(&library) {
        Ok(content) if content == EMPTY_ARCHIVE => Ok(()),
        _ => fs::write(&library, EMPTY_ARCHIVE),
    });
    written.map_err(|error| {
        StepError::Missing(format!("cannot write {}: {error}", library.display()))
    })?;
    let mut command = cargo(&["check", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    command
        .env("CARGO_TARGET_DIR", &target)
        .env("CUSTOM_LIBFUZZER_PATH", &library)
        .env("RUSTFLAGS", "--cfg fuzzing");
    run(&mut command, &context.interrupted, &mut context.counts)?;
    context.counts.passed += 1;
    Ok(())
}
