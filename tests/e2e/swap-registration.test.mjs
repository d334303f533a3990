// A swap may change what a plugin registers: namespaces, events, middleware, capabilities.

import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ask, connect, disconnected, eventually, next, open, record, refused } from "./harness/index.mjs";
import { admin, change, show, startSwapped, swap, trySwap, version } from "./harness/swap.mjs";

const LISTED = { namespaces: ["/", "/side", "/added"] };
const MODES = ["pooled", "shared"];

for (const mode of MODES) {
  test(`${mode}: clients can connect to a namespace as soon as a swap has added it`, async (t) => {
    const host = await startSwapped(t, { [mode]: LISTED });
    assert.equal((await refused(host, "/added")).message, "Invalid namespace");

    const { generation } = await swap(host, mode, version(mode, 2, { namespace: "/added" }));

    assert.deepEqual(generation.namespaces.toSorted(), ["/", "/added", "/side"]);
    const clients = await Promise.all(Array.from({ length: 3 }, () => connect(host, "/added")));
    assert.deepEqual(await Promise.all(clients.map((client) => ask(client, `${mode}:version`))), [2, 2, 2]);
  });

  test(`${mode}: sockets on a namespace that a swap removes are disconnected, and others stay`, async (t) => {
    const host = await startSwapped(t, { [mode]: {} });
    const main = await connect(host);
    const sides = [await connect(host, "/side"), await connect(host, "/side", { via: "polling" }), main.io.socket("/side")];
    await next(sides[2], "welcome");
    await ask(main, `${mode}:join`, "watchers");
    const left = record(main, "left");
    const ids = sides.map(({ id }) => id);
    const gone = Promise.all(sides.map(disconnected));

    await swap(host, mode, version(mode, 2, { without_side: true }));

    assert.deepEqual(await gone, ["io server disconnect", "io server disconnect", "io server disconnect"]);
    assert.equal((await refused(host, "/side")).message, "Invalid namespace");
    assert.equal(await ask(main, `${mode}:version`), 2);
    assert.equal(main.connected, true);
    await swap(host, mode, version(mode, 3));
    sides[0].connect();
    await next(sides[0], "welcome");
    assert.equal(await ask(sides[0], `${mode}:version`), 3);
    await eventually("their `disconnect` handlers have run", () => left.filter(([, , , id]) => ids.includes(id)).length === 3);
  });

  test(`${mode}: an event and a middleware come and go`, async (t) => {
    const host = await startSwapped(t, { [mode]: {} });
    const client = open(host);
    await next(client, "welcome");
    const answered = [];
    const extra = () => client.emit(`${mode}:extra`, (answer) => answered.push(answer));
    const passed = async () => {
      const [, , passed] = await new Promise((resolve) => client.emit(`${mode}:work`, 1, Buffer.from([1]), [], (...args) => resolve(args)));
      return passed;
    };
    extra();
    assert.deepEqual(await passed(), [[mode, 1], [mode, 1]]);

    await swap(host, mode, version(mode, 2, { event: "extra", no_middleware: true }));
    extra();
    assert.deepEqual(await passed(), [[mode, 2]]);
    assert.deepEqual(answered, [["extra", 2]]);

    await swap(host, mode, version(mode, 3));
    extra();
    assert.deepEqual(await passed(), [[mode, 3], [mode, 3]]);
    assert.deepEqual(answered, [["extra", 2]]);
  });

  test(`${mode}: a capability that is not granted is refused with the grant to add`, async (t) => {
    const host = await startSwapped(t, { [mode]: {} });
    const client = await connect(host);
    const wants = version(mode, 2, { capability: "handshake:secrets" });

    const { status, json } = await trySwap(host, mode, wants);

    assert.equal(status, 422);
    assert.match(json.detail, /handshake:secrets/);
    assert.match(json.detail, /grants/);
    assert.equal(await ask(client, `${mode}:version`), 1);
    assert.equal((await show(host, mode)).generation.number, 1);
  });

  test(`${mode}: a namespace that the operator does not list for the plugin is refused`, async (t) => {
    const host = await startSwapped(t, { [mode]: {} });
    const client = await connect(host);

    const { status, json } = await trySwap(host, mode, version(mode, 2, { namespace: "/added" }));

    assert.equal(status, 422);
    assert.match(json.detail, /\/added/);
    assert.equal(await ask(client, `${mode}:version`), 1);
  });
}

test("a plugin that leaves a namespace which others serve is not called there any more, and one that joins meets the sockets", async (t) => {
  const host = await startSwapped(t);
  const client = open(host, "/side");
  const heard = record(client, "welcome", "disconnect");
  await ask(client, "shared:version");
  const late = () => client.timeout(10_000).emitWithAck("pooled:late", "nobody", 0, []);
  assert.deepEqual(await late(), [["pooled", 1], ["shared", 1], ["pooled", 1]]);
  const welcomes = heard.length;

  await swap(host, "shared", version("shared", 2, { without_side: true }));
  assert.deepEqual(await late(), [["pooled", 1], ["pooled", 1]]);

  await swap(host, "shared", version("shared", 3));
  assert.deepEqual(await late(), [["pooled", 1], ["shared", 3], ["pooled", 1]]);
  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  assert.equal(heard.length, welcomes, "nothing of that is seen by the client");

  await swap(host, "pooled", version("pooled", 2, { without_side: true }));
  await swap(host, "pooled", version("pooled", 3));
  assert.deepEqual(await late(), [["pooled", 3], ["shared", 3], ["pooled", 3]]);
  assert.equal(heard.length, welcomes, "nothing of that is seen by the client");
});

test("a pooled plugin that is unloaded leaves its namespaces, and has them again when it is loaded", async (t) => {
  const host = await startSwapped(t, { pooled: {}, shared: { plan: { without_side: true } } });
  const [main, side] = [await connect(host), await connect(host, "/side")];
  const gone = disconnected(side);

  assert.equal((await change(host, "pooled", "unload")).status, "unloaded");

  assert.equal(await gone, "io server disconnect");
  assert.equal((await refused(host, "/side")).message, "Invalid namespace");
  assert.equal(await ask(main, "shared:version"), 1);
  assert.equal((await change(host, "pooled", "load")).generation.number, 2);
  assert.equal(await ask(main, "pooled:version"), 1);
  assert.equal(await ask(await connect(host, "/side"), "pooled:version"), 1);
});

test("what a component would change can be seen before it takes over", async (t) => {
  const host = await startSwapped(t, { pooled: LISTED });
  const client = await connect(host);
  const dryRun = async (bytes) => {
    const { status, json } = await admin(host, "PUT", "/plugins/pooled/component?dry_run=true", bytes);
    assert.equal(status, 200, JSON.stringify(json));
    return json;
  };

  const changes = await dryRun(version("pooled", 2, { namespace: "/added", without_side: true, event: "extra", no_middleware: true }));
  const refused = await dryRun(version("pooled", 2, { capability: "handshake:secrets" }));
  const same = await dryRun(version("pooled", 1));

  const has = (line) => assert.ok(changes.changes.includes(line), `${line} is one of ${JSON.stringify(changes.changes)}`);
  for (const line of ["+ namespace /added", "- namespace /side", "+ event \"pooled:extra\" on /", "- hook event-middleware on /"]) has(line);
  assert.deepEqual([changes.problem, changes.is_same], [null, false]);
  assert.match(refused.problem, /handshake:secrets/);
  assert.deepEqual([same.is_same, same.changes], [true, []]);
  assert.equal((await show(host, "pooled")).generation.number, 1);
  assert.equal(await ask(client, "pooled:version"), 1);
});

test("an upload stays while the file is as it was, and a changed file takes over by itself", async (t) => {
  const host = await startSwapped(t, { pooled: {} }, { log: "innkeeper=debug" });
  const file = host.componentOf("pooled");
  const client = await connect(host);
  // Before the watch has read the file for the first time, if the machine is quick enough.
  await swap(host, "pooled", version("pooled", 2));
  await host.waitForLog(({ message }) => /has the content that is known/.test(message), "the file was read");
  assert.equal(await ask(client, "pooled:version"), 2);

  put(file, version("pooled", 3).subarray(0, 300_000));
  await host.waitForLog(({ message }) => /is no whole component/.test(message), "half of a component waits");
  assert.equal(await ask(client, "pooled:version"), 2);
  put(file, version("pooled", 3));
  await eventually("the file takes over", async () => (await ask(client, "pooled:version")) === 3);

  rmSync(file);
  mkdirSync(file);
  const { status, json } = await admin(host, "POST", "/plugins/pooled/swap", {});
  assert.equal(status, 422, JSON.stringify(json));
  assert.equal(await ask(client, "pooled:version"), 3);
});

/** Replaces a file as tools do that care. */
function put(file, bytes) {
  writeFileSync(`${file}.next`, bytes);
  renameSync(`${file}.next`, file);
}
