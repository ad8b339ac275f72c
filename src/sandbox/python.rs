//! Values and numbers as Python prints and reads them: the real services are written in it, and
//! their answers show.

use serde_json::Value;

/// A value as Python prints it.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("'{name}': {}", python(value));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Number(number) => number.to_string(),
    }
}

/// A whole number as `int` reads it: with white space around it, a sign, single underscores
/// between its digits, and the digits of any script. None when it is not a number; one that is too
/// large for any use here is the largest or smallest there is.
pub(super) fn integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number: i128 = 0;
    let mut before = '_';
    for character in digits.chars() {
        if character == '_' {
            if before == '_' {
                return None;
            }
        } else {
            number = number
                .saturating_mul(10)
                .saturating_add(digit(character)?.into());
        }
        before = character;
    }
    if before == '_' {
        return None;
    }
    Some(if is_negative { -number } else { number })
}

/// The value of a decimal digit: those of ASCII, and the Arabic, Indic and fullwidth ones.
fn digit(character: char) -> Option<u8> {
    const ZEROS: [u32; 8] = [0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xE50, 0xFF10];
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(character).checked_sub(*zero)?;
        u8::try_from(value).ok().filter(|value| *value < 10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, number) in [
            ("12", Some(12)),
            (" +1_0 ", Some(10)),
            ("-0", Some(0)),
            ("\u{661}", Some(1)),
            ("", None),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("1.0", None),
            ("0x1", None),
            ("\u{b2}", None),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
        assert_eq!(integer(&"9".repeat(99)), Some(i128::MAX));
    }
}
