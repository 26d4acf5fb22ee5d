//! What a component has to stand before it gets a session.

use std::sync::Arc;

use tokio::task;

use super::{Named, Order, Refusal, Replayed, Rollout, sample::Sample};
use crate::{
    component,
    replay::{self, Allowed, Outcome},
    sandbox::{self, Budget, Permission, Terms, Version},
    trial,
};

/// Sessions that a component is tried with.
const SAMPLE: usize = 16;

impl Rollout {
    /// Reads and compiles the file of an order.
    pub(super) async fn read(&self, order: &Order) -> Result<Arc<Version>, Refusal> {
        let (options, trust) = (order.component.clone(), self.trust.clone());
        let sandbox = Arc::clone(&self.sandbox);
        let compiled = task::spawn_blocking(move || {
            let wasm = component::load(&options, &trust)?;
            let permission = match options.wasi {
                true => Permission::Wasi,
                false => Permission::Contract,
            };
            Ok(sandbox.compile(&wasm, permission)?)
        });
        compiled.await.map_err(|_| sandbox::Error::Lost)?
    }

    /// Plays dialogues with the component, and resumes some of the open sessions in it.
    pub(super) async fn vet(
        &self,
        version: &Arc<Version>,
        order: &Order,
        tracks: &[Named],
    ) -> Result<(), Refusal> {
        let terms = Terms {
            limits: self.sandbox.terms().limits,
            budget: Arc::new(Budget::new(usize::MAX, None)),
        };
        if order.component.rehearse {
            let rehearsed = trial::rehearse(&self.sandbox, version, &terms).await;
            rehearsed.map_err(Refusal::Trial)?;
        }
        if let Some(replayed) = &order.replay {
            self.replay(version, &terms, replayed).await?;
        }
        self.resume_some(version, tracks).await
    }

    /// Plays recorded sessions with the component.
    async fn replay(
        &self,
        version: &Arc<Version>,
        terms: &Terms,
        replayed: &Replayed,
    ) -> Result<(), Refusal> {
        let allowed = match &replayed.allow {
            Some(path) => Allowed::load(path)?,
            None => Allowed::default(),
        };
        for file in replay::find(&replayed.recordings)? {
            let path = file.clone();
            let read = task::spawn_blocking(move || replay::read(&path)).await;
            let recording = read.map_err(|_| sandbox::Error::Lost)??;
            let outcome = replay::replay(&self.sandbox, version, terms, &recording, &allowed);
            if let Outcome::Differs(difference) = outcome.await {
                return Err(Refusal::Replay {
                    recording: file,
                    difference,
                });
            }
        }
        Ok(())
    }

    /// Resumes some of the open sessions in the component. They are then as they were.
    async fn resume_some(&self, version: &Arc<Version>, tracks: &[Named]) -> Result<(), Refusal> {
        for (tenant, track) in tracks {
            let entries = self.entries(tenant);
            let count = entries.len().min(SAMPLE);
            let sample = Arc::new(Sample::new(Arc::clone(version), count));
            track.set_sample(Some(Arc::clone(&sample)));
            for entry in entries.iter().take(2 * SAMPLE) {
                entry.nudge();
            }
            let call_time = self.sandbox.terms().limits.call_time;
            let findings = sample.outcome(count, call_time).await;
            track.set_sample(None);
            // A state that is not read is no fault: that session stays where it is.
            match findings.cause {
                Some(cause) if cause.is_components_fault() => {
                    return Err(Refusal::Sample {
                        refused: findings.refused,
                        asked: findings.asked,
                        cause,
                    });
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}
