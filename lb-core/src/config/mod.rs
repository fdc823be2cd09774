// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads `keepalived.conf`.
//!
//! A text goes through five steps, and each reports everything it finds, not only the first thing:
//! conditions, definitions and sequences (`read::logical`), words and braces (`lexer`), lines and blocks with
//! their places (`tree`), the settings of each block as they are written (one module for each, filled by the
//! tables of `keyword`), and the meaning of these with defaults and the rules between settings (`resolve`).
//! The result is a [`Model`] and [`Diagnostics`].
//!
//! Arrows between the modules point down: `resolve` → `keyword` → blocks → `line` → `tree` → `lexer` →
//! `source`. The tables of `keyword` know the blocks that they fill; a block, `line` and `tree` know no
//! table: the names of all keywords are passed to them as a `vocabulary`.
//!
//! A [`Strict`](Mode::Strict) reading gives a model only if there was no error. A
//! [`Lenient`](Mode::Lenient) one does as keepalived does: the bad line is skipped, the default kept, and the
//! load balancer runs; what would end keepalived ends it too, such as a virtual router without an id.
//!
//! Different from keepalived: an unknown block is skipped whole, missing and extra braces do not move what
//! follows, extra words are mentioned, and `off` always means off.
//!
//! # Examples
//!
//! ```
//! use lb_core::check::Registry;
//! use lb_core::config::{self, Mode};
//!
//! let text = "\
//! virtual_server 192.168.1.50 80 {
//!     lb_algo wrr
//!     lb_kind DR
//!     protocol TCP
//!     real_server 192.168.1.61 80 {
//!         weight 2
//!         TCP_CHECK {
//!             connect_timeout 3
//!         }
//!     }
//! }
//! ";
//! let parsed = config::parse(text, "lb.conf", &Registry::builtin());
//! let model = parsed.into_model(Mode::Strict)?;
//! assert_eq!(model.virtual_servers[0].real_servers[0].destination.weight.get(), 2);
//! # Ok::<(), config::Diagnostics>(())
//! ```
//!
//! The diagnostics of a wrong file name the mistake, its place, and the probable intention:
//!
//! ```
//! use lb_core::check::Registry;
//! use lb_core::config;
//!
//! let parsed = config::parse("glabal_defs {\n}\n", "lb.conf", &Registry::builtin());
//! assert_eq!(
//!     parsed.diagnostics().to_string(),
//!     "lb.conf:1:1: error: unknown keyword `glabal_defs`; did you mean `global_defs`?; \
//!      the block is skipped\n",
//! );
//! println!("{}", parsed.diagnostics().render(false));
//! ```

mod address;
mod announcements;
mod buffers;
mod command;
mod define;
mod diagnostic;
mod endpoint;
mod expanded;
mod findings;
mod global;
mod hmac;
mod include;
mod instance;
mod keyword;
mod level;
mod lexer;
mod line;
mod links;
mod method;
mod notify;
mod options;
mod pattern;
mod pending;
mod print;
mod read;
mod real;
mod resolve;
mod root;
mod routing;
mod runtime;
mod schedule;
mod scheduling;
mod sequence;
mod server;
mod server_group;
mod shared;
mod source;
mod span;
mod ssl;
mod statics;
mod track;
mod tracked;
mod tree;
mod unicast;
mod value;
mod via_vip;
mod vmac;
mod vocabulary;
mod vrrp;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lb_check::Registry;

use crate::model::Model;

pub use keyword::{KeywordEffect, KeywordHelp};

pub use diagnostic::{Diagnostic, Diagnostics, Note, Severity};
pub use options::ReadOptions;
pub use print::{PrintError, print};
pub use source::{Location, Sources, Span};

use include::{Content, FileSystem, Found, Includes, Nowhere};

/// What to do about errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an error stops a reading or does not"
)]
pub enum Mode {
    /// Any error refuses the file.
    #[default]
    Strict,
    /// As keepalived: skip what is wrong and continue with the rest.
    Lenient,
}

/// What came out of a text.
#[derive(Clone, Debug)]
pub struct Parsed {
    model: Model,
    diagnostics: Diagnostics,
    names: resolve::HostNames,
    /// Whether one of them has been reported as missing.
    lacks_interface: bool,
}

impl Parsed {
    /// The exit status of `keepalived -t` for this text: that of the
    /// [findings](Diagnostics::keepalived_status): 0, 2 (a missing argument), 4 (unreadable) or 5; and
    /// 6 instead of 0, 4 or 5 if scripts would run although `enable_script_security` is missing.
    #[must_use]
    pub fn keepalived_status(&self) -> u8 {
        let status = self.diagnostics.keepalived_status();
        match status {
            0 | 4 | 5 if self.runs_insecure_scripts() => 6,
            status => status,
        }
    }

    /// Whether scripts would run although `enable_script_security` is missing. Those of virtual routers
    /// do not run where an interface is missing.
    #[must_use]
    pub fn runs_insecure_scripts(&self) -> bool {
        let runs = if self.lacks_interface {
            self.model.runs_server_scripts()
        } else {
            self.model.runs_scripts()
        };
        runs && !self.model.global.scripts.security
    }

    /// The interfaces that a text names and that do not exist, unless `dynamic_interfaces` lets them appear
    /// later.
    pub fn missing_interfaces(&self, exists: impl Fn(&str) -> bool) -> Vec<&str> {
        let names = self.names.interfaces.iter();
        let names = names.map(|named| named.value.as_str());
        names.filter(|name| !exists(name)).collect()
    }

    /// Reports the interfaces that a text names and that do not exist, unless `dynamic_interfaces` lets
    /// them appear later. Reading a text does not look at the host.
    #[must_use]
    pub fn with_missing_interfaces(mut self, exists: impl Fn(&str) -> bool) -> Self {
        for named in std::mem::take(&mut self.names.interfaces) {
            let name = named.value;
            if exists(&name) {
                continue;
            }
            let finding =
                Diagnostic::warning(named.span, format!("interface {name} does not exist"));
            self.diagnostics.push(finding);
            self.lacks_interface = true;
        }
        self
    }

    /// Finds the virtual addresses that are the only address of their interface: a backup removes them,
    /// and then the host has none there. `addresses` are those of an interface of this host, of both
    /// families; reading a text does not look at the host.
    pub fn lone_addresses(&self, addresses: impl Fn(&str) -> Vec<IpAddr>) -> Vec<Diagnostic> {
        let mut known: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
        let held = self.names.held.iter();
        let lone = held.filter_map(|(address, interface)| {
            let own = known
                .entry(interface)
                .or_insert_with(|| addresses(interface));
            let family = own
                .iter()
                .filter(|own| own.is_ipv4() == address.value.is_ipv4());
            let alone = family.clone().count() == 1 && family.clone().eq([&address.value]);
            let message = format!("{} is the only address of {interface}", address.value);
            let finding = Diagnostic::warning(address.span, message);
            alone.then(|| finding.note("a backup removes it: give the host an address of its own"))
        });
        lone.collect()
    }

    /// Everything that was found.
    #[must_use]
    pub fn diagnostics(&self) -> &Diagnostics {
        &self.diagnostics
    }

    /// Whether this mode gives a model.
    #[must_use]
    pub fn is_accepted(&self, mode: Mode) -> bool {
        match mode {
            Mode::Strict => !self.diagnostics.has_errors(),
            Mode::Lenient => !self.diagnostics.is_fatal(),
        }
    }

    /// The model, if this mode gives one; see [`is_accepted`](Self::is_accepted).
    #[must_use]
    pub fn model(&self, mode: Mode) -> Option<&Model> {
        self.is_accepted(mode).then_some(&self.model)
    }

    /// The model.
    ///
    /// # Errors
    ///
    /// All findings, if there is an error; in lenient mode only if there is one that keepalived would not
    /// survive either.
    pub fn into_model(self, mode: Mode) -> Result<Model, Diagnostics> {
        if self.is_accepted(mode) {
            Ok(self.model)
        } else {
            Err(self.diagnostics)
        }
    }

    /// The model, if this mode gives one, and all findings.
    #[must_use]
    pub fn into_parts(self, mode: Mode) -> (Option<Model>, Diagnostics) {
        let accepted = self.is_accepted(mode);
        (accepted.then_some(self.model), self.diagnostics)
    }
}

impl std::error::Error for Diagnostics {}

/// Reads a text. `file_name` is how it is called in findings. `include` is not followed.
///
/// `registry` holds the checks that a `real_server` may have: [`Registry::builtin`], and whatever a program
/// adds to it.
#[must_use]
pub fn parse(text: &str, file_name: &str, registry: &Registry) -> Parsed {
    parse_with(text, file_name, registry, &ReadOptions::new())
}

/// Reads a text as [`parse`] does, with options.
#[must_use]
pub fn parse_with(
    text: &str,
    file_name: &str,
    registry: &Registry,
    options: &ReadOptions,
) -> Parsed {
    let main = Found {
        name: file_name.to_owned(),
        identity: PathBuf::from(file_name),
        content: Content::Text {
            text: text.to_owned(),
            valid: true,
        },
    };
    run(main, &mut Nowhere, registry, options)
}

/// Reads a file and what it includes. A file that cannot be read, is executable or is no regular file is
/// a finding like any other, and gives no model in any mode.
#[must_use]
pub fn load(path: impl AsRef<Path>, registry: &Registry) -> Parsed {
    load_with(path, registry, &ReadOptions::new())
}

/// Reads a file as [`load`] does, with options.
#[must_use]
pub fn load_with(path: impl AsRef<Path>, registry: &Registry, options: &ReadOptions) -> Parsed {
    let main = include::read(path.as_ref());
    run(main, &mut FileSystem, registry, options)
}

/// Returns the keywords and what they mean, block by block; `lbctl check --explain` prints them, and
/// `KEYWORDS.md` lists them.
///
/// ```
/// let keywords = lb_core::config::keywords();
/// let version = keywords.iter().find(|keyword| keyword.name == "vrrp_version").unwrap();
/// assert_eq!((version.block, version.argument.as_str()), ("global_defs", "NUMBER, 2 to 3"));
/// ```
#[must_use]
pub fn keywords() -> Vec<KeywordHelp> {
    keyword::help().collect()
}

/// Returns the keyword nearest to a misspelt one.
#[must_use]
pub fn nearest_keyword(word: &str) -> Option<&'static str> {
    vocabulary::nearest(word, keyword::help().map(|keyword| keyword.name))
}

fn run(
    main: Found,
    includes: &mut dyn Includes,
    registry: &Registry,
    options: &ReadOptions,
) -> Parsed {
    let vocabulary = keyword::vocabulary(registry);
    let host = gethostname::gethostname();
    let host = host.to_string_lossy();
    let reader = read::Reader::new(&mut *includes, &vocabulary, options.config_id(&host));
    let (sources, tree, findings) = reader.insist_on_files(options.all_files).read(main);
    let mut context = line::Context {
        sources: &sources,
        tree: &tree,
        registry,
        vocabulary: &vocabulary,
        findings,
        includes,
        checks: shared::SharedChecks::default(),
        scripts: shared::KnownScripts::default(),
        ssl: ssl::SslBlock::default(),
        keepalived_only: options.keepalived_only,
    };
    let login = std::env::var("LOGNAME").or_else(|_| std::env::var("USER"));
    let login = login.unwrap_or_else(|_| "root".to_owned());
    let (model, mut names) = resolve::resolve(&mut context, &host, &login);
    for interface in &mut names.interfaces {
        interface.span = sources.origin(interface.span);
    }
    for (address, _) in &mut names.held {
        address.span = sources.origin(address.span);
    }
    let items = context.findings.into_items();
    let items = items
        .into_iter()
        .map(|item| item.in_files(&sources))
        .collect();
    Parsed {
        model,
        diagnostics: Diagnostics::new(Arc::new(sources.without_expanded()), items),
        names,
        lacks_interface: false,
    }
}
