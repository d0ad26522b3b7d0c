//! Points and lines: positions, survey-in, arrivals of messages, a soak's memory.

use std::collections::BTreeMap;

use super::super::stats;
use super::WIDTH;
use super::axes::{Axes, range};
use super::svg::{Anchor, Svg};

const HEIGHT: f64 = 300.0;
/// The scatter is square.
const SQUARE: f64 = 560.0;
/// Points drawn of a series.
const MAX_POINTS: usize = 2000;
/// Rows of messages drawn.
const MAX_ROWS: usize = 24;
/// Height of a row of messages.
const ROW: f64 = 18.0;
/// Colours that the report's style names.
const COLOURS: usize = 6;

/// East and north of each position, metres, both to the same scale; the cross is what they are relative to.
#[must_use]
pub fn positions(places: &[[f64; 2]], from: &str) -> String {
    let mut svg = Svg::new(WIDTH, SQUARE, "positions");
    let reach = places
        .iter()
        .flatten()
        .copied()
        .filter(|m| m.is_finite())
        .fold(0.05, |most: f64, m| most.max(m.abs()));
    let reach = reach.min(1e9) * 1.1;
    let axes = Axes::new((-reach, reach), (-reach, reach), SQUARE);
    axes.draw(&mut svg, &format!("east of {from} (m)"), "north (m)");
    for [east, north] in stats::thinned(places, MAX_POINTS) {
        svg.circle("dot", axes.at(east, north), 1.8, "");
    }
    svg.line("mark", (axes.x_at(0.0) - 7.0, axes.y_at(0.0)), (axes.x_at(0.0) + 7.0, axes.y_at(0.0)));
    svg.line("mark", (axes.x_at(0.0), axes.y_at(0.0) - 7.0), (axes.x_at(0.0), axes.y_at(0.0) + 7.0));
    svg.end()
}

/// Each survey-in's accuracy over its time.
#[must_use]
pub fn surveys(runs: &[Vec<[f64; 2]>]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, "survey-in");
    let points = || runs.iter().flatten();
    let (_, longest) = range(points().map(|point| point[0]));
    // Before its first position a receiver claims hundreds of kilometres; the curve begins below.
    let (_, worst) = range(points().map(|point| point[1]).filter(|accuracy| *accuracy < 100.0));
    let axes = Axes::new((0.0, longest), (0.0, worst), HEIGHT);
    axes.draw(&mut svg, "time (s)", "accuracy (m)");
    for (n, run) in runs.iter().take(COLOURS).enumerate() {
        let shown = stats::thinned(run, MAX_POINTS);
        let points = shown.iter().filter(|point| point[1] <= worst).map(|point| axes.at(point[0], point[1]));
        svg.path(&format!("curve {}", colour(n)), points);
    }
    let names: Vec<_> = (1..=runs.len().min(COLOURS)).map(|n| format!("run {n}")).collect();
    legend(&mut svg, names.iter().map(String::as_str));
    svg.end()
}

/// A row for each message type, a tick for each message.
#[must_use]
pub fn rtcm(types: &BTreeMap<u16, Vec<f64>>) -> String {
    let rows = types.len().min(MAX_ROWS);
    let height = 60.0 + ROW * rows as f64;
    let mut svg = Svg::new(WIDTH, height, "RTCM messages over time");
    let (_, end) = range(types.values().flatten().copied());
    let axes = Axes::new((0.0, end), (0.0, rows.max(1) as f64), height);
    svg.text((WIDTH - 14.0, height - 6.0), Anchor::End, "time (s)");
    for value in super::axes::ticks(axes.x) {
        svg.text((axes.x_at(value), axes.below()), Anchor::Middle, &super::axes::short(value));
    }
    for (row, (number, times)) in types.iter().take(MAX_ROWS).enumerate() {
        let (bottom, top) = (axes.y_at(row as f64 + 0.1), axes.y_at(row as f64 + 0.9));
        svg.text((58.0, (top + bottom) / 2.0 + 4.0), Anchor::End, &number.to_string());
        for time in stats::thinned(times, MAX_POINTS / rows) {
            svg.line("tick", (axes.x_at(time), top), (axes.x_at(time), bottom));
        }
    }
    svg.end()
}

/// Memory of the depot over a soak: seconds, KiB, descriptors. Each is drawn over its own range, which is told.
#[must_use]
pub fn soak(points: &[[f64; 3]]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, "memory and descriptors over the soak");
    let of = |column: usize| range(points.iter().filter_map(|point| point.get(column).copied()));
    let ((_, end), (_, memory), (_, files)) = (of(0), of(1), of(2));
    let axes = Axes::new((0.0, end), (0.0, 110.0), HEIGHT);
    axes.draw(&mut svg, "time (s)", "percent of the most");
    let shown = stats::thinned(points, MAX_POINTS);
    for (n, (column, most)) in [(1, memory), (2, files)].into_iter().enumerate() {
        let places = shown.iter().map(|point| axes.at(point[0], 100.0 * point[column] / most.max(1e-9)));
        svg.path(&format!("curve {}", colour(n)), places);
    }
    let names = [format!("memory, {memory:.0} KiB at most"), format!("descriptors, {files:.0} at most")];
    legend(&mut svg, names.iter().map(String::as_str));
    svg.end()
}

/// The class of the n-th colour.
pub(super) fn colour(n: usize) -> &'static str {
    ["c0", "c1", "c2", "c3", "c4", "c5"].get(n % COLOURS).copied().unwrap_or("c0")
}

/// What the colours mean, at the top right.
pub(super) fn legend<'a>(svg: &mut Svg, names: impl Iterator<Item = &'a str>) {
    for (n, name) in names.take(COLOURS).enumerate() {
        let y = 22.0 + 16.0 * n as f64;
        svg.rect(&format!("bar {}", colour(n)), (WIDTH - 24.0, y - 8.0), (8.0, 8.0), name);
        svg.text((WIDTH - 30.0, y), Anchor::End, name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(svg: &str, tag: &str) -> usize {
        let document = roxmltree::Document::parse(svg).expect("XML");
        document.descendants().filter(|node| node.has_tag_name(tag)).count()
    }

    #[test]
    fn each_value_is_drawn_once_up_to_the_bound() {
        assert_eq!(elements(&positions(&[[0.1, 0.2], [-0.3, 0.0]], "the mean"), "circle"), 2);
        assert_eq!(elements(&positions(&vec![[0.1, 0.2]; 10_000], "the mean"), "circle"), MAX_POINTS);
        assert_eq!(elements(&surveys(&[vec![[0.0, 2.0], [1.0, 1.0]], vec![]]), "path"), 2);
        let svg = rtcm(&[(1077, vec![0.0, 1.0, 2.0]), (1230, vec![0.5])].into());
        assert_eq!(svg.matches("class=\"tick\"").count(), 4);
        assert!(svg.contains(">1077<") && svg.contains(">1230<"));
        let many: BTreeMap<u16, Vec<f64>> = (0..500).map(|n| (n, vec![0.0; 5000])).collect();
        assert!(rtcm(&many).len() < 300_000);
        assert_eq!(elements(&soak(&[[0.0, 100.0, 9.0], [1.0, 101.0, 9.0]]), "path"), 2);
    }

    #[test]
    fn nothing_is_an_empty_picture() {
        for svg in [positions(&[], "x"), surveys(&[]), rtcm(&BTreeMap::new()), soak(&[])] {
            assert!(elements(&svg, "svg") == 1 && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    proptest! {
        #[test]
        fn numbers_that_are_none_harm_nobody(values in prop::collection::vec(any::<[f64; 2]>(), 0..50)) {
            let triples: Vec<_> = values.iter().map(|[a, b]| [*a, *b, *a]).collect();
            let times = [(1005, values.iter().flatten().copied().collect())].into();
            for svg in [positions(&values, "x"), surveys(std::slice::from_ref(&values)), rtcm(&times), soak(&triples)] {
                prop_assert!(roxmltree::Document::parse(&svg).is_ok());
                prop_assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", svg);
            }
        }
    }
}
