//! RFC 2449 (CAPA, response codes): rows 43 to 62.
//!
//! The single capabilities that other RFCs define are with those RFCs.

mod capa;
mod codes;
mod pipeline;

use super::row;
use crate::row::{
    Level::{Must, Optional, Policy, Should},
    Proof::{Configuration, Nothing, Wire},
    Row,
};

#[rustfmt::skip] // A row is easier to find in a table.
pub(super) const ROWS: &[Row] = &[
    row("43", (2449, "4"), Must, Wire(pipeline::long_commands_are_taken),
        "commands of 255 octets are taken, and longer ones where a capability needs them"),
    row("44", (2449, "4"), Must, Wire(codes::first_lines_are_short),
        "the greeting and every first line have 512 octets at most"),
    row("45", (2449, "3"), Must, Wire(capa::capabilities_are_well_formed),
        "codes and capability lines follow the grammar; a line has 512 octets at most"),
    row("46", (2449, "5"), Must, Wire(capa::capa_in_both_states),
        "CAPA is answered before and after login, and ends in a dot"),
    row("47", (2449, "5"), Must, Wire(capa::announcements_survive_login),
        "what is announced before login is announced after it; STLS alone is not"),
    row("48", (2449, "5"), Should, Wire(capa::tags_are_commands),
        "a tag is the keyword of the command that it announces"),
    row("49", (2449, "6.2"), Policy, Wire(capa::user_is_announced_if_accepted),
        "USER is announced exactly where USER is accepted"),
    row("50", (2449, "6.4"), Must, Wire(codes::brackets_are_codes),
        "with RESP-CODES, text in brackets at the start of an answer is a response code"),
    row("51", (2449, "6.5"), Should, Wire(capa::login_delay_is_enforced),
        "an announced LOGIN-DELAY is enforced, counted from the last login"),
    row("52", (2449, "6.5"), Must, Wire(capa::login_delay_is_the_largest),
        "before login the largest delay that any user has is announced"),
    row("53", (2449, "6.6"), Must, Wire(pipeline::pipelining_keeps_order),
        "pipelined commands are answered in order, across the login too"),
    row("54", (2449, "6.6"), Must, Wire(pipeline::full_windows_do_not_deadlock),
        "a client that sends much and reads late gets all its answers"),
    row("55", (2449, "6.7"), Should, Configuration("what is deleted by policy is the operator's"),
        "a policy of automatic deletion is announced by EXPIRE"),
    row("56", (2449, "6.7"), Must, Wire(capa::expire_is_the_smallest),
        "before login the shortest time that any user has is announced"),
    row("57", (2449, "6.7"), Optional, Wire(capa::expire_zero_waits_for_quit),
        "EXPIRE 0 may delete what was retrieved, in UPDATE only"),
    row("58", (2449, "6.9"), Optional, Wire(capa::implementation_says_something),
        "IMPLEMENTATION names the server"),
    row("59", (2449, "8"), Policy, Nothing("it is about how clients read codes"),
        "codes are hierarchical and compared without case"),
    row("60", (2449, "8.1.1"), Should, Wire(codes::login_delay_code_is_for_logins),
        "[LOGIN-DELAY] only on the -ERR of a login"),
    row("61", (2449, "8.1.2"), Must, Wire(codes::in_use_needs_right_credentials),
        "[IN-USE] only on the -ERR of a login with right credentials"),
    row("62", (2449, "9"), Must, Wire(capa::tags_are_registered),
        "capability tags are registered and do not begin with X"),
];

/// Octets of a first line, of a greeting and of a capability line, CRLF counted.
const MAX_LINE: usize = 512;

/// Octets that every server takes as one command, CRLF counted.
const MAX_COMMAND: usize = 255;
