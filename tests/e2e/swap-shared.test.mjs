// A plugin of the mode `shared` is swapped in steps: its open calls end, its state is handed over, what waited goes on with the next one,
// or with the old one if nothing comes of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, disconnected, eventually, next, open, record, within } from "./harness/index.mjs";
import { NEUTRAL } from "./harness/unruly.mjs";
import { admin, change, compiled, show, startSwapped, swap, trySwap, version } from "./harness/swap.mjs";
import { welcomed } from "./harness/swap-traffic.mjs";

const ALONE = { shared: {} };
const shared = (number, plan) => version("shared", number, plan);

/** A client that `connection` has registered. */
async function welcome(host, namespace = "/") {
  const client = open(host, namespace);
  await next(client, "welcome");
  return client;
}

/** Resolves when the swap has stopped the plugin, so that an event of this client waits. Resolves to a function that gives its answer. */
async function stopped(client, swapping) {
  let isOver = false;
  swapping.finally(() => (isOver = true)).catch(() => {});
  while (!isOver) {
    const answer = ask(client, "shared:version");
    const waits = new Promise((resolve) => setTimeout(resolve, 200, "waits"));
    if ((await Promise.race([answer, waits])) === "waits") return () => answer;
  }
  throw new Error("the swap was over before anything waited for it");
}

/** Opens a call that waits for this client. Resolves to a function that lets it end, and gives the ack. */
async function openCall(client) {
  const asked = next(client, "question");
  const ended = ask(client, "shared:ask");
  const [, answer] = await asked;
  return () => (answer("answered"), ended);
}

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

test("a new generation meets each socket once, muted, before anything else about it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [client, other] = [await welcome(host), await welcome(host)];
  const side = await welcome(host, "/side");
  const heard = [client, other, side].map((one) => record(one, "welcome"));

  await swap(host, "shared", shared(2));

  // It would be a stranger without its `connection`.
  const works = await Promise.all([1, 2, 3].map((number) => client.timeout(10_000).emitWithAck("shared:work", number, Buffer.from([1]), [])));
  assert.deepEqual(works, [1, 2, 3]);
  const { memory, kinds } = await ask(client, "shared:memory");
  assert.deepEqual(kinds, ["resumed"]);
  assert.deepEqual(Object.keys(memory.met), [client.id], "the others have not been met yet");
  assert.deepEqual((await ask(side, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard.flat(), []);
  assert.equal(await ask(client, "shared:data").then(([by]) => by), 2);
  const [, by, kind, connections] = await next(open(host), "welcome");
  assert.deepEqual([by, kind, connections], [2, "new", 4], "what `connection` counts was counted once for each");
});

test("the end of a socket can be the first that the new generation hears of it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const [watcher, leaver] = [await welcome(host), await welcome(host)];
  await ask(watcher, "shared:join", "watchers");
  const { id } = leaver;
  const left = next(watcher, "left");

  await swap(host, "shared", shared(2));
  leaver.close();

  assert.deepEqual(await left, ["shared", 2, id]);
});

test("what the old instance does by itself ends with it", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  const ticks = record(client, "tick");
  await ask(client, "shared:join", "watchers");
  await ask(client, "shared:interval");
  await eventually("the old one ticks", () => ticks.length > 3);

  await swap(host, "shared", shared(2));

  await ask(client, "shared:version");
  const before = ticks.length;
  const beats = record(client, "beat");
  await eventually("the plugin's own timer goes on", () => beats.length > 10);
  assert.equal(ticks.length, before);
  assert.ok(beats.every(([, name, by]) => name === "shared" && by === 2), JSON.stringify(beats));
});

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

test("a timer that the old generation set runs in the new one", async (t) => {
  const host = await startSwapped(t, ALONE);
  await compiled(host, "shared", shared(2), shared(1));
  const client = await welcome(host);
  await ask(client, "shared:timer", 7, 1_500);

  await swap(host, "shared", shared(2));

  assert.deepEqual(await next(client, "timed"), ["shared", 2, 7, 1]);
});

test("two swaps that are asked for at once happen one after the other", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  await ask(client, "shared:hit");

  const both = await Promise.all([swap(host, "shared", shared(2)), swap(host, "shared", shared(3))]);

  assert.deepEqual(both.map((view) => view.generation.number), [2, 3]);
  const [by, hits] = await ask(client, "shared:hit");
  assert.ok([2, 3].includes(by));
  assert.equal(hits, 2);
});

test("a plugin may change its mode", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await welcome(host);
  const heard = record(client, "welcome", "disconnect");
  await ask(client, "shared:data");

  assert.equal((await swap(host, "shared", version("pooled", 2))).generation.mode, "pooled");
  assert.deepEqual(await ask(client, "shared:data"), [2, 2]);
  assert.equal((await swap(host, "shared", shared(3))).generation.mode, "shared");
  assert.deepEqual(await ask(client, "shared:data"), [3, 3]);

  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard, []);
});

test("clients that come and go during swaps have one `connection` and one `disconnect` of each plugin", async (t) => {
  const host = await startSwapped(t);
  const watcher = open(host);
  await welcomed(watcher);
  await ask(watcher, "shared:join", "watchers");
  const left = record(watcher, "left");
  const versions = [1, 2, 3].map((number) => shared(number));
  await compiled(host, "shared", versions[1], versions[2], versions[0]);
  let isOver = false;
  let clients = 0;
  const comeAndGo = async () => {
    while (!isOver) {
      const client = open(host);
      clients += 1;
      const welcomes = record(client, "welcome", "error");
      await eventually("both plugins welcome it", () => welcomes.length >= 2);
      const { id } = client;
      if (clients % 2) await ask(client, "shared:version");
      assert.deepEqual(welcomes.map(([, name, , kind]) => [name, kind]).toSorted(), [["pooled", "new"], ["shared", "new"]]);
      client.close();
      await eventually("both plugins hear of its end", () => left.filter(([, , , of]) => of === id).length === 2);
    }
  };

  const coming = Promise.all(Array.from({ length: 5 }, comeAndGo));
  coming.catch(() => {});
  for (let index = 1; index <= 20; index++) await Promise.race([swap(host, "shared", versions[index % 3]), coming]);
  isOver = true;
  await coming;

  assert.equal(left.length, 2 * clients);
  t.diagnostic(`${clients} clients`);
});

test("a plugin that is unloaded answers nothing, and when it is loaded again it knows the sockets", async (t) => {
  const host = await startSwapped(t);
  const client = open(host);
  await welcomed(client);
  const heard = record(client, "welcome", "disconnect");
  const nap = ask(client, "shared:nap", 60_000);
  await ask(client, "shared:version");

  const unloaded = await change(host, "shared", "unload");

  assert.deepEqual([unloaded.status, unloaded.generation], ["unloaded", null]);
  assert.deepEqual(await nap, NEUTRAL);
  let answered = false;
  client.emit("shared:version", () => (answered = true));
  assert.deepEqual(await client.timeout(10_000).emitWithAck("pooled:late", "shared", 60_000, []), [["pooled", 1], ["pooled", 1]]);
  assert.equal(answered, false);
  assert.equal((await admin(host, "POST", "/plugins/shared/unload", {})).status, 409);
  assert.equal((await trySwap(host, "shared", shared(2))).status, 409);

  assert.equal((await change(host, "shared", "load")).generation.number, 2);
  assert.equal(await ask(client, "shared:version"), 1);
  assert.deepEqual((await ask(client, "shared:memory")).kinds, ["resumed"]);
  assert.deepEqual(heard, []);
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
