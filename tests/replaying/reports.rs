use super::*;
use serde_json::Value;

#[test]
fn json_lines_are_for_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    differs(&folder.path().join("a.mcap"));
    good(&folder.path().join("b.mcap"));
    let (code, out, err) = told(&replay(folder.path(), &[".", "gone.mcap", "--message-format", "json"]));
    assert_eq!((code, err.as_str()), (Some(100), ""));
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().all(|line| line["version"] == 1), "{out}");
    let types: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    let (last, rest) = types.split_last().expect("lines");
    let differences = rest.iter().take_while(|name| **name == "difference").count();
    assert_eq!((*last, &rest[differences..]), ("summary", &["session"; 3][..]));
    let difference = &lines[0];
    assert_eq!(difference["session"], "./a.mcap");
    assert_eq!(
        (&difference["kind"], &difference["path"]),
        (&"different".into(), &"$.data.fixQuality".into())
    );
    let session = &lines[differences];
    assert_eq!((&session["outcome"], &session["exit_code"]), (&"differs".into(), &100.into()));
    assert_eq!(session["kinds"]["different"], differences);
    assert_eq!(session["differences"], differences);
    let gone = &lines[lines.len() - 2];
    assert_eq!(
        (&gone["outcome"], &gone["exit_code"], &gone["inputs"]),
        (&"failed".into(), &4.into(), &Value::Null)
    );
    let summary = lines.last().expect("a line");
    for (name, value) in [("sessions", 3), ("same", 1), ("differ", 1), ("failed", 1), ("exit_code", 100)] {
        assert_eq!(summary[name], value, "{name}");
    }
}

#[test]
fn junit_has_a_case_for_each_session() {
    let folder = tempfile::tempdir().expect("a folder");
    differs(&folder.path().join("a&b.mcap"));
    good(&folder.path().join("good.mcap"));
    let whole = std::fs::read(folder.path().join("good.mcap")).expect("it is there");
    std::fs::write(folder.path().join("cut.mcap"), &whole[..whole.len() / 2]).expect("written");
    let (code, out, err) = told(&replay(folder.path(), &[".", "gone.mcap", "--junit", "report.xml"]));
    assert_eq!(code, Some(100), "{out}{err}");
    let text = std::fs::read_to_string(folder.path().join("report.xml")).expect("written");
    let xml = roxmltree::Document::parse(&text).expect("XML");
    let suite = xml.root_element();
    let figures =
        ["name", "tests", "failures", "errors"].map(|name| suite.attribute(name).unwrap_or_default());
    assert_eq!(figures, ["depot replay", "4", "1", "2"]);
    let cases = suite.children().filter(roxmltree::Node::is_element).map(|case| {
        let verdict = case.children().find(roxmltree::Node::is_element);
        let verdict = verdict.map_or("good", |verdict| verdict.tag_name().name());
        format!("{} {verdict}", case.attribute("name").unwrap_or_default())
    });
    let cases: Vec<String> = cases.collect();
    assert_eq!(cases, ["./a&b.mcap failure", "./cut.mcap error", "./good.mcap good", "gone.mcap error"]);
    let failure = xml.descendants().find(|node| node.has_tag_name("failure")).expect("one");
    let text = failure.text().unwrap_or_default();
    assert!(text.contains("found     \"gps\"") && text.contains("$.data.fixQuality"), "{text}");
    assert!(text.contains("<rtk> &"), "{text}");
    assert!(failure.attribute("message").is_some_and(|message| message.starts_with("an output differs: +")));
}

#[test]
fn a_page_shows_both_versions_and_the_receiver() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "<script>alert(1)</script>.mcap".replace('/', "-");
    differs(&folder.path().join(&name));
    good(&folder.path().join("good.mcap"));
    let (code, out, err) = told(&replay(folder.path(), &[".", "gone.mcap", "--html", "report.html"]));
    assert_eq!(code, Some(100), "{out}{err}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("written");
    for wanted in [
        "<span class=\"differs\">differs</span>",
        "<span class=\"same\">same</span>",
        "<span class=\"failed\">failed</span>",
        "gps-status, connection 2</text>",
        "gps-status, receiver</text>",
        "<mark>    &quot;fixQuality&quot;: &quot;gps&quot;,</mark>",
        "&lt;rtk&gt; &amp; ",
        "<dt>satellites</dt>",
        "<a href=\"#s1d0\">",
        "<details id=\"s1d0\" open>",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in the page");
    }
    for unwanted in ["<script", "http:", "https:", "//", "url(", "@import"] {
        assert!(!page.contains(unwanted), "{unwanted} is in the page");
    }
    assert_eq!(page.matches("<svg").count(), 2, "a time line, too, for the session without a difference");
    // Every element is closed: but for what HTML leaves open, it is XML.
    let body = page.split_once("<body>").and_then(|(_, rest)| rest.rsplit_once("</body>")).expect("a body").0;
    let body = format!("<body>{}</body>", body.replace(" open>", ">"));
    roxmltree::Document::parse(&body).expect("well-formed");
    assert!(page.len() < 400_000, "{} bytes", page.len());
}
