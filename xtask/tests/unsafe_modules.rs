// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which modules may contain `unsafe`: those that the section "Unsafe" of ARCHITECTURE.md names.

use std::path::{Path, PathBuf};
use std::{fs, io};

const MODULES: [&str; 2] = ["lb-host/src/sys.rs", "testbed/src/netns/child.rs"];
/// Directories without sources of the workspace.
const SKIPPED: [&str; 2] = ["target", "fuzz"];

/// Collects the Rust files below `directory` that contain `text`.
fn collect(directory: &Path, text: &str, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(&path, text, found)?;
            }
        } else if name.ends_with(".rs") && fs::read_to_string(&path)?.contains(text) {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn only_two_modules_may_be_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    // Written in two parts, or this file would be one of them.
    collect(root, concat!("unsafe", "_code"), &mut found).unwrap();
    let mut found: Vec<_> = found
        .iter()
        .map(|path| path.strip_prefix(root).unwrap().to_str().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, MODULES);
}
