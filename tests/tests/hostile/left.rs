//! What a session leaves in the memory of its cell, which the next one gets.

use super::attack::{LONG, MEMORY, greeted, run, sandbox, tell, world};

/// Memory of a cell is used again, and what clears it depends on how much was written.
#[test]
fn nobody_finds_what_a_session_has_left_in_its_memory() {
    let sandbox = sandbox(1, MEMORY, LONG);
    let world = world();
    for octets in [8 * 1024, 64 * 1024, 512 * 1024] {
        run(async {
            let mut first = greeted(&sandbox, &world).await.unwrap();
            tell(&mut first, &format!("STAIN {octets}")).await.unwrap();
            let found = tell(&mut first, "SEEK").await.unwrap();
            assert_eq!(found, format!("+OK {}\r\n", octets / 8).as_bytes());
            drop(first);
            let mut second = greeted(&sandbox, &world).await.unwrap();
            let found = tell(&mut second, "SEEK").await.unwrap();
            assert_eq!(found, b"+OK 0\r\n", "{octets}");
        });
    }
}
