// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `lbctl ipvs` takes beside ipvsadm's grammar: `--netns` before the words, `--json` among them.

use lb_ipvs::NetworkNamespace;

use super::USAGE;
use crate::{
    failure::{Failure, chain},
    program::Call,
};

/// Takes `--netns NAME` off the beginning of a line; a name with a slash is a path.
pub(super) fn in_namespace(call: &Call) -> Result<(Option<NetworkNamespace>, Call), Failure> {
    let rest = |skip: usize| Call {
        name: call.name.clone(),
        arguments: call.arguments.iter().skip(skip).cloned().collect(),
    };
    let texts = call.texts();
    let (name, call) = match texts.first().map(String::as_str) {
        Some("--netns") => (texts.get(1).cloned(), rest(2)),
        Some(word) => match word.strip_prefix("--netns=") {
            Some(name) => (Some(name.to_owned()), rest(1)),
            None => return Ok((None, rest(0))),
        },
        None => return Ok((None, rest(0))),
    };
    let name = name.ok_or_else(|| Failure::new(USAGE, "--netns: missing argument"))?;
    NetworkNamespace::find(&name)
        .map(|netns| (Some(netns), call))
        .map_err(|error| Failure::new(USAGE, chain(&error)))
}

/// Takes `--json` out of a line, wherever it is.
pub(super) fn json(call: &Call) -> (bool, Vec<String>) {
    let (json, words): (Vec<_>, Vec<_>) =
        call.texts().into_iter().partition(|word| word == "--json");
    (!json.is_empty(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str]) -> Call {
        Call {
            name: "lbctl ipvs".to_owned(),
            arguments: words.iter().map(Into::into).collect(),
        }
    }

    #[test]
    fn json_anywhere() {
        assert_eq!(
            json(&call(&["-L", "-n"])),
            (false, call(&["-L", "-n"]).texts())
        );
        for words in [["--json", "-L"], ["-L", "--json"]] {
            assert_eq!(json(&call(&words)), (true, vec!["-L".to_owned()]));
        }
    }

    #[test]
    fn a_namespace_comes_first_or_not_at_all() {
        let (netns, rest) = in_namespace(&call(&["-L", "--netns", "x"])).unwrap();
        assert!(netns.is_none());
        assert_eq!(rest.arguments.len(), 3);
        let path = "/proc/self/ns/net";
        for words in [
            &["--netns", path, "-Ln"][..],
            &["--netns=/proc/self/ns/net", "-Ln"],
        ] {
            let (netns, rest) = in_namespace(&call(words)).unwrap();
            assert_eq!(netns, Some(NetworkNamespace::current().unwrap()));
            assert_eq!(rest.texts(), ["-Ln"]);
        }
        for words in [&["--netns"][..], &["--netns", "no-such-namespace", "-L"]] {
            assert_eq!(in_namespace(&call(words)).unwrap_err().code(), USAGE);
        }
    }
}
