// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a configuration is read.

/// How a configuration is read, beside the text itself.
///
/// ```
/// use lb_check::Registry;
/// use lb_core::config::{self, Mode, ReadOptions};
///
/// let text = "@lb1 global_defs { router_id first }\n@lb2 global_defs { router_id second }\n";
/// let options = ReadOptions::new().with_config_id("lb2");
/// let parsed = config::parse_with(text, "lb.conf", &Registry::builtin(), &options);
/// assert_eq!(parsed.into_model(Mode::Strict)?.global.router_id, "second");
/// # Ok::<(), config::Diagnostics>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    config_id: Option<String>,
    /// Whether every `include` insists on its files.
    pub(super) all_files: bool,
    /// Whether keywords that keepalived does not have are errors.
    pub(super) keepalived_only: bool,
}

impl ReadOptions {
    /// The options of keepalived without arguments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the id that `@ID` lines ask for; without it, the name of the host up to its first dot.
    #[must_use]
    pub fn with_config_id(mut self, id: impl Into<String>) -> Self {
        self.config_id = Some(id.into());
        self
    }

    /// Treats every `include` as `includea`: each name, each alternative and each wildcard has a file, and
    /// each file can be read.
    #[must_use]
    pub fn with_all_files(mut self) -> Self {
        self.all_files = true;
        self
    }

    /// Refuses keywords that keepalived does not have: `notify_url`, `sticky`.
    ///
    /// ```
    /// use lb_check::Registry;
    /// use lb_core::config::{self, ReadOptions};
    ///
    /// let text = "global_defs {\n    notify_url http://192.168.1.16/\n}\n";
    /// let read = |options| config::parse_with(text, "lb.conf", &Registry::builtin(), &options);
    /// assert!(read(ReadOptions::new()).diagnostics().is_empty());
    /// let parsed = read(ReadOptions::new().with_keepalived_keywords_only());
    /// let message = "keepalived has no keyword `notify_url`";
    /// assert_eq!(parsed.diagnostics().iter().next().unwrap().message, message);
    /// ```
    #[must_use]
    pub fn with_keepalived_keywords_only(mut self) -> Self {
        self.keepalived_only = true;
        self
    }

    /// The id on a host of this name.
    pub(super) fn config_id<'a>(&'a self, host: &'a str) -> &'a str {
        match &self.config_id {
            Some(id) => id,
            None => host.split('.').next().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_first_part_of_the_name_of_the_host() {
        let options = ReadOptions::new();
        assert_eq!(options.config_id("lb1.example.org"), "lb1");
        assert_eq!(options.config_id("lb1"), "lb1");
        let options = options.with_config_id("a.b");
        assert_eq!(options.config_id("lb1"), "a.b");
    }
}
