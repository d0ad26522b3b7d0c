//! A reader that isn't ours: Python's `mcap`.

use std::process::Command;

use crate::toy::{Shell, epoch, record};
use kit::tap::Body;

/// Lists channels, decodes every message, and validates it against its schema unless told `unvalidated`.
const SCRIPT: &str = r#"
import json, sys
from mcap.reader import make_reader
validate = sys.argv[2] == "validated"
if validate:
    import jsonschema
reader = make_reader(open(sys.argv[1], "rb"), validate_crcs=True)
header = reader.get_header()
summary = reader.get_summary()
print("profile", header.profile, header.library)
print("topics", *sorted(c.topic for c in summary.channels.values()))
print("count", summary.statistics.message_count)
for m in reader.iter_metadata():
    print("metadata", m.name, json.dumps(m.metadata, sort_keys=True))
validators = {}
for schema in summary.schemas.values():
    assert schema.encoding == "jsonschema", schema.encoding
    parsed = json.loads(schema.data)
    assert parsed["type"] == "object", parsed
    if validate:
        jsonschema.Draft202012Validator.check_schema(parsed)
        validators[schema.id] = jsonschema.Draft202012Validator(parsed)
read = 0
for schema, channel, message in reader.iter_messages():
    assert channel.message_encoding == "json"
    body = json.loads(message.data)
    assert message.log_time == message.publish_time > 0
    if validate:
        validators[schema.id].validate(body)
    read += 1
print("read", read)
print("stream", sum(1 for _ in reader.iter_messages(topics=["/toy/in/stream"])))
"#;

#[test]
fn pythons_mcap_lists_and_decodes_a_session() {
    let python = |args: &[&str]| Command::new("python3").args(args).output();
    if !python(&["-c", "import mcap"]).is_ok_and(|output| output.status.success()) {
        skip("python3 with the package mcap is not installed");
        return;
    }
    let validated = python(&["-c", "import jsonschema"]).is_ok_and(|output| output.status.success());
    if !validated {
        skip("python3 lacks the package jsonschema: messages are not held against their schemas");
    }
    let (bytes, summary) = record(|tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        shell.live(3);
        tap.record(shell.now, Body::Gap(2));
        shell.end();
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.mcap");
    std::fs::write(&path, bytes).unwrap();
    let mode = if validated { "validated" } else { "unvalidated" };
    let output = python(&["-c", SCRIPT, &path.display().to_string(), mode]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("count {}\n", summary.events)), "{text}");
    insta::assert_snapshot!(text, @r#"
    profile depot depot 0.0.9
    topics /depot/gap /toy/end /toy/in/clock /toy/in/http /toy/in/stream /toy/in/timer /toy/in/ws /toy/out/http /toy/out/ws /toy/session/ws /toy/start
    count 60
    metadata depot {"format_version": "3", "host": "a test", "version": "0.0.9"}
    read 60
    stream 3
    "#);
}

#[expect(clippy::print_stderr, reason = "a skip must be seen")]
pub fn skip(reason: &str) {
    assert!(std::env::var_os("DEPOT_REQUIRE_PEERS").is_none_or(|set| set.is_empty()), "{reason}");
    eprintln!("skipped: {reason}");
}
