// A plugin of the mode `shared` is swapped in steps: its open calls end, its state is handed over, what waited goes on with the next one,
// or with the old one if nothing comes of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, disconnected, eventually, next, open, record, within } from "./harness/index.mjs";
import { NEUTRAL } from "./harness/unruly.mjs";
import { compiled, openCall, show, startSwapped, stopped, swap, trySwap, version, welcome } from "./harness/swap.mjs";
import { welcomed } from "./harness/swap-traffic.mjs";

const ALONE = { shared: {} };
const shared = (number, plan) => version("shared", number, plan);

test("an open call ends within swap_grace on its own generation, and what waits meanwhile is for the next", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [client, other] = [await welcome(host), await welcome(host)];
  const end = await openCall(client);

  const swapping = swap(host, "shared", shared(2));
  const waited = await stopped(other, swapping);

  assert.deepEqual(await end(), [1, "answered", 1]);
  assert.equal(await waited(), 2);
  assert.equal((await swapping).generation.number, 2);
});

test("an open call that does not end in swap_grace fails, and the next one does well", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  const nap = ask(client, "shared:nap", 60_000);
  await ask(client, "shared:version");
  const begun = performance.now();

  await swap(host, "shared", shared(2));

  assert.ok(performance.now() - begun >= 1_990, "it had its time");
  assert.deepEqual(await nap, NEUTRAL);
  assert.equal(await ask(client, "shared:version"), 2);
  const [line] = host.logged((entry) => JSON.stringify(entry).includes("another generation took over"));
  assert.equal(line.plugin, "shared@1");
  assert.match(JSON.stringify(line), /shared:nap/);
});

test("while a call waits for its client's ack, the client's next event reaches the old generation", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [client, other] = [await welcome(host), await welcome(host)];
  let swapping;
  let waited;
  client.on("question", async (_, answer) => {
    swapping = swap(host, "shared", shared(2));
    waited = await stopped(other, swapping);
    answer(await ask(client, "shared:version"));
  });

  assert.deepEqual(await ask(client, "shared:ask"), [1, 1, 1]);
  assert.equal(await waited(), 2);
  assert.equal((await swapping).generation.number, 2);
  assert.equal(await ask(client, "shared:version"), 2);
});

test("the snapshot of the old one is what the new one begins with", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  for (let hit = 1; hit <= 3; hit++) assert.deepEqual(await ask(client, "shared:hit"), [1, hit]);

  await swap(host, "shared", shared(2));

  assert.deepEqual(await ask(client, "shared:hit"), [2, 4]);
  const { memory } = await ask(client, "shared:memory");
  assert.deepEqual([memory.restored_from, memory.started], [1, ["swapped"]]);
});

test("each of several instances hands its state to the one that takes over its connections", async (t) => {
  const host = await startSwapped(t, { shared: { shared_instances: 2 } });
  const clients = [await welcome(host), await welcome(host), await welcome(host)];
  const hits = async () => {
    const each = [];
    for (const client of clients) each.push((await ask(client, "shared:hit"))[1]);
    return each;
  };
  assert.deepEqual(await hits(), [1, 1, 2]);

  await swap(host, "shared", shared(2));

  assert.deepEqual(await hits(), [3, 2, 4]);
});

for (const [what, plan, sentence] of [
  ["restore fails", { restore: "fail" }, /`restore`: as planned/],
  ["restore traps", { restore: "trap" }, /`restore`: wasm trap: wasm `unreachable`/],
  ["restore never ends", { restore: "endless" }, /`restore`: .*run_ms/],
]) {
  test(`${what}: the old one goes on with all that it has and with what waited`, async (t) => {
    const host = await startSwapped(t, { shared: { run_ms: 500 } });
    const [client, other] = [await welcome(host), await welcome(host)];
    await ask(client, "shared:hit");
    const ticks = record(client, "tick", "welcome");
    await ask(client, "shared:interval");
    const end = await openCall(client);

    const swapping = trySwap(host, "shared", shared(2, plan));
    const waited = await stopped(other, swapping);
    assert.deepEqual(await end(), [1, "answered", 1]);
    const { status, json } = await swapping;

    assert.equal(status, 422, JSON.stringify(json));
    assert.match(json.detail, /goes on/);
    assert.match(json.detail, sentence);
    assert.equal(await waited(), 1);
    assert.deepEqual(await ask(client, "shared:hit"), [1, 2]);
    const before = ticks.length;
    await eventually("what the instance does by itself goes on", () => ticks.length > before + 2);
    assert.ok(ticks.every(([event, by]) => event === "tick" && by === 1), "nobody is welcomed again");
    const view = await show(host, "shared");
    assert.deepEqual([view.generation.number, view.status], [1, "serving"]);
    assert.match(view.last_problem, sentence);
    assert.equal((await swap(host, "shared", shared(3))).last_problem, null);
    assert.deepEqual(await ask(client, "shared:hit"), [3, 3]);
  });
}

for (const [what, plan, sentence, isKept] of [
  ["snapshot fails", { snapshot: "fail" }, /`snapshot`: as planned/, true],
  // SNAPSHOT_BYTES_MAX
  ["the snapshot is too large", { snapshot: "large" }, /`snapshot`: .*16777217 bytes.*16777216/, true],
  ["snapshot traps", { snapshot: "trap" }, /`snapshot`: wasm trap: wasm `unreachable`/, false],
  ["snapshot never ends", { snapshot: "endless" }, /`snapshot`: .*run_ms/, false],
]) {
  test(`${what}: the old one goes on, and is asked again at the next swap`, async (t) => {
    const host = await startSwapped(t, { shared: { plan, run_ms: 2_000 } });
    const client = await welcome(host);
    await ask(client, "shared:hit");
    const heard = record(client, "welcome", "disconnect");

    const { status, json } = await trySwap(host, "shared", shared(2));

    assert.equal(status, 422, JSON.stringify(json));
    assert.match(json.detail, sentence);
    assert.deepEqual(await ask(client, "shared:hit"), [1, isKept ? 2 : 1]);
    assert.deepEqual((await ask(client, "shared:memory")).kinds, isKept ? ["new"] : ["resumed"]);
    assert.deepEqual(heard, []);
    assert.equal((await trySwap(host, "shared", shared(2))).status, 422);
    assert.equal(await ask(client, "shared:version"), 1);
  });
}

test("a call on its way through the chain ends on the generation that serves by then", async (t) => {
  const host = await startSwapped(t);
  await compiled(host, "shared", shared(2), shared(1));
  const client = open(host);
  await welcomed(client);

  const late = ask(client, "shared:late", "pooled", 1_500, []);
  await swap(host, "shared", shared(2));

  assert.deepEqual(await late, [["pooled", 1], ["shared", 2], ["shared", 2]]);
});

test("a call of the chain that waits in the plugin ends there, and goes on with the next generation", async (t) => {
  const host = await startSwapped(t);
  await compiled(host, "shared", shared(2), shared(1));
  const [client, other] = [open(host), open(host)];
  await Promise.all([welcomed(client), welcomed(other)]);

  const late = ask(client, "pooled:late", "shared", 1_500, []);
  const own = ask(other, "shared:late", "shared", 1_500, []);
  await ask(await connect(host), "shared:version");
  await swap(host, "shared", shared(2));

  assert.deepEqual(await late, [["pooled", 1], ["shared", 1], ["pooled", 1]]);
  assert.deepEqual(await own, [["pooled", 1], ["shared", 1], ["shared", 2]]);
});

test("a host that is to end during a swap ends in order", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [client, other] = [await welcome(host), await welcome(host)];
  const nap = ask(client, "shared:nap", 60_000);
  await ask(client, "shared:version");
  const swapping = trySwap(host, "shared", shared(2));
  const waited = await stopped(other, swapping);
  const gone = [disconnected(client), disconnected(other)];
  const answers = Promise.allSettled([nap, waited(), swapping]);

  host.signal("SIGTERM");

  await Promise.all(gone);
  await within("each has an answer, or none any more", answers);
  assert.equal(await host.exit(), 0);
});

test("an event for which the next generation has no handler is not answered, and the socket goes on", async (t) => {
  const host = await startSwapped(t, { shared: { plan: { event: "extra" } } });
  const [client, other, third] = [await welcome(host), await welcome(host), await welcome(host)];
  assert.deepEqual(await ask(other, "shared:extra"), ["extra", 1]);
  const end = await openCall(client);
  const swapping = swap(host, "shared", shared(2));
  const waited = await stopped(third, swapping);
  let answered = false;
  other.emit("shared:extra", () => (answered = true));
  const behind = ask(other, "shared:version");

  assert.deepEqual(await end(), [1, "answered", 1]);

  assert.deepEqual([await behind, await waited(), answered], [2, 2, false]);
});

test("an event that waits for the stop longer than call_ms fails, and nothing else does", async (t) => {
  const host = await startSwapped(t, { shared: { call_ms: 1_000 } });
  const [client, other] = [await welcome(host), await welcome(host)];
  client.on("question", () => {});
  const open = ask(client, "shared:ask");
  await ask(other, "shared:version");
  const swapping = swap(host, "shared", shared(2));
  const waited = await stopped(other, swapping);

  assert.equal((await waited()).success ?? true, true, "the open call ends at its own call_ms, before that of what waits");
  assert.equal((await open).success, false);
  assert.equal((await swapping).generation.number, 2);
  assert.equal(await ask(other, "shared:version"), 2);
});
