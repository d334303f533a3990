//! What an instance of a `shared` plugin hands to the next generation, and what becomes of it where that fails. Without clients.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::config::{CompilePlace, Config, PluginConfig};
use crate::event_loops::EventLoops;
use crate::fixed_limits::SNAPSHOT_BYTES_MAX;
use crate::plugin::Runner;
use crate::{app, cli};

/// Runs a test with a generation of `tests/guests/unruly` for each of these plans: what its hooks do in place of handing over a counter.
fn with_generations<const N: usize, F: Future<Output = ()>>(plans: [Value; N], test: impl FnOnce([Arc<dyn Runner>; N]) -> F) {
    let component = cli::component_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/unruly"));
    let plugin = |(number, plans): (usize, Value)| {
        let mut plugin = PluginConfig::new(&format!("unruly-{number}"), component.clone());
        plugin.grants = ["store", "rate-limit"].map(str::to_owned).into();
        plugin.config = json!({"mode": "shared", "namespace": format!("/{number}"), "plans": plans}).to_string();
        plugin
    };
    let mut config = Config { plugins: plans.into_iter().enumerate().map(plugin).collect(), ..Config::default() };
    let folder = std::env::temp_dir().join(format!("innkeeper-handing-over-{}-{N}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    config.store.path = Some(folder.join("store.redb"));
    config.wasm.compile = CompilePlace::Inside;
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let server = app::build(&config, app::store_of(&config), EventLoops::here(), Arc::default()).await.unwrap();
        let plugin = |number| server.sources.registry.plugin(&format!("unruly-{number}")).unwrap();
        test(std::array::from_fn(plugin)).await;
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

async fn counter(generation: &Arc<dyn Runner>) -> Result<u64, String> {
    let snapshot = generation.clone().snapshot(0).await?.unwrap();
    let state: Value = serde_json::from_str(&snapshot).unwrap();
    Ok(state["counter"].as_u64().unwrap())
}

#[test]
fn an_instance_hands_over_what_it_says_and_goes_on() {
    with_generations([json!({})], async |[generation]| {
        assert_eq!(counter(&generation).await, Ok(0));
        assert_eq!(generation.clone().restore(0, json!({"counter": 7}).to_string()).await, Ok(()));
        assert_eq!(counter(&generation).await, Ok(7));
        assert!(generation.clone().restore(0, "no JSON".to_owned()).await.unwrap_err().contains("expected"));
        assert_eq!(counter(&generation).await, Ok(7), "what it refuses changes nothing");
        assert!(generation.clone().snapshot(1).await.unwrap_err().contains("no such instance"));
    });
}

#[test]
fn what_is_refused_or_too_large_is_not_handed_over_and_an_instance_that_breaks_is_followed_by_another() {
    let plans = ["fail", "large", "spin"].map(|plan| json!({"snapshot": plan}));
    let [fails, large, spins] = plans;
    with_generations([fails, large, spins, json!({"restore": "panic"})], async |[fails, large, spins, breaks]| {
        assert_eq!(counter(&fails).await, Err("as planned".to_owned()));
        let too_large = counter(&large).await.unwrap_err();
        assert!(too_large.contains(&format!("at most {SNAPSHOT_BYTES_MAX}")), "{too_large}");
        assert!(counter(&spins).await.unwrap_err().contains("run_ms"));
        assert_eq!(spins.clone().restore(0, json!({"counter": 1}).to_string()).await, Ok(()));
        assert_eq!(breaks.clone().restore(0, "{}".to_owned()).await.map_err(|_| ()), Err(()));
        assert_eq!(counter(&breaks).await, Ok(0));
    });
}
