//! Several servers on one Postgres and one Redis, behind one address.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use crate::balancer::Balancer;
use crate::{LossyProxy, Postgres, Redis, Server, ServerOptions};

/// See the module.
#[derive(Debug)]
pub struct Nodes {
    /// The servers, all for one issuer.
    pub servers: Vec<Server>,
    /// The cluster that they share.
    pub postgres: Postgres,
    /// Where they share used proofs, nonces and limits.
    pub redis: Redis,
    /// In front of them; apps use it unless [`Nodes::proxy`] is in front of it.
    pub balancer: Balancer,
    /// What apps see, in a world without DPoP.
    pub proxy: Option<LossyProxy>,
}

impl Nodes {
    /// Starts three servers. With `proxy`, apps see that, and it passes requests on to the balancer.
    ///
    /// Errors: when a part does not start.
    pub async fn start(proxy: Option<LossyProxy>) -> Result<Self> {
        Self::start_on(tokio::task::block_in_place(Postgres::start)?, proxy).await
    }

    /// The same, on this cluster.
    ///
    /// Errors: as [`Nodes::start`].
    pub async fn start_on(postgres: Postgres, proxy: Option<LossyProxy>) -> Result<Self> {
        let balancer = Balancer::bind().await?;
        let redis = tokio::task::block_in_place(Redis::start)?;
        let port = proxy.as_ref().map_or(balancer.address().port(), LossyProxy::port);
        let issuer = format!("https://localhost:{port}");
        let options = ServerOptions {
            postgres: Some(postgres.url()),
            environment: vec![("MOORLINE_SHARED".into(), redis.url().into())],
            ..ServerOptions::default().with(["--issuer", &issuer])
        };
        let servers = tokio::task::block_in_place(|| {
            let first = Server::start_with(options)?;
            let (second, third) = (first.beside()?, first.beside()?);
            anyhow::Ok(vec![first, second, third])
        })?;
        let addresses: Result<Vec<SocketAddr>> = servers.iter().map(address).collect();
        balancer.to(addresses?);
        if let Some(proxy) = &proxy {
            proxy.run_at(&servers[0], balancer.address())?;
        }
        Ok(Self { servers, postgres, redis, balancer, proxy })
    }

    /// An address of one node, past the balancer.
    ///
    /// Errors: when there is no such node.
    pub fn url(&self, node: usize, path: &str) -> Result<String> {
        Ok(format!("https://localhost:{}{path}", self.servers.get(node).context("a node")?.port()?))
    }
}

fn address(server: &Server) -> Result<SocketAddr> {
    server.dev().listen.parse().context("the server's address")
}
