//! A recording ends before a session is disturbed.

use popcell::record::End;
use popcell_tests::letters;

use super::*;

#[test]
fn a_recording_has_a_bound_and_the_session_has_none() {
    let scene = Scene {
        messages: letters::maildrop("large").unwrap(),
        ..Scene::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("records");
    let world = World::new(scene);
    let running = serve(&world, &directory, |config| {
        config.record.as_mut().unwrap().session_octets = 200_000;
    });
    let mut client = Client::login(running.address(), "alice", "secret").unwrap();
    client.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n").unwrap();
    let said = client.rest().unwrap();
    assert!(said.len() > 300_000 && said.ends_with(b".\r\n+OK \r\n+OK \r\n"));
    running.stop();
    assert_eq!(world.stored(), [0; 0]);
    let (file, recording) = recordings(&directory).pop().unwrap();
    assert_eq!(recording.end, End::TooLarge);
    assert!(fs::metadata(file).unwrap().len() < 400_000);
    // What there is of it is replayed.
    assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same);
}

#[test]
fn a_disk_that_fails_costs_the_recording_alone() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("records");
    let world = World::new(Scene::default());
    let running = serve(&world, &directory, |_| {});
    fs::remove_dir(&directory).unwrap();
    let mut client = Client::login(running.address(), "alice", "secret").unwrap();
    assert_eq!(client.ok("STAT\r\n").unwrap(), "+OK 2 320");
    client.ok("DELE 2\r\n").unwrap();
    client.ok("QUIT\r\n").unwrap();
    running.stop();
    assert_eq!(world.stored(), [1]);
    assert!(!directory.exists());
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::new(Scene::default());
    let mut config = served::config(world.scene());
    config.record = Some(Record::new(dir.path().to_owned()));
    let refused = served::serve(&world, &config).err().unwrap().to_string();
    assert!(refused.contains("its mode has to be 0700"), "{refused}");
    config.record = Some(Record::new("/proc/nothing".into()));
    assert!(served::serve(&world, &config).is_err());
}

#[test]
fn a_client_that_hangs_up_inside_of_an_answer_is_replayed_as_far_as_it_came() {
    let scene = Scene {
        messages: letters::maildrop("large").unwrap(),
        ..Scene::default()
    };
    let (_, recording, _dir) = record(scene, |client| {
        client
            .send(b"USER alice\r\nPASS secret\r\nRETR 1\r\n")
            .unwrap();
        client.hear().unwrap();
    });
    assert_eq!(recording.end, End::Complete);
    assert_eq!(replay(&EMBEDDED, &recording, ""), Outcome::Same);
}
