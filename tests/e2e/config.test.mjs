// `innkeeper config`: the example, the check, and what is shown of a configuration.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT, TARGET, run, writeConfig } from "./harness/index.mjs";

test("`config init` writes an example that `config check` accepts, and does not overwrite without --force", async (t) => {
  const file = path.join(folder(t), "innkeeper.toml");
  assert.equal((await config(t, ["init", file])).code, 0);
  const example = readFileSync(file, "utf8");
  assert.match(example, /^#ping_interval = "25s"$/m);
  const checked = await config(t, ["check", "--config", file]);
  assert.equal(checked.code, 0, checked.text);
  assert.match(checked.stdout, /no problems[^]*127\.0\.0\.1:3001[^]*load no plugin/);

  writeFileSync(file, "# mine\n");
  const refused = await config(t, ["init", file]);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /is there already; --force overwrites it/);
  assert.equal(readFileSync(file, "utf8"), "# mine\n");
  assert.equal((await config(t, ["init", "--force", file])).code, 0);
  assert.equal(readFileSync(file, "utf8"), example);
});

test("`config check` reports all problems at once and ends with code 2", async (t) => {
  const file = writeConfig(t, '[server]\nprot = 3001\nping_timeout = "soon"\n');
  const checked = await config(t, ["check", "--config", file]);
  assert.equal(checked.code, 2);
  assert.match(checked.text, /innkeeper\.toml:2: server\.prot: unknown key; did you mean `port`\?/);
  assert.match(checked.text, /innkeeper\.toml:3: server\.ping_timeout: "soon" is not a duration/);
  assert.match(checked.text, /^innkeeper: 2 problems in the configuration$/m);
});

test("`config show --origin` shows default, file, environment and flag, and no secret", async (t) => {
  const component = path.join(folder(t), "mine.wasm");
  writeFileSync(component, "");
  const lines = [`[server]`, `path = "/rt"`, `[plugins.mine]`, `component = "${component}"`, `config = { secret = "s3", auth = "\${MY_TOKEN}" }`];
  const file = writeConfig(t, `${lines.join("\n")}\n`);
  const env = { INNKEEPER_HOST: "0.0.0.0", MY_TOKEN: "t0" };
  const { code, stdout, text } = await config(t, ["show", "--origin", "--config", file, "--port", "4000"], env);
  assert.equal(code, 0, text);
  const shown = stdout.replaceAll(`${path.dirname(file)}/`, "").split("\n");
  for (const line of [
    "port = 4000  # flag --port",
    'host = "0.0.0.0"  # environment variable INNKEEPER_HOST',
    'path = "/rt/"  # innkeeper.toml:2',
    'ping_interval = "25s"  # default',
    'config.secret = "<redacted>"  # innkeeper.toml:5',
    'config.auth = "<redacted>"  # innkeeper.toml:5, environment variable ${MY_TOKEN}',
  ]) {
    assert.ok(shown.includes(line), `${line}\n\n${stdout}`);
  }
});

test("`config show` without a file shows the built-in configuration with the reference plugins; auth where there is a key", async (t) => {
  const { code, stdout } = await config(t, ["show"]);
  assert.equal(code, 0);
  for (const part of ["[server]\nport = 3001\n", "[plugins.echo]\n", "[plugins.chat]\n"]) assert.ok(stdout.includes(part), stdout);
  const plugins = (text) => [...text.matchAll(/^\[plugins\.([^\]]+)\]$/gm)].map(([, name]) => name);
  assert.deepEqual(plugins(stdout), ["audit", "attempts", "rate-limit", "chat", "echo"]);
  const keyed = await config(t, ["show"], { JWT_SECRET: "a secret of the tests that nobody could guess" });
  assert.deepEqual(plugins(keyed.stdout), ["audit", "attempts", "auth", "rate-limit", "chat", "echo"]);
  assert.doesNotMatch(keyed.stdout + keyed.text, /nobody could guess/);
});

test("`config check` without a file says what would be loaded, and that every client may connect without a key", async (t) => {
  const { code, stdout, text } = await config(t, ["check"]);
  assert.equal(code, 0, text);
  const granted = { audit: "no grants, on /, /chat", attempts: "granted rate-limit, on /, /chat", "rate-limit": "granted rate-limit, on /, /chat", chat: "granted store:messages, on /chat", echo: "no grants, on /" };
  for (const [name, grants] of Object.entries(granted)) assert.match(stdout, new RegExp(`load the plugin ${name} from .*, ${grants}$`, "m"));
  assert.match(stdout, /^ {2}a client: 18 MiB of memory$/m);
  assert.match(stdout, /^ {2}the plugin chat: 232 MiB of memory beside its instances, /m);
  assert.doesNotMatch(stdout, /the plugin auth/);
  assert.match(text, /every client may connect; with JWT_SECRET set, the plugin auth requires a token/);
});

test("`config check` accepts the configuration in docs/guide.md", async (t) => {
  const guide = readFileSync(path.join(ROOT, "docs", "guide.md"), "utf8");
  const [, written] = guide.match(/```toml\n([^]*?)```/);
  const file = writeConfig(t, written.replaceAll("target/innkeeper/", `${path.join(TARGET, "innkeeper")}/`));
  writeFileSync(path.join(path.dirname(file), "users.json"), '{"users": {"ann": {"name": "Ann"}}}');
  const { code, stdout, text } = await config(t, ["check", "--config", file], { JWT_SECRET: "a secret of 32 bytes, or of more" });
  assert.equal(code, 0, text);
  assert.match(stdout, /audit[^]*attempts[^]*auth[^]*rate-limit[^]*chat/);
});

test("a byte order mark in a file that an operator writes is no text, and UTF-16 is named", async (t) => {
  const place = folder(t);
  const write = (name, text) => writeFileSync(path.join(place, name), `\ufeff${text}`);
  write("seed.json", '{"users": {"ann": {"name": "Ann"}}}');
  write("key.pem", readFileSync(path.join(ROOT, "host", "src", "auth", "fixtures", "rsa.pem"), "utf8"));
  write("keys.json", readFileSync(path.join(ROOT, "host", "src", "auth", "fixtures", "keys.json"), "utf8"));
  const text = '[server]\nport = 0\n[internal]\nport = 0\n[store]\npath = "store.redb"\nseed = "seed.json"\n[keys.pem]\npublic_key = "key.pem"\n[keys.set]\njwks = "keys.json"\n';
  write("innkeeper.toml", text);
  const file = path.join(place, "innkeeper.toml");
  const host = run(t, ["run", "--config", file]);
  await host.waitForLog((line) => line.message === "listening");
  assert.equal(await host.stop(), 0);
  const listed = run(t, ["store", "list", "users", "--config", file]);
  assert.equal(await listed.exit(), 0, listed.text);
  assert.equal(listed.stdout, 'ann\t{"name": "Ann"}\n');

  for (const name of ["innkeeper.toml", "seed.json", "key.pem", "keys.json"]) {
    const kept = readFileSync(path.join(place, name));
    writeFileSync(path.join(place, name), Buffer.from(kept.toString(), "utf16le"));
    const refused = run(t, ["run", "--config", file]);
    assert.notEqual(await refused.exit(), 0);
    assert.match(refused.text, new RegExp(`${name}: .*the file is UTF-16; save it as UTF-8`));
    writeFileSync(path.join(place, name), kept);
  }
});

test("`config check` and the start report what is wrong with every plugin, key and seed at once, with its line, and make no store", async (t) => {
  const place = folder(t);
  writeFileSync(path.join(place, "module.wasm"), Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  writeFileSync(path.join(place, "empty.wasm"), Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]));
  writeFileSync(path.join(place, "seed.json"), '{"users": 1}');
  writeFileSync(path.join(place, "keys.json"), "{}");
  const built = (name) => path.join(TARGET, "innkeeper", `${name}.wasm`);
  const text = (port) => `[server]
port = ${port}
[store]
path = "innkeeper.redb"
seed = "seed.json"
[keys.default]
jwks = "keys.json"
[plugins.module]
component = "module.wasm"
[plugins.empty]
component = "empty.wasm"
[plugins.auth]
component = "${built("auth")}"
grants = ["jwt:default"]
namespaces = ["/"]
[plugins.limit]
component = "${built("rate-limit")}"
grants = ["rate-limit"]
namespaces = ["/", "/chat"]
[plugins.limit.config]
points = 10
window_ms = 0
[plugins.window]
component = "${built("rate-limit")}"
config = { window_ms = "x" }
[plugins.chat]
component = "${built("chat")}"
grants = ["store:messages"]
[plugins.lobby]
component = "${built("chat")}"
`;
  const expected = [
    /^5: store\.seed: .*seed\.json: .*buckets, keys, values$/,
    /^6: keys\.default: .*keys\.json /,
    /^9: plugins\.module\.component: .*is a core module, not a component; build it with `innkeeper build`$/,
    /^11: plugins\.empty\.component: .*without the exports of a plugin; in Rust write `export!\(plugin\);`/,
    /^14: plugins\.auth\.grants: requests the capabilities "handshake:secrets", "store:users"; to grant them, write grants = \["jwt:default", "handshake:secrets", "store:users"\]/,
    /^15: plugins\.auth\.namespaces: registers the namespace "\/chat", which \[plugins\.auth\] does not list/,
    /^22: plugins\.limit\.config\.window_ms: a window of 0 ms counts nothing; give at least 1$/,
    /^25: plugins\.window\.config\.window_ms: invalid type: string "x", expected u64$/,
    /^26: plugins\.chat\.namespaces: registers the namespace "\/chat", and so does/,
    /^29: plugins\.lobby\.grants: requests the capability "store:messages"/,
  ];
  const file = path.join(place, "innkeeper.toml");
  const lines = (program) => program.text.split("\n").filter((line) => line.startsWith(file)).map((line) => line.slice(file.length + 1));
  const matches = (program, expected) => {
    const found = lines(program);
    for (const [index, line] of expected.entries()) assert.match(found[index] ?? "no line", line, program.text);
    assert.equal(found.length, expected.length, program.text);
  };
  writeFileSync(file, text(0));
  const checked = await config(t, ["check", "--config", file]);
  assert.equal(checked.code, 2);
  matches(checked, expected);
  assert.match(checked.text, /^innkeeper: 10 problems in the configuration$/m);
  const started = run(t, ["run", "--config", file]);
  assert.equal(await started.exit(), 2);
  matches(started, expected);
  assert.match(started.text, /^innkeeper: 10 problems in the configuration, nothing was started$/m);

  writeFileSync(file, text("true"));
  const besides = [/^2: server\.port: true is not a whole number/, ...expected];
  matches(await config(t, ["check", "--config", file]), besides);
  const stopped = run(t, ["run", "--config", file]);
  assert.equal(await stopped.exit(), 2);
  matches(stopped, besides);
  assert.ok(!existsSync(path.join(place, "innkeeper.redb")), "a store was made");
});

test("`config check` warns of a secret that can be guessed", async (t) => {
  const file = writeConfig(t, '[keys.default]\nsecret = "hush!"\n');
  const { code, text } = await config(t, ["check", "--config", file]);
  assert.equal(code, 0, text);
  assert.match(text, /"WARN".*this secret is shorter than 32 bytes and can be guessed/);
});

test("`config show` is TOML that can be read again, whatever the names are", async (t) => {
  const file = writeConfig(t, '[keys."a b"]\nsecret = "a secret of the tests that nobody could guess"\n[keys."a.b"]\nsecret = "a secret of the tests that nobody could guess"\nleeway = "1_000ms"\n');
  const shown = await config(t, ["show", "--origin", "--config", file]);
  assert.match(shown.stdout, /^\[keys\."a b"\]$/m);
  const redacted = await config(t, ["check", "--config", writeConfig(t, shown.stdout)]);
  assert.equal(redacted.code, 2, redacted.text);
  assert.match(redacted.text, /keys\."a\.b"\.secret: this is what `config show` shows in place of the secret/);
  const filledIn = shown.stdout.replaceAll("<redacted>", "a secret of the tests that nobody could guess");
  const again = await config(t, ["check", "--config", writeConfig(t, filledIn)]);
  assert.equal(again.code, 0, again.text);
});

async function config(t, args, env = {}) {
  const program = run(t, ["config", ...args], { env, cwd: folder(t) });
  const code = await program.exit();
  return { code, stdout: program.stdout, text: program.text };
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
