//! What the control socket and the metrics port answer.
//!
//! ```text
//! GET  /status                  one JSON object, see `status`
//! GET  /leases?FILTER           JSON objects, one a line, in order of address, see `leases`
//! GET  /failover                a JSON array of relationships, see `relationship`
//! POST /failover/NAME/COMMAND   the relationship after that, see `command`; ?address= for `reset`
//! POST /reconfigure?FILTER       what that comes to, see `reconfigure`
//! POST /reconfigure/WISH?FILTER  the same, of clients that are to send `renew`, `rebind` or `information-request`
//! GET  /metrics                 OpenMetrics text; the only thing on the metrics port
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http_body::Frame;

use super::command::{Details, Wish};
use super::filter::Filter;
use super::instance::Instance;
use super::listing::Listing;
use super::metrics;
use super::reconfigure::WISHES;
use crate::wire::dhcpv6::MessageType;

/// Everything, for the control socket.
pub fn control(instance: Arc<Instance>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/leases", get(leases))
        .route("/failover", get(relationships))
        .route("/failover/{name}/{command}", post(order))
        .route("/reconfigure", post(reconfigure))
        .route("/reconfigure/{wish}", post(reconfigure_by))
        .route("/metrics", get(scrape))
        .with_state(instance)
}

/// What anybody who reaches the metrics port may see.
pub fn metrics(instance: Arc<Instance>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(instance)
}

async fn status(State(instance): State<Arc<Instance>>) -> impl IntoResponse {
    Json(instance.status())
}

async fn scrape(State(instance): State<Arc<Instance>>) -> Response {
    match metrics::text(instance.status()) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn leases(State(instance): State<Arc<Instance>>, Query(filter): Query<Filter>) -> Response {
    let body = Body::new(Lines(instance.listing(filter)));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

async fn relationships(State(instance): State<Arc<Instance>>) -> impl IntoResponse {
    Json(instance.relationships())
}

/// Has one relationship do something, and answers with what it is then: 404 for what there is not,
/// 409 for what makes no sense as things are.
async fn order(
    State(instance): State<Arc<Instance>>,
    Path((name, command)): Path<(String, String)>,
    Query(details): Query<Details>,
) -> Response {
    let refused = |status: StatusCode, why: String| (status, why).into_response();
    let find = || instance.relationships().into_iter().find(|it| it.name == name);
    let Some(wish) = Wish::ALL.into_iter().find(|wish| wish.name() == command) else {
        return refused(StatusCode::NOT_FOUND, format!("there is no command {command:?}"));
    };
    let Some(before) = find() else {
        return refused(StatusCode::NOT_FOUND, format!("there is no relationship {name:?}"));
    };
    if let Some(objection) = wish.objection(&before, details) {
        return refused(StatusCode::CONFLICT, objection);
    }
    let done = match wish.command(details) {
        Ok(command) => instance.partners.command(&name, command).await,
        Err(missing) => return refused(StatusCode::BAD_REQUEST, missing),
    };
    match done {
        Ok(()) => Json(find().unwrap_or(before)).into_response(),
        Err(why) => refused(StatusCode::CONFLICT, why),
    }
}

/// Has clients come back by whichever message is right.
async fn reconfigure(
    State(instance): State<Arc<Instance>>,
    Query(filter): Query<Filter>,
) -> Response {
    tell(&instance, None, filter).await
}

/// Has clients come back by the message that is named.
async fn reconfigure_by(
    State(instance): State<Arc<Instance>>,
    Path(wish): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    match WISHES.into_iter().find(|(name, _)| *name == wish) {
        Some((_, wanted)) => tell(&instance, Some(wanted), filter).await,
        None => {
            (StatusCode::NOT_FOUND, format!("no client can be had to {wish:?}")).into_response()
        }
    }
}

async fn tell(instance: &Instance, wanted: Option<MessageType>, filter: Filter) -> Response {
    let Some(reconfigure) = &instance.reconfigure else {
        return (StatusCode::CONFLICT, "DHCPv6 is not served here").into_response();
    };
    match reconfigure.order(instance, wanted, filter).await {
        Ok(outcome) => Json(outcome).into_response(),
        Err(why) => (StatusCode::CONFLICT, why).into_response(),
    }
}

/// A listing as a body. A page is made when the connection has room for it, so a slow reader holds
/// up nothing and however many leases there are, one page of them is in memory.
struct Lines(Listing);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.next_page() {
            None => Poll::Ready(None),
            Some(page) if page.is_empty() => {
                // Nothing here that the filter takes: let the rest of the thread have a turn.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(page) => Poll::Ready(Some(Ok(Frame::data(page.into())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::thread;

    use serde_json::Value;
    use tokio::sync::oneshot;

    use super::*;
    use crate::control::socket::ControlSocket;
    use crate::control::{Client, ClientError};
    use crate::lease::{self, Binding, BindingStatus, ClientKey, ItemKind};
    use crate::wire::Stamp;

    /// 65,536 addresses: many pages of a listing.
    const CONFIGURATION: &str = r#"
        [[interface]]
        name = "lo"
        [[subnet4]]
        subnet = "10.7.0.0/16"
        pools = ["10.7.0.1-10.7.255.254"]
    "#;

    /// Answers `router` on the control socket of `dir` while `ask` runs.
    fn while_answering(dir: &Path, router: Router, ask: impl FnOnce(Client)) {
        let socket = ControlSocket::bind(dir).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let serve = axum::serve(socket.listener().unwrap(), router);
                tokio::select! {
                    outcome = serve => outcome.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        ask(Client::new(dir).unwrap());
        drop(stop);
        server.join().unwrap();
    }

    fn get(client: &Client, path: &str) -> Result<String, ClientError> {
        let mut octets = Vec::new();
        client.get(path, |piece| {
            octets.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(String::from_utf8(octets).unwrap())
    }

    fn lines(client: &Client, path: &str) -> Vec<Value> {
        let text = get(client, path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every third address leased.
    fn instance_with_leases(dir: &Path) -> Arc<Instance> {
        let instance = Instance::sample(dir, CONFIGURATION);
        for index in (3..60_000_u32).step_by(3) {
            let octets = [&[1, 2, 0][..], &index.to_be_bytes()].concat();
            let identity = ClientKey { kind: ItemKind::Hardware, octets: &octets };
            let binding = Binding {
                version: 1,
                expires: Stamp::NEVER,
                client: Some(lease::Client::builder(identity).build()),
                ..Binding::new(BindingStatus::Active, Stamp(1))
            };
            instance.tables.ipv4.restore(lease::ResourceId(0x0a07_0000 + index), binding);
        }
        instance.tables.ipv4.finish_restore(&crate::lease::in_turn);
        Arc::new(instance)
    }

    #[test]
    fn all_leases_come_once_each_in_order_over_many_pages() {
        let dir = tempfile::tempdir().unwrap();
        let instance = instance_with_leases(dir.path());
        while_answering(dir.path(), control(instance), |client| {
            let all = lines(&client, "/leases");
            assert_eq!(all.len(), 19_999);
            let addresses: Vec<std::net::Ipv4Addr> = all
                .iter()
                .map(|lease| lease["address"].as_str().unwrap().parse().unwrap())
                .collect();
            assert!(addresses.is_sorted_by(|a, b| a < b));
            assert_eq!(all[0]["subnet"], "10.7.0.0/16");

            let far = lines(&client, "/leases?client=02:00:00:00:ea:5d");
            assert_eq!(far.len(), 1, "{far:?}");
            assert_eq!(far[0]["address"], "10.7.234.93");
            assert_eq!(lines(&client, "/leases?from=10.7.234.90").len(), 2);
            assert_eq!(lines(&client, "/leases?subnet=10.7.1.0%2F24").len(), 85);
            assert_eq!(lines(&client, "/leases?state=free").len(), 0);
        });
    }

    #[test]
    fn a_reader_that_leaves_early_disturbs_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let instance = instance_with_leases(dir.path());
        while_answering(dir.path(), control(instance), |client| {
            let enough = client.get("/leases", |_| Err(io::ErrorKind::BrokenPipe.into()));
            assert!(matches!(enough, Err(ClientError::Output(_))));
            assert_eq!(lines(&client, "/leases").len(), 19_999);
        });
    }

    #[test]
    fn status_has_every_counter_and_the_fill_of_each_pool() {
        let dir = tempfile::tempdir().unwrap();
        let instance = instance_with_leases(dir.path());
        while_answering(dir.path(), control(instance), |client| {
            let status: Value = serde_json::from_str(&get(&client, "/status").unwrap()).unwrap();
            assert_eq!(status["serving"], true);
            assert_eq!(status["pools"][0]["active"], 19_999);
            assert_eq!(status["pools"][0]["total"], 65_534);
            assert_eq!(status["pools"][0]["fill-permille"], 305);
            assert_eq!(status["packets"]["received"]["xdp"], 0);
            assert_eq!(status["packets"]["dropped"]["no-address"], 0);
            assert_eq!(status["journal"]["health"], "good");
            assert_eq!(status["latency"]["wire-to-wire"]["count"], 0);
        });
    }

    #[test]
    fn a_filter_that_is_none_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Arc::new(Instance::sample(dir.path(), CONFIGURATION));
        while_answering(dir.path(), control(instance), |client| {
            for query in ["subnet=ten", "state=lost", "colour=red"] {
                let refused = get(&client, &format!("/leases?{query}")).unwrap_err();
                assert!(matches!(refused, ClientError::Refused(_)), "{query}: {refused:?}");
            }
        });
    }

    #[test]
    fn a_command_that_there_is_not_and_one_for_nobody_are_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Arc::new(Instance::sample(dir.path(), CONFIGURATION));
        while_answering(dir.path(), control(instance), |client| {
            assert_eq!(get(&client, "/failover").unwrap(), "[]");
            for (path, said) in [
                ("/failover/a%2Fb/pause", "there is no relationship \"a/b\""),
                ("/failover/a/explode", "there is no command \"explode\""),
            ] {
                let refused = client.post(path).unwrap_err();
                assert!(refused.to_string().contains(said), "{refused}");
            }
            let by_get = get(&client, "/failover/a/pause").unwrap_err();
            assert!(matches!(by_get, ClientError::Refused(_)), "{by_get:?}");
        });
    }

    #[test]
    fn the_metrics_port_tells_nothing_about_clients() {
        let dir = tempfile::tempdir().unwrap();
        let instance = instance_with_leases(dir.path());
        while_answering(dir.path(), metrics(instance), |client| {
            assert!(get(&client, "/metrics").unwrap().contains("tandem_serving 1"));
            assert!(matches!(get(&client, "/leases"), Err(ClientError::Refused(_))));
            assert!(matches!(get(&client, "/status"), Err(ClientError::Refused(_))));
            assert!(matches!(get(&client, "/failover"), Err(ClientError::Refused(_))));
            assert!(matches!(
                client.post("/failover/metro/partner-down"),
                Err(ClientError::Refused(_))
            ));
        });
    }
}
