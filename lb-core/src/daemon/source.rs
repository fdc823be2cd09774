// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the model comes from, now and at each reload.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lb_check::Registry;

use crate::config::{self, Diagnostics, Mode, ReadOptions};
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
        }
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

    /// Reads the model. With `strict` errors are never skipped, as a reload wants it.
    pub(super) async fn load(&self, strict: bool) -> Result<Loaded, SourceError> {
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
            } => {
                let mode = if strict { Mode::Strict } else { *mode };
                let task = {
                    let (path, registry) = (path.clone(), Arc::clone(registry));
                    let options = options.clone();
                    move || read(&path, &registry, &options, mode)
                };
                // A file of 10 000 virtual servers takes a while: not on the director's thread.
                tokio::task::spawn_blocking(task)
                    .await
                    .unwrap_or_else(|_| Err(SourceError::Panicked { path: path.clone() }))
            }
        }
    }
}

fn read(
    path: &Path,
    registry: &Registry,
    options: &ReadOptions,
    mode: Mode,
) -> Result<Loaded, SourceError> {
    let (model, diagnostics) = config::load_with(path, registry, options).into_parts(mode);
    let findings = diagnostics
        .iter()
        .map(|finding| diagnostics.line(finding))
        .collect();
    match model {
        Some(model) => Ok(Loaded { model, findings }),
        None => Err(SourceError::Invalid {
            path: path.to_owned(),
            diagnostics: Box::new(diagnostics),
        }),
    }
}
