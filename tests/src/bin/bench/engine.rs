//! The server on either database: what each request costs there, one table for each kind.

use std::time::Duration;

use anyhow::{Result, ensure};
use moorline_tests::Server;
use moorline_tests::serve::Serve;

use crate::load::{Connection, Load, Work};
use crate::point::Point;
use crate::report::{Report, Series};
use crate::{flood, machine, serve, sessions, sign_ins};

/// How many clients refresh at once at each point.
pub(crate) const CLIENTS: [usize; 3] = [1, 16, 64];
/// How many clients do what is measured at one point only.
const SOME: usize = 16;
/// Codes of each of them: they live for a minute, and each is made by a walk through the pages.
const CODES: usize = 12;

/// A database engine, and the most that a bound refresh may cost the server there, in RS256 signatures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) refresh_goal: f64,
}

pub(crate) const SQLITE: Engine = Engine { name: "SQLite", refresh_goal: 1.5 };
/// The server alone is counted, without Postgres.
pub(crate) const POSTGRES: Engine = Engine { name: "Postgres", refresh_goal: 1.9 };

/// Measures every kind of request at a server on this engine.
///
/// Errors: when something is refused.
pub(crate) async fn measure(
    engine: Engine,
    server: &Server,
    serve: &Serve,
    report: &mut Report,
    time: Duration,
) -> Result<()> {
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    // Here and not before: the nonces of another process are of no use.
    let mut bearer = Load::new(server, sessions::bearer(server, most).await?)?;
    let mut bound = Load::new(server, sessions::bound(server, most).await?)?;
    for (tokens, load) in [("bearer", &mut bearer), ("DPoP", &mut bound)] {
        for (connections, connection) in [("warm", Connection::Warm), ("cold", Connection::Cold)] {
            report.begin(Series::new(engine.name, "refresh", tokens, connections));
            refreshes(serve, load, connection, report, time).await?;
        }
    }
    for (tokens, load) in [("bearer", &mut bearer), ("DPoP", &mut bound)] {
        report.begin(Series::new(engine.name, "API read", tokens, "warm"));
        report.point(load.point(serve.pid(), SOME, Connection::Warm, Work::Read, time).await?);
        report.signature(machine::signature_cpu_ms()?);
    }
    es256(engine, (server, serve), &mut bearer, report, time).await?;
    report.begin(Series::new(engine.name, "code exchange", "DPoP", "warm"));
    sessions::with_codes(server, bound.sessions(SOME), CODES).await?;
    report.point(bound.point(serve.pid(), SOME, Connection::Warm, Work::Exchange, time).await?);
    report.signature(machine::signature_cpu_ms()?);
    report.begin(Series::new(engine.name, "sign-in", "password", "cold"));
    let (cpu, outcome) = machine::cpu_ms_of(serve.pid(), sign_ins::run(server, 100, 4)).await?;
    report.point(Point::new(4, &outcome?, cpu));
    report.bound_refresh(engine.name, engine.refresh_goal);
    let slowed = flood::measure(server, serve, &mut bound, time).await?;
    report.goal(slowed.of(engine.name));
    Ok(())
}

/// Measures what several nodes share and a node that is alone does not: where used proofs are a round trip away.
///
/// Errors: when something is refused.
pub(crate) async fn measure_sharing(
    server: &Server,
    serve: &Serve,
    report: &mut Report,
    time: Duration,
) -> Result<()> {
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    let mut bound = Load::new(server, sessions::bound(server, most).await?)?;
    report.begin(Series::new("Postgres + Redis", "refresh", "DPoP", "warm"));
    refreshes(serve, &mut bound, Connection::Warm, report, time).await
}

/// A point for each number of clients.
async fn refreshes(
    serve: &Serve,
    load: &mut Load,
    connection: Connection,
    report: &mut Report,
    time: Duration,
) -> Result<()> {
    for clients in CLIENTS {
        report.point(load.point(serve.pid(), clients, connection, Work::Refresh, time).await?);
        report.signature(machine::signature_cpu_ms()?);
    }
    Ok(())
}

/// What the same requests cost when the access tokens are signed by ES256.
async fn es256(
    engine: Engine,
    (server, serve): (&Server, &Serve),
    bearer: &mut Load,
    report: &mut Report,
    time: Duration,
) -> Result<()> {
    const ES256: &str = "ES256";
    serve::sign_access_tokens_by(server, ES256)?;
    report.begin(Series::new(engine.name, "refresh", "bearer (ES256)", "warm"));
    for clients in CLIENTS {
        report.point(bearer.point(serve.pid(), clients, Connection::Warm, Work::Refresh, time).await?);
        report.signature(machine::signature_cpu_ms()?);
        report.es256_signature(machine::es256_signature_cpu_ms()?);
    }
    // The last point has refreshed every session.
    for session in bearer.sessions(CLIENTS.into_iter().max().unwrap_or_default()) {
        ensure!(session.is_signed_by(ES256)?, "the server did not sign by {ES256}");
    }
    report.begin(Series::new(engine.name, "API read", "bearer (ES256)", "warm"));
    report.point(bearer.point(serve.pid(), SOME, Connection::Warm, Work::Read, time).await?);
    report.signature(machine::signature_cpu_ms()?);
    serve::sign_access_tokens_by(server, "RS256")
}
