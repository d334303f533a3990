//! What is built out of `[adapter.redis]`.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::cluster::{Cluster, ClusterOptions};
use crate::config::{Config, Finding, RedisAdapter, RedisEndpoint, StorePlace};
use crate::generations::{Generations, PluginView};
use crate::limit_hits::LimitHits;
use crate::node::NodeName;
use crate::rate_limit::SharedLimits;
use crate::redis_link::{Commands, LinkError, RedisLink, Tls, TlsError};
use crate::store::{LazyStore, RedisStore};

/// Random bytes behind the node's name in its id.
const RANDOM_BYTES: usize = 6;

/// What is wrong with the certificates.
pub(super) fn finding(redis: &RedisAdapter) -> Option<Finding> {
    Some(Finding::new("adapter.redis.ca_file", tls(redis).err()?.to_string()))
}

/// TLS, if the URL asks for it.
fn tls(redis: &RedisAdapter) -> Result<Option<Tls>, TlsError> {
    match redis.url.as_ref().map(|url| &url.endpoint) {
        Some(RedisEndpoint::Tcp { tls: true, .. }) => Tls::new(redis.ca_file.as_deref()).map(Some),
        _ => Ok(None),
    }
}

/// The way to Redis, if it is configured. Its certificates were looked at when the configuration was checked.
pub(super) fn link(config: &Config, node: NodeName) -> Option<RedisLink> {
    let url = config.redis.url.clone()?;
    let tls = tls(&config.redis).ok().flatten();
    Some(RedisLink::new(url, tls, format!("innkeeper-{node}")))
}

/// The connection for store and limits of rate, if Redis is configured, and the store, on Redis if it is to be there. Redis has been
/// tried once, so that what is there serves from the start.
pub(super) async fn with_redis(config: &Config, node: NodeName, store: LazyStore) -> (Option<Arc<Commands>>, LazyStore) {
    let Some(link) = link(config, node) else { return (None, store) };
    let commands = Commands::start(link).await;
    let store = match config.store_place() {
        StorePlace::Redis => store.on_redis(store_on(&commands, config)),
        StorePlace::File => store,
    };
    (Some(commands), store)
}

/// The limits of rate that all nodes count together.
pub(super) fn shared_limits(commands: &Arc<Commands>, config: &Config) -> Arc<SharedLimits> {
    Arc::new(SharedLimits::new(commands.clone(), &config.store.key, config.redis.rate_limit_on_failure))
}

/// The store on Redis, for the command line. The error says why Redis cannot be reached.
pub(crate) async fn redis_store(config: &Config) -> Result<Option<RedisStore>, LinkError> {
    if config.store_place() != StorePlace::Redis {
        return Ok(None);
    }
    let Some(link) = link(config, NodeName::of_bytes([0; 3])) else { return Ok(None) };
    let commands = Commands::reached(link).await?;
    Ok(Some(store_on(&commands, config)))
}

/// The store on Redis, as the configuration has it.
fn store_on(commands: &Arc<Commands>, config: &Config) -> RedisStore {
    RedisStore::new(commands.clone(), &config.store.key, config.store.bucket_bytes_max)
}

/// This node's part of the cluster, not connected yet.
pub(super) fn cluster(config: &Config, node: NodeName, limit_hits: &Arc<LimitHits>) -> Option<Arc<Cluster>> {
    let link = link(config, node)?;
    let mut random = [0; RANDOM_BYTES];
    // Without random bytes the name alone tells the nodes apart.
    let _whatever = getrandom::fill(&mut random);
    let redis = &config.redis;
    let options = ClusterOptions {
        node: node.to_string(),
        key: redis.key.clone(),
        specific_responses: redis.publish_on_specific_response_channel,
        answer_auth: redis.answer_auth,
        python_channel: redis.python_channel.clone(),
        requests_timeout: redis.requests_timeout,
        attachments_max: config.limits.attachments_max,
    };
    Some(Cluster::new(options, link, &URL_SAFE_NO_PAD.encode(random), limit_hits.clone()))
}

/// The connections to Redis that are down, with the seconds since they are.
pub(super) fn down(cluster: Option<&Arc<Cluster>>, commands: Option<&Arc<Commands>>) -> Vec<(&'static str, f64)> {
    let of_cluster = cluster.map(|cluster| cluster.down()).unwrap_or_default();
    let of_commands = commands.and_then(|commands| commands.down_for()).map(|time| (Commands::NAME, time.as_secs_f64()));
    of_cluster.into_iter().chain(of_commands).collect()
}

/// What this node says of itself to the others, and to the operator: JSON.
pub(super) fn describe(node: NodeName, generations: &Generations) -> String {
    let plugin = |plugin: &PluginView| {
        let generation = plugin.generation.as_ref();
        json!({
            "name": plugin.name,
            "status": plugin.status,
            "generation": generation.map(|generation| generation.number),
            "digest": generation.map(|generation| &generation.digest),
        })
    };
    let plugins: Vec<_> = generations.list().iter().map(plugin).collect();
    json!({"node": node.to_string(), "version": env!("CARGO_PKG_VERSION"), "plugins": plugins}).to_string()
}
