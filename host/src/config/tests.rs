//! What a configuration may say, and what is reported to the operator when it says something else.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::variables::Environment;
use super::wasm::Wasm;
use super::{CompilePlace, ComponentCache, Config, Flags, InstanceAllocation, KeySource, Origins, Problems, StorePlace, resolve};

const NO_FLAGS: Flags = Flags { host: None, port: None };

fn nothing(_: &str) -> Option<String> {
    None
}

/// Reads text as if it stood in a file beside this one, so that `tests.rs` can stand for a component.
fn read(text: &str, environment: Environment<'_>) -> Result<Config, Problems> {
    resolve::from_text(Path::new("src/config/innkeeper.toml"), text, environment, NO_FLAGS).map(|resolved| resolved.config)
}

fn problems(text: &str) -> Vec<String> {
    let told = read(text, &nothing).expect_err("problems were made").to_string();
    told.lines().map(|line| line.replace("src/config/", "")).collect()
}

#[test]
fn every_problem_is_reported_at_once_with_its_line_and_a_remedy() {
    let told = problems(
        r#"
[server]
prot = 3001
pingInterval = "25s"
ping_timeout = "soon"
upgrade_timeout = -1
connect_timeout = "30h"
host = "example.com"
path = "socket.io"
transports = ["polling", "webscoket", "polling"]
allow_upgrades = "yes"
max_http_buffer_size = "16MiB"
static_folder = "nowhere"
cors = { origin = ["https://example.com/app", "example.com"], credential = true }
[internal]
port = 70000
enabled = 1
[limits]
attachments_max = 0
inbound_max_events = 500
data_bytes_max = "64 kilobytes"
drain_deadline = true
quux = 1
[plugins.chat]
component = "nowhere.wasm"
grants = ["store", "stor", "store:", "http:a/b", "rate-limit:x", "namespaces:admin", "jwt:main", "store:users", "store:users", "root"]
memory_bytes_max = "1KiB"
config = "x"
[plugins."my plugin"]
run_ms = "20s"
config = { key = "${SECRET}", ratio = nan }
[plugins]
echo = "echo.wasm"
[severs]
"#,
    );
    let expected = r#"
innkeeper.toml:3: server.prot: unknown key; did you mean `port`?
innkeeper.toml:4: server.pingInterval: unknown key; did you mean `ping_interval`?
innkeeper.toml:5: server.ping_timeout: "soon" is not a duration; write "25s", "500ms", "2m" or a number of milliseconds
innkeeper.toml:6: server.upgrade_timeout: -1 is not a duration; write "25s", "500ms", "2m" or a number of milliseconds
innkeeper.toml:7: server.connect_timeout: "30h" is out of range; use 1ms to 86400s
innkeeper.toml:8: server.host: "example.com" is not an address; write "127.0.0.1" for this machine, "0.0.0.0" for every interface, or the address of one
innkeeper.toml:9: server.path: "socket.io" is not a path; write it like "/socket.io/"
innkeeper.toml:10: server.transports: "webscoket" is not a transport; did you mean "websocket"?
innkeeper.toml:10: server.transports: "polling" stands here twice; keep one of them
innkeeper.toml:11: server.allow_upgrades: "yes" is not true or false; write true or false, without quotes
innkeeper.toml:12: server.max_http_buffer_size: `server.max_http_buffer_size` (16777216) is above `limits.inbound_max_bytes` (8388608); lower the first or raise the second
innkeeper.toml:13: server.static_folder: there is no folder "nowhere"; make it or correct the path, which is relative to the configuration
innkeeper.toml:14: server.cors.origin: "https://example.com/app" is not an origin; write "https://example.com", without a path, or "*" for every one
innkeeper.toml:14: server.cors.origin: "example.com" is not an origin; write "https://example.com", without a path, or "*" for every one
innkeeper.toml:14: server.cors.credential: unknown key; did you mean `credentials`?
innkeeper.toml:16: internal.port: 70000 is out of range; use 0 to 65535
innkeeper.toml:17: internal.enabled: 1 is not true or false; write true or false, without quotes
innkeeper.toml:19: limits.attachments_max: 0 is out of range; use 1 to 10000000
innkeeper.toml:20: limits.inbound_max_events: `limits.inbound_high_events` (1000) is above `limits.inbound_max_events` (500); lower the first or raise the second
innkeeper.toml:21: limits.data_bytes_max: "64 kilobytes" is not a size; write "64KiB", "8MiB", "1MB" or a number of bytes
innkeeper.toml:22: limits.drain_deadline: true is not a duration; write "25s", "500ms", "2m" or a number of milliseconds
innkeeper.toml:23: limits.quux: unknown key; known here: KEYS OF LIMITS
innkeeper.toml:25: plugins.chat.component: there is no file "nowhere.wasm"; build it (`innkeeper build <its folder>`) or correct the path, which is relative to the configuration
innkeeper.toml:26: plugins.chat.grants: "stor" is not a capability; did you mean "store"?
innkeeper.toml:26: plugins.chat.grants: "store:" names no bucket; write "store:users", one entry for each bucket: a name of 1 to 64 bytes
innkeeper.toml:26: plugins.chat.grants: "http:a/b" names no host; write "http:api.example.org", one entry for each host: host or host:port, and http:// before it for a host without TLS; no path
innkeeper.toml:26: plugins.chat.grants: "rate-limit:x": the capability "rate-limit" cannot be narrowed; write "rate-limit", or leave it out
innkeeper.toml:26: plugins.chat.grants: "namespaces:admin" names no namespace; write "namespaces:/admin", one entry for each namespace: a name that begins with a slash
innkeeper.toml:26: plugins.chat.grants: "store:users" stands here twice; keep one of them
innkeeper.toml:26: plugins.chat.grants: "root" is not a capability; known: store, jwt, http, rate-limit, handshake:secrets, namespaces, cluster
innkeeper.toml:27: plugins.chat.memory_bytes_max: "1KiB" is out of range; use 65536 to 4294967296 bytes
innkeeper.toml:28: plugins.chat.config: a table is expected, not a value of type string; begin it with [plugins.chat.config]
innkeeper.toml:29: plugins."my plugin": "my plugin" cannot name a plugin; use 1 to 64 letters, digits, `-` and `_`
innkeeper.toml:29: plugins."my plugin": the key `component` is missing; add component = "<file>.wasm"
innkeeper.toml:30: plugins."my plugin".run_ms: `run_ms` (20s) is above `call_ms` (10s); lower the first or raise the second
innkeeper.toml:31: plugins."my plugin".config.key: the environment variable `SECRET` is not set; set it, or give a default: ${SECRET:-…}
innkeeper.toml:31: plugins."my plugin".config.ratio: nan is not a number in JSON; leave it out
innkeeper.toml:33: plugins.echo: a table is expected, not a value of type string; begin it with [plugins.echo]
innkeeper.toml:34: severs: unknown key; did you mean `server`?
"#;
    let keys: Vec<_> = super::limits::KEYS.iter().map(|key| key.name).collect();
    let expected = expected.replace("KEYS OF LIMITS", &keys.join(", "));
    assert_eq!(told, expected.trim().lines().collect::<Vec<_>>(), "{told:#?}");
}

#[test]
fn a_host_name_has_no_scheme_and_no_port() {
    let told = problems("[server]\nhosts = ['rt.example', '*.apps.example', 'https://a.example', 'a.example:80', '*', '']");
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(
        told.iter().all(|line| line.starts_with("innkeeper.toml:2: server.hosts: ") && line.contains("is no host name")),
        "{told:#?}"
    );
}

#[test]
fn an_option_of_socket_io_that_is_no_key_says_what_there_is_instead() {
    let told =
        problems("[server]\nperMessageDeflate = true\nallow_request = 'f'\n[server.cors]\nmethods = ['GET']\npingTimeout = 1\n");
    let expected = [
        "innkeeper.toml:2: server.perMessageDeflate: Socket.IO's option `perMessageDeflate`: not yet: messages of a websocket are not compressed; see docs/unsupported.md",
        "innkeeper.toml:3: server.allow_request: Socket.IO's option `allowRequest`: connect middleware of a plugin instead, and `origin` in `[server.cors]`; see docs/unsupported.md",
        "innkeeper.toml:5: server.cors.methods: Socket.IO's option `cors.methods`: not needed: a preflight is answered with the methods of the endpoint; see docs/unsupported.md",
        "innkeeper.toml:6: server.cors.pingTimeout: unknown key; known here: origin, credentials",
    ];
    assert_eq!(told, expected);
}

#[test]
fn numbers_may_have_underscores_as_in_toml() {
    let text = "[server]\nping_interval = '1_000ms'\nping_timeout = 2_000\nconnect_timeout = '1_0 s'\nmax_http_buffer_size = '1_000kB'\nport = '${PORT}'";
    let environment = |name: &str| (name == "PORT").then(|| "4_000".to_owned());
    let server = read(text, &environment).expect("nothing is wrong").server;
    assert_eq!((server.ping_interval, server.ping_timeout), (Duration::from_secs(1), Duration::from_secs(2)));
    assert_eq!((server.connect_timeout, server.max_http_buffer_size, server.port), (Duration::from_secs(10), 1_000_000, 4_000));
    for odd in ["'_1s'", "'1_s'", "'1__0s'", "'_s'"] {
        assert_eq!(problems(&format!("server.ping_interval = {odd}")).len(), 1, "{odd}");
    }
}

#[test]
fn text_that_is_not_toml_is_reported_with_the_rest() {
    let told = problems("[server]\nport = 1\nport = 2\nhost = \n[internal\nport = 3\n[limits]\nattachment_max = 1\n");
    let expected = [
        "innkeeper.toml:3: port: duplicate key; keep one of them",
        "innkeeper.toml:4: string values must be quoted, expected literal string",
        "innkeeper.toml:5: unclosed table, expected `]`",
        "innkeeper.toml:8: limits.attachment_max: unknown key; did you mean `attachments_max`?",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_missing_file_is_a_problem_too() {
    let told = Config::load(Path::new("nowhere.toml"), &nothing, NO_FLAGS).expect_err("no file");
    assert!(told.to_string().starts_with("nowhere.toml: no such file"), "{told}");
}

#[test]
fn listeners_with_the_same_port_and_credentials_for_everyone_are_refused() {
    let told = problems("server.port = 3002\nserver.cors = { origin = '*', credentials = true }");
    let expected = [
        "innkeeper.toml:1: server.port: both listeners would have port 3002; give [server] and [internal] a port each, or 0 for a free one",
        "innkeeper.toml:2: server.cors.credentials: true does not go with every origin; list the origins; browsers refuse credentials for \"*\"",
    ];
    assert_eq!(told, expected);
}

#[test]
fn wrong_variables_are_reported_by_name() {
    let environment = |name: &str| match name {
        "INNKEEPER_PORT" => Some("http".to_owned()),
        "INNKEEPER_HOST" => Some("everywhere".to_owned()),
        "CLIENT_URL" => Some("localhost:5173".to_owned()),
        _ => None,
    };
    let told = Config::built_in(Vec::new(), &environment, NO_FLAGS).expect_err("three problems");
    let told = told.to_string();
    let names: Vec<_> = told.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(names, ["INNKEEPER_PORT", "INNKEEPER_HOST", "CLIENT_URL"], "{told}");
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = read("", &nothing).expect("nothing is wrong");
    let expected = Config { file: Some(PathBuf::from("src/config/innkeeper.toml")), ..Config::default() };
    assert_eq!(config, expected);
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let text = "server = { host = '0.0.0.0', port = 1, cors.origin = 'http://file' }";
    let environment = |name: &str| match name {
        "INNKEEPER_PORT" => Some("2".to_owned()),
        "INNKEEPER_HOST" => Some("::1".to_owned()),
        "CLIENT_URL" => Some("http://localhost:5173/, https://EXAMPLE.com:443".to_owned()),
        _ => None,
    };
    let flags = Flags { port: Some(3), ..NO_FLAGS };
    let path = Path::new("innkeeper.toml");
    let config = resolve::from_text(path, text, &environment, flags).expect("nothing is wrong").config;

    assert_eq!((config.server.host.to_string(), config.server.port), ("::1".to_owned(), 3));
    let expected = ["http://localhost:5173", "https://example.com:443"].map(str::to_owned);
    assert_eq!(config.server.cors.origins, Origins::Listed(expected.to_vec()));
}

#[test]
fn origins_of_web_views_boards_and_subdomains_can_be_listed() {
    let origins = |list: &str| {
        let text = format!("[server]\ncors.origin = {list}");
        let path = Path::new("innkeeper.toml");
        resolve::from_text(path, &text, &|_| None, NO_FLAGS).map(|resolved| resolved.config.server.cors.origins)
    };
    let listed = ["null", "file://", "capacitor://localhost", "wss://example.com", "https://*.example.com:8443"];
    assert_eq!(origins(&format!("{listed:?}")).ok(), Some(Origins::Listed(listed.map(str::to_owned).to_vec())));
    for refused in [
        "https://*",
        "https://*.",
        "https://*example.com",
        "https://a.*.com",
        "https://*.*.com",
        "*://example.com",
        "https://é.com",
    ] {
        assert!(origins(&format!("[{refused:?}]")).is_err(), "{refused}");
    }
}

#[test]
fn values_are_resolved_as_meant() {
    let text = r#"
[server]
port = "${PORT:-4000}"
ping_interval = 25000
ping_timeout = "1m"
max_http_buffer_size = "2 MB"
transports = ["websocket"]
path = "/rt"
static_folder = "."
client_folder = "client"
serve_client = false
[plugins.second]
component = "tests.rs"
grants = ["store", "handshake:secrets"]
namespaces = ["/", "/chat"]
run_ms = 50
config = { secret = "${SECRET}", literal = "$${SECRET}", nested = { list = [1, 2.5, true] } }
[plugins.first]
component = "tests.rs"
"#;
    let environment = |name: &str| (name == "SECRET").then(|| "hush".to_owned());
    let config = read(text, &environment).expect("nothing is wrong");

    let server = &config.server;
    assert_eq!((server.port, server.path.as_str()), (4000, "/rt/"));
    assert_eq!(server.ping_interval, Duration::from_secs(25));
    assert_eq!(server.ping_timeout, Duration::from_secs(60));
    assert_eq!(server.max_http_buffer_size, 2_000_000);
    assert!(server.transports.websocket && !server.transports.polling);
    assert_eq!(server.static_folder.as_deref(), Some(Path::new("src/config/.")));
    assert_eq!(server.client_folder.as_deref(), Some(Path::new("src/config/client")));
    assert!(!server.serve_client);
    let names: Vec<_> = config.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(names, ["second", "first"]);
    let second = config.plugins.first().expect("two plugins");
    assert_eq!(second.grants, ["store", "handshake:secrets"]);
    assert_eq!(second.limits.run_deadline, Duration::from_millis(50));
    assert_eq!(second.component, Path::new("src/config/tests.rs"));
    assert_eq!(second.config, r#"{"literal":"${SECRET}","nested":{"list":[1,2.5,true]},"secret":"hush"}"#);
    assert_eq!(second.namespaces.as_deref(), Some(["/".to_owned(), "/chat".to_owned()].as_slice()));
    let first = config.plugins.get(1).expect("two plugins");
    assert_eq!((first.grants.len(), &first.namespaces), (0, &None));
}

#[test]
fn a_grant_may_be_narrowed_and_the_namespaces_of_a_plugin_named() {
    let plugin = |keys: &str| format!("[plugins.chat]\ncomponent = 'tests.rs'\n{keys}");
    let grants =
        ["store:users", "store:a:b", "jwt:default", "http:api.example.org:8443", "namespaces:/admin", "handshake:secrets"];
    let config = read(&plugin(&format!("grants = {grants:?}\nnamespaces = '/chat'")), &nothing).expect("nothing is wrong");
    let chat = config.plugins.first().expect("a plugin");
    assert_eq!(chat.grants, grants);
    assert_eq!(chat.namespaces.as_deref(), Some(["/chat".to_owned()].as_slice()));

    let told = problems(&plugin("namespaces = ['chat', '/a b', '/', '/', 5]"));
    let expected = [
        "innkeeper.toml:3: plugins.chat.namespaces: \"chat\" is not a namespace; a name begins with a slash: \"/chat\"",
        "innkeeper.toml:3: plugins.chat.namespaces: \"/a b\" is not a namespace; use a name that begins with a slash and has no spaces",
        "innkeeper.toml:3: plugins.chat.namespaces: \"/\" stands here twice; keep one of them",
        "innkeeper.toml:3: plugins.chat.namespaces: 5 is not a string; write it in quotes",
    ];
    assert_eq!(told, expected);
    let told = problems(&plugin("namespaces = []"));
    assert_eq!(told, ["innkeeper.toml:3: plugins.chat.namespaces: the list names no namespace; name one, or leave the key out"]);
}

#[test]
fn the_cache_is_a_folder_or_on_or_off() {
    let wasm = |text: &str| read(text, &nothing).expect("nothing is wrong").wasm;
    assert_eq!(wasm("[wasm]\ncache = true\ninstance_allocation = 'pooling'"), Wasm::default());
    let expected = Wasm {
        cache: ComponentCache::Folder(PathBuf::from("src/config/compiled")),
        compile: CompilePlace::Inside,
        instance_allocation: InstanceAllocation::OnDemand,
        guest_threads: Some(3),
    };
    assert_eq!(
        wasm("[wasm]\ncache = 'compiled'\ncompile = 'inside'\ninstance_allocation = 'on-demand'\nguest_threads = 3"),
        expected
    );
    assert_eq!(wasm("wasm.cache = false").cache, ComponentCache::Off);
    let told = problems("[wasm]\ncache = 1\ninstance_allocation = 'demand'");
    let expected = [
        "innkeeper.toml:2: wasm.cache: 1 is not a folder, true or false; name a folder in quotes, or write true or false without",
        "innkeeper.toml:3: wasm.instance_allocation: \"demand\" is not a way to allocate instances; did you mean \"on-demand\"?",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_folder_is_no_file_of_the_store() {
    assert_eq!(
        problems("[store]\npath = '.'"),
        ["innkeeper.toml:2: store.path: \".\" is a folder; name a file, or leave the key out"]
    );
}

#[test]
fn the_store_is_on_the_redis_of_the_adapter_unless_it_says_otherwise() {
    let place = |text: &str| read(text, &nothing).expect("nothing is wrong").store_place();
    const REDIS: &str = "[adapter.redis]\nurl = 'redis://127.0.0.1'\n";
    assert_eq!((place(""), place(REDIS)), (StorePlace::File, StorePlace::Redis));
    assert_eq!(place(&format!("{REDIS}[store]\non = 'file'\npath = 'x.redb'")), StorePlace::File);
    assert_eq!(place(&format!("{REDIS}[store]\non = 'redis'\nkey = 'app'")), StorePlace::Redis);
    assert_eq!(
        problems(&format!("{REDIS}rate_limit_on_failure = 'denyy'\n[store]\npath = 'x.redb'")),
        [
            "innkeeper.toml:3: adapter.redis.rate_limit_on_failure: \"denyy\" is not a way to do without Redis; did you mean \"deny\"?",
            "innkeeper.toml:5: store.path: the store is on Redis, and has no file; leave `path` out; or, for a store of this server alone, write on = \"file\"",
        ]
    );
    assert_eq!(
        problems("[store]\non = 'redis'"),
        ["innkeeper.toml:2: store.on: there is no Redis; add url in [adapter.redis], or leave `on` out"]
    );
}

#[test]
fn the_store_is_beside_the_configuration() {
    let config = |text: &str| read(text, &nothing).expect("nothing is wrong");
    assert_eq!(config("").store_path(), Path::new("src/config/innkeeper.redb"));
    assert_eq!(config("store = { path = 'x/y.redb', seed = 'tests.rs' }").store_path(), Path::new("src/config/x/y.redb"));
    assert_eq!(Config::default().store_path(), Path::new(".innkeeper/store.redb"));
    let told = problems("[store]\npath = ''\nseed = 'nowhere.json'\nttl = 1");
    let expected = [
        "innkeeper.toml:2: store.path: \"\" is not a path; name a file, or leave the key out",
        "innkeeper.toml:3: store.seed: there is no file \"nowhere.json\"; correct the path, which is relative to the configuration, or leave the key out",
        "innkeeper.toml:4: store.ttl: unknown key; known here: on, key, path, seed, memory, memory_bytes_max, file_bytes_max, bucket_bytes_max",
    ];
    assert_eq!(told, expected);
}

#[test]
fn generations_are_kept_beside_the_configuration() {
    let config = |text: &str| read(text, &nothing).expect("nothing is wrong");
    assert_eq!(config("").generations_folder(), Path::new("src/config/.innkeeper/generations"));
    assert_eq!(config("generations = { folder = 'x' }").generations_folder(), Path::new("src/config/x"));
    assert_eq!(Config::default().generations_folder(), Path::new(".innkeeper/generations"));
    let generations = config("[generations]\nprobation = '0s'\nswap_grace = 500\nkept = 100").generations;
    assert_eq!((generations.probation, generations.swap_grace), (Duration::ZERO, Duration::from_millis(500)));
    let told = problems("[generations]\nfolder = 'tests.rs'\nkept = 0\nprobation = '25h'\nswap_grace = '2h'");
    let expected = [
        "innkeeper.toml:2: generations.folder: \"tests.rs\" is a file; name a folder, or leave the key out",
        "innkeeper.toml:3: generations.kept: 0 is out of range; use 1 to 100",
        "innkeeper.toml:4: generations.probation: \"25h\" is out of range; use 0ns to 86400s",
        "innkeeper.toml:5: generations.swap_grace: \"2h\" is out of range; use 0ns to 3600s",
    ];
    assert_eq!(told, expected);
}

#[test]
fn buckets_in_memory_have_names_and_each_stands_there_once() {
    let store =
        read("[store]\nmemory = ['presence', 'typing']\nmemory_bytes_max = '2MiB'", &nothing).expect("nothing is wrong").store;
    assert_eq!((store.memory, store.memory_bytes_max), (vec!["presence".to_owned(), "typing".to_owned()], 2 << 20));
    let told = problems("[store]\nmemory = ['presence', '', 'presence']\nmemory_bytes_max = 0");
    let expected = [
        "innkeeper.toml:2: store.memory: \"\" is not a bucket; use a name of 1 to 64 bytes",
        "innkeeper.toml:2: store.memory: \"presence\" stands here twice; keep one of them",
        "innkeeper.toml:3: store.memory_bytes_max: 0 is out of range; use 1024 to 4294967296 bytes",
    ];
    assert_eq!(told, expected);
}

#[test]
fn problems_of_keys_are_reported_without_the_secrets() {
    let told = problems(
        r#"
[keys.none]
[keys.both]
secret = "hush hush"
public_key = "tests.rs"
[keys.kind]
secret = "hush hush"
algorithms = ["RS256"]
[keys.public]
public_key = "tests.rs"
algorithms = ["HS256"]
[keys.odd]
secret = 12345
[keys.pem]
secret = "-----BEGIN PUBLIC KEY-----"
[keys.gone]
jwks = "nowhere.json"
algorithms = ["none"]
[keys.bytes]
secret_base64 = "hush, hush"
[keys.nothing]
secret_base64 = ["aHVzaA==", ""]
[keys.file]
secret_file = ["nowhere.key"]
algorithms = ["RS256"]
[keys.list]
secret = []
[keys.shown]
secret = "<redacted>"
"#,
    );
    let expected = r#"
innkeeper.toml:2: keys.none: the key itself is missing; give it one of `secret`, `secret_base64`, `secret_file`, `public_key` and `jwks`; for several keys at once, a list
innkeeper.toml:3: keys.both: there are several keys of one name; give it one of `secret`, `secret_base64`, `secret_file`, `public_key` and `jwks`; for several keys at once, a list
innkeeper.toml:8: keys.kind.algorithms: "RS256" does not fit this key; use HS256, HS384 or HS512 with a secret
innkeeper.toml:11: keys.public.algorithms: "HS256" does not fit this key; use one of RS, PS, ES or EdDSA with public keys
innkeeper.toml:13: keys.odd.secret: the secret is not a string; write it like "${JWT_SECRET}"
innkeeper.toml:15: keys.pem.secret: the secret is a PEM key; anybody who has it could sign; write public_key = "<file>"
innkeeper.toml:17: keys.gone.jwks: there is no file "nowhere.json"; correct the path, which is relative to the configuration
innkeeper.toml:18: keys.gone.algorithms: the list names no algorithm; name one, or leave the key out
innkeeper.toml:18: keys.gone.algorithms: "none" is not a signature algorithm; known: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA
innkeeper.toml:20: keys.bytes.secret_base64: the secret is not base64; a secret that is a text is written as `secret`
innkeeper.toml:22: keys.nothing.secret_base64: the secret is empty; anybody could sign with it; set a long random one
innkeeper.toml:24: keys.file.secret_file: there is no file "nowhere.key"; correct the path, which is relative to the configuration
innkeeper.toml:27: keys.list.secret: the list names no key; name one, or leave the key out
innkeeper.toml:29: keys.shown.secret: this is what `config show` shows in place of the secret, and anybody could sign with it; write it like "${JWT_SECRET}"
"#;
    assert_eq!(told, expected.trim().lines().collect::<Vec<_>>(), "{told:#?}");
}

#[test]
fn a_secret_of_bytes_is_read_as_node_reads_base64() {
    let bytes = |written: &str| {
        let config = read(&format!("[keys.k]\nsecret_base64 = '{written}'\n"), &nothing).expect("nothing is wrong");
        config
            .keys
            .into_iter()
            .flat_map(|key| key.sources)
            .map(|source| match source {
                KeySource::SecretBase64(secret) => secret.reveal().to_vec(),
                _ => Vec::new(),
            })
            .collect::<Vec<_>>()
    };
    for written in ["+/+/AA==", "-_-_AA", " +/+/ AA==", "+/+/\tAB="] {
        assert_eq!(bytes(written), [[0xfb, 0xff, 0xbf, 0]], "{written}");
    }
}

#[test]
fn several_keys_of_one_name_are_a_list_and_shown_without_the_secrets() {
    let text = "[keys.k]\nsecret = ['${NEW}', 'old hush']\n[keys.p]\nsecret_file = 'tests.rs'\n";
    let environment = |name: &str| (name == "NEW").then(|| "new hush".to_owned());
    let resolved =
        resolve::from_text(Path::new("src/config/innkeeper.toml"), text, &environment, NO_FLAGS).expect("nothing is wrong");
    let sources: Vec<_> = resolved.config.keys.iter().map(|key| key.sources.len()).collect();
    assert_eq!(sources, [2, 1]);
    let shown = resolved.to_toml(true);
    assert!(shown.contains("secret = [\"<redacted>\", \"<redacted>\"]") && !shown.contains("hush"), "{shown}");
    assert!(shown.contains("src/config/tests.rs\""), "the path of a secret is no secret: {shown}");
}

#[test]
fn without_a_file_jwt_secret_is_the_key_default() {
    let with = |secret: &'static str| {
        let environment = move |name: &str| (name == "JWT_SECRET").then(|| secret.to_owned());
        Config::built_in(Vec::new(), &environment, NO_FLAGS)
    };
    let config = with("hush hush").expect("nothing is wrong");
    assert_eq!(config.keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["default"]);
    assert!(!format!("{config:?}").contains("hush"));
    assert!(with("").expect("as if it were not set").keys.is_empty());
    assert!(with("  ").is_err());
}

#[test]
fn a_cookie_that_browsers_would_drop_is_a_problem() {
    let told = problems("[server.cookie]\nname = \"i o\"\npath = \"x\"\nsame_site = \"none\"\nmax_age = \"10ms\"\n");
    let expected = r#"
innkeeper.toml:2: server.cookie.name: "i o" cannot name a cookie; use letters, digits, `-` and `_`, or leave the key out
innkeeper.toml:3: server.cookie.path: "x" is not a path; write it like "/", in ASCII and without `;`
innkeeper.toml:4: server.cookie.same_site: "none" goes with `secure` only; add secure = true; browsers drop the cookie without it
innkeeper.toml:5: server.cookie.max_age: "10ms" is out of range; use 1s to 34560000s
"#;
    assert_eq!(told, expected.trim().lines().collect::<Vec<_>>(), "{told:#?}");
    let told = problems("[server.cookie]\nmax_age = 86400500\n");
    let expected =
        "innkeeper.toml:2: server.cookie.max_age: a cookie's age is in whole seconds; write it like \"24h\" or \"90s\"";
    assert_eq!(told, [expected]);
}
