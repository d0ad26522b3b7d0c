//! A run, or two side by side, as one HTML file: no script, nothing from the network, in light and dark. Pure.
//!
//! Its own content security policy forbids whatever isn't in it, so that a text of a receiver or a map could do no harm
//! even if it weren't escaped.

use std::fmt::Write as _;

use super::compare::{self, gist};
use super::plot::{self, escaped};
use super::record::{Measurement, Record, Series};
use super::{Verdict, unit::Unit};

/// Measurements shown of a run; hostile bytes make no more of them than RTCM types and bands are told apart.
const MAX_ROWS: usize = 2000;

/// The report of a run.
#[must_use]
pub fn report(record: &Record, series: &Series) -> String {
    let mut body = header(record);
    body.push_str(&cases(record));
    body.push_str(&pictures(series));
    body.push_str(&measurements(record));
    page(&format!("depot hil: {}", record.verdict), &body)
}

/// Two runs: what changed, and the pictures of both.
#[must_use]
pub fn comparison(before: (&Record, &Series), after: (&Record, &Series)) -> String {
    let mut body = String::new();
    for (name, (record, _)) in [("before", before), ("after", after)] {
        // A String takes whatever is written to it, here and below.
        let _ = writeln!(body, "<h2>{name}</h2>\n<p>{}</p>", escaped(&compare::head(record)));
    }
    let changed = compare::changed(before.0, after.0);
    body.push_str("<h2>verdicts that changed</h2>\n");
    if changed.is_empty() {
        body.push_str("<p class=\"dim\">none</p>\n");
    }
    for (case, a, b) in changed {
        let word = |verdict: Option<Verdict>| verdict.map_or("none", Verdict::word);
        let (a, b) = (word(a), word(b));
        let _ = writeln!(
            body,
            "<p>{}: <span class=\"{a}\">{a}</span> before, <span class=\"{b}\">{b}</span> after</p>",
            escaped(case)
        );
    }
    body.push_str("<h2>measurements</h2>\n<table>\n<tr><th>case</th><th>measurement</th><th>before</th><th>after</th><th>change</th></tr>\n");
    for pair in compare::pairs(before.0, after.0).iter().take(MAX_ROWS) {
        let change = pair.change_percent().map_or_else(String::new, |percent| format!("{percent:+.1} %"));
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{}</td>{}{}<td class=\"n\">{change}</td></tr>",
            escaped(pair.case),
            escaped(&pair.key),
            cell(pair.before),
            cell(pair.after)
        );
    }
    body.push_str("</table>\n");
    for (name, (_, series)) in [("before", before), ("after", after)] {
        let _ = writeln!(body, "<h2>{name}</h2>\n{}", pictures(series));
    }
    page("depot hil: two runs", &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{}</h1>\n{body}</body>\n</html>\n",
        escaped(title),
        include_str!("report.css"),
        escaped(title)
    )
}

fn header(record: &Record) -> String {
    let mut rows = vec![
        ("station", record.station.clone()),
        ("started", record.started_at.clone()),
        ("took", Unit::Seconds.show(record.took_s)),
        ("depot", record.version.clone()),
    ];
    rows.extend(record.git_revision.clone().map(|revision| ("git revision", revision)));
    if let Some(receiver) = &record.receiver {
        let kind = if receiver.twin { "virtual receiver" } else { "receiver" };
        rows.push((kind, format!("{} {}", receiver.model, receiver.firmware)));
        rows.push(("port", receiver.port.clone()));
        rows.extend(receiver.chip_id.clone().map(|chip| ("chip", chip)));
        rows.extend(receiver.baud.map(|baud| ("line", format!("{baud} Bd"))));
        rows.extend(receiver.station_id.map(|id| ("RTCM station", id.to_string())));
    }
    let mut out = String::from("<dl>\n");
    for (name, text) in rows {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&text));
    }
    out.push_str("</dl>\n");
    if let Some(error) = &record.error {
        let _ = writeln!(out, "<p class=\"ERROR\">{}</p>", escaped(error));
    }
    out
}

fn cases(record: &Record) -> String {
    let mut out = String::from("<table>\n<tr><th>verdict</th><th>case</th><th></th><th>time</th></tr>\n");
    for case in &record.cases {
        let _ = writeln!(
            out,
            "<tr><td class=\"{0}\">{0}</td><td>{1}</td><td>{2}</td><td class=\"n\">{3:.1} s</td></tr>",
            case.verdict.word(),
            escaped(&case.name),
            escaped(&gist(case)),
            case.took_s
        );
    }
    out + "</table>\n"
}

fn pictures(series: &Series) -> String {
    let mut out = String::from("<div class=\"pictures\">\n");
    let mut picture = |caption: &str, svg: Option<String>| {
        let svg = svg.unwrap_or_else(|| "<p class=\"dim\">not measured in this run</p>\n".to_owned());
        let _ = writeln!(out, "<figure><figcaption>{caption}</figcaption>\n{svg}</figure>");
    };
    picture("sky", (!series.sky.is_empty()).then(|| plot::sky(&series.sky)));
    picture("C/N0", (!series.cn0_dbhz.is_empty()).then(|| plot::cn0(&series.cn0_dbhz)));
    let scatter = || plot::positions(&series.positions_m, &series.positions_from);
    picture("positions", (!series.positions_m.is_empty()).then(scatter));
    picture("survey-in", (!series.surveys.is_empty()).then(|| plot::surveys(&series.surveys)));
    picture("RTCM messages", (!series.rtcm_s.is_empty()).then(|| plot::rtcm(&series.rtcm_s)));
    picture("latency", (!series.latency_ms.is_empty()).then(|| plot::histogram(&series.latency_ms)));
    picture("soak", (!series.soak.is_empty()).then(|| plot::soak(&series.soak)));
    out + "</div>\n"
}

fn measurements(record: &Record) -> String {
    let mut out = String::from(
        "<h2>measurements</h2>\n<table>\n<tr><th>case</th><th>measurement</th><th>value</th><th>limit</th><th>verdict</th></tr>\n",
    );
    let all = record.cases.iter().flat_map(|case| case.measurements.iter().map(move |m| (case, m)));
    for (case, m) in all.take(MAX_ROWS) {
        let limit = m.limit.map_or_else(String::new, |limit| limit.text());
        let verdict = if m.limit.is_some() { m.verdict.word() } else { "" };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td>{}<td>{limit}</td><td class=\"{verdict}\">{verdict}</td></tr>",
            escaped(&case.name),
            escaped(&m.key()),
            cell(Some(m))
        );
    }
    out + "</table>\n"
}

fn cell(measurement: Option<&Measurement>) -> String {
    match measurement {
        Some(m) => {
            // What has no limit isn't good or bad.
            let class = if m.limit.is_some() { m.verdict.word() } else { "" };
            format!("<td class=\"n {class}\">{}</td>", m.unit.show(m.value))
        }
        None => "<td class=\"n dim\">-</td>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::testing::record;
    use super::super::record::SkyPoint;
    use super::*;

    fn series() -> Series {
        Series {
            sky: vec![SkyPoint {
                name: "<script>alert(1)</script>".into(),
                elevation_deg: 30.0,
                azimuth_deg: 120.0,
                cn0_dbhz: 44.0,
                used: true,
            }],
            cn0_dbhz: [("L1".to_owned(), vec![40.0, 44.0])].into(),
            positions_m: vec![[0.1, -0.2]],
            positions_from: "their mean".into(),
            surveys: vec![vec![[1.0, 2.0], [2.0, 1.0]]],
            rtcm_s: [(1077, vec![0.0, 1.0, 2.0])].into(),
            latency_ms: [("NTRIP".to_owned(), vec![1.0, 2.0])].into(),
            soak: vec![[0.0, 9000.0, 12.0]],
        }
    }

    /// Without its doctype and with its empty elements closed, it is XML too.
    fn parsed(html: &str) -> String {
        let xml = html.replace("<!doctype html>\n", "");
        let mut out = String::new();
        for line in xml.lines() {
            let void = line.starts_with("<meta");
            out.push_str(&if void { line.trim_end_matches('>').to_owned() + "/>" } else { line.to_owned() });
            out.push('\n');
        }
        out
    }

    #[test]
    fn it_is_one_file_without_scripts_or_network() {
        let mut record = record();
        record.station = "\"><img src=x onerror=alert(1)>".into();
        for html in
            [report(&record, &series()), comparison((&record, &series()), (&record, &Series::default()))]
        {
            let xml = parsed(&html);
            let document = roxmltree::Document::parse(&xml).expect("well-formed");
            for node in document.descendants().filter(roxmltree::Node::is_element) {
                let name = node.tag_name().name();
                assert!(
                    !["script", "img", "link", "iframe", "object", "a", "use", "image"].contains(&name),
                    "{name}"
                );
                for attribute in node.attributes() {
                    assert!(
                        !attribute.name().starts_with("on") && attribute.name() != "style",
                        "{attribute:?}"
                    );
                    assert!(!["src", "href"].contains(&attribute.name()), "{attribute:?}");
                }
            }
            assert!(
                !html.contains("http://") && !html.contains("https://") && !html.contains("url("),
                "no network"
            );
            assert!(html.contains("default-src 'none'"));
        }
    }

    #[test]
    fn it_has_all_pictures_and_says_which_were_not_measured() {
        assert_eq!(report(&record(), &series()).matches("<svg ").count(), 7);
        let empty = report(&record(), &Series::default());
        assert_eq!(
            (empty.matches("<svg ").count(), empty.matches("not measured in this run").count()),
            (0, 7)
        );
        assert!(empty.contains("in quarantine until 2026-12-31: a new mount"));
    }
}
