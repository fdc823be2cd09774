// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines, blocks and words of a printed configuration.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use lb_check::{Account, Arguments};

use crate::config::value::in_seconds;
use crate::model::{Model, NotifyScript, Webhook};

use super::PrintError;

/// Characters of a word that needs no quotes, beside letters and digits.
const PLAIN: &str = "_-./:,+%*=@";

/// The text so far, and the first error.
pub(super) struct Page {
    text: String,
    depth: usize,
    error: Option<PrintError>,
    /// The account of scripts that name none.
    account: Option<Account>,
}

impl Page {
    pub(super) fn new(model: &Model) -> Self {
        let scripts = &model.global.scripts;
        let user = scripts.user.as_ref();
        let account = user.and_then(|user| Account::find(user, scripts.group.as_deref()).ok());
        Self {
            text: String::new(),
            depth: 0,
            error: None,
            account,
        }
    }

    pub(super) fn finish(self) -> Result<String, PrintError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.text),
        }
    }

    /// Notes an error; the first one is returned.
    pub(super) fn fail(&mut self, error: PrintError) {
        self.error.get_or_insert(error);
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
    }

    /// Adds a word, in quotes where it needs them.
    fn push_word(&mut self, word: &str) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || PLAIN.contains(c);
        // At the beginning of a line `@` is a condition.
        if !word.is_empty() && !word.starts_with('@') && word.chars().all(is_plain) {
            self.text.push_str(word);
            return;
        }
        // A reference to a predefined name would be replaced inside quotes too.
        if word.contains(['"', '\n', '\r']) || word.contains("${_") {
            let value = word.to_owned();
            self.fail(PrintError::Word { value });
        }
        self.text.push('"');
        self.text.push_str(word);
        self.text.push('"');
    }

    fn push_words<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) {
        for (index, word) in words.into_iter().enumerate() {
            if index > 0 {
                self.text.push(' ');
            }
            self.push_word(word.as_ref());
        }
    }

    /// Adds a line of words.
    pub(super) fn line<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) {
        self.indent();
        self.push_words(words);
        self.text.push('\n');
    }

    /// Begins a block.
    pub(super) fn open<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) {
        if self.depth == 0 && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.indent();
        self.push_words(words);
        self.text.push_str(" {\n");
        self.depth += 1;
    }

    /// Ends a block.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.text.push_str("}\n");
    }

    /// Adds a block with a word in each line; nothing without words.
    pub(super) fn list<W: AsRef<str>>(
        &mut self,
        keyword: &str,
        lines: impl IntoIterator<Item = W>,
    ) {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        self.open([keyword]);
        for line in lines {
            self.line([line]);
        }
        self.close();
    }

    /// Adds a keyword with a value.
    pub(super) fn set(&mut self, keyword: &str, value: impl Display) {
        self.line([keyword, &value.to_string()]);
    }

    pub(super) fn set_some(&mut self, keyword: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.set(keyword, value);
        }
    }

    pub(super) fn seconds(&mut self, keyword: &str, time: Duration) {
        self.set(keyword, in_seconds(time));
    }

    /// Adds `notify_url`.
    pub(super) fn webhook(&mut self, webhook: Option<&Webhook>) {
        let Some(webhook) = webhook else { return };
        let mut words = vec!["notify_url".to_owned(), webhook.url()];
        if webhook.timeout != Webhook::TIMEOUT {
            words.extend(["timeout".to_owned(), in_seconds(webhook.timeout)]);
        }
        if webhook.retries != Webhook::RETRIES {
            words.extend(["retry".to_owned(), webhook.retries.to_string()]);
        }
        self.line(words);
    }

    pub(super) fn path(&mut self, keyword: &str, path: &Path) {
        match path.to_str() {
            Some(path) => self.set(keyword, path),
            None => self.fail(PrintError::Encoding { what: "a path" }),
        }
    }

    pub(super) fn path_if(&mut self, keyword: &str, path: Option<&Path>) {
        if let Some(path) = path {
            self.path(keyword, path);
        }
    }

    /// Adds a keyword that stands alone, if it holds.
    pub(super) fn flag(&mut self, keyword: &str, value: bool) {
        if value {
            self.line([keyword]);
        }
    }

    /// Adds `on` or `off` where that is not the default.
    pub(super) fn switch(&mut self, keyword: &str, value: bool, default: bool) {
        if value != default {
            self.set(keyword, if value { "on" } else { "off" });
        }
    }

    /// The account of a script, unless it is that of all.
    pub(super) fn own_account(&self, account: Option<(u32, u32)>) -> Option<Account> {
        let account = account.map(|(uid, gid)| Account::new(uid, gid));
        account.filter(|account| self.account != Some(*account))
    }

    /// Whether these are the names of the account of all scripts.
    pub(super) fn is_usual_account(&self, names: &[String]) -> bool {
        let usual = self.account.map(|account| account.names());
        usual.is_some_and(|(user, group)| [user, group] == names)
    }

    /// Adds a keyword with a command, and its account unless it is that of all scripts.
    pub(super) fn command(
        &mut self,
        keyword: &str,
        argv: &[OsString],
        account: Option<(u32, u32)>,
    ) {
        let command = Arguments::command(keyword, argv, self.own_account(account));
        self.written(&command);
    }

    /// Adds the script of a keyword, if there is one.
    pub(super) fn script(&mut self, keyword: &str, script: Option<&NotifyScript>) {
        if let Some(script) = script {
            self.command(keyword, &script.argv, script.account);
        }
    }

    /// Adds a line of a check, and its block.
    pub(super) fn written(&mut self, line: &Arguments) {
        let words = || std::iter::once(&line.name).chain(&line.values);
        if line.has_block {
            self.open(words());
            for child in &line.children {
                self.written(child);
            }
            self.close();
        } else if line.raw.is_empty() {
            self.line(words());
        } else {
            self.indent();
            self.push_word(&line.name);
            self.text.push(' ');
            self.text.push_str(&line.raw);
            self.text.push('\n');
        }
    }
}
