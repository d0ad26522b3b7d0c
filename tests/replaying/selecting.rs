use super::*;

/// Two folders with two good sessions and one that differs.
fn three() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("more")).expect("made");
    good(&folder.path().join("b.mcap"));
    differs(&folder.path().join("a.mcap"));
    std::fs::copy(
        root().join("fixtures/sessions/v1/receiver-unplugged.mcap"),
        folder.path().join("more/c d.mcap"),
    )
    .expect("it is kept");
    folder
}

fn names(out: &str) -> Vec<&str> {
    let name = |line: &str| line.split_once(".mcap: ").map(|(name, _)| name.len() + 5);
    out.lines().filter_map(|line| name(line).map(|end| &line[..end])).collect()
}

#[test]
fn a_folder_and_a_pattern_are_all_sessions_below_in_order() {
    let folder = three();
    let (code, out, err) = told(&replay(folder.path(), &["."]));
    assert_eq!((code, err.as_str()), (Some(100), ""), "{out}");
    assert_eq!(names(&out), ["./a.mcap", "./b.mcap", "./more/c d.mcap"]);
    let last = out.lines().last().unwrap_or_default();
    assert!(last.starts_with("3 sessions: 2 as recorded, 1 not as recorded; "), "{last}");
    let (code, out, _) = told(&replay(folder.path(), &["more", "**/b.mcap", "-j", "1"]));
    assert_eq!((code, names(&out)), (Some(0), vec!["more/c d.mcap", "b.mcap"]));
    // One that was found says which.
    let (_, out, _) = told(&replay(folder.path(), &["more"]));
    assert!(out.starts_with("more/c d.mcap: 891 inputs, "), "{out}");
}

#[test]
fn nothing_selected_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [&["."] as &[&str], &["*.mcap"], &[".", "--shard", "1/2"]] {
        let (code, out, err) = told(&replay(folder.path(), args));
        assert_eq!((code, out.as_str()), (Some(4), ""));
        assert!(err.starts_with("depot: no session is selected: "), "{err}");
    }
    let (code, _, err) = told(&replay(folder.path(), &["a/***"]));
    assert_eq!(code, Some(2), "{err}");
    for bad in ["0/2", "3/2", "x"] {
        assert_eq!(replay(folder.path(), &[".", "--shard", bad]).status.code(), Some(2), "{bad}");
    }
}

#[test]
fn shares_are_all_and_nothing_twice() {
    let folder = three();
    let mut seen: Vec<String> = Vec::new();
    for index in 1..=3 {
        let shard = format!("{index}/3");
        let (code, out, err) = told(&replay(folder.path(), &[".", "--shard", &shard]));
        assert!(code == Some(0) || code == Some(100), "{err}");
        assert!(out.ends_with(&format!("(shard {index}/3 of 3 sessions)\n")), "{out}");
        seen.extend(names(&out).into_iter().map(str::to_owned));
    }
    seen.sort();
    assert_eq!(seen, ["./a.mcap", "./b.mcap", "./more/c d.mcap"]);
}

#[test]
fn the_first_failure_ends_it_if_that_is_wished() {
    let folder = three();
    let (code, out, _) = told(&replay(folder.path(), &[".", "--fail-fast", "-j", "1"]));
    assert_eq!((code, names(&out)), (Some(100), vec!["./a.mcap"]));
    assert!(out.contains("1 session: 0 as recorded, 1 not as recorded, 2 not begun; "), "{out}");
}

#[test]
fn the_worst_code_is_told() {
    let folder = three();
    std::fs::write(folder.path().join("no.mcap"), "text").expect("written");
    let (code, _, err) = told(&replay(folder.path(), &["no.mcap", "gone.mcap", "b.mcap"]));
    assert_eq!(code, Some(9), "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    assert_eq!(replay(folder.path(), &["gone.mcap", "a.mcap"]).status.code(), Some(100));
}

#[test]
fn rules_beside_the_sessions_mask() {
    let folder = three();
    let rules = folder.path().join("depot-volatile.toml");
    let write = |text: &str| std::fs::write(&rules, text).expect("written");
    write("[[rule]]\nservice = \"gps-status\"\nselect = \"$.data.fixQuality\"\nkind = \"ignore\"\n");
    let (code, out, err) = told(&replay(folder.path(), &["."]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(replay(folder.path(), &["a.mcap", "--exact"]).status.code(), Some(100));
    // A folder below is within, if it was found from here.
    write(
        "[[rule]]\nselect = \"$.data.fixQuality\"\nkind = \"ignore\"\n\n[[rule]]\nselect = \"$.nowhere\"\nkind = \"uuid\"\n",
    );
    let (code, _, err) = told(&replay(folder.path(), &["."]));
    assert_eq!(code, Some(0));
    assert!(err.contains("line 5: the rule uuid $.nowhere never selected a value"), "{err}");
    assert!(!err.contains("line 1"), "{err}");
    let (code, _, err) = told(&replay(folder.path(), &["more"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "the rules above the given folder are not for it");
    write("[[rule]]\nselect = \"$.a\"\nkind = \"guid\"\n");
    let (code, _, err) = told(&replay(folder.path(), &["a.mcap"]));
    assert_eq!(code, Some(2));
    assert!(err.contains("depot-volatile.toml, line 3: unknown variant `guid`"), "{err}");
}

#[test]
fn what_is_not_there_proves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    good(&folder.path().join("good.mcap"));
    for args in [&["--from", "90s"][..], &["--only", "nobody"], &["--only", "gps-status/77"]] {
        for path in ["good.mcap", "."] {
            let (code, out, err) = told(&replay(folder.path(), &[&[path], args].concat()));
            assert_eq!(code, Some(4), "{args:?} {out}{err}");
            assert!(out.contains("nothing of it is within --from, --until and --only"), "{out}");
        }
    }
    let (code, out, _) = told(&replay(folder.path(), &[".", "--only", "gps-status/2", "--from", "5s"]));
    assert!(code == Some(0) && !out.contains("nothing of it"), "{out}");
    let (code, _, err) = told(&replay(folder.path(), &[".", "--from", "9s", "--until", "8s"]));
    assert!(code == Some(2) && err.contains("--until is before --from"), "{err}");
}
