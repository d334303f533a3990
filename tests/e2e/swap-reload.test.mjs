// SIGHUP: the configuration is read again, and what it changes of the plugins happens all at once, or not at all.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ask, connect, next, open, record } from "./harness/index.mjs";
import { admin, change, reconfigure, show, startSwapped, swap, trySwap, version, welcome } from "./harness/swap.mjs";
import { welcomed } from "./harness/swap-traffic.mjs";

test("another `config` of a plugin is a swap to the same component, and other plugins go on as they are", async (t) => {
  const host = await startSwapped(t);
  const client = open(host);
  await welcomed(client);
  const heard = record(client, "welcome", "disconnect", "error");
  assert.deepEqual(await ask(client, "shared:hit"), [1, 1]);

  const line = await reconfigure(host, ({ plugins }) => (plugins.shared.config.note = "another"));

  assert.match(JSON.stringify(line), /plugins\.shared\.config/);
  const [pooled, shared] = [await show(host, "pooled"), await show(host, "shared")];
  assert.deepEqual([pooled.generation.number, shared.generation.number], [1, 2]);
  assert.equal(shared.generation.digest, shared.previous[0].digest);
  assert.deepEqual(await ask(client, "shared:hit"), [1, 2], "its state was handed over");
  assert.deepEqual(heard, []);
});

test("one thing that cannot be taken over keeps all the others from it", async (t) => {
  const host = await startSwapped(t);
  const client = open(host);
  await welcomed(client);
  const generations = async () => [(await show(host, "pooled")).generation.number, (await show(host, "shared")).generation.number];

  for (const [change, sentence] of [
    [({ plugins }) => (plugins.pooled.grants = []), /store/],
    [({ plugins }) => (plugins.pooled.component = "/nowhere.wasm"), /nowhere/],
    [({ plugins }) => (plugins.pooled.config = {}), /name/],
    [({ server }) => (server.path = "/elsewhere"), /server\.path/],
    [({ server }) => (server.unheard_of = 1), /unheard_of/],
  ]) {
    const line = await reconfigure(host, (config) => {
      config.plugins.shared.config.note = "another";
      change(config);
    });
    assert.match(line.message, /^nothing of the configuration is taken over/);
    assert.match(line.message, sentence);
    assert.deepEqual(await generations(), [1, 1]);
  }
  assert.deepEqual([await ask(client, "pooled:version"), await ask(client, "shared:version")], [1, 1]);
  assert.match((await reconfigure(host, () => {})).message, /is the same/);
  assert.deepEqual(await generations(), [1, 1]);
});

test("changed components and plugins that come and go take over in one step", async (t) => {
  const host = await startSwapped(t, { pooled: {}, shared: { plan: { without_side: true }, namespaces: ["/"] } }, { generations: { watch: false } });
  const client = open(host);
  await welcomed(client);
  const side = await connect(host, "/side");
  const heard = record(client, "disconnect", "error");

  // `pooled` is gone, `shared` has another component, and there is a third.
  writeFileSync(host.componentOf("shared"), version("shared", 2));
  const line = await reconfigure(host, ({ plugins }) => {
    plugins.shared.namespaces = ["/", "/side", "/added"];
    plugins.third = { ...plugins.pooled, namespaces: ["/added"], config: { name: "third" } };
    plugins.third.component = host.componentOf("third");
    writeFileSync(host.componentOf("third"), version("pooled", 7, { namespace: "/added", without_main: true, without_side: true }));
    delete plugins.pooled;
  });

  assert.match(line.message, /is taken over/, line.message);
  assert.equal(await ask(client, "shared:version"), 2);
  const added = await connect(host, "/added");
  assert.equal(await ask(added, "third:version"), 7);
  let answered = false;
  client.emit("pooled:version", () => (answered = true));
  await ask(client, "shared:version");
  assert.equal(answered, false);
  assert.deepEqual(heard, []);
  assert.equal(await ask(side, "shared:version"), 2, "what one plugin left and another joined stays");
});

test("an open call of a shared plugin has its grace at SIGHUP, too", async (t) => {
  const host = await startSwapped(t, { shared: {} }, { generations: { swap_grace: "20s" } });
  const client = await welcome(host);
  const asked = next(client, "question");
  const ended = ask(client, "shared:ask");
  const [, answer] = await asked;

  const reading = reconfigure(host, ({ plugins }) => (plugins.shared.config.note = "another"));
  answer("late");

  assert.deepEqual(await ended, [1, "late", 1]);
  await reading;
  assert.equal((await show(host, "shared")).generation.number, 2);
});

test("of two shared plugins the first goes on with its open calls if the second cannot hand its state over", async (t) => {
  const plugin = (plan) => ({ mode: "shared", plan });
  const host = await startSwapped(t, { shared: plugin(), other: plugin({ snapshot: "fail" }) });
  const client = open(host);
  const heard = record(client, "welcome", "disconnect", "error");
  const asked = next(client, "question");
  const ended = ask(client, "shared:ask");
  const [, answer] = await asked;
  assert.deepEqual(await ask(client, "other:hit"), [1, 1]);
  assert.deepEqual(await ask(client, "shared:hit"), [1, 1]);

  const reading = reconfigure(host, ({ plugins }) => (plugins.shared.config.note = plugins.other.config.note = "another"));
  answer("late");
  const line = await reading;

  assert.match(line.message, /^nothing of the configuration is taken over: .*`snapshot`: as planned/);
  assert.deepEqual(await ended, [1, "late", 1]);
  assert.deepEqual([await ask(client, "shared:hit"), await ask(client, "other:hit")], [[1, 2], [1, 2]]);
  assert.deepEqual([(await show(host, "shared")).generation.number, (await show(host, "other")).generation.number], [1, 1]);
  assert.deepEqual(heard.map(([what, name]) => `${what} ${name}`).toSorted(), ["welcome other", "welcome shared"]);
});

test("a rollback brings nothing back that the operator has taken away", async (t) => {
  const wants = version("pooled", 1, { capability: "handshake:secrets" });
  const host = await startSwapped(t, { pooled: { plan: { capability: "handshake:secrets" }, grants: ["handshake:secrets"] } }, { generations: { watch: false } });
  const client = await connect(host);
  writeFileSync(host.componentOf("pooled"), version("pooled", 2));
  const line = await reconfigure(host, ({ plugins }) => (plugins.pooled.grants = ["store"]));
  assert.match(line.message, /is taken over/);

  const rollback = await admin(host, "POST", "/plugins/pooled/rollback", {});

  assert.equal(rollback.status, 422, JSON.stringify(rollback.json));
  assert.match(rollback.json.detail, /handshake:secrets/);
  assert.equal((await trySwap(host, "pooled", wants)).status, 422);
  assert.equal(await ask(client, "pooled:version"), 2);
});

test("what serves since the start can come back, also where its file was replaced while it was compiled", async (t) => {
  const host = await startSwapped(t, { pooled: {} }, {
    generations: { watch: false },
    wasm: { cache: false },
    whileCompiling: (componentOf) => writeFileSync(componentOf("pooled"), version("pooled", 2)),
  });
  const client = await connect(host);
  assert.equal(await ask(client, "pooled:version"), 1);
  await reconfigure(host, ({ plugins }) => (plugins.pooled.config.note = "another"));
  assert.equal(await ask(client, "pooled:version"), 2);
  // Of what served before the last one nothing is loaded any more.
  const { previous } = await swap(host, "pooled", version("pooled", 3));

  await change(host, "pooled", "rollback", { to: previous.at(-1).digest });

  assert.equal(await ask(client, "pooled:version"), 1);
});

test("what the disk has not taken yet can come back, too", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-kept-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Another server that has this folder writes there, and does not end.
  const other = spawn("flock", ["--no-fork", path.join(folder, "lock"), "sh", "-c", "echo held; exec sleep 600"]);
  t.after(() => other.kill());
  await once(other.stdout, "data");
  const host = await startSwapped(t, { pooled: {} }, { generations: { watch: false, folder } });
  const client = await connect(host);
  await swap(host, "pooled", version("pooled", 2));
  const { previous, kept } = await swap(host, "pooled", version("pooled", 3));
  assert.deepEqual(kept, []);

  await change(host, "pooled", "rollback", { to: previous.at(-1).digest });

  assert.equal(await ask(client, "pooled:version"), 1);
});

test("a rollback is refused where another plugin serves the namespace by now", async (t) => {
  const alone = { mode: "pooled", namespaces: null };
  const host = await startSwapped(t, { one: { ...alone }, other: { ...alone, plan: { without_main: true, without_side: true, namespace: "/other" } } });
  await swap(host, "one", version("pooled", 2, { without_side: true }));
  await swap(host, "other", version("pooled", 2, { without_main: true }));
  const side = await connect(host, "/side");
  assert.equal(await ask(side, "other:version"), 2);

  const rollback = await admin(host, "POST", "/plugins/one/rollback", {});

  assert.equal(rollback.status, 422, JSON.stringify(rollback.json));
  assert.match(rollback.json.detail, /\/side/);
  assert.equal(await ask(side, "other:version"), 2);
});

test("what is logged changes with the configuration, unless the environment says it", async (t) => {
  const sentence = ({ message }) => message === "a socket is connected";
  const host = await startSwapped(t, { pooled: {} });
  await connect(host);
  assert.deepEqual(host.logged(sentence), []);
  assert.match(JSON.stringify(await reconfigure(host, (config) => (config.log = { filter: "info,innkeeper::dispatch=debug" }))), /log\.filter/);
  await connect(host);
  await host.waitForLog(sentence, "a module is logged as finely as it is asked for");
  assert.match((await reconfigure(host, (config) => (config.log = { filter: "=x=" }))).message, /log\.filter.*not a filter of the log/s);

  const chosen = await startSwapped(t, { pooled: {} }, { log: "info" });
  await reconfigure(chosen, (config) => (config.log = { filter: "debug" }));
  await connect(chosen);
  assert.deepEqual(chosen.logged(sentence), []);
});
