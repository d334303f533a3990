// A plugin in JavaScript that loops, takes all memory, floods or never ends: what becomes of it, and of everybody else.

import assert from "node:assert/strict";
import { test as anyTest } from "node:test";
import { ask, askAll, connect, eventually, record, skipped, startHost } from "./harness/index.mjs";

const test = (name, fn) => anyTest(name, { skip: skipped("js") }, fn);
const JS = { component: "js", grants: ["store:js", "rate-limit"] };
const BROKEN = { success: false, error: "internal error", code: "INTERNAL_ERROR" };
const MINUTE = 60_000;

const start = (t, table = {}) => startHost(t, { plugins: { js: { ...JS, run_ms: 500, ...table } }, store: { memory: ["js"] } });

for (const event of ["spin", "spin-later", "endless-promises", "hoard", "recurse"]) {
  test(`${event}: the open calls of the instance fail, nobody is disconnected, and the next instance knows everybody`, async (t) => {
    const host = await start(t);
    const [client, other] = [await connect(host), await connect(host)];
    const welcomes = [client, other].map((one) => record(one, "welcome", "from the timer", "disconnect"));
    await Promise.all([client, other].map((one) => eventually("its timer has run", async () => welcomes.every((list) => list.length > 0))));
    await ask(client, "data", "kept", 1);
    await ask(other, "join", "room");
    for (const list of welcomes) list.length = 0;
    const waits = ask(other, "never");
    await ask(other, "echo", "the call before has begun");

    assert.deepEqual(await client.timeout(MINUTE).emitWithAck(event), BROKEN);
    assert.deepEqual(await waits, BROKEN);

    const state = await ask(client, "state");
    assert.deepEqual([state.recovered, state.mark, state.data.kept], [true, null, 1]);
    assert.deepEqual(await ask(other, "join", "another"), [other.id, "another", "everybody", "room"].sort());
    assert.equal(await ask(other, "echo-async", "alive"), "alive");
    await eventually("the timers that `connection` has set again emit", () => welcomes.every((list) => list.length > 0));
    for (const list of welcomes) assert.deepEqual(list, [["from the timer", true]]);
  });
}

test("a socket whose first contact with the new instance is its end has its `disconnect` handlers", async (t) => {
  const host = await start(t);
  const [client, leaver] = [await connect(host), await connect(host)];
  await ask(leaver, "join", "room");
  const { id } = leaver;

  await ask(client, "recurse");
  leaver.close();

  await eventually("the instance has heard of the end", async () => (await ask(client, "end-of", id))?.reason);
  const end = await ask(client, "end-of", id);
  assert.deepEqual([end.rooms, end.reason], [[id, "everybody", "room"].sort(), "client namespace disconnect"]);
});

test("a promise that never settles fails its call at call_ms, and the instance lives", async (t) => {
  const host = await start(t, { run_ms: 300, call_ms: 300 });
  const client = await connect(host);
  await ask(client, "login", "ann");

  assert.deepEqual(await ask(client, "never"), BROKEN);

  assert.deepEqual(await askAll(client, "users"), [["ann"], 1]);
});

test("a million timers are refused at the limit, and others are served", async (t) => {
  const host = await start(t, { run_ms: 10_000 });
  const [client, other] = [await connect(host), await connect(host)];
  await ask(other, "login", "ann");

  const answer = await client.timeout(MINUTE).emitWithAck("questions", 1_000_000);

  assert.equal(answer.code, "limit");
  assert.equal(await ask(other, "echo", "served"), "served");
  assert.deepEqual(await askAll(other, "users"), [["ann"], 1]);
});

test("timers that double without end starve nobody on another plugin", async (t) => {
  const host = await startHost(t, {
    plugins: { js: { ...JS, namespaces: ["/"] }, other: { component: "js", namespaces: ["/other"], config: { namespace: "/other", hasStore: false } } },
    store: { memory: ["js"] },
  });
  const [client, other] = [await connect(host), await connect(host, "/other")];

  assert.equal(await ask(client, "timer-flood"), "flooding");

  for (let i = 0; i < 200; i++) assert.equal(await ask(other, "echo-async", i), i);
});

test("100 traps under load of 200 sockets: nobody is disconnected, and every event is answered, well or by the failure table", async (t) => {
  const host = await start(t);
  const clients = await Promise.all(Array.from({ length: 200 }, () => connect(host)));
  const breaker = await connect(host);
  let gone = 0;
  for (const client of [...clients, breaker]) client.on("disconnect", () => (gone += 1));
  const counts = { well: 0, broken: 0 };
  let isOver = false;

  const load = clients.map(async (client) => {
    for (let number = 0; !isOver || number < 10; number++) {
      const answer = await client.timeout(MINUTE).emitWithAck(number % 2 ? "echo" : "wait-a-little", number);
      if (answer !== number) assert.deepEqual(answer, BROKEN);
      counts[answer === number ? "well" : "broken"] += 1;
    }
  });
  for (let i = 0; i < 100; i++) assert.deepEqual(await breaker.timeout(MINUTE).emitWithAck("recurse"), BROKEN);
  isOver = true;
  await Promise.all(load);

  assert.equal(gone, 0);
  assert.ok(counts.well > 1_000 && counts.broken > 100, JSON.stringify(counts));
});
