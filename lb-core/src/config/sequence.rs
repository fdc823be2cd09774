// SPDX-License-Identifier: MIT OR Apache-2.0
//! `~SEQ(VARIABLE, [START, [STEP,]] END) LINE` and `~LST(VARIABLE, VALUE, …) LINE`: one line, once for each
//! value.

/// The values of one line, not yet used.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The variables that are set each time.
    pub(super) names: Vec<String>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Numbers {
        next: Option<i64>,
        step: i64,
        end: i64,
        hexadecimal: bool,
    },
    Texts(std::vec::IntoIter<Vec<String>>),
}

/// Why a sequence cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SequenceError {
    #[error("`~SEQ` and `~LST` take a name and values, in parentheses")]
    Form,
    #[error("the name of a variable has letters, digits and `_`, and begins with no digit")]
    Name,
    #[error("`~SEQ` takes one to three numbers")]
    Numbers,
    #[error("`~SEQ` never reaches its end with this step")]
    Step,
    #[error("`~SEQx` takes no negative numbers")]
    Negative,
    #[error("a value of `~LST` has no blanks")]
    Blank,
    #[error("more values than variables")]
    TooMany,
}

/// Where the parts of a sequence are in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form<'a> {
    kind: Kind,
    /// Between the parentheses.
    pub(super) parameters: &'a str,
    /// Offset of the line that is repeated.
    pub(super) rest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Decimal,
    Hexadecimal,
    List,
}

impl<'a> Form<'a> {
    /// Finds the parts of a line. None: the line is no sequence.
    pub(super) fn find(line: &'a str) -> Option<Result<Self, SequenceError>> {
        let (kind, after) = match line.strip_prefix("~SEQ") {
            Some(after) => match after.strip_prefix('x') {
                Some(after) => (Kind::Hexadecimal, after),
                None => (Kind::Decimal, after),
            },
            None => (Kind::List, line.strip_prefix("~LST")?),
        };
        let parts = after
            .trim_start()
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'));
        let Some((parameters, rest)) = parts else {
            return Some(Err(SequenceError::Form));
        };
        Some(Ok(Self {
            kind,
            parameters,
            rest: line.len() - rest.len(),
        }))
    }

    /// Reads the parameters, with the values of definitions in them.
    pub(super) fn sequence(&self, parameters: &str) -> Result<Sequence, SequenceError> {
        match self.kind {
            Kind::List => list(parameters),
            kind => numbers(parameters, kind == Kind::Hexadecimal),
        }
    }
}

fn numbers(parameters: &str, hexadecimal: bool) -> Result<Sequence, SequenceError> {
    let mut parts = parameters.split(',').map(str::trim);
    let name = variable(parts.next().unwrap_or_default())?;
    let numbers: Option<Vec<i64>> = parts.map(number).collect();
    let (start, step, end) = match numbers.as_deref() {
        Some([end]) => (if *end < 0 { -1 } else { 1 }, None, *end),
        Some([start, end]) => (*start, None, *end),
        Some([start, step, end]) => (*start, Some(*step), *end),
        _ => return Err(SequenceError::Numbers),
    };
    let step = step.unwrap_or(if end < start { -1 } else { 1 });
    if step == 0 || (end - start).signum() == -step.signum() {
        return Err(SequenceError::Step);
    }
    if hexadecimal && (start < 0 || end < 0) {
        return Err(SequenceError::Negative);
    }
    Ok(Sequence {
        names: vec![name],
        values: Values::Numbers {
            next: Some(start),
            step,
            end,
            hexadecimal,
        },
    })
}

/// Decimal, or as in C with `0x` or `0` before it. 32 bits, so that sums never overflow.
fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match (digits.strip_prefix("0x"), digits.strip_prefix('0')) {
        (Some(digits), _) => u32::from_str_radix(digits, 16),
        (_, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8),
        _ => digits.parse(),
    };
    let value = i64::from(value.ok()?);
    Some(if negative { -value } else { value })
}

fn list(parameters: &str) -> Result<Sequence, SequenceError> {
    let mut parts = tuples(parameters)?.into_iter();
    let names: Vec<String> = match parts.next() {
        Some(names) => names
            .iter()
            .map(|name| variable(name))
            .collect::<Result<_, _>>()?,
        None => return Err(SequenceError::Form),
    };
    let values: Vec<Vec<String>> = parts.collect();
    if values.is_empty() {
        return Err(SequenceError::Form);
    }
    if values.iter().any(|value| value.len() > names.len()) {
        return Err(SequenceError::TooMany);
    }
    let blank = |text: &String| text.contains(char::is_whitespace);
    if values.iter().flatten().any(blank) {
        return Err(SequenceError::Blank);
    }
    Ok(Sequence {
        names,
        values: Values::Texts(values.into_iter()),
    })
}

/// `a, {b, c}` is `[[a], [b, c]]`.
fn tuples(text: &str) -> Result<Vec<Vec<String>>, SequenceError> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    loop {
        let (tuple, after) = match rest.strip_prefix('{') {
            Some(inner) => {
                let (inner, after) = inner.split_once('}').ok_or(SequenceError::Form)?;
                let tuple = inner.split(',').map(|part| part.trim().to_owned());
                (tuple.collect(), after.trim())
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (value, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (vec![value.trim().to_owned()], after)
            }
        };
        all.push(tuple);
        match after.strip_prefix(',') {
            Some(after) => rest = after.trim(),
            None if after.is_empty() => return Ok(all),
            None => return Err(SequenceError::Form),
        }
    }
}

fn variable(name: &str) -> Result<String, SequenceError> {
    if !name.is_empty() && super::lexer::name_len(name) == name.len() {
        Ok(name.to_owned())
    } else {
        Err(SequenceError::Name)
    }
}

impl Iterator for Sequence {
    /// A value for each variable.
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        match &mut self.values {
            Values::Texts(values) => {
                let mut values = values.next()?;
                values.resize(self.names.len(), String::new());
                Some(values)
            }
            Values::Numbers {
                next,
                step,
                end,
                hexadecimal,
            } => {
                let number = (*next)?;
                let after = number + *step;
                let inside = if *step > 0 {
                    after <= *end
                } else {
                    after >= *end
                };
                *next = inside.then_some(after);
                Some(vec![if *hexadecimal {
                    format!("{number:x}")
                } else {
                    number.to_string()
                }])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(line: &str) -> Result<Vec<String>, SequenceError> {
        let form = Form::find(line).unwrap()?;
        let sequence = form.sequence(form.parameters)?;
        Ok(sequence.map(|values| values.join("|")).collect())
    }

    #[test]
    fn numbers_are_counted_as_keepalived_counts_them() {
        for (line, values) in [
            ("~SEQ(v, 3) x", "1 2 3"),
            ("~SEQ(v,2,4)", "2 3 4"),
            ("~SEQ(v, 1,2,6)", "1 3 5"),
            ("~SEQ(v, 4, -2, 1)", "4 2"),
            ("~SEQ(v, -2)", "-1 -2"),
            ("~SEQ(v, 0)", "1 0"),
            ("~SEQ(v, 0, 0)", "0"),
            ("~SEQ(v, 2, 1)", "2 1"),
            ("~SEQx(v, 9, 11)", "9 a b"),
            ("~SEQ(v, 0xa, 0x0b)", "10 11"),
            ("~SEQ(v, 010, 011)", "8 9"),
            ("~SEQ (v, +2)", "1 2"),
        ] {
            assert_eq!(expand(line).unwrap().join(" "), values, "{line}");
        }
        for (line, error) in [
            ("~SEQ(v, 1, -1, 3)", SequenceError::Step),
            ("~SEQ(v, 1, 0, 3)", SequenceError::Step),
            ("~SEQ(v, 3", SequenceError::Form),
            ("~SEQX(v, 3)", SequenceError::Form),
            ("~SEQ(v, x)", SequenceError::Numbers),
            ("~SEQ(v)", SequenceError::Numbers),
            ("~SEQ(v, 1, 2, 3, 4)", SequenceError::Numbers),
            ("~SEQ(v, 1, 30000000000000000000)", SequenceError::Numbers),
            ("~SEQ(1v, 2)", SequenceError::Name),
            ("~SEQx(v, -2)", SequenceError::Negative),
        ] {
            assert_eq!(expand(line), Err(error), "{line}");
        }
    }

    #[test]
    fn lists_have_one_variable_or_several() {
        for (line, values) in [
            ("~LST(x,a, b ,c )", "a b c"),
            ("~LST(x,)", ""),
            ("~LST({x,y}, {1,2}, {3,4},{5})", "1|2 3|4 5|"),
            ("~LST({ x , y }, { 1 , 2 })", "1|2"),
            ("~LST({x,y},1,2)", "1| 2|"),
            ("~LST(x,{1},2)", "1 2"),
        ] {
            assert_eq!(expand(line).unwrap().join(" "), values, "{line}");
        }
        for (line, error) in [
            ("~LST(x, a, b,c d)", SequenceError::Blank),
            ("~LST({x,y}, {1,2,3})", SequenceError::TooMany),
            ("~LST(x,{1,2})", SequenceError::TooMany),
            ("~LST(x)", SequenceError::Form),
            ("~LST({x, 1)", SequenceError::Form),
        ] {
            assert_eq!(expand(line), Err(error), "{line}");
        }
        assert!(Form::find("~FOO(v, 2)").is_none());
    }
}
