use super::*;

#[test]
fn new_behaviour_is_accepted_into_the_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    differs(&path);
    let (code, out, err) = told(&replay(folder.path(), &["a.mcap", "--update"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("a.mcap: updated: the session is now what the services do\n"), "{out}");
    let (code, out, _) = told(&replay(folder.path(), &["a.mcap"]));
    assert_eq!(code, Some(0), "{out}");
    // All that was done to the services is as it was, so the answers are those of the kept session.
    let events = |path: &Path| {
        let session = Session::open(path).expect("a session");
        let events = session.events().expect("it can be read").map(|event| event.expect("undamaged"));
        events.map(|event| (event.seq, event.at, format!("{:?}", event.body))).collect::<Vec<_>>()
    };
    let kept = good(&folder.path().join("kept.mcap"));
    assert!(events(&path) == events(&kept), "the update is not the session it was made of");
    let files = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(files, 2, "nothing else is left");
    // And nothing more is to do.
    let before = std::fs::read(&path).expect("it is there");
    let (code, out, _) = told(&replay(folder.path(), &["a.mcap", "--update"]));
    assert_eq!(code, Some(0));
    assert!(!out.contains("updated"), "{out}");
    assert_eq!(std::fs::read(&path).expect("it is there"), before);
}

#[test]
fn what_is_missing_in_a_recording_is_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    other(&path, |text| (!text.contains("\"type\":\"gps_status\"")).then(|| text.to_owned()));
    let (code, out, _) = told(&replay(folder.path(), &["a.mcap"]));
    assert_eq!(code, Some(100));
    assert!(out.contains("an output that was not recorded"), "{out}");
    assert_eq!(replay(folder.path(), &["a.mcap", "--update"]).status.code(), Some(0));
    assert_eq!(replay(folder.path(), &["a.mcap"]).status.code(), Some(0));
}

#[test]
fn nothing_is_accepted_in_a_ci() {
    let folder = tempfile::tempdir().expect("a folder");
    differs(&folder.path().join("a.mcap"));
    let in_ci = |args: &[&str]| {
        let output = depot().env("CI", "true").current_dir(folder.path()).args(args).output();
        told(&output.expect("depot runs"))
    };
    let (code, out, err) = in_ci(&["replay", "a.mcap", "--update"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("depot: --update is not for a CI"), "{err}");
    let (code, _, err) = in_ci(&["session", "review"]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("depot: a review is not for a CI"), "{err}");
    assert_eq!(in_ci(&["replay", "a.mcap"]).0, Some(100), "it still differs");
    assert_eq!(in_ci(&["replay", "a.mcap", "--update", "--force"]).0, Some(0));
    assert_eq!(in_ci(&["replay", "a.mcap", "--force"]).0, Some(2), "force what?");
}

#[test]
fn a_cut_recording_is_not_updated_unless_forced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mcap");
    differs(&path);
    let whole = std::fs::read(&path).expect("it is there");
    std::fs::write(&path, &whole[..whole.len() / 10 * 9]).expect("written");
    let before = std::fs::read(&path).expect("it is there");
    let (code, _, err) = told(&replay(folder.path(), &["a.mcap", "--update"]));
    assert_eq!(code, Some(100));
    assert!(err.contains("a.mcap is not updated, because it can't be replayed to its end"), "{err}");
    assert_eq!(std::fs::read(&path).expect("it is there"), before);
    replay(folder.path(), &["a.mcap", "--update", "--force"]);
    let (code, out, _) = told(&replay(folder.path(), &["a.mcap"]));
    assert_eq!(code, Some(3), "as recorded, and still without an end: {out}");
}

#[test]
fn a_proposal_waits_for_a_person() {
    let folder = tempfile::tempdir().expect("a folder");
    differs(&folder.path().join("a.mcap"));
    let (code, out, _) = told(&replay(folder.path(), &["a.mcap", "--update=new"]));
    assert_eq!(code, Some(100));
    assert!(out.ends_with("proposed as a.mcap.new; look at it with depot session review\n"), "{out}");
    let review = |args: &[&str]| {
        let mut command = depot();
        command.env_remove("CI").current_dir(folder.path()).args(["session", "review"]).args(args);
        told(&command.stdin(std::process::Stdio::null()).output().expect("depot runs"))
    };
    let (code, out, err) = review(&[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("standard input is no terminal") && err.contains("(1 pending)"), "{err}");
    // Sessions are what is replayed; what is proposed is not.
    assert_eq!(told(&replay(folder.path(), &["."])).1.matches("a.mcap: ").count(), 1);
    std::fs::remove_file(folder.path().join("a.mcap.new")).expect("it is there");
    let (code, out, _) = review(&["."]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("nothing to review"), "{out}");
}
