// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints a model as a configuration file.

mod address;
mod check;
mod global;
mod group;
mod instance;
mod page;
mod runtime;
mod server;
mod track;

use lb_vrrp::track::ObjectId;

use crate::model::Model;

use self::page::Page;

/// A part of a model that no configuration file can describe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrintError {
    /// A check of a program that does not return its [lines](lb_check::HealthCheck::lines), or with a
    /// setting that has no keyword.
    #[error("the check {kind} of {server} has no form in a configuration file")]
    Check {
        /// The name of the check.
        kind: String,
        /// The real server.
        server: String,
    },
    /// A value that no word of a file can be: it has a double quote, a line break, or a reference.
    #[error("{value:?} cannot be a word of a configuration file")]
    Word {
        /// The value.
        value: String,
    },
    /// A path or a password that is not UTF-8.
    #[error("{what} is not UTF-8")]
    Encoding {
        /// Which setting.
        what: &'static str,
    },
    /// A tracked object of a kind that has no keyword in this version.
    #[error("the object {object} has no form in a configuration file")]
    Object {
        /// The object.
        object: ObjectId,
    },
    /// A setting that a file gives to all virtual routers together.
    #[error("{what} of instance {instance} differs from that of another instance")]
    Shared {
        /// Which setting.
        what: &'static str,
        /// The instance.
        instance: String,
    },
    /// A setting that has no keyword.
    #[error("{what} {value} has no keyword")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: String,
    },
}

/// Prints a model as a configuration file: [reading](super::parse) it gives the same model.
///
/// Definitions, conditions and included files are resolved, and defaults are left out. What has no
/// effect is not part of a model: untracked objects, unused groups, and keywords without effect in this
/// version, but for checks, which are kept. Passwords and keys are printed.
///
/// # Errors
///
/// [`PrintError`] for the first part of the model that a file cannot describe. A model that was
/// read from a file has none, but for checks that a program added to the registry.
///
/// # Examples
///
/// ```
/// use lb_core::check::Registry;
/// use lb_core::config::{self, Mode};
///
/// let text = "\
/// $RS=192.168.1.61
/// virtual_server 192.168.1.50 80 {
///     lb_algo wrr
///     lb_kind DR
///     protocol TCP
///     real_server $RS 80 {
///         weight 2
///     }
/// }
/// ";
/// let registry = Registry::builtin();
/// let model = config::parse(text, "lb.conf", &registry).into_model(Mode::Strict)?;
/// let printed = config::print(&model)?;
/// assert!(printed.contains("real_server 192.168.1.61 80 {\n        weight 2\n"));
/// let again = config::parse(&printed, "printed.conf", &registry).into_model(Mode::Strict)?;
/// assert_eq!(again, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn print(model: &Model) -> Result<String, PrintError> {
    let mut page = Page::new(model);
    global::settings(&mut page, model);
    group::groups(&mut page, model);
    address::statics(&mut page, &model.statics);
    for object in &model.objects {
        track::object(&mut page, object);
    }
    for router in &model.routers {
        instance::instance(&mut page, router);
    }
    for group in &model.groups {
        group::sync_group(&mut page, group);
    }
    server::server_groups(&mut page, &model.virtual_servers);
    for server in &model.virtual_servers {
        server::virtual_server(&mut page, server);
    }
    page.finish()
}
