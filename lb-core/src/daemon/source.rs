// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the model comes from, now and at each reload.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lb_check::Registry;

use crate::config::{self, Diagnostics, Mode, Parsed, ReadOptions};
use crate::model::Model;

/// Where the model comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// A configuration file, read again at each reload.
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// Whether errors keep the daemon from starting, or are skipped as keepalived skips them. A
        /// reload with errors changes nothing in both.
        mode: Mode,
        /// The checks the configuration may use.
        registry: Arc<Registry>,
        /// The id of the configuration, and what an `include` insists on.
        options: ReadOptions,
        /// What the file has been read to before the start.
        parsed: Option<Box<Parsed>>,
    },
    /// A model made by the embedding program; a reload changes nothing.
    Model(Box<Model>),
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file has errors.
    #[error("{} has {} error(s)", path.display(), diagnostics.errors())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All findings, with their places.
        diagnostics: Box<Diagnostics>,
    },
    /// Reading it panicked: a bug, and no reason to take a running configuration away.
    #[error("reading {} failed, please report this", path.display())]
    Panicked {
        /// The file.
        path: PathBuf,
    },
}

/// A model, and what was found on the way.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) model: Model,
    /// One line for each finding.
    pub(super) findings: Vec<String>,
}

impl Source {
    /// A configuration file, read strictly, with the built-in checks.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            mode: Mode::Strict,
            registry: Arc::new(Registry::builtin()),
            options: ReadOptions::new(),
            parsed: None,
        }
    }

    /// Starts with what the file has been read to, by [`config::load_with`] with the same checks and
    /// options. Only a reload reads the file again.
    #[must_use]
    pub fn with_parsed(mut self, content: Parsed) -> Self {
        if let Self::File { parsed, .. } = &mut self {
            *parsed = Some(Box::new(content));
        }
        self
    }

    /// Replaces how the file is read.
    #[must_use]
    pub fn with_read_options(mut self, read: ReadOptions) -> Self {
        if let Self::File { options, .. } = &mut self {
            *options = read;
        }
        self
    }

    /// Skips what is wrong in the file, as keepalived does.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        if let Self::File { mode, .. } = &mut self {
            *mode = Mode::Lenient;
        }
        self
    }

    /// Replaces the checks the configuration may use.
    #[must_use]
    pub fn with_registry(mut self, checks: Arc<Registry>) -> Self {
        if let Self::File { registry, .. } = &mut self {
            *registry = checks;
        }
        self
    }

    /// What to call it in logs and status.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Model(_) => "(built in)".to_owned(),
        }
    }

    /// Reads the model, unless it has been read before the start. With `strict` errors are never
    /// skipped, as a reload requires it.
    pub(super) async fn load(&mut self, strict: bool) -> Result<Loaded, SourceError> {
        match self {
            Self::Model(model) => Ok(Loaded {
                model: (**model).clone(),
                findings: Vec::new(),
            }),
            Self::File {
                path,
                mode,
                registry,
                options,
                parsed,
            } => {
                let mode = if strict { Mode::Strict } else { *mode };
                let task = {
                    let (path, registry) = (path.clone(), Arc::clone(registry));
                    let (options, parsed) = (options.clone(), parsed.take());
                    move || {
                        let parsed = match parsed {
                            Some(parsed) => *parsed,
                            None => config::load_with(&path, &registry, &options),
                        };
                        accept(&path, parsed, mode)
                    }
                };
                // A file of 10 000 virtual servers takes a while: not on the director's thread.
                tokio::task::spawn_blocking(task)
                    .await
                    .unwrap_or_else(|_| Err(SourceError::Panicked { path: path.clone() }))
            }
        }
    }
}

fn accept(path: &Path, parsed: Parsed, mode: Mode) -> Result<Loaded, SourceError> {
    let (model, diagnostics) = parsed.into_parts(mode);
    let findings = diagnostics
        .iter()
        .map(|finding| diagnostics.line(finding))
        .collect();
    // With `reload_check_config` an error is fatal at the start, too, as in keepalived.
    let is_sound = |model: &Model| !model.global.runtime.reload.check || diagnostics.errors() == 0;
    match model.filter(is_sound) {
        Some(model) => Ok(Loaded { model, findings }),
        None => Err(SourceError::Invalid {
            path: path.to_owned(),
            diagnostics: Box::new(diagnostics),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn with_reload_check_config_an_error_is_fatal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.conf");
        let mut source = Source::file(&path).lenient();
        for (word, is_read) in [("", true), ("reload_check_config", false)] {
            let text = format!("global_defs {{\n{word}\n}}\nbanana\n");
            std::fs::write(&path, text).unwrap();
            let loaded = source.load(false).await;
            assert_eq!(loaded.is_ok(), is_read, "{loaded:?}");
        }
    }

    #[tokio::test]
    async fn only_the_start_uses_what_was_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.conf");
        std::fs::write(&path, "global_defs { router_id first }").unwrap();
        let parsed = config::load(&path, &Registry::builtin());
        std::fs::write(&path, "global_defs { router_id second }").unwrap();
        let mut source = Source::file(&path).with_parsed(parsed);
        for router_id in ["first", "second"] {
            let loaded = source.load(true).await.unwrap();
            assert_eq!(loaded.model.global.router_id, router_id);
        }
    }
}
