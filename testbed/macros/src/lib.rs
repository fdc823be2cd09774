// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attributes `#[testbed::host_test]`, `#[testbed::guest_test]` and `#[testbed::namespace_test]`.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// A test that runs only where namespaces of the host may be made (`LB_HOST_NS=1`).
///
/// Elsewhere it prints a line `SKIPPED: …` and passes. The function returns nothing or a `Result`;
/// an error fails the test and is printed with all of its sources.
#[proc_macro_attribute]
pub fn host_test(_arguments: TokenStream, function: TokenStream) -> TokenStream {
    wrap_body("HostNamespaces", function)
}

/// A test that runs only in the guest kernel of the lab (`LB_LAB=guest`); otherwise as
/// [`host_test`](macro@host_test).
#[proc_macro_attribute]
pub fn guest_test(_arguments: TokenStream, function: TokenStream) -> TokenStream {
    wrap_body("Guest", function)
}

/// A test that runs where either of the others does: in namespaces of the host and in the guest.
#[proc_macro_attribute]
pub fn namespace_test(_arguments: TokenStream, function: TokenStream) -> TokenStream {
    wrap_body("Namespaces", function)
}

/// Makes a test of the function: its attributes, and a body that passes the function itself to
/// `testbed::gate::run`.
fn wrap_body(place: &str, function: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = function.into_iter().collect();
    let keyword = tokens.iter().position(|token| is_word(token, "fn"));
    let found =
        keyword.and_then(|keyword| Some((keyword, tokens.get(keyword + 1)?, tokens.last()?)));
    let Some((keyword, TokenTree::Ident(name), TokenTree::Group(body))) = found else {
        return refuse("this attribute is for a function");
    };
    let is_async = tokens
        .iter()
        .take(keyword)
        .any(|token| is_word(token, "async"));
    if body.delimiter() != Delimiter::Brace || is_async {
        return refuse("this attribute is for a function that is not async");
    }
    let name = name.to_string();
    let mut tokens = tokens;
    let inner: TokenStream = tokens.split_off(keyword).into_iter().collect();
    let call = format!(
        "::testbed::gate::run(
            ::testbed::gate::Place::{place},
            ::core::concat!(::core::module_path!(), \"::{name}\"),
            {name},
        );"
    );
    let mut outer = parse("#[::core::prelude::v1::test]");
    outer.extend(tokens);
    outer.extend(parse(&format!("fn {name}()")));
    let block: TokenStream = inner.into_iter().chain(parse(&call)).collect();
    let mut block = proc_macro::Group::new(Delimiter::Brace, block);
    block.set_span(proc_macro::Span::mixed_site());
    outer.extend([TokenTree::Group(block)]);
    outer
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == word)
}

fn refuse(reason: &str) -> TokenStream {
    parse(&format!("::core::compile_error!({reason:?});"))
}

#[expect(
    clippy::expect_used,
    reason = "constant text but for a name that was an identifier"
)]
fn parse(text: &str) -> TokenStream {
    text.parse().expect("tokens")
}
