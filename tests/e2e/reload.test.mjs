// SIGHUP: the configuration is read again, and all of it is taken over, or nothing, while clients stay connected.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  PROGRAM, RawSocket, ask, connect, disconnected, eventually, next, open, record, refused, request, run,
} from "./harness/index.mjs";
import { Components, outcome, refusal, reload, startReloadable, taken, write } from "./harness/reload.mjs";
import { admin, change, show, swap, version } from "./harness/swap.mjs";

const SECRET = "a secret of more than thirty-two bytes";
const STORE = { memory: ["swapped"] };
/** Only what is read at SIGHUP changes anything. */
const UNWATCHED = { watch: false };

/** What a test begins with: components, the options of its host, and the host. */
async function started(t, plugins, more = {}) {
  const components = new Components(t);
  const config = { plugins: components.tables(plugins), store: STORE, generations: UNWATCHED, ...more };
  return { components, config, host: await startReloadable(t, config) };
}

/** Which plugins an event passes, each with its version. */
const passed = (client, plugin) => client.timeout(10_000).emitWithAck(`${plugin}:late`, "nobody", 0, []);
const numbers = async (host) => {
  const { plugins } = (await admin(host, "GET", "/plugins")).json;
  return Object.fromEntries(plugins.map(({ name, generation }) => [name, generation?.number ?? null]));
};

for (const mode of ["pooled", "shared"]) {
  test(`${mode}: a changed \`config\` is a swap to the same component, and clients stay`, async (t) => {
    const { components, config, host } = await started(t, { [mode]: {} });
    const clients = [await connect(host), await connect(host, "/", { via: "polling" })];
    const heard = clients.map((client) => record(client, "disconnect"));
    assert.equal(await ask(clients[0], `${mode}:version`), 1);
    const { digest } = (await show(host, mode)).generation;

    const changed = await taken(host, { ...config, plugins: { [mode]: components.table(mode, { config: { name: "other" } }) } });

    assert.match(JSON.stringify(changed), new RegExp(`plugins\\.${mode}\\.config`));
    for (const client of clients) assert.equal(await ask(client, "other:version"), 1);
    const { generation } = await show(host, mode);
    assert.deepEqual([generation.number, generation.digest], [2, digest]);
    assert.deepEqual(heard, [[], []]);
    await host.waitForLog(({ message, by, plugin }) => message === "plugin serves" && by === "SIGHUP" && plugin === `${mode}@2`);
  });

  test(`${mode}: grants come and go with the plugin that needs them; a missing one refuses all, and is named`, async (t) => {
    const { components, config, host } = await started(t, { [mode]: {} });
    const client = await connect(host);
    const table = (grants, more) => ({ ...config, plugins: { [mode]: components.table(mode, { grants, ...more }) } });
    components.put(mode, 2, { capability: "handshake:secrets" });

    const why = await refusal(host, { ...table(["store"]), server: { cors: { origin: "http://page.example" } } });
    assert.match(why, new RegExp(`${mode}[^]*handshake:secrets`));
    assert.equal(await ask(client, `${mode}:version`), 1);
    assert.equal(await allowed(host, "http://page.example"), undefined, "nor is anything else of it taken over");

    await taken(host, table(["store", "handshake:secrets"]));
    assert.equal(await ask(client, `${mode}:version`), 2);
    assert.match(await refusal(host, table(["store"])), /handshake:secrets/);
    assert.match(await refusal(host, table(["handshake:secrets"])), /store/);
    assert.equal(await ask(client, `${mode}:version`), 2);
    components.put(mode, 3);
    await taken(host, table(["store"]));
    assert.equal(await ask(client, `${mode}:version`), 3);
    assert.deepEqual((await show(host, mode)).generation.capabilities, ["store"]);
    assert.equal(client.connected, true);
  });

  test(`${mode}: a plugin is added and removed; the sockets of its own namespace are disconnected, and others stay`, async (t) => {
    const { components, config, host } = await started(t, { [mode]: { plan: { without_side: true } } });
    components.put("extra", 1, { namespace: "/own", without_side: true }, mode);
    const extra = components.table("extra", { namespaces: ["/", "/own"] });
    const client = open(host);
    await next(client, "welcome");
    assert.equal((await refused(host, "/own")).message, "Invalid namespace");

    await taken(host, { ...config, plugins: { ...config.plugins, extra } });

    const own = await connect(host, "/own", { via: "polling" });
    assert.equal(await ask(own, "extra:version"), 1);
    assert.deepEqual(await passed(client, mode), [[mode, 1], ["extra", 1], [mode, 1]]);
    const gone = disconnected(own);
    await taken(host, config);
    assert.equal(await gone, "io server disconnect");
    assert.equal((await refused(host, "/own")).message, "Invalid namespace");
    assert.deepEqual(await passed(client, mode), [[mode, 1], [mode, 1]]);
    assert.deepEqual(await numbers(host), { [mode]: 1 });
    // It comes back, under a number that no line of the log has yet.
    await taken(host, { ...config, plugins: { extra, ...config.plugins } });
    assert.deepEqual(await passed(client, mode), [["extra", 1], [mode, 1], [mode, 1]]);
    assert.equal(client.connected, true);
  });
}

test("the order of the chain and the namespaces of a plugin change, and neither is a swap of the others", async (t) => {
  const { components, config, host } = await started(t, { pooled: {}, shared: {} });
  const [client, side] = [await connect(host), await connect(host, "/side")];
  const gone = record(side, "disconnect");
  assert.deepEqual(await passed(client, "pooled"), [["pooled", 1], ["shared", 1], ["pooled", 1]]);
  const { pooled, shared } = config.plugins;

  await taken(host, { ...config, plugins: { shared, pooled } });

  assert.deepEqual(await passed(client, "pooled"), [["shared", 1], ["pooled", 1], ["pooled", 1]]);
  assert.deepEqual(await numbers(host), { shared: 1, pooled: 1 });
  components.put("pooled", 2, { namespace: "/added" });
  const listed = { ...pooled, namespaces: ["/", "/side", "/added"] };
  await taken(host, { ...config, plugins: { pooled: listed, shared } });
  assert.equal(await ask(await connect(host, "/added"), "pooled:version"), 2);
  assert.deepEqual(await passed(client, "pooled"), [["pooled", 2], ["shared", 1], ["pooled", 2]]);
  assert.match(await refusal(host, { ...config, plugins: { pooled, shared } }), /\/added/);
  components.put("pooled", 3, { without_side: true });
  await taken(host, { ...config, plugins: { pooled: { ...pooled, namespaces: ["/"] }, shared } });
  assert.deepEqual(await passed(side, "shared"), [["shared", 1], ["shared", 1]]);
  assert.deepEqual(await numbers(host), { pooled: 3, shared: 1 });
  assert.deepEqual(gone, [], "the other plugin serves it still");
});

test("origins, limits of connections and limits of calls change; what was opened before keeps its own", async (t) => {
  const { config, host } = await started(t, { pooled: {} });
  const [page, other] = ["http://page.example", "http://other.example"];
  const old = await RawSocket.connect(host);
  const client = await connect(host);
  assert.equal(await allowed(host, page), undefined);

  await taken(host, { ...config, server: { cors: { origin: page } }, limits: { events_per_second_max: 50 } });

  assert.deepEqual([await allowed(host, page), await allowed(host, other)], [page, undefined]);
  const flood = async (raw) => {
    for (let number = 0; number < 500; number++) raw.send('42["pooled:version"]');
  };
  const flooding = await RawSocket.connect(host);
  await flood(flooding);
  await flooding.end();
  await flood(old);
  assert.equal(await ask(client, "pooled:version"), 1);
  old.send('421["pooled:version"]');
  await old.next((packet) => String(packet).startsWith("431"), "the ack of the one that was there before");

  await taken(host, { ...config, server: { cors: { origin: other } }, limits: { writes_per_call_max: 1 } });
  assert.deepEqual([await allowed(host, page), await allowed(host, other)], [undefined, other]);
  const heard = record(open(host), "welcome", "error");
  await eventually("what `connection` writes is too much", () => heard[0]?.[0] === "error");
  assert.equal(await ask(client, "pooled:version"), 1);
  await taken(host, config);
  await next(open(host), "welcome");
  assert.equal(await allowed(host, other), undefined);
});

test("a key is added together with the plugin that needs it, and is not removed before that", async (t) => {
  const { components, config, host } = await started(t, { pooled: {} });
  const client = await connect(host);
  components.put("needy", 1, { capability: "jwt:users" }, "pooled");
  const needy = components.table("needy", { grants: ["store", "jwt:users"] });
  const plugins = { ...config.plugins, needy };
  const keys = { users: { secret: SECRET } };

  assert.match(await refusal(host, { ...config, plugins }), /users/);
  const changed = await taken(host, { ...config, plugins, keys });
  assert.match(JSON.stringify(changed), /keys\.users/);
  assert.ok(!host.text.includes(SECRET), "the log has no secret");
  assert.equal(await ask(client, "needy:version"), 1);
  assert.match(await refusal(host, { ...config, plugins }), /needy[^]*users/);
  assert.match(await refusal(host, { ...config, plugins, keys: { others: { secret: SECRET } } }), /users/);
  assert.equal(await ask(client, "needy:version"), 1);
  // Another secret is no swap.
  await taken(host, { ...config, plugins, keys: { users: { secret: `another: ${SECRET}` } } });
  assert.deepEqual(await numbers(host), { pooled: 1, needy: 1 });
  await taken(host, config);
  assert.deepEqual(await numbers(host), { pooled: 1 });
  assert.equal(await ask(client, "pooled:version"), 1);
});

test("changed files without a watch are read at SIGHUP; with one that is of no use nothing changes", async (t) => {
  const { components, config, host } = await started(t, { pooled: {}, shared: {}, third: { mode: "pooled" } });
  const client = await connect(host);
  const versions = async () => [await ask(client, "pooled:version"), await ask(client, "shared:version"), await ask(client, "third:version")];
  components.put("pooled", 2);
  assert.equal((await reload(host)).message, "the configuration is the same; changed components serve");
  assert.deepEqual(await versions(), [2, 1, 1]);
  const hits = await ask(client, "shared:hit");

  for (const [what, plan, sentence] of [
    ["register fails", { register: "fail" }, /third[^]*as planned/],
    ["register traps", { register: "trap" }, /third[^]*register/],
    ["a capability", { capability: "rate-limit" }, /third[^]*rate-limit/],
  ]) {
    components.put("pooled", 3);
    components.put("shared", 3);
    components.put("third", 3, plan, "pooled");
    assert.match(await refusal(host), sentence, what);
    assert.deepEqual(await versions(), [2, 1, 1], what);
  }
  components.put("third", 3, {}, "pooled");
  // The snapshot is the last thing that can go wrong: pooled plugins do not change alone.
  components.put("shared", 4, { restore: "fail" });
  assert.match(await refusal(host), /"shared"[^]*goes on: `restore`: as planned/);
  assert.deepEqual(await versions(), [2, 1, 1]);
  rmSync(components.file("shared"));
  assert.match(await refusal(host), /shared\.wasm/);
  assert.deepEqual(await versions(), [2, 1, 1]);
  assert.deepEqual(await ask(client, "shared:hit"), [1, hits[1] + 1], "its memory is what it was");

  components.put("shared", 5);
  await taken(host);
  assert.deepEqual(await versions(), [3, 5, 3]);
  assert.deepEqual(await ask(client, "shared:hit"), [5, hits[1] + 2]);
  assert.equal(client.connected, true);
  assert.deepEqual(Object.keys(await numbers(host)), Object.keys(config.plugins));
});

test("a plugin that a refused configuration would have added is not there", async (t) => {
  const { components, config, host } = await started(t, { pooled: {} });
  components.put("first", 1, { namespace: "/own" }, "pooled");
  components.put("second", 1, { register: "fail" }, "shared");
  const first = components.table("first", { namespaces: ["/", "/side", "/own"] });
  const plugins = { first, ...config.plugins, second: components.table("second") };

  for (let round = 0; round < 3; round++) assert.match(await refusal(host, { ...config, plugins }), /second[^]*as planned/);

  assert.deepEqual(await numbers(host), { pooled: 1 });
  assert.equal((await refused(host, "/own")).message, "Invalid namespace");
  components.put("second", 2, {}, "shared");
  await taken(host, { ...config, plugins });
  assert.deepEqual(Object.keys(await numbers(host)), ["first", "pooled", "second"]);
  assert.deepEqual(await passed(await connect(host), "second"), [["first", 1], ["pooled", 1], ["second", 2], ["second", 2]]);
});

test("what cannot change while the server runs is refused by its key, and nothing else is taken over then", async (t) => {
  const { components, config, host } = await started(t, { pooled: {} });
  const client = await connect(host);
  components.put("pooled", 2);

  for (const [key, more] of [
    ["server.port", { server: { port: 4 } }],
    ["server.host", { server: { host: "127.0.0.2" } }],
    ["server.path", { server: { path: "/other/" } }],
    ["server.event_loops", { server: { event_loops: 3 } }],
    ["store.path", { store: { ...STORE, path: "other.redb" } }],
    ["internal.port", { internal: { port: 4 } }],
    ["limits.connections_max", { limits: { connections_max: 7 } }],
    ["generations.kept", { generations: { ...UNWATCHED, kept: 7 } }],
  ]) {
    const why = await refusal(host, { ...config, ...more });
    assert.ok(why.includes(`${key} cannot change while the server runs`), `${key}: ${why}`);
  }
  const several = await refusal(host, { ...config, server: { port: 4 }, internal: { port: 5 }, limits: { writes_per_call_max: 9 } });
  assert.match(several, /internal\.port, server\.port cannot change/);
  assert.equal(await ask(client, "pooled:version"), 1);
  assert.equal(client.connected, true);
  await taken(host, config);
  assert.equal(await ask(client, "pooled:version"), 2);
});

test("a broken file is refused with the report of `config check`, and one that is gone is, too", async (t) => {
  const { config, host } = await started(t, { pooled: {} });
  const client = await connect(host);

  for (const text of ['[server]\nprot = 3001\nping_timeout = "soon"\n', "[server\n", "\0", '[plugins.pooled]\ncomponent = 5\n']) {
    const why = await refusal(host, text);
    const { stdout, stderr } = spawnSync(PROGRAM, ["config", "check", "--config", host.file], { encoding: "utf8" });
    const problems = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("innkeeper.toml:"));
    assert.ok(problems.length > 0, stdout + stderr);
    for (const problem of problems) assert.ok(why.includes(problem.trim()), `${problem}\n\n${why}`);
  }
  rmSync(host.file);
  assert.match(await refusal(host), /innkeeper\.toml/);
  assert.equal(await ask(client, "pooled:version"), 1);
  await taken(host, config);
});

test("a server without a file has nothing to read, and serves on", async (t) => {
  const cwd = mkdtempSync(path.join(tmpdir(), "innkeeper-empty-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const host = run(t, ["run", "--port", "0"], { cwd });
  const { address } = await host.waitForLog(({ message }) => message === "listening", "it listens", 60_000);
  const line = await reload(host);
  assert.equal(line.level, "ERROR");
  assert.match(line.message, /started without a file/);
  const answer = await request({ url: `http://${/[\d.]+:\d+/.exec(address)[0]}` }, { path: "/socket.io/?EIO=4&transport=polling" });
  assert.equal(answer.status, 200);
  assert.equal(await host.stop(), 0);
});

test("SIGHUP during a reload: what the file has then is what serves in the end", async (t) => {
  const { components, config, host } = await started(t, { pooled: {}, shared: {} });
  const client = await connect(host);
  const before = host.logs.length;
  const named = (name) => ({ ...config, plugins: { ...config.plugins, pooled: components.table("pooled", { config: { name } }) } });
  components.put("shared", 2);
  write(host, named("one"));
  host.signal("SIGHUP");
  await host.waitForLog(({ message }) => /read again \(SIGHUP\)/.test(message));
  for (let index = 0; index < 20; index++) {
    write(host, named(`name ${index}`));
    host.signal("SIGHUP");
  }
  write(host, named("last"));
  components.put("shared", 3);
  host.signal("SIGHUP");

  await eventually("the last one serves", async () => (await client.timeout(500).emitWithAck("last:version")) === 1);
  await eventually("with what was written then", async () => (await ask(client, "shared:version")) === 3);
  assert.equal(client.connected, true);
  assert.ok(host.logs.slice(before).every(({ level }) => level !== "ERROR"), "none of it was refused");
  assert.equal((await outcome(host, before)).level, "INFO");
});

test("SIGTERM during a reload ends the server in order", async (t) => {
  const limits = { limits: { drain_deadline: "3s" } };
  const { components, config, host } = await started(t, { pooled: {}, shared: {} }, limits);
  const client = await connect(host);
  const gone = disconnected(client);
  // It takes its time to register, and the one that serves has an open call.
  components.put("pooled", 2, { register: "slow" });
  components.put("shared", 2);
  client.emit("shared:nap", 60_000);
  write(host, config);
  host.signal("SIGHUP");
  await host.waitForLog(({ message }) => /read again \(SIGHUP\)/.test(message));

  assert.equal(await host.stop(), 0);
  assert.match(await gone, /disconnect|transport/);
  await host.waitForLog(({ message }) => /^shut down/.test(message));
});

test("SIGHUP at once after the start, and before it is over, does not end the server", async (t) => {
  const components = new Components(t);
  const config = { plugins: components.tables({ pooled: { plan: { register: "slow" } } }), store: STORE, generations: UNWATCHED };
  const starting = startReloadable(t, config, {});
  const host = await starting;
  for (let index = 0; index < 5; index++) host.signal("SIGHUP");
  assert.equal(await ask(await connect(host), "pooled:version"), 1);
  await outcome(host, 0);
  assert.equal(await host.stop(), 0);
});

test("what was taken back in its probation is not loaded by SIGHUP, where it stands in the file still", async (t) => {
  const { components, config, host } = await started(t, { pooled: {} });
  const client = await connect(host);
  const work = (number) => client.timeout(10_000).emitWithAck("pooled:work", number, Buffer.from([1]), []);
  for (let number = 0; number < 100; number++) assert.equal(await work(number), number);
  components.put("pooled", 2, { trap: 2 });
  await taken(host);
  const isTakenBack = () => host.logs.some(({ message }) => /takes over again/.test(message));
  for (let number = 0; number < 1_000 && !isTakenBack(); number++) {
    await work(number);
    await pause(20);
  }
  await eventually("the old one serves", async () => (await show(host, "pooled")).generation.number === 3);

  // What else is in the configuration is taken over.
  const cors = { server: { cors: { origin: "http://page.example" } } };
  await taken(host, { ...config, ...cors });
  assert.equal(await allowed(host, "http://page.example"), "http://page.example");
  assert.equal(await ask(client, "pooled:version"), 1);
  const renamed = { ...config, plugins: { pooled: components.table("pooled", { config: { name: "other" } }) } };
  assert.match(await refusal(host, renamed), /pooled[^]*taken back in its probation/);
  components.put("pooled", 3);
  await taken(host, renamed);
  assert.equal(await ask(client, "other:version"), 3);
});

test("what was unloaded, and what was uploaded, is what the configuration says after SIGHUP", async (t) => {
  const { host } = await started(t, { pooled: {}, shared: {} });
  const client = await connect(host);
  await swap(host, "pooled", version("pooled", 2));
  await change(host, "shared", "unload");
  assert.deepEqual(await passed(client, "pooled"), [["pooled", 2], ["pooled", 2]]);

  await taken(host);

  assert.deepEqual(await passed(client, "pooled"), [["pooled", 1], ["shared", 1], ["pooled", 1]]);
  await ask(client, "shared:timer", 7, 1);
  assert.deepEqual(await next(client, "timed"), ["shared", 1, 7, 1], "its timers run");
  assert.deepEqual(await numbers(host), { pooled: 3, shared: 2 });
});

test("a plugin that is not required and does not load is left out, as at the start", async (t) => {
  const components = new Components(t);
  const tables = components.tables({ pooled: {}, extra: { mode: "pooled", required: false } });
  components.put("extra", 1, { register: "fail" }, "pooled");
  const config = { plugins: tables, store: STORE, generations: UNWATCHED };
  const host = await startReloadable(t, config);
  const client = await connect(host);

  await taken(host, { ...config, server: { cors: { origin: "http://page.example" } } });

  assert.equal(await allowed(host, "http://page.example"), "http://page.example");
  assert.deepEqual(await numbers(host), { pooled: 1, extra: null });
  components.put("extra", 2, {}, "pooled");
  await taken(host);
  assert.deepEqual(await passed(client, "extra"), [["pooled", 1], ["extra", 2], ["extra", 2]]);
});

/** The origin that pages of `origin` are allowed with, if they are. */
async function allowed(host, origin) {
  const { headers } = await request(host, { path: "/socket.io/?EIO=4&transport=polling", headers: { origin } });
  return headers["access-control-allow-origin"];
}
