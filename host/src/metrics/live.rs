//! What is looked up when somebody asks: sessions, cells, certificates.
//!
//! Costs nothing in between, and can not drift from what is there.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use crate::{
    sessions::{Sessions, State, View},
    tls::Tls,
};

/// Where to look.
pub(crate) struct Live {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Connections that there may be.
    pub(crate) connections: u32,
    /// When the server started, in seconds since 1970-01-01 UTC.
    pub(crate) started: u64,
    /// The component of new sessions.
    pub(crate) component: Arc<str>,
}

/// What sessions are counted by: state, component, tenant.
type Group = (State, Arc<str>, Arc<str>);

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let views = self.sessions.list();
        self.active(&mut encoder, &views)?;
        cells(&mut encoder, &views)?;
        self.certificates(&mut encoder)?;
        let limit = "Connections that there may be at a time.";
        gauge(
            &mut encoder,
            "pop3_connections_limit",
            limit,
            self.connections.into(),
        )?;
        let started = "When the server started, in seconds since 1970-01-01 UTC.";
        gauge(
            &mut encoder,
            "process_start_time_seconds",
            started,
            self.started,
        )
    }
}

impl Live {
    /// Every state of the component of new sessions is there, with nobody in it too.
    fn active(&self, encoder: &mut DescriptorEncoder<'_>, views: &[View]) -> fmt::Result {
        let mut groups: BTreeMap<Group, u64> = BTreeMap::new();
        let default = Arc::<str>::from(crate::sessions::DEFAULT_TENANT);
        for state in State::ALL {
            let component = match state {
                State::Connecting => Arc::from(""),
                State::Authorization | State::Transaction => Arc::clone(&self.component),
            };
            groups.insert((state, component, Arc::clone(&default)), 0);
        }
        for view in views {
            let component = view.component.clone().unwrap_or_default();
            let group = (view.state, component, Arc::clone(&view.tenant));
            *groups.entry(group).or_default() += 1;
        }
        let help = "Connections that are served now.";
        let name = "pop3_active_sessions";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for ((state, component, tenant), count) in &groups {
            let labels = [
                ("state", state.word()),
                ("component", &**component),
                ("tenant", &**tenant),
            ];
            ConstGauge::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(tls) = &self.tls else {
            return Ok(());
        };
        let help = "When a certificate expires, in seconds since 1970-01-01 UTC.";
        let name = "tls_certificate_expiry_timestamp_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for certificate in tls.certificates() {
            let labels = [("file", certificate.file.display().to_string())];
            ConstGauge::new(certificate.expires).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

fn cells(encoder: &mut DescriptorEncoder<'_>, views: &[View]) -> fmt::Result {
    let sessions = views.iter().filter(|view| view.component.is_some());
    let (mut active, mut parked, mut memory) = (0_u64, 0_u64, 0_u64);
    for session in sessions {
        *if session.is_parked {
            &mut parked
        } else {
            &mut active
        } += 1;
        memory += session.memory as u64;
    }
    let help = "Sessions in a component instance, and sessions parked outside of any.";
    let mut family = encoder.encode_descriptor("wasm_cells", help, None, MetricType::Gauge)?;
    for (state, count) in [("active", active), ("parked", parked)] {
        let labels = [("state", state)];
        ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
    }
    let help = "Octets of linear memory of all component instances.";
    gauge(encoder, "wasm_cells_memory_bytes", help, memory)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}
