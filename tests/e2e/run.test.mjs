// The command line: problems are reported at once, plugins refused by name, and the end of a server is orderly.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import {
  PROGRAM, ROOT, TARGET, WAYS, ask, component, configuration, connect, disconnected, eventually, next, open, refused, request, run, startHost, writeConfig,
} from "./harness/index.mjs";

const TESTS = path.join(ROOT, "tests");

test("all problems of a configuration are reported at once, with line, key and remedy, and nothing is started", async (t) => {
  const file = writeConfig(t, '[server]\nprot = 3001\nping_timeout = "soon"\n\n[plugins.chat]\ncomponent = "nowhere.wasm"\ngrants = ["stor"]\n');
  const host = run(t, ["run", "--config", file]);
  assert.equal(await host.exit(), 2);
  const lines = host.text.trim().split("\n").map((line) => line.replace(`${path.dirname(file)}/`, ""));
  assert.deepEqual(lines.slice(0, 2), [
    "innkeeper.toml:2: server.prot: unknown key; did you mean `port`?",
    'innkeeper.toml:3: server.ping_timeout: "soon" is not a duration; write "25s", "500ms", "2m" or a number of milliseconds',
  ]);
  assert.match(lines[2], /^innkeeper.toml:6: plugins.chat.component: there is no file .*; build it/);
  assert.equal(lines[3], 'innkeeper.toml:7: plugins.chat.grants: "stor" is not a capability; did you mean "store"?');
  assert.equal(lines[4], "innkeeper: 4 problems in the configuration, nothing was started");
});

test("a configuration that is not there is a problem", async (t) => {
  const host = run(t, ["run", "--config", "/nowhere/innkeeper.toml"]);
  assert.equal(await host.exit(), 2);
  assert.match(host.text, /\/nowhere\/innkeeper\.toml: no such file/);
});

test("wrong usage is reported and ends with code 2", async (t) => {
  for (const [args, told] of [[[], /Usage: innkeeper/], [["fly"], /unrecognized subcommand 'fly'/], [["run", "--prot"], /--prot/]]) {
    const host = run(t, args);
    assert.equal(await host.exit(), 2);
    assert.match(host.text, told);
  }
});

test("--version prints the version", async (t) => {
  const host = run(t, ["--version"]);
  assert.equal(await host.exit(), 0);
  assert.match(host.stdout, /^innkeeper \d+\.\d+\.\d+\n$/);
});

const HEADS = { module: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], component: [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0] };
const UNFIT = {
  "not WebAssembly": [Buffer.from("#!/bin/sh\n"), /plugins\.guest\.component: .*guest\.wasm is not WebAssembly; build it with `innkeeper build`/],
  "a core module": [Buffer.from(HEADS.module), /plugins\.guest\.component: .*guest\.wasm is a core module, not a component; build it/],
  "a component that exports nothing": [Buffer.from(HEADS.component), /plugins\.guest\.component: .*guest\.wasm is a component without the exports of a plugin; in Rust write `export!\(plugin\);`/],
  // The names are as long, so that the file stays sound.
  "a component that imports what no host has": [
    () => Buffer.from(readFileSync(component("echo")).toString("latin1").replaceAll("innkeeper:plugin/log@", "innkeeper:plugin/lag@"), "latin1"),
    /plugins\.guest\.component: .*guest\.wasm does not fit this host: .*innkeeper:plugin\/lag@0\.1\.0.*the host speaks the contract innkeeper:plugin@0\.1/,
  ],
  "a component that is cut short": [Buffer.from([...HEADS.component, 1, 0xff, 1]), /plugins\.guest\.component: .*is not a valid component/],
};

for (const [what, [bytes, told]] of Object.entries(UNFIT)) {
  test(`a plugin that is ${what} is refused by name`, async (t) => {
    const file = path.join(folder(t), "guest.wasm");
    writeFileSync(file, typeof bytes === "function" ? bytes() : bytes);
    const host = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: { guest: { component: file } } }))]);
    assert.equal(await host.exit(), 2);
    assert.match(host.text, told);
  });
}

test("a plugin that requests what was not granted is refused with the line to add", async (t) => {
  const plugins = { mine: { component: "behave", config: { secrets: true } } };
  const host = run(t, ["run", "--config", writeConfig(t, configuration({ plugins }))]);
  assert.equal(await host.exit(), 2);
  const told = 'innkeeper.toml:3: plugins.mine.grants: requests the capability "handshake:secrets"; to grant it, write grants = ["handshake:secrets"] in [plugins.mine]';
  assert.ok(host.text.includes(told), host.text);
});

test("a plugin registers no namespace that its table does not list, and a listed one that it does not register is logged", async (t) => {
  const plugins = (namespaces) => ({ "rate-limit": { namespaces, grants: ["rate-limit"] } });
  const refused = run(t, ["run", "--config", writeConfig(t, configuration({ plugins: plugins(["/todo"]) }))]);
  assert.equal(await refused.exit(), 2);
  const remedy = 'registers the namespaces "/", "/chat", which [plugins.rate-limit] does not list; to allow that, write namespaces = ["/todo", "/", "/chat"]';
  assert.ok(refused.text.includes(remedy), refused.text);
  const host = await startHost(t, { plugins: plugins(["/", "/chat", "/todo"]) });
  const warned = host.logged(({ message }) => message.includes('lists the namespace "/todo", which the plugin does not register'));
  assert.equal(warned.length, 1, host.text);
});

const KEY = { JWT_SECRET: "a secret of the tests that nobody could guess" };
const loaded = (host) => host.logged((line) => line.message === "plugin loaded").map(({ plugin }) => plugin.split("@")[0]);

test("without a configuration the plugins that are built are loaded, and auth with a key only", async (t) => {
  const started = async (env) => {
    const cwd = folder(t);
    const host = run(t, ["run", "--port", "0"], { cwd, env });
    const { address } = await host.waitForLog((line) => line.message === "listening", "it listens", 60_000);
    return Object.assign(host, { url: `http://${address}` });
  };
  const open = await started({ JWT_SECRET: "" });
  assert.deepEqual(loaded(open), ["audit", "attempts", "rate-limit", "chat", "echo"]);
  assert.match(open.text, /every client may connect; with JWT_SECRET set, the plugin auth requires a token/);
  assert.deepEqual(await ask(await connect(open, "/chat"), "room:join", "lobby"), { success: true });

  const closed = await started(KEY);
  assert.deepEqual(loaded(closed), ["audit", "attempts", "auth", "rate-limit", "chat", "echo"]);
  assert.doesNotMatch(closed.text, /every client may connect|nobody could guess/);
  assert.match(closed.text, /`innkeeper store set users ann /);
  for (const namespace of ["/", "/chat"]) assert.equal((await refused(closed, namespace)).message, "No token");
});

test("a program that is not where cargo built it loads nothing without a configuration, whatever lies in the folder", async (t) => {
  const stranger = folder(t);
  mkdirSync(path.join(stranger, "target", "innkeeper"), { recursive: true });
  for (const name of ["audit", "chat", "echo"]) copyFileSync(component(name), path.join(stranger, "target", "innkeeper", `${name}.wasm`));
  for (const mark of ["CACHEDIR.TAG", ".rustc_info.json"]) writeFileSync(path.join(stranger, "target", mark), "");
  const installed = path.join(folder(t), "innkeeper");
  copyFileSync(PROGRAM, installed);
  const env = { CARGO_TARGET_DIR: path.join(stranger, "target") };
  for (const args of [["run", "--port", "0"], ["config", "check"], ["config", "show"]]) {
    const host = run(t, args, { program: installed, cwd: stranger, env });
    assert.equal(await host.exit(), 2, host.text);
    assert.match(host.text, /there is no innkeeper\.toml in this folder; write one with `innkeeper config init`/);
    assert.equal(host.stdout, "");
  }
  const demo = run(t, ["demo", "--port", "0"], { program: installed, cwd: stranger, env });
  assert.equal(await demo.exit(), 1);
  assert.match(demo.text, /the demo needs the sources of its plugins; start it in a checkout of innkeeper/);

  // The same program, where cargo built it, does not look into the folder either: what it loads lies beside it.
  const own = run(t, ["config", "check"], { cwd: stranger, env });
  assert.equal(await own.exit(), 0, own.text);
  assert.ok(own.stdout.includes(path.join(TARGET, "innkeeper")) && !own.stdout.includes(stranger), own.stdout);
});

test("the client code that the demo prints works with all of its plugins", async (t) => {
  const kept = folder(t);
  const host = run(t, ["demo", "--port", "0", "--folder", kept], { cwd: kept, env: KEY });
  const { address } = await host.waitForLog((line) => line.message === "listening", "the demo listens", 120_000);
  assert.deepEqual(loaded(host), ["audit", "attempts", "auth", "rate-limit", "chat", "echo"]);
  assert.match(host.text, /the demo does not use your JWT_SECRET, but a key of its own; --sign-with-jwt-secret changes that/);
  const { users: [{ token }] } = JSON.parse(readFileSync(path.join(kept, "public", "users.json"), "utf8"));
  const check = run(t, ["token", "check", token], { cwd: kept, env: KEY });
  assert.equal(await check.exit(), 1, "no server with this secret accepts a token of the demo");
  assert.doesNotMatch(host.text, /nobody could guess|eyJ/, "neither the key nor a token is shown");
  const [, script] = /<<'END'\n([^]*?)\nEND\n/.exec(host.text);
  const pasted = script.replaceAll("127.0.0.1:<the port in the log>", address);
  const client = spawnSync(process.execPath, ["--input-type=module", "--eval", pasted], { cwd: TESTS, encoding: "utf8", timeout: 30_000 });
  assert.equal(client.status, 0, client.stderr);
  assert.match(client.stdout, /echo says hello\n[^]*bob reads \{[^]*text: 'hi Bob'[^]*name: 'Ann'/);
  assert.match(client.stdout, /ann gets \{ success: true, messageId: 1 \}/);

  const users = readFileSync(path.join(kept, "public", "users.json"), "utf8");
  const second = run(t, ["demo", "--port", "0", "--folder", kept], { cwd: kept });
  assert.equal(await second.exit(), 1);
  assert.match(second.text, /another demo is running in .*; stop it, or give this one a folder of its own with --folder/);
  assert.equal(readFileSync(path.join(kept, "public", "users.json"), "utf8"), users, "the first one's tokens are left alone");
  assert.ok(existsSync(path.join(kept, "store.redb")));
  assert.deepEqual(readdirSync(path.join(kept, ".innkeeper")), ["admin-token"]);
});

test("the demo signs with the secret of the environment only if that is asked for", async (t) => {
  const kept = folder(t);
  const args = ["demo", "--port", "0", "--folder", kept, "--sign-with-jwt-secret"];
  const without = run(t, args, { cwd: kept });
  assert.equal(await without.exit(), 1);
  assert.match(without.text, /--sign-with-jwt-secret needs a secret: set the variable JWT_SECRET/);
  const host = run(t, args, { cwd: kept, env: KEY });
  await host.waitForLog((line) => line.message === "listening", "the demo listens", 120_000);
  assert.match(host.text, /the demo signs with your JWT_SECRET, and everybody who can open its page gets a token/);
  const { users: [{ token }] } = JSON.parse(readFileSync(path.join(kept, "public", "users.json"), "utf8"));
  assert.equal(await run(t, ["token", "check", token], { cwd: kept, env: KEY }).exit(), 0);
});

for (const section of ["server", "internal"]) {
  test(`a port in use is reported, with the section to change ([${section}])`, async (t) => {
    const port = await occupied(t);
    const host = run(t, ["run", "--config", writeConfig(t, configuration({ [section]: { port } }))]);
    assert.equal(await host.exit(), 1);
    const flag = section === "server" ? "--port or " : "";
    assert.ok(host.text.includes(`127.0.0.1:${port} is in use by another program; choose another port with ${flag}port in [${section}]`), host.text);
  });
}

test("the demo takes free ports where others have the usual ones, and says so; a port that was chosen is an error", async (t) => {
  const kept = folder(t);
  // Whoever else has 3001 and 3002 on this machine serves the test as well.
  for (const port of [3001, 3002]) await occupied(t, port);
  const env = { ...KEY, CARGO_TARGET_DIR: path.relative(ROOT, TARGET) };
  const demo = run(t, ["demo", "--folder", kept], { cwd: ROOT, env });
  const { address } = await demo.waitForLog((line) => line.message === "listening", "the demo listens", 120_000);
  const internal = await demo.waitForLog((line) => line.message === "internal interface listening");
  const said = (port) => new RegExp(`innkeeper: port ${port}.* is in use by another program; the demo uses (\\d+) instead`).exec(demo.text)?.[1];
  assert.deepEqual([address, internal.address], [`127.0.0.1:${said(3001)}`, `127.0.0.1:${said(3002)}`]);
  assert.ok(demo.text.includes(`http://${address}/  <- the chat page`), demo.text);

  const port = await occupied(t);
  for (const [args, env, option] of [[["--port", `${port}`], {}, "--port"], [[], { INNKEEPER_PORT: `${port}` }, "INNKEEPER_PORT"]]) {
    const refused = run(t, ["demo", "--folder", folder(t), ...args], { cwd: ROOT, env });
    assert.equal(await refused.exit(120_000), 1);
    assert.ok(refused.text.includes(`127.0.0.1:${port} is in use by another program; choose another port with ${option}`), refused.text);
    assert.doesNotMatch(refused.text, /chat page/);
  }
});

test("flags override the environment, which overrides the file", async (t) => {
  const port = await occupied(t);
  const file = writeConfig(t, configuration({ server: { port } }));
  const started = async (args, env) => {
    const host = run(t, ["run", "--config", file, ...args], { env });
    await host.waitForLog((line) => line.message === "listening");
    assert.equal(await host.stop(), 0);
  };
  await started([], { INNKEEPER_PORT: "0" });
  await started(["--port", "0"], { INNKEEPER_PORT: String(port) });
});

const GIB = 1024 * 1024;
const allocated = (line) => line.level === "WARN" && /instance_allocation = "on-demand" in \[wasm\]/.test(line.message);

test("64 GiB of address space are enough: instances are then allocated on demand, with a line in the log, under the same limits", async (t) => {
  const plugins = { faulty: { memory_bytes_max: 8 << 20 } };
  for (const [options, lines] of [
    [{ addressKiB: 64 * GIB }, 1],
    [{ addressKiB: 64 * GIB, wasm: { instance_allocation: "on-demand" } }, 0],
    [{}, 0],
  ]) {
    const host = await startHost(t, { plugins, ...options });
    const clients = await Promise.all(Array.from({ length: 40 }, () => connect(host)));
    for (const way of ["memory", "panic"]) assert.equal((await ask(clients[0], "fail", way)).code, "INTERNAL_ERROR");
    const untouched = { data: false, joined: false };
    for (const answer of await Promise.all(clients.map((client) => ask(client, "state")))) assert.deepEqual(answer, untouched);
    assert.equal(host.logged(allocated).length, lines, host.text);
    await host.stop("SIGKILL");
  }
});

test("a cache folder that cannot be written is no reason not to start, and the log says which key to set", async (t) => {
  const file = path.join(folder(t), "a-file");
  writeFileSync(file, "");
  const warned = (host) => host.logged((line) => line.level === "WARN" && /compiled components are not kept/.test(line.message)).map(({ message }) => message);
  for (const [options, reason] of [
    [{ env: { XDG_CACHE_HOME: file } }, /a-file\/innkeeper\/components cannot be written: .*; name another folder with cache in \[wasm\], or switch the cache off with cache = false$/],
    [{ wasm: { cache: path.join(file, "compiled") } }, /a-file\/compiled cannot be written/],
    [{ env: { XDG_CACHE_HOME: "relative", HOME: file } }, /no cache folder is known/],
  ]) {
    const host = await startHost(t, { plugins: ["echo"], ...options });
    assert.equal(await ask(await connect(host), "still", "here"), "here");
    assert.equal(warned(host).length, 1, host.text);
    assert.match(warned(host)[0], reason);
    await host.stop();
  }
  const kept = path.join(folder(t), "compiled");
  const host = await startHost(t, { plugins: ["echo"], wasm: { cache: kept } });
  assert.deepEqual(warned(host), []);
  assert.ok(existsSync(kept));
  const beside = writeConfig(t, configuration({ plugins: ["echo"], wasm: { cache: "compiled" } }));
  const plain = run(t, ["run"], { cwd: path.dirname(beside) });
  await plain.waitForLog((line) => line.message === "listening");
  assert.deepEqual(warned(plain), []);
  assert.ok(existsSync(path.join(path.dirname(beside), "compiled")));
  const off = await startHost(t, { plugins: ["echo"], wasm: { cache: false }, env: { XDG_CACHE_HOME: file } });
  assert.deepEqual(warned(off), []);
});

test("INNKEEPER_LOG is named by --help, and chooses what is logged by module", async (t) => {
  const help = run(t, ["--help"]);
  assert.equal(await help.exit(), 0);
  assert.match(help.stdout, /INNKEEPER_LOG.*info,innkeeper::engine=debug/);
  const host = await startHost(t, { plugins: ["echo"], log: "info,innkeeper::app=debug" });
  await connect(host);
  assert.equal(await host.stop(), 0);
  const debug = new Set(host.logged("DEBUG").map(({ target }) => target));
  assert.deepEqual([...debug], ["innkeeper::app"]);
});

test("without a terminal, every line of the log is JSON with time, level and message", async (t) => {
  const host = await startHost(t, { plugins: ["echo", "behave"], log: "debug" });
  await connect(host);
  assert.equal(await host.stop(), 0);
  for (const line of host.logs) {
    assert.ok(!("text" in line), line.text);
    assert.match(`${line.timestamp} ${line.level}`, /^\d{4}-\d\d-\d\dT[\d:.]+Z (ERROR|WARN|INFO|DEBUG|TRACE)$/);
    assert.equal(typeof line.message, "string");
  }
});

test("the internal interface reports health and version, and nothing of it is on the clients' port", async (t) => {
  const host = await startHost(t);
  const ask = (base, path, method) => request(host, { base, path, method });
  const [health, version] = [await ask(host.internal, "/healthz"), await ask(host.internal, "/version")];
  assert.deepEqual([health.status, health.json], [200, { status: "ok" }]);
  assert.deepEqual([version.status, version.json.name], [200, "innkeeper"]);
  assert.equal((await ask(host.internal, "/elsewhere")).status, 404);
  assert.equal((await ask(host.internal, "/healthz", "POST")).status, 405);
  for (const path of ["/healthz", "/version"]) assert.equal((await ask(host.url, path)).status, 404);
});

for (const via of WAYS) {
  test(`SIGTERM disconnects the clients, calls every disconnect handler, and ends well (${via})`, async (t) => {
    const host = await startHost(t, { plugins: ["behave"] });
    const clients = await Promise.all([1, 2, 3].map(() => connect(host, "/", { via })));
    const ids = clients.map((client) => client.id);
    const told = Promise.all(clients.map(disconnected));
    assert.equal(await host.stop("SIGTERM"), 0);
    // As with Node, a polling client that is just between two polls is refused.
    const expected = via === "polling" ? /^transport (close|error)$/ : /^transport close$/;
    for (const reason of await told) assert.match(reason, expected);
    for (const id of ids) {
      assert.equal(host.logged((line) => line.message === `disconnect: server shutting down: ${id}`).length, 1);
    }
    assert.deepEqual([...host.logged("WARN"), ...host.logged("ERROR")], []);
  });
}

test("SIGTERM ends a server that is still starting", async (t) => {
  // Compiling without a cache takes long enough to be met.
  const file = writeConfig(t, configuration({ plugins: ["chat", "audit"], wasm: { cache: false } }));
  const host = run(t, ["run", "--config", file]);
  await host.waitForLog((line) => line.message === "internal interface listening", "the start has begun");
  assert.equal(await host.stop("SIGTERM"), 0);
  assert.deepEqual(host.logged((line) => line.message === "listening"), []);
  assert.equal(host.logged((line) => line.message === "shut down before the start was over").length, 1);
});

test("SIGINT does the same", async (t) => {
  const host = await startHost(t, { plugins: ["behave"] });
  const { id } = await connect(host);
  assert.equal(await host.stop("SIGINT"), 0);
  assert.ok(host.text.includes(`disconnect: server shutting down: ${id}`));
});

test("a host that shuts down accepts no client", async (t) => {
  const { host } = await lingering(t, "1m");
  const error = await refused(host, "/");
  assert.match(error.message, /websocket error|xhr poll error/);
  await assert.rejects(request(host, { path: "/socket.io/?EIO=4&transport=polling" }), /ECONNREFUSED/);
});

test("a handler that does not end is waited for until the deadline, and no longer", async (t) => {
  const { host } = await lingering(t, "300ms");
  assert.equal(await host.exit(), 0);
  await host.waitForLog((line) => line.level === "WARN" && /drain_deadline/.test(line.message), "the log says that it was cut off");
});

test("a second signal ends at once", async (t) => {
  const { host } = await lingering(t, "1m");
  assert.equal(await host.stop("SIGTERM", 3_000), 0);
  await host.waitForLog((line) => line.message === "shut down at once", "the log says so");
});

test("a client reconnects to a host that was started again on the same port", async (t) => {
  const first = await startHost(t, { plugins: ["echo"] });
  const port = Number(first.address.split(":")[1]);
  const client = open(first, "/", { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
  await next(client, "connect");
  assert.equal(await first.stop(), 0);
  const again = next(client, "connect", "the client is back");
  const second = await startHost(t, { plugins: ["echo"], server: { port } });
  await again;
  assert.equal(await ask(client, "still", "here"), "here");
  second.clients.add(client);
});

test("`innkeeper build` says what is wrong with a folder", async (t) => {
  const empty = folder(t);
  for (const [args, told] of [[[empty], /has no Cargo\.toml; give the plugin's folder/], [["/nowhere"], /has no Cargo\.toml/]]) {
    const host = run(t, ["build", ...args]);
    assert.notEqual(await host.exit(), 0);
    assert.match(host.text, told);
  }
});

/** The blocks of this language in a page. */
function blocks(page, language) {
  const text = readFileSync(path.join(ROOT, page), "utf8");
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"))].map(([, block]) => block);
}

/** The package of the SDK's README in a folder of its own, beside a link to this checkout. */
function lobby(t) {
  const cwd = folder(t);
  symlinkSync(ROOT, path.join(cwd, "innkeeper"));
  mkdirSync(path.join(cwd, "lobby", "src"), { recursive: true });
  const [manifest] = blocks("plugin-sdk/rust/README.md", "toml");
  // The profile, the versions and the folders of this workspace: what its guests are made of need not be compiled again.
  const [profile] = /\[profile\.guest\][^[]*/.exec(readFileSync(path.join(ROOT, "Cargo.toml"), "utf8"));
  writeFileSync(path.join(cwd, "lobby", "Cargo.toml"), `${manifest}\n${profile}`);
  copyFileSync(path.join(ROOT, "Cargo.lock"), path.join(cwd, "lobby", "Cargo.lock"));
  mkdirSync(path.join(cwd, "lobby", "target"));
  for (const name of ["guest", "wasm32-wasip1", "wasm32-wasip2"]) {
    mkdirSync(path.join(TARGET, name), { recursive: true });
    symlinkSync(path.join(TARGET, name), path.join(cwd, "lobby", "target", name));
  }
  const [source] = blocks("plugin-sdk/rust/README.md", "rust");
  writeFileSync(path.join(cwd, "lobby", "src", "lib.rs"), source);
  return cwd;
}

const BUILD_MS = 10 * 60_000;

test("the plugin of the SDK's README is built outside of the workspace, and the printed lines load it", async (t) => {
  const cwd = lobby(t);
  const build = run(t, ["build", "lobby"], { cwd, env: { CARGO_TARGET_DIR: undefined } });
  assert.equal(await build.exit(BUILD_MS), 0, build.text);
  assert.ok(blocks("plugin-sdk/rust/README.md", "toml").includes(build.stdout.trimStart()), build.stdout);
  assert.match(build.text, /to load it, write into innkeeper\.toml/);

  writeFileSync(path.join(cwd, "innkeeper.toml"), `[server]\nport = 0\n[internal]\nport = 0\n${build.stdout}`);
  const host = run(t, ["run"], { cwd });
  const { address } = await host.waitForLog((line) => line.message === "listening", "it listens", 60_000);
  Object.assign(host, { url: `http://${address}` });
  assert.equal((await refused(host, "/lobby")).message, "No name");
  const client = open(host, "/lobby", { auth: { name: "Ann" } });
  await next(client, "welcome");
  assert.deepEqual(await ask(client, "say", { room: "kitchen", text: "hi" }), { success: true });
});

test("what a plugin refuses without a configuration, or panics over, is a hint of the build and no failure", async (t) => {
  const cwd = lobby(t);
  for (const [end, told] of [['Err("say how to greet".into())', "say how to greet"], ['panic!("no greeting")', "`register` did not answer"]]) {
    const source = `fn plugin() -> innkeeper_plugin::Result<innkeeper_plugin::Plugin> { ${end} }\ninnkeeper_plugin::export!(plugin);\n`;
    writeFileSync(path.join(cwd, "lobby", "src", "lib.rs"), source);
    const build = run(t, ["build", "lobby"], { cwd, env: { CARGO_TARGET_DIR: undefined } });
    assert.equal(await build.exit(BUILD_MS), 0, build.text);
    assert.ok(build.text.includes(`without a configuration it refuses: ${told}`), build.text);
    assert.match(build.text, /give it one in \[plugins\.lobby\.config\]/);
    assert.equal(build.stdout, '\n[plugins.lobby]\ncomponent = "lobby/target/innkeeper/lobby.wasm"\n');
  }
});

test("a relative target directory is relative to where the build was started", async (t) => {
  const { cwd } = bare(t, "");
  const env = { CARGO_TARGET_DIR: "made" };
  const build = run(t, ["build", "bare"], { cwd, env });
  // It has no exports, so nothing is written; what cargo made lies where cargo itself would put it.
  assert.equal(await build.exit(BUILD_MS), 1);
  assert.ok(existsSync(path.join(cwd, "made", "CACHEDIR.TAG")) && !existsSync(path.join(cwd, "bare", "made")), build.text);
});

test("a build without `export!` fails, with the line to write and the file to write it into", async (t) => {
  const { cwd } = bare(t, "pub fn plugin() {}\n");
  const build = run(t, ["build", "bare"], { cwd, env: { CARGO_TARGET_DIR: path.join(cwd, "target") } });
  assert.equal(await build.exit(BUILD_MS), 1);
  assert.match(build.text, /write this at the end of ".*bare\/src\/lib\.rs", .*:\ninnkeeper_plugin::export!\(plugin\);/);
  assert.ok(!existsSync(path.join(cwd, "target", "innkeeper", "bare.wasm")) && build.stdout === "");
});

/** A package without dependencies, which compiles in a moment. */
function bare(t, source) {
  const cwd = folder(t);
  mkdirSync(path.join(cwd, "bare", "src"), { recursive: true });
  const manifest = '[package]\nname = "bare"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\ncrate-type = ["cdylib"]\n';
  writeFileSync(path.join(cwd, "bare", "Cargo.toml"), manifest);
  writeFileSync(path.join(cwd, "bare", "src", "lib.rs"), source);
  return { cwd };
}

/** A host that is shutting down, with one client whose disconnect handler takes a minute. */
async function lingering(t, drain_deadline) {
  const plugins = { behave: { component: component("behave"), call_ms: "2m" } };
  const host = await startHost(t, { plugins, limits: { drain_deadline } });
  const client = await connect(host);
  await ask(client, "linger");
  host.signal("SIGTERM");
  await host.waitForLog((line) => line.message?.startsWith("disconnect: "), "the disconnect handler runs");
  return { host, client };
}

/** Listens on this port, or on a free one; if another program has the port already, that does as well. */
async function occupied(t, port = 0) {
  const server = net.createServer();
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve).once("error", resolve).listen(port, "127.0.0.1"));
  return server.address()?.port ?? port;
}

function folder(t) {
  const made = mkdtempSync(path.join(tmpdir(), "innkeeper-test-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
