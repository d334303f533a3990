// A pooled plugin is swapped without a stop: calls that have begun end on their generation, all others begin on the next.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, eventually, next, open, record, startHost } from "./harness/index.mjs";
import { NEUTRAL } from "./harness/unruly.mjs";
import { Generations, change, compiled, show, startSwapped, swap, trySwap, version } from "./harness/swap.mjs";

const ALONE = { pooled: {} };
const pooled = (number, plan) => version("pooled", number, plan);

test("an open question ends on its own generation, and what begins meanwhile is for the next one", async (t) => {
  const host = await startSwapped(t, ALONE);
  await compiled(host, "pooled", pooled(2), pooled(1));
  const [client, other] = [await connect(host), await connect(host)];
  let give;
  const asked = new Promise((resolve) => client.on("question", (_, answer) => resolve((give = answer))));
  const answer = ask(client, "pooled:ask");
  const nap = ask(other, "pooled:nap", 1_500);
  await asked;

  await swap(host, "pooled", pooled(2));

  assert.equal(await ask(await connect(host), "pooled:version"), 2);
  // A call that waits for its client lets the client's next event start.
  assert.equal(await ask(client, "pooled:version"), 2);
  give("late");
  assert.deepEqual(await answer, [1, "late", 1]);
  assert.deepEqual(await nap, [1, 1]);
  assert.equal(await ask(other, "pooled:version"), 2);
});

test("what the old generation left is there for the new one: data, rooms, the store, acks, timers", async (t) => {
  const host = await startSwapped(t, ALONE);
  await compiled(host, "pooled", pooled(2), pooled(1));
  const [client, other] = [await connect(host), await connect(host, "/", { via: "polling" })];
  assert.deepEqual([await ask(client, "pooled:data"), await ask(client, "pooled:count")], [[1, 1], [1, 1]]);
  await ask(client, "pooled:join", "room");
  const kept = ask(client, "pooled:keep");
  await ask(client, "pooled:timer", 7, 1_500);
  const heard = record(client, "welcome", "disconnect");

  await swap(host, "pooled", pooled(2));

  assert.deepEqual([await ask(client, "pooled:data"), await ask(client, "pooled:count")], [[2, 2], [2, 2]]);
  const said = next(client, "said");
  await ask(other, "pooled:say", "room", { still: "here" });
  assert.deepEqual(await said, ["pooled", 2, { still: "here" }]);
  await ask(client, "pooled:give");
  assert.equal(await kept, 2);
  assert.deepEqual(await next(client, "timed"), ["pooled", 2, 7, 1]);
  assert.deepEqual(heard, []);
});

test("`start` runs once in each generation, and a timer that it sets with `keep` goes on", async (t) => {
  const host = await startSwapped(t, ALONE);
  const watcher = await connect(host);
  await ask(watcher, "pooled:join", "watchers");
  const beats = record(watcher, "beat");
  const started = record(watcher, "started");

  for (let number = 2; number <= 4; number++) await swap(host, "pooled", pooled(number));
  await eventually("the last one started, and its timer runs", () => started.length === 3 && beats.at(-1)?.[2] === 4);

  assert.deepEqual(started.map(([, , by]) => by), [2, 3, 4]);
  const versions = beats.map(([, , by]) => by);
  assert.deepEqual(versions, versions.toSorted(), "no timer of an older one runs");
});

test("the same component again changes nothing, unless that is asked for", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await connect(host);

  assert.equal((await swap(host, "pooled", pooled(1))).generation.number, 1);
  assert.equal((await change(host, "pooled", "swap")).generation.number, 1);
  const again = await change(host, "pooled", "swap", { again: true });

  assert.deepEqual([again.generation.number, again.generation.digest], [2, (await show(host, "pooled")).previous[0].digest]);
  assert.equal(await ask(client, "pooled:version"), 1);
});

test("a rollback brings the generation before back, and takes milliseconds", async (t) => {
  const host = await startSwapped(t, ALONE);
  const client = await connect(host);
  assert.match(await change(host, "pooled", "rollback").catch((error) => error.message), /409: no generation served before/);
  const first = (await show(host, "pooled")).generation;
  await swap(host, "pooled", pooled(2));
  assert.equal(await ask(client, "pooled:version"), 2);

  const back = await change(host, "pooled", "rollback");

  assert.equal(await ask(client, "pooled:version"), 1);
  assert.deepEqual([back.generation.digest, back.generation.number], [first.digest, 3]);
  await swap(host, "pooled", pooled(2));
  assert.equal((await change(host, "pooled", "rollback", { to: first.digest.slice(0, 12) })).generation.digest, first.digest);
  assert.match(await change(host, "pooled", "rollback", { to: "ffffffffffff" }).catch((error) => error.message), /409: .*ffffffffffff/);
  assert.equal(await ask(client, "pooled:version"), 1);
});

test("every answer of a burst is of the generation before or of the one behind the swap, and none is of the older one again", async (t) => {
  const host = await startSwapped(t, ALONE);
  const clients = await Promise.all(Array.from({ length: 20 }, (_, index) => connect(host, "/", { via: index % 2 ? "polling" : "websocket" })));
  let begun = 0;
  const versions = [1, 2, 3].map((number) => pooled(number));
  await compiled(host, "pooled", versions[1], versions[2], versions[0]);
  let isOver = false;

  const asking = clients.map(async (client, index) => {
    const generations = new Generations(3, () => begun, `client ${index}`);
    while (!isOver) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(client, "pooled:version")));
      answers.forEach((answer) => generations.see(answer));
    }
  });
  const all = Promise.all(asking);
  all.catch(() => {});
  for (begun = 1; begun <= 30; begun++) await Promise.race([swap(host, "pooled", versions[begun % 3]), all]);
  isOver = true;
  await all;
});

test("the log and the metrics name the generation that did it", async (t) => {
  const host = await startSwapped(t, { pooled: { plan: { trap: 1 } } });
  const client = open(host);
  await next(client, "welcome");
  const work = () => client.timeout(10_000).emitWithAck("pooled:work", 1, Buffer.from([1]), []);
  const lines = () => host.logged(({ plugin, level }) => /^pooled@/.test(plugin) && level === "ERROR").map(({ plugin }) => plugin);

  assert.equal((await work()).code, "INTERNAL_ERROR");
  await swap(host, "pooled", pooled(2, { trap: 1 }));
  assert.equal((await work()).code, "INTERNAL_ERROR");
  await swap(host, "pooled", pooled(3));
  assert.equal(await work(), 1);

  await eventually("both are in the log", () => new Set(lines()).size === 2);
  assert.deepEqual([...new Set(lines())], ["pooled@1", "pooled@2"]);
  const page = await (await fetch(`${host.internal}/metrics`)).text();
  const generations = [...page.matchAll(/plugin="pooled",generation="(\d+)"/g)].map(([, generation]) => generation);
  assert.deepEqual([...new Set(generations)], ["3"]);
});

for (const [what, bytes, sentence] of [
  ["nothing", Buffer.alloc(0), /component|WebAssembly/i],
  ["a text", Buffer.from("this is no component"), /component|WebAssembly/i],
  ["half a component", () => pooled(2).subarray(0, 200_000), /component|WebAssembly|unexpected end|incomplete|whole/i],
  ["a refusal of the configuration", () => pooled(2, { register: "fail" }), /as planned/],
  ["a trap in `register`", () => pooled(2, { register: "trap" }), /register/],
  ["`register` without an end", () => pooled(2, { register: "endless" }), /register/],
]) {
  test(`a swap to ${what} is refused, and the old one serves`, async (t) => {
    const host = await startSwapped(t, { pooled: { run_ms: 500 } });
    const client = await connect(host);

    const { status, json } = await trySwap(host, "pooled", typeof bytes === "function" ? bytes() : bytes);

    assert.equal(status, 422, JSON.stringify(json));
    assert.match(json.detail, sentence);
    assert.equal(await ask(client, "pooled:version"), 1);
    const view = await show(host, "pooled");
    assert.equal(view.generation.number, 1);
    assert.equal(view.last_problem, json.detail);
  });
}

for (const how of ["fail", "trap", "endless"]) {
  test(`a pooled generation whose \`start\` does this serves all the same, and the log says so: ${how}`, async (t) => {
    const host = await startSwapped(t, { pooled: { run_ms: 500 } });
    const client = await connect(host);

    await swap(host, "pooled", pooled(2, { start: how }));

    assert.equal(await ask(client, "pooled:version"), 2);
    await host.waitForLog((line) => line.plugin === "pooled@2" && /start/.test(JSON.stringify(line)), "the log has it");
  });

  test(`a shared generation whose \`start\` does this can be rolled back: ${how}`, async (t) => {
    const host = await startSwapped(t, { shared: { run_ms: 500 } });
    const client = open(host);
    await next(client, "welcome");

    await swap(host, "shared", version("shared", 2, { start: how }));

    // An instance that cannot be started is lost.
    assert.deepEqual(await ask(client, "shared:version"), how === "fail" ? 2 : NEUTRAL);
    await host.waitForLog((line) => line.plugin === "shared@2" && /start/.test(JSON.stringify(line)), "the log has it");
    await change(host, "shared", "rollback");
    assert.equal(await ask(client, "shared:version"), 1);
    assert.equal(client.connected, true);
  });
}

test("what served is kept on the disk: after a restart the file serves, and an upload before it can take over again", async (t) => {
  const host = await startSwapped(t, { pooled: {}, shared: {} });
  const { digest } = (await swap(host, "pooled", pooled(2))).generation;
  await swap(host, "pooled", pooled(3));
  // Nobody waits for the disk.
  const isKept = async (host) => (await show(host, "pooled")).kept.some((kept) => kept.digest === digest);
  await eventually("it is on the disk", () => isKept(host));
  host.signal("SIGTERM");
  assert.equal(await host.exit(), 0);

  const again = await startHost(t, { file: host.file });

  const client = await connect(again);
  assert.equal(await ask(client, "pooled:version"), 1);
  await eventually("the disk has been read", () => isKept(again));
  await change(again, "pooled", "rollback", { to: digest });
  assert.equal(await ask(client, "pooled:version"), 2);
  assert.equal((await show(again, "pooled")).generation.digest, digest);
});
