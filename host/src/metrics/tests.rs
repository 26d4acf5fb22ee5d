//! What a scrape says, line by line.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::sessions::{Sessions, State};

fn metrics(sessions: &Arc<Sessions>) -> Metrics {
    Metrics::new(Live {
        sessions: Arc::clone(sessions),
        tls: None,
        connections: 7,
        started: 1_700_000_000,
        component: "ab".into(),
    })
}

fn lines(metrics: &Metrics) -> Vec<String> {
    let text = metrics.text().expect("text");
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn assert_has(metrics: &Metrics, expected: &str) {
    let lines = lines(metrics);
    let is_there = lines.iter().any(|line| line == expected);
    assert!(is_there, "{expected} in\n{}", lines.join("\n"));
}

#[test]
fn series_are_there_before_anything_happens() {
    let metrics = metrics(&Arc::default());
    for reason in End::REASONS {
        let line = format!("pop3_sessions_ended_total{{reason=\"{reason}\"}} 0");
        assert_has(&metrics, &line);
    }
    for line in [
        "pop3_connections_total 0",
        "pop3_connections_refused_total{reason=\"address_limit\"} 0",
        "pop3_active_sessions{state=\"transaction\",component=\"ab\",tenant=\"default\"} 0",
        "wasm_cells{state=\"active\"} 0",
        "pop3_connections_limit 7",
        "process_start_time_seconds 1700000000",
        "wasm_call_duration_seconds_count 0",
        "# EOF",
    ] {
        assert_has(&metrics, line);
    }
}

#[test]
fn what_happens_is_counted_under_its_labels() {
    let sessions = Arc::<Sessions>::default();
    let metrics = metrics(&sessions);
    metrics.claim("PLAIN", None);
    metrics.claim("PLAIN", Some(Refusal::Denied));
    metrics.claim("PLAIN", Some(Refusal::Denied));
    metrics.login("default");
    metrics.refuse(Refused::ProxyHeader);
    let trapped = End::ComponentTrapped {
        cause: "unreachable".to_owned(),
    };
    metrics.end(&trapped, Some("ab"));
    metrics.end(&End::ComponentBreach { bound: "" }, Some("ab"));
    for line in [
        "pop3_auth_total{mech=\"PLAIN\",result=\"ok\"} 1",
        "pop3_auth_total{mech=\"PLAIN\",result=\"denied\"} 2",
        "pop3_logins_total{tenant=\"default\"} 1",
        "pop3_connections_refused_total{reason=\"proxy_header\"} 1",
        "pop3_sessions_ended_total{reason=\"component_trapped\"} 1",
        "wasm_component_traps_total{component=\"ab\"} 1",
        "wasm_component_breaches_total{component=\"ab\"} 1",
    ] {
        assert_has(&metrics, line);
    }
    assert_eq!((metrics.logins("default"), metrics.logins("other")), (1, 0));
}

#[test]
fn sessions_are_counted_by_what_they_are_in() {
    let sessions = Arc::<Sessions>::default();
    let metrics = metrics(&sessions);
    let ids = crate::end::SessionIds::new().expect("random numbers");
    let peer = "192.0.2.1:4711".parse().expect("address");
    let entry = sessions.enter(ids.next(), peer);
    assert_has(
        &metrics,
        "pop3_active_sessions{state=\"connecting\",component=\"\",tenant=\"default\"} 1",
    );
    {
        let mut facts = entry.facts();
        facts.component = Some("cd".into());
        facts.state = State::Authorization;
    }
    entry.set_memory(4096);
    assert_has(
        &metrics,
        "pop3_active_sessions{state=\"authorization\",component=\"cd\",tenant=\"default\"} 1",
    );
    assert_has(&metrics, "wasm_cells{state=\"active\"} 1");
    assert_has(&metrics, "wasm_cells_memory_bytes 4096");
}

#[test]
fn a_duration_is_counted_in_every_bucket_that_it_fits_into() {
    let metrics = metrics(&Arc::default());
    for microseconds in [2, 3, 200_000] {
        metrics.calls.observe(Duration::from_micros(microseconds));
    }
    for line in [
        "wasm_call_duration_seconds_bucket{le=\"0.000002\"} 1",
        "wasm_call_duration_seconds_bucket{le=\"0.000005\"} 2",
        "wasm_call_duration_seconds_bucket{le=\"0.1\"} 2",
        "wasm_call_duration_seconds_bucket{le=\"+Inf\"} 3",
        "wasm_call_duration_seconds_sum 0.200005",
        "wasm_call_duration_seconds_count 3",
    ] {
        assert_has(&metrics, line);
    }
    assert_eq!(metrics.calls.count(), 3);
}
