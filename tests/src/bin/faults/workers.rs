//! The tasks of a run.

use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::kind::Part;
use crate::plan::Work;
use crate::run::{Run, Sweeps};
use crate::site::Site;
use crate::{network, portal, sdk, server, thief, together};

/// How many sweeps are done at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workers {
    pub(crate) sdk: usize,
    /// Each has a server of its own.
    pub(crate) servers: usize,
}

impl Workers {
    /// Does all that is planned.
    pub(crate) async fn work(self, run: &Arc<Run>, site: Option<Site>) -> Result<()> {
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        for (lane, work) in run.plan.lanes(Part::Portal) {
            if let Work::List(pieces) = work.clone() {
                tasks.spawn(portal::run(run.clone(), lane, pieces));
            }
        }
        if let Some(site) = site {
            let site = Arc::new(site);
            let parts = [Part::Network, Part::Thief, Part::Together];
            for (lane, work) in parts.into_iter().flat_map(|part| run.plan.lanes(part)) {
                let Work::List(pieces) = work.clone() else { continue };
                let (run, site) = (run.clone(), site.clone());
                match lane.part {
                    Part::Network => tasks.spawn(network::run(run, site, lane, pieces)),
                    Part::Together => tasks.spawn(together::run(run, site, lane, pieces)),
                    _ => tasks.spawn(thief::run(run, site, lane, pieces)),
                };
            }
            let sweeps = Sweeps::of(&run.plan, Part::Sdk);
            for _ in 0..self.sdk {
                tasks.spawn(sdk::run(run.clone(), site.clone(), sweeps.clone()));
            }
        }
        if run.plan.has(Part::Server) {
            let sweeps = Sweeps::of(&run.plan, Part::Server);
            for _ in 0..self.servers {
                tasks.spawn(server::run(run.clone(), sweeps.clone()));
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}
