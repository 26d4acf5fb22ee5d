//! Where a session sits: in which cell, in which component, on which thread its calls are made.
//!
//! Speaks no POP3 and owns no socket; `connection.rs` makes the calls.

use std::sync::Arc;

use tracing::warn;

use crate::{
    capability::Login,
    end::End,
    login::{SessionLogin, Watch},
    record::{self, Recorder},
    sandbox::{Connection, Error, Limit, Sandbox, Session, Step, Usage},
    slow_lane::SlowLane,
    tenant::{SessionPolicy, Tenants},
};

/// Octets of output that a step is asked for: enough to make a call cheap beside what it sends,
/// little enough to wait in the socket's buffer.
const OUTPUT_OCTETS: u32 = 64 * 1024;

/// Who may take the session further, and what for.
pub(crate) struct Surroundings {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) slow_lane: Arc<SlowLane>,
    /// What it is served with.
    pub(crate) policy: Arc<SessionPolicy>,
    /// Whether the login will say whose user it is.
    pub(crate) is_undecided: bool,
    pub(crate) facts: Connection,
    pub(crate) watch: Watch,
    /// Who writes the session down, if anybody does.
    pub(crate) recorder: Option<Recorder>,
}

/// A session and where it is.
pub(crate) struct Seat {
    /// Not there only if it was lost on the way; the connection ends then.
    session: Option<Session>,
    surroundings: Surroundings,
    /// What it did, should it be lost.
    usage: Usage,
}

/// A call into the session.
#[derive(Clone, Copy)]
enum Call<'a> {
    Greet,
    Lines(&'a [u8]),
    More,
    Overlong,
}

/// The session is nowhere: a call into it panicked.
const LOST: Error = Error::Lost;

impl Seat {
    pub(crate) fn new(session: Session, surroundings: Surroundings) -> Self {
        Self {
            session: Some(session),
            surroundings,
            usage: Usage::default(),
        }
    }

    /// The greeting.
    pub(crate) async fn greet(&mut self) -> Result<Step, Error> {
        self.call(Call::Greet).await
    }

    /// The answer to complete lines, or the beginning of it.
    pub(crate) async fn lines(&mut self, lines: &[u8]) -> Result<Step, Error> {
        self.call(Call::Lines(lines)).await
    }

    /// More of an answer.
    pub(crate) async fn more(&mut self) -> Result<Step, Error> {
        self.call(Call::More).await
    }

    /// The answer to a line that is too long.
    pub(crate) async fn overlong(&mut self) -> Result<Step, Error> {
        self.call(Call::Overlong).await
    }

    /// Whether a login has succeeded.
    pub(crate) fn is_logged_in(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_logged_in)
    }

    /// The session, wherever it is.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// What the session has done so far.
    pub(crate) fn usage(&self) -> Usage {
        self.session.as_ref().map_or(self.usage, Session::usage)
    }

    /// Whether lines have to come one by one: what follows a login may be another component's, and
    /// who writes the session down has to know which line a secret was in.
    pub(crate) fn wants_single_lines(&self) -> bool {
        let is_watched = self.surroundings.is_undecided || self.surroundings.recorder.is_some();
        is_watched && !self.is_logged_in()
    }

    /// A login has succeeded: from here on the session is its tenant's, in the tenant's component
    /// and at the tenant's charge; whether it is in another cell now. One that this component does
    /// not take stays in the one that it began in.
    pub(crate) async fn hand_over(&mut self) -> Result<bool, End> {
        let Surroundings { watch, tenants, .. } = &self.surroundings;
        let tenant = watch.record().tenant;
        let tenant = tenant.and_then(|name| tenants.by_name(&name).cloned());
        let Some(tenant) = tenant.filter(|_| self.surroundings.is_undecided) else {
            return Ok(false);
        };
        let policy = Arc::clone(&tenant.policy);
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.decide(policy.is_recorded);
        }
        let mut session = self.session.take().ok_or(LOST)?;
        if session.version().is_same(&policy.version) {
            let is_taken = session.adopt(policy.terms.clone());
            self.session = Some(session);
            let most = policy.terms.budget.most_memory();
            return match is_taken {
                true => Ok(false),
                false => Err(Error::Limit(Limit::TenantMemory(most)).into()),
            };
        }
        self.usage = session.usage();
        self.session = Some(
            self.surroundings
                .move_to(session, &policy, tenant.name())
                .await?,
        );
        Ok(true)
    }

    async fn call(&mut self, call: Call<'_>) -> Result<Step, Error> {
        let step = self.make(call).await;
        if let Some(recorder) = &self.surroundings.recorder {
            recorder.called(call.recorded(), &step);
        }
        step
    }

    async fn make(&mut self, call: Call<'_>) -> Result<Step, Error> {
        let session = self.session.as_mut().ok_or(LOST)?;
        if !session.is_overdrawn() {
            return call.make(session).await;
        }
        self.usage = session.usage();
        let mut session = self.session.take().ok_or(LOST)?;
        let (kind, lines) = call.apart();
        let work = async move {
            let step = Call::together(kind, &lines).make(&mut session).await;
            (session, step)
        };
        let (session, step) = self.surroundings.slow_lane.run(work).await.ok_or(LOST)?;
        self.session = Some(session);
        step
    }
}

impl Surroundings {
    /// Suspends the session and resumes it in the tenant's component, or where it was.
    async fn move_to(
        &mut self,
        session: Session,
        policy: &Arc<SessionPolicy>,
        tenant: &str,
    ) -> Result<Session, Error> {
        let parked = session.suspend().await?;
        let login = self.login();
        let moved = self.sandbox.resume_in(
            Arc::clone(&policy.version),
            policy.terms.clone(),
            login,
            parked,
            &self.facts,
        );
        let kept = match moved.await {
            Ok(session) => {
                self.policy = Arc::clone(policy);
                if let Some(recorder) = &self.recorder {
                    recorder.moved(policy.version.digest());
                }
                return Ok(session);
            }
            Err(kept) => kept,
        };
        warn!(
            tenant,
            component = policy.version.digest(),
            cause = %kept.error,
            "the tenant's component does not take a session; it goes on in the one it began in",
        );
        let login = self.login();
        let resumed = self.sandbox.resume_in(
            Arc::clone(&self.policy.version),
            policy.terms.clone(),
            login,
            *kept.parked,
            &self.facts,
        );
        resumed.await.map_err(|lost| lost.error)
    }

    /// The claims of the connection, for another cell.
    fn login(&self) -> Box<dyn Login> {
        let login = Box::new(SessionLogin::again(&self.watch));
        Recorder::witness(self.recorder.as_ref(), login)
    }
}

impl<'a> Call<'a> {
    async fn make(self, session: &mut Session) -> Result<Step, Error> {
        match self {
            Self::Greet => session.greet().await,
            Self::Lines(lines) => session.lines(lines, OUTPUT_OCTETS).await,
            Self::More => session.more(OUTPUT_OCTETS).await,
            Self::Overlong => session.overlong().await,
        }
    }

    /// The call as it is written down.
    fn recorded(self) -> record::Call {
        match self {
            Self::Greet => record::Call::Greet,
            Self::Lines(lines) => record::Call::Lines(record::Text::of(lines)),
            Self::More => record::Call::More,
            Self::Overlong => record::Call::Overlong,
        }
    }

    /// The call without its lines, and those: for another thread they have to be its own.
    fn apart(self) -> (Call<'static>, Vec<u8>) {
        match self {
            Self::Lines(lines) => (Call::Lines(&[]), lines.to_vec()),
            Self::Greet => (Call::Greet, Vec::new()),
            Self::More => (Call::More, Vec::new()),
            Self::Overlong => (Call::Overlong, Vec::new()),
        }
    }

    fn together(kind: Call<'static>, lines: &'a [u8]) -> Self {
        match kind {
            Call::Lines(_) => Self::Lines(lines),
            Call::Greet | Call::More | Call::Overlong => kind,
        }
    }
}
