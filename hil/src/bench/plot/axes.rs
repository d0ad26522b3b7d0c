//! Two axes with round numbers on them.

use super::WIDTH;
use super::svg::{Anchor, Svg};

/// Room for the numbers left of and under the frame.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 14.0;
/// Numbers on an axis, about.
const TICKS: f64 = 5.0;

/// From values to places in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axes {
    pub x: (f64, f64),
    pub y: (f64, f64),
    height: f64,
}

impl Axes {
    /// Of a picture so high.
    pub fn new(x: (f64, f64), y: (f64, f64), height: f64) -> Self {
        Self { x: sound(x), y: sound(y), height }
    }

    pub fn x_at(&self, value: f64) -> f64 {
        LEFT + (value - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    pub fn y_at(&self, value: f64) -> f64 {
        self.height - BOTTOM - (value - self.y.0) / (self.y.1 - self.y.0) * (self.height - BOTTOM - TOP)
    }

    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x_at(x), self.y_at(y))
    }

    /// Lines and numbers, and what they count.
    pub fn draw(&self, svg: &mut Svg, x_label: &str, y_label: &str) {
        for value in ticks(self.x) {
            svg.line("grid", self.at(value, self.y.0), self.at(value, self.y.1));
            svg.text((self.x_at(value), self.height - BOTTOM + 16.0), Anchor::Middle, &short(value));
        }
        self.draw_y(svg, y_label);
        svg.text((WIDTH - RIGHT, self.height - 6.0), Anchor::End, x_label);
    }

    /// Without the numbers below.
    pub fn draw_y(&self, svg: &mut Svg, y_label: &str) {
        for value in ticks(self.y) {
            svg.line("grid", self.at(self.x.0, value), self.at(self.x.1, value));
            svg.text((LEFT - 6.0, self.y_at(value) + 4.0), Anchor::End, &short(value));
        }
        svg.line("axis", self.at(self.x.0, self.y.0), self.at(self.x.1, self.y.0));
        svg.line("axis", self.at(self.x.0, self.y.0), self.at(self.x.0, self.y.1));
        svg.text((LEFT, self.height - 6.0), Anchor::Start, y_label);
    }

    /// Under the frame.
    pub fn below(&self) -> f64 {
        self.height - BOTTOM + 16.0
    }
}

/// The least and the greatest; of nothing, 0 to 1.
pub fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite
        .fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        })
        .unwrap_or((0.0, 1.0))
}

/// A range that can be divided by.
fn sound((low, high): (f64, f64)) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
        (0.0, 1.0)
    } else if high - low > low.abs() * 1e-12 && high > low {
        (low, high)
    } else {
        let half = (low.abs() * 1e-3).max(0.5);
        (low - half, low + half)
    }
}

/// Round numbers within a range, 1, 2 or 5 times a power of ten apart.
pub fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / TICKS;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
    if !(step.is_finite() && step > 0.0) {
        return Vec::new();
    }
    let first = (low / step).ceil();
    (0..=10).map(|n| (first + f64::from(n)) * step).take_while(|value| *value <= high + step * 1e-9).collect()
}

/// A number on an axis.
pub fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_round() {
        assert_eq!(ticks((0.0, 1.0)), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks((3.0, 47.0)), [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(
            (short(0.6000000000000001), short(-0.0), short(1500.0)),
            ("0.6".into(), "0".into(), "1500".into())
        );
        assert_eq!(range([]), (0.0, 1.0));
        assert_eq!(range([2.0, f64::NAN, -1.0]), (-1.0, 2.0));
    }

    proptest! {
        #[test]
        fn whatever_the_range_places_are_in_the_picture(low in any::<f64>(), high in any::<f64>(), share in 0.0..=1.0f64) {
            let axes = Axes::new((low, high), (high, low), 300.0);
            let within = |(low, high): (f64, f64)| low + (high - low) * share;
            let (x, y) = axes.at(within(axes.x), within(axes.y));
            prop_assert!((0.0..=WIDTH).contains(&x) && (0.0..=300.0).contains(&y), "{axes:?} {x} {y}");
            prop_assert!(ticks(axes.x).len() <= 11);
        }
    }
}
