//! The page in a real browser.

use super::*;
use crate::support::browser;

/// Put behind a page: writes into the document what somebody who looks at it sees.
const LOOK: &str = r#"<script>
const seen = e => { const r = e.getBoundingClientRect(); return e.checkVisibility() && r.width > 0 && r.height > 0; };
const marks = [...document.querySelectorAll('#s1d0 mark')].filter(seen);
const first = document.querySelector('#s1d0').getBoundingClientRect();
const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth
  && !e.closest('pre, figure')).length;
document.body.dataset.look = JSON.stringify({
  marks: marks.map(e => e.textContent.trim()), beside: marks.length === 2 &&
    Math.abs(marks[0].getBoundingClientRect().top - marks[1].getBoundingClientRect().top) < 2,
  onFirstScreen: marks.length > 0 && marks[0].getBoundingClientRect().bottom < innerHeight,
  receiver: [...document.querySelectorAll('#s1d0 dt')].filter(seen).some(e => e.textContent === 'satellites'),
  closed: [...document.querySelectorAll('#s1d1 mark')].filter(seen).length,
  rows: [...document.querySelectorAll('svg')[0].querySelectorAll('text')].filter(seen).length,
  first: Math.round(first.left) >= 0, wide,
});
</script>"#;

#[test]
fn a_browser_shows_the_first_difference_and_asks_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    differs(&folder.path().join("a.mcap"));
    good(&folder.path().join("good.mcap"));
    let (code, out, err) = told(&replay(folder.path(), &[".", "--html", "report.html"]));
    assert_eq!(code, Some(100), "{out}{err}");
    let page = folder.path().join("report.html");
    let Some(shown) = browser::show(&page) else { return };
    assert_eq!((shown.console, shown.requests), (Vec::<String>::new(), Vec::<String>::new()));
    assert!(shown.dom.contains("<details id=\"s1d0\" open=\"\">"), "{}", shown.dom);

    let looked_at = folder.path().join("look.html");
    let text = std::fs::read_to_string(&page).expect("written").replace("</body>", &format!("{LOOK}</body>"));
    std::fs::write(&looked_at, text).expect("written");
    let Some(shown) = browser::show(&looked_at) else { return };
    let look = shown.dom.split_once("data-look=\"").and_then(|(_, rest)| rest.split_once('"'));
    let look =
        look.unwrap_or_else(|| panic!("{:?}", shown.console)).0.replace("&quot;", "\"").replace("&amp;", "&");
    let look = look.replace("&lt;", "<").replace("&gt;", ">");
    let look: serde_json::Value = serde_json::from_str(&look).expect("JSON");
    let marks: Vec<&str> =
        look["marks"].as_array().into_iter().flatten().filter_map(|mark| mark.as_str()).collect();
    assert!(
        matches!(*marks, [recorded, found] if recorded.contains("<rtk> & ") && found == "\"fixQuality\": \"gps\","),
        "{look}"
    );
    for (name, value) in [
        ("beside", true.into()),
        ("onFirstScreen", true.into()),
        ("receiver", true.into()),
        ("closed", 0.into()),
        ("first", true.into()),
        ("wide", serde_json::Value::from(0)),
    ] {
        assert_eq!(look[name], value, "{name}: {look}");
    }
    assert!(look["rows"].as_u64() > Some(5), "{look}");
}

#[test]
fn what_a_page_asks_and_complains_of_would_be_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    let text = "<body><img src=\"http://127.0.0.1:9/x.png\"><script>console.error('no')</script></body>";
    std::fs::write(&page, text).expect("written");
    let Some(shown) = browser::show(&page) else { return };
    assert!(shown.console.iter().any(|line| line.contains("\"no\"")), "{:?}", shown.console);
    assert!(shown.requests.iter().any(|url| url == "http://127.0.0.1:9/x.png"), "{:?}", shown.requests);
}
