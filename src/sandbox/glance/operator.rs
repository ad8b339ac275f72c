//! The small language of filter values: `eq:name`, `in:one,"two, three"`, `gt:2020-01-01T00:00:00Z`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::fail::Fail;

/// The operator and the operand of an expression; without an operator it is `eq`.
pub(super) fn split_operator(expression: &str) -> (&str, &str) {
    match expression.split_once(':') {
        Some(_) if instant(expression).is_some() => ("eq", expression),
        Some((operator, threshold)) => (operator, threshold),
        None => ("eq", expression),
    }
}

/// The time that a text gives in any of ISO 8601's forms, with or without a time of day and zone.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    const TIMES: [&str; 4] = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y%m%dT%H%M%S%.f",
        "%Y%m%dT%H%M",
    ];
    // A space may be there instead of the T, and is what a + becomes in a query.
    let text = text.replacen(' ', "T", 1);
    let zoned = text.strip_suffix('Z').map(|rest| format!("{rest}+00:00"));
    let zoned = zoned.as_deref().unwrap_or(&text);
    let times = TIMES.iter().find_map(|form| {
        let with_zone = DateTime::parse_from_str(zoned, &format!("{form}%:z"));
        with_zone
            .map(|time| time.with_timezone(&Utc))
            .or_else(|_| NaiveDateTime::parse_from_str(&text, form).map(|time| time.and_utc()))
            .ok()
    });
    times.or_else(|| {
        let day = ["%Y-%m-%d", "%Y%m%d"]
            .iter()
            .find_map(|form| NaiveDate::parse_from_str(&text, form).ok())?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    })
}

/// Splits the values of an `in:` filter at commas; one with a comma or a quote in it is quoted.
pub(super) fn split_quoted(list: &str) -> Result<Vec<String>, Fail> {
    let wrong = |what: &str| Fail::bad_request(format!("Invalid filter value {list}. {what}"));
    let mut values = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (value, tail) = rest.split_once(',').unwrap_or((rest, ""));
            if value.contains('"') && !value.contains("\\\"") {
                return Err(wrong("There is no comma before opening quotation mark."));
            }
            values.push(value.to_owned());
            rest = tail;
            continue;
        };
        let mut escaped = false;
        let end = quoted.char_indices().find_map(|(place, character)| {
            let closes = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            closes.then_some(place)
        });
        let end = end.ok_or_else(|| wrong("The quote is not closed."))?;
        values.push(quoted[..end].to_owned());
        let tail = &quoted[end + 1..];
        rest = match tail.strip_prefix(',') {
            Some(tail) => tail,
            None if tail.is_empty() => tail,
            None => return Err(wrong("There is no comma after closing quotation mark.")),
        };
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_hold_commas() {
        assert_eq!(split_quoted(r#"a,"b,c",d"#).unwrap(), ["a", "b,c", "d"]);
        assert_eq!(split_quoted(r#""x \" y""#).unwrap(), [r#"x \" y"#]);
        for wrong in [r#""open"#, r#"a"b""#, r#""a"b"#] {
            assert!(split_quoted(wrong).is_err(), "{wrong}");
        }
    }
}
