//! From the text of a condition to a program for the interpreter: checked, with Python 2's
//! `has_key` put into today's words.

use std::thread;

use monty::MontyRun;
use monty_types::CompileOptions;
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::{Visitor, walk_comprehension, walk_expr};
use ruff_python_ast::{self as ast, Expr, ModExpression};
use ruff_python_parser::{ParseErrorType, Parsed, parse_expression};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::sandbox::INPUTS;
use super::syntax_error::ConditionSyntaxError;

/// The longest condition, in bytes.
const LONGEST: usize = 8 * 1024;
/// The most levels of nesting: brackets within brackets, expressions within expressions.
const DEEPEST: usize = 64;
/// The parser, the compiler and the destructors of what they make recurse as deep as the text
/// goes; a text of 8 KiB can go thousands of levels deep without being nested.
const STACK: usize = 64 * 1024 * 1024;

/// What is wrong, and the byte of the text where it is.
struct Fault {
    message: String,
    at: usize,
}

impl Fault {
    fn new(message: impl Into<String>, at: TextSize) -> Self {
        Self {
            message: message.into(),
            at: at.to_usize(),
        }
    }

    fn too_deep(at: TextSize) -> Self {
        Self::new(format!("nested deeper than {DEEPEST} levels"), at)
    }
}

/// Checks and compiles the text of a condition.
pub(super) fn compile(text: &str) -> Result<MontyRun, ConditionSyntaxError> {
    // As Python's `eval` does; an indented expression is none.
    let trimmed = text.trim_start();
    let skipped = text.len() - trimmed.len();
    let result = if trimmed.len() > LONGEST {
        let message = format!(
            "longer than {LONGEST} bytes (it has {}); shorten it, or put properties on the images \
             that it can ask for",
            trimmed.len()
        );
        Err(Fault { message, at: 0 })
    } else {
        on_a_big_stack(trimmed)
    };
    result.map_err(|fault| {
        let before = &text[..text.floor_char_boundary(skipped + fault.at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConditionSyntaxError {
            message: fault.message,
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
        }
    })
}

fn on_a_big_stack(text: &str) -> Result<MontyRun, Fault> {
    let failed = |what: String| Fault {
        message: format!("the condition could not be compiled: {what}"),
        at: 0,
    };
    thread::scope(|scope| {
        thread::Builder::new()
            .name("condition".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || check_and_compile(text))
            .map_err(|error| failed(error.to_string()))?
            .join()
            .unwrap_or_else(|_| Err(failed("the compiler stopped unexpectedly".to_owned())))
    })
}

fn check_and_compile(text: &str) -> Result<MontyRun, Fault> {
    let parsed = parse_expression(text).map_err(|error| match error.error {
        ParseErrorType::RecursionLimitExceeded => Fault::too_deep(error.location.start()),
        _ => Fault::new(error.error.to_string(), error.location.start()),
    })?;
    check_brackets(&parsed)?;
    check_tree(parsed.expr())?;
    let mut python = String::from("not not (\n");
    Rewriter { source: text }.render(parsed.expr(), &mut python);
    // The line break ends a comment that may end the condition.
    python.push_str("\n)");
    let inputs = INPUTS.iter().map(|name| (*name).to_owned()).collect();
    MontyRun::new(
        python,
        "metadata_condition",
        inputs,
        CompileOptions::default(),
    )
    .map_err(|error| {
        let message = error.message().unwrap_or("no expression").to_owned();
        Fault { message, at: 0 }
    })
}

/// Brackets within brackets leave no trace in the tree.
fn check_brackets(parsed: &Parsed<ModExpression>) -> Result<(), Fault> {
    let mut depth = 0_usize;
    for token in parsed.tokens() {
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => depth += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Fault::too_deep(token.range().start()));
        }
    }
    Ok(())
}

fn check_tree(expr: &Expr) -> Result<(), Fault> {
    let mut check = TreeCheck {
        depth: 0,
        fault: None,
    };
    check.visit_expr(expr);
    check.fault.map_or(Ok(()), Err)
}

/// Finds an expression that stands within too many others, or that only a function may hold.
struct TreeCheck {
    depth: usize,
    fault: Option<Fault>,
}

impl<'a> Visitor<'a> for TreeCheck {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if self.fault.is_some() {
            return;
        }
        self.fault = match expr {
            _ if self.depth == DEEPEST => Some(Fault::too_deep(expr.start())),
            Expr::Await(_) => Some(Fault::new("`await` outside a function", expr.start())),
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                Some(Fault::new("`yield` outside a function", expr.start()))
            }
            _ => None,
        };
        self.depth += 1;
        walk_expr(self, expr);
        self.depth -= 1;
    }

    fn visit_comprehension(&mut self, comprehension: &'a ast::Comprehension) {
        if comprehension.is_async && self.fault.is_none() {
            let fault = Fault::new("`async` outside a function", comprehension.start());
            self.fault = Some(fault);
        }
        walk_comprehension(self, comprehension);
    }
}

/// Writes an expression in words that the interpreter takes:
///
/// - `d.has_key(k)` of Python 2 becomes `(k) in (d)`;
/// - `a or b or c or d` becomes `(a or b) or (c or d)`, which means the same: the interpreter takes
///   a long chain for deep nesting.
struct Rewriter<'a> {
    source: &'a str,
}

impl Rewriter<'_> {
    /// Appends `expr`, as it is but for what is rewritten within it.
    fn render(&self, expr: &Expr, out: &mut String) {
        if let Some((dict, key)) = has_key(expr) {
            out.push('(');
            self.bracketed(key, out);
            out.push_str(" in ");
            self.bracketed(dict, out);
            out.push(')');
        } else if let Some(chain) = long_chain(expr) {
            self.balanced(chain.op.as_str(), &chain.values, out);
        } else {
            let mut inner = Vec::new();
            Topmost(&mut inner).visit_within(expr);
            let mut at = expr.start();
            for part in inner {
                out.push_str(&self.source[TextRange::new(at, part.start())]);
                self.render(part, out);
                at = part.end();
            }
            out.push_str(&self.source[TextRange::new(at, expr.end())]);
        }
    }

    /// An expression's own range leaves out the brackets around it.
    fn bracketed(&self, expr: &Expr, out: &mut String) {
        out.push('(');
        self.render(expr, out);
        out.push(')');
    }

    fn balanced(&self, operator: &str, values: &[Expr], out: &mut String) {
        if let [value] = values {
            return self.bracketed(value, out);
        }
        let (left, right) = values.split_at(values.len() / 2);
        out.push('(');
        self.balanced(operator, left, out);
        out.push(' ');
        out.push_str(operator);
        out.push(' ');
        self.balanced(operator, right, out);
        out.push(')');
    }
}

/// The dictionary and the key of `dictionary.has_key(key)`.
fn has_key(expr: &Expr) -> Option<(&Expr, &Expr)> {
    let call = expr.as_call_expr()?;
    let function = call.func.as_attribute_expr()?;
    let [key] = &call.arguments.args[..] else {
        return None;
    };
    let fits = function.attr.as_str() == "has_key"
        && call.arguments.keywords.is_empty()
        && !key.is_starred_expr();
    fits.then_some((&*function.value, key))
}

/// A chain of `and` or `or` that the interpreter would take for deep nesting.
fn long_chain(expr: &Expr) -> Option<&ast::ExprBoolOp> {
    const SHORT: usize = 4;
    expr.as_bool_op_expr()
        .filter(|chain| chain.values.len() > SHORT)
}

/// Collects the outermost expressions that are rewritten, in the order of the text.
struct Topmost<'out, 'a>(&'out mut Vec<&'a Expr>);

impl<'a> Topmost<'_, 'a> {
    fn visit_within(&mut self, expr: &'a Expr) {
        walk_expr(self, expr);
        // A comprehension's visitor goes to the loops before the element.
        self.0.sort_by_key(Ranged::start);
    }
}

impl<'a> Visitor<'a> for Topmost<'_, 'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if has_key(expr).is_some() || long_chain(expr).is_some() {
            self.0.push(expr);
        } else {
            walk_expr(self, expr);
        }
    }
}
