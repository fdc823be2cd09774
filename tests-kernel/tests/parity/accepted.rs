// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where we differ on purpose.

use super::Shown;
use super::order::Order;

/// One difference.
pub(crate) struct Accepted {
    /// The row of docs/differences.md that tells it: its first cell.
    pub(crate) row: &'static str,
    how: How,
}

enum How {
    /// The original has the first text where ours has the second; all else is the same.
    Words(&'static str, &'static str),
    /// A line that contains these words.
    Line {
        words: &'static str,
        original: Answer,
        ours: Answer,
    },
}

/// What is to be found in a program's answer.
struct Answer {
    out: &'static str,
    err: &'static str,
    exit: &'static str,
}

pub(crate) enum Verdict {
    Same,
    /// With the row that tells why.
    Accepted(&'static str),
    Other,
}

const MARKS: &str = "firewall marks from 2³¹ on print negative, and cannot be restored";
const FLAGS: &str = "`-b ,` crashes; the third flag of `sh` and `mh` prints as `()`";
const ARGUMENTS: &str = "asks the kernel before it reads its arguments";
const TEXTS: &str = "`-h` and `-v` print its help and its version";
/// Seen in Debian's 1.31-5, which changed the text of 1.31.
const FAMILY: &str = "newer packages of 1.31 answer `-6` without `-f` by `-6 must follow -f`";

pub(crate) const ACCEPTED: &[Accepted] = &[
    Accepted {
        row: MARKS,
        how: How::Words("FWM  -1294967296 ", "FWM  3000000000 "),
    },
    Accepted {
        row: MARKS,
        how: How::Words("FWM  -1 ", "FWM  4294967295 "),
    },
    Accepted {
        row: MARKS,
        how: How::Words("-A -f -1 ", "-A -f 4294967295 "),
    },
    Accepted {
        row: FLAGS,
        how: How::Words(
            "TCP  10.0.0.1:7 sh (sh-fallback)",
            "TCP  10.0.0.1:7 sh (sh-fallback,flag-3)",
        ),
    },
    Accepted {
        row: FLAGS,
        how: How::Words("TCP  10.0.0.1:8 sh ()", "TCP  10.0.0.1:8 sh (flag-3)"),
    },
    Accepted {
        row: FLAGS,
        how: How::Words(
            "-A -t 10.0.0.1:7 -s sh -b sh-fallback\n",
            "-A -t 10.0.0.1:7 -s sh -b sh-fallback,flag-3\n",
        ),
    },
    Accepted {
        row: FLAGS,
        how: How::Words(
            "-A -t 10.0.0.1:8 -s sh -b \n",
            "-A -t 10.0.0.1:8 -s sh -b flag-3\n",
        ),
    },
    Accepted {
        row: FLAGS,
        how: How::Line {
            words: "-s sh -b ,",
            original: Answer {
                out: "",
                err: "",
                exit: "139",
            },
            ours: Answer {
                out: "",
                err: "invalid scheduler flag",
                exit: "2",
            },
        },
    },
    Accepted {
        row: FAMILY,
        how: How::Words("-6 must follow -f\n", "-6 used before -f\n"),
    },
    Accepted {
        row: TEXTS,
        how: How::Line {
            words: "printf -- '-h\\n",
            original: Answer {
                out: "  ipvsadm -A|E virtual-service",
                err: "",
                exit: "0",
            },
            ours: Answer {
                out: "  ipvsadm -A|E SERVICE",
                err: "",
                exit: "0",
            },
        },
    },
    Accepted {
        row: TEXTS,
        how: How::Line {
            words: "ipvsadm -h",
            original: Answer {
                out: "  ipvsadm -A|E virtual-service",
                err: "",
                exit: "0",
            },
            ours: Answer {
                out: "  ipvsadm -A|E SERVICE",
                err: "",
                exit: "0",
            },
        },
    },
    Accepted {
        row: TEXTS,
        how: How::Line {
            words: "ipvsadm --version",
            original: Answer {
                out: "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)",
                err: "",
                exit: "0",
            },
            ours: Answer {
                out: "ipvsadm v1.31 compatible (lbctl ",
                err: "",
                exit: "0",
            },
        },
    },
    Accepted {
        row: ARGUMENTS,
        how: How::Line {
            words: "--clear-groups ipvsadm -v",
            original: Answer {
                out: "",
                err: "Can't initialize ipvs: Permission denied (you must be root)",
                exit: "2",
            },
            ours: Answer {
                out: "ipvsadm v1.31",
                err: "",
                exit: "0",
            },
        },
    },
];

impl Answer {
    /// All of it is there, and nothing where there is to be nothing.
    fn fits(&self, shown: &Shown) -> bool {
        let has = |text: &str, wanted: &str| {
            text.contains(wanted) && text.is_empty() == wanted.is_empty()
        };
        has(&shown.out, self.out) && has(&shown.err, self.err) && shown.exit == self.exit
    }
}

/// Compares what a line did, each as `order` puts it.
pub(crate) fn judge(line: &str, original: &Shown, ours: &Shown, order: Order) -> Verdict {
    let same = |one: &Shown, other: &Shown| order.apply(one) == order.apply(other);
    if same(original, ours) {
        return Verdict::Same;
    }
    let mut wanted = original.clone();
    let mut row = None;
    for accepted in ACCEPTED {
        match &accepted.how {
            How::Line {
                words,
                original: first,
                ours: second,
            } if line.contains(words) => {
                if first.fits(original) && second.fits(ours) {
                    return Verdict::Accepted(accepted.row);
                }
            }
            How::Line { .. } => {}
            How::Words(theirs, instead) => {
                for text in [&mut wanted.out, &mut wanted.err] {
                    if text.contains(theirs) {
                        *text = text.replace(theirs, instead);
                        row = Some(accepted.row);
                    }
                }
            }
        }
    }
    match row {
        Some(row) if same(&wanted, ours) => Verdict::Accepted(row),
        _ => Verdict::Other,
    }
}
