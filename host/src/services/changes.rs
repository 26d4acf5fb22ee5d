//! What one configuration has that the one before had not.

use std::sync::Arc;

use super::tenancy::Known;
use crate::{rollout::Track, sandbox::Version};

/// What another configuration has changed, by name.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Tenants that were not there before.
    pub added: Vec<String>,
    /// Tenants that are not what they were.
    pub changed: Vec<String>,
    /// Tenants that are gone. Their open sessions are not.
    pub removed: Vec<String>,
    /// Components that are to be brought to the sessions of these tenants.
    pub components: Vec<Brought>,
}

/// A component that a configuration has and the one before had not.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Whose it is.
    pub tenant: String,
    /// Where it is to be added.
    pub track: Arc<Track>,
    /// The component.
    pub version: Arc<Version>,
    /// Whether it has to speak POP3 as the dialogues of the trial.
    pub is_rehearsed: bool,
}

impl Changes {
    pub(super) fn between(before: &[Known], after: &[Known]) -> Self {
        let find = |list: &[Known], name: &str| {
            let known = list.iter().find(|known| known.config.name == name);
            known.cloned()
        };
        let mut changes = Self::default();
        for Known {
            config,
            tenant,
            component,
        } in after
        {
            let Some(old) = find(before, &config.name) else {
                changes.added.push(config.name.clone());
                continue;
            };
            if !Arc::ptr_eq(&old.tenant, tenant) {
                changes.changed.push(config.name.clone());
            }
            if !component.version.is_same(&old.component.version) {
                changes.components.push(component.brought(&config.name));
            }
        }
        for Known { config, .. } in before {
            if find(after, &config.name).is_none() {
                changes.removed.push(config.name.clone());
            }
        }
        changes
    }
}
