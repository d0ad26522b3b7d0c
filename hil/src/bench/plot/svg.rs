//! What every picture is made of.

use std::fmt::Write as _;

/// Text inside markup, as text or as a value in double quotes. XML 1.0, section 2.2 allows few control characters, not
/// even escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A picture that is being drawn.
pub struct Svg {
    out: String,
}

/// Where a text stands, seen from its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty one; `title` is what a reader that shows no pictures says.
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escaped(title);
        Self {
            out: format!(
                "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\n"
            ),
        }
    }

    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (x1, y1, x2, y2) = (n(from.0), n(from.1), n(to.0), n(to.1));
        self.put(format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n"));
    }

    /// A line through points; `class` says its colour.
    pub fn path(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut data = String::new();
        for (x, y) in points {
            // A String takes whatever is written to it.
            let _ = write!(data, "{}{} {} ", if data.is_empty() { "M" } else { "L" }, n(x), n(y));
        }
        self.put(format_args!("<path class=\"{class}\" fill=\"none\" d=\"{}\"/>\n", data.trim_end()));
    }

    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), title: &str) {
        let (x, y, width, height) = (n(x), n(y), n(width.max(0.0)), n(height.max(0.0)));
        let title = escaped(title);
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"><title>{title}</title></rect>\n"
        ));
    }

    /// A filled dot, or a ring for a class that has no fill; with a title if it has one.
    pub fn circle(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let (x, y, r) = (n(at.0), n(at.1), n(radius));
        let open = format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"");
        match title {
            "" => self.put(format_args!("{open}/>\n")),
            title => self.put(format_args!("{open}><title>{}</title></circle>\n", escaped(title))),
        }
    }

    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (n(at.0), n(at.1), escaped(text));
        self.put(format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>\n"));
    }

    pub fn end(self) -> String {
        self.out + "</svg>\n"
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // A String takes whatever is written to it.
        let _ = self.out.write_fmt(text);
    }
}

/// A coordinate to a tenth of a unit; what is no number is 0.
fn n(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Also −0.
    if rounded.is_finite() && rounded != 0.0 { format!("{rounded}") } else { "0".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_text_goes_in_comes_out_as_text(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut svg = Svg::new(10.0, 10.0, &text);
            svg.text((0.0, f64::NAN), Anchor::Middle, &text);
            svg.rect("bar", (1.0, f64::INFINITY), (-1.0, 2.0), &text);
            let svg = svg.end();
            let document = roxmltree::Document::parse(&svg).expect("XML");
            prop_assert_eq!(document.descendants().filter(roxmltree::Node::is_element).count(), 5);
            let clean = |text: &str| text.chars().map(|c| match c {
                '\n' | '\t' => c,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
                c => c,
            }).collect::<String>();
            let shown = document.descendants().find(|node| node.has_tag_name("text")).unwrap();
            prop_assert_eq!(shown.text().unwrap_or_default(), clean(&text));
        }
    }
}
