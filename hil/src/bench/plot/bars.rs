//! Bars: C/N0 by band, latencies by how often.

use std::collections::BTreeMap;

use super::super::stats;
use super::axes::{Axes, range, short};
use super::svg::{Anchor, Svg};
use super::{WIDTH, points};

const HEIGHT: f64 = 260.0;
/// Bands drawn; there are about fifteen.
const MAX_BANDS: usize = 24;
/// Bars of a histogram.
const BARS: usize = 40;

/// C/N0 of each band: a bar from the 10th to the 90th percentile, a line at the median.
#[must_use]
pub fn cn0(bands: &BTreeMap<String, Vec<f64>>) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, "C/N0 by band");
    let bands: Vec<_> = bands.iter().filter(|(_, values)| !values.is_empty()).take(MAX_BANDS).collect();
    let axes = Axes::new((0.0, bands.len().max(1) as f64), (0.0, 60.0), HEIGHT);
    axes.draw_y(&mut svg, "C/N0 (dB-Hz): 10th to 90th percentile, median");
    for (n, (band, values)) in bands.into_iter().enumerate() {
        let at = n as f64;
        let of = |share| stats::percentile(values, share).unwrap_or_default();
        let (low, median, high) = (of(0.1), of(0.5), of(0.9));
        let (left, right) = (axes.x_at(at + 0.25), axes.x_at(at + 0.75));
        let (top, bottom) = (axes.y_at(high), axes.y_at(low));
        let title = format!("{band}: median {median:.1} dB-Hz of {}", values.len());
        svg.rect("bar", (left, top), (right - left, (bottom - top).max(1.0)), &title);
        svg.line("median", (left, axes.y_at(median)), (right, axes.y_at(median)));
        svg.text((axes.x_at(at + 0.5), axes.below()), Anchor::Middle, band);
    }
    svg.end()
}

/// How often a latency was between two bounds, one colour for each way; all that is beyond the 99.9th percentile is in
/// the last bar.
#[must_use]
pub fn histogram(ways: &BTreeMap<String, Vec<f64>>) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, "latency histogram");
    let all: Vec<f64> = ways.values().flatten().copied().filter(|ms| ms.is_finite()).collect();
    let high = stats::percentile(&all, 0.999).unwrap_or(1.0).max(1e-3);
    let (low, high) = range([0.0, high]);
    let width = (high - low) / BARS as f64;
    let counted: Vec<(&String, Vec<u32>)> =
        ways.iter().map(|(way, values)| (way, counts(values, width))).collect();
    let most = counted.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(1);
    let axes = Axes::new((low, high), (0.0, f64::from(most)), HEIGHT);
    axes.draw(&mut svg, "latency (ms)", "how often");
    let side = counted.len().max(1) as f64;
    for (way, (name, counts)) in counted.iter().enumerate() {
        let class = format!("bar {}", points::colour(way));
        for (n, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let from = low + width * (n as f64 + way as f64 / side);
            let (x, y) = axes.at(from, f64::from(*count));
            let title = format!(
                "{name}: {count} of {} to {} ms",
                short(width * n as f64),
                short(width * (n as f64 + 1.0))
            );
            svg.rect(&class, (x, y), (axes.x_at(from + width / side) - x, axes.y_at(0.0) - y), &title);
        }
    }
    points::legend(&mut svg, counted.iter().map(|(name, _)| name.as_str()));
    svg.end()
}

fn counts(values: &[f64], width: f64) -> Vec<u32> {
    let mut counts = vec![0; BARS];
    for value in values.iter().filter(|value| value.is_finite()) {
        // A float as an integer stops at the ends.
        let bar = ((value / width) as usize).min(BARS - 1);
        if let Some(count) = counts.get_mut(bar) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_band_is_a_bar_with_its_median() {
        let bands = [("L1".to_owned(), vec![40.0, 45.0, 50.0]), ("L2 & <x>".to_owned(), vec![30.0])].into();
        let svg = cn0(&bands);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let titles: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("rect"))
            .filter_map(|node| node.first_element_child()?.text())
            .collect();
        assert_eq!(titles, ["L1: median 45.0 dB-Hz of 3", "L2 & <x>: median 30.0 dB-Hz of 1"]);
    }

    proptest! {
        #[test]
        fn every_latency_is_in_one_bar(values in prop::collection::vec(0.0..500.0f64, 0..300)) {
            let count: u32 = counts(&values, 3.7).iter().sum();
            prop_assert_eq!(count as usize, values.len());
            let svg = histogram(&[("a".to_owned(), values.clone()), ("b".to_owned(), values)].into());
            prop_assert!(roxmltree::Document::parse(&svg).is_ok());
            prop_assert!(svg.len() < 40_000);
        }

        #[test]
        fn numbers_that_are_none_harm_nobody(values in prop::collection::vec(any::<f64>(), 0..50)) {
            let ways = [("a".to_owned(), values)].into();
            prop_assert!(roxmltree::Document::parse(&histogram(&ways)).is_ok());
            prop_assert!(roxmltree::Document::parse(&cn0(&ways)).is_ok());
        }
    }
}
