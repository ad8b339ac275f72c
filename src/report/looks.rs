//! How a text looks on every screen: at three widths, with and without colours.

use std::fmt::Write as _;

use super::style::{Paint, Style};

/// The widths at which texts are looked at.
const WIDTHS: [usize; 3] = [60, 80, 120];

/// What `write` makes in each of the six looks, one below the other; `\x1b[31m` is shown as `⟨31⟩`. Fails where
/// colours change more than colours, or where a line is too wide that could have been broken.
pub(crate) fn looks(write: impl Fn(Style) -> String) -> String {
    let mut all = String::new();
    for width in WIDTHS {
        let text = |enabled| {
            let paint = Paint { enabled };
            let width = Some(width);
            write(Style { paint, width })
        };
        let (plain, coloured) = (text(false), text(true));
        assert_eq!(console::strip_ansi_codes(&coloured), plain, "colours alone");
        for line in plain.lines() {
            let columns = console::measure_text_width(line);
            let words = line.split_whitespace().count();
            assert!(columns <= width || words == 1, "{columns} columns: {line}");
        }
        let shown = coloured.replace("\u{1b}[0m", "⟨⟩");
        let shown = ["1", "2", "31", "32", "33", "36"]
            .iter()
            .fold(shown, |shown, code| {
                shown.replace(&format!("\u{1b}[{code}m"), &format!("⟨{code}⟩"))
            });
        let _ = write!(
            all,
            "---- {width} columns\n{plain}---- {width} columns, colours\n{shown}"
        );
    }
    all
}
