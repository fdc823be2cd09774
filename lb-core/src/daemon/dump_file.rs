// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths of the files of a dump.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::model::RuntimeSettings;

/// A file of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// `keepalived_parent.data`
    Parent,
    /// `keepalived.data`
    Routers,
    /// `keepalived_check.data`
    Servers,
    /// `keepalived.stats`
    Stats,
    /// `keepalived.json`
    Json,
}

impl File {
    /// The path: that of the configuration, or the usual name in `directory`. With `data_use_instance` the
    /// names of state files contain the network namespace and the instance, as in keepalived; those of
    /// counters and JSON do not.
    pub(super) fn path(self, directory: &Path, runtime: &RuntimeSettings) -> PathBuf {
        let dumps = &runtime.dumps;
        let (configured, usual, part) = match self {
            Self::Parent => (&dumps.state, "keepalived.data", "_parent"),
            Self::Routers => (&dumps.state, "keepalived.data", ""),
            Self::Servers => (&dumps.state, "keepalived.data", "_check"),
            Self::Stats => (&dumps.stats, "keepalived.stats", ""),
            Self::Json => (&dumps.json, "keepalived.json", ""),
        };
        // An absolute path replaces the directory.
        let path = directory.join(configured.as_deref().unwrap_or_else(|| Path::new(usual)));
        let is_state = matches!(self, Self::Parent | Self::Routers | Self::Servers);
        let mut suffix = part.to_owned();
        if dumps.use_instance && is_state {
            let names = [&runtime.network_namespace, &runtime.instance];
            let names: Vec<&str> = names
                .into_iter()
                .filter_map(|name| name.as_deref())
                .collect();
            if !names.is_empty() {
                suffix.push('.');
                suffix.push_str(&names.join("_"));
            }
        }
        insert(path, &suffix)
    }
}

/// Puts a suffix before the extension.
fn insert(path: PathBuf, suffix: &str) -> PathBuf {
    if suffix.is_empty() {
        return path;
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of all files.
    fn paths(lines: &str) -> [String; 5] {
        let text = format!("instance one\nnet_namespace blue\nglobal_defs {{\n{lines}\n}}\n");
        let registry = lb_check::Registry::builtin();
        let parsed = crate::config::parse(&text, "t.conf", &registry);
        let model = parsed.into_model(crate::config::Mode::Strict).unwrap();
        let runtime = &model.global.runtime;
        let files = [
            File::Parent,
            File::Routers,
            File::Servers,
            File::Stats,
            File::Json,
        ];
        files.map(|file| file.path(Path::new("/tmp"), runtime).display().to_string())
    }

    #[test]
    fn usual_names() {
        let names = [
            "/tmp/keepalived_parent.data",
            "/tmp/keepalived.data",
            "/tmp/keepalived_check.data",
            "/tmp/keepalived.stats",
            "/tmp/keepalived.json",
        ];
        assert_eq!(paths(""), names);
    }

    // shows global_defs: json_dump_file, data_use_instance
    #[test]
    fn configured_paths_and_the_instance() {
        for suffix in ["", "_location"] {
            let lines = format!(
                "state_dump_file{suffix} /a/b.c\nstats_dump_file{suffix} /a/s\n\
                 json_dump_file{suffix} j.json"
            );
            let names = [
                "/a/b_parent.c",
                "/a/b.c",
                "/a/b_check.c",
                "/a/s",
                "/tmp/j.json",
            ];
            assert_eq!(paths(&lines), names);
        }
        let names = [
            "/tmp/keepalived_parent.blue_one.data",
            "/tmp/keepalived.blue_one.data",
            "/tmp/keepalived_check.blue_one.data",
            "/tmp/keepalived.stats",
            "/a/j",
        ];
        assert_eq!(paths("data_use_instance\njson_dump_file /a/j"), names);
    }
}
