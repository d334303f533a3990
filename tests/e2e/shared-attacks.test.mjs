// What a plugin of the mode `shared` may not do: each attack of the guest `unruly` harms its own call at most.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, eventually, record, startHost } from "./harness/index.mjs";
import { NEUTRAL, crowd, startUnruly, unruly } from "./harness/unruly.mjs";

test("of several ends of a call the first counts", async (t) => {
  const { client, alive } = await start(t);
  const heard = record(client, "error");

  assert.equal(await ask(client, "settle-twice"), "the first");
  assert.equal(await ask(client, "settle-then-done"), "settled");
  assert.equal(await ask(client, "settle-then-fail"), "settled");
  assert.equal(await ask(client, "end-and-remember"), "ended");
  assert.equal(await ask(client, "settle-remembered"), 1);
  await alive();
  assert.deepEqual(heard, []);
});

test("to settle a call with `waiting` does nothing", async (t) => {
  const { client, alive } = await start(t);

  assert.equal(await ask(client, "settle-waiting", 50), "at last");
  await alive();
});

test("a handler that is settled as middleware has failed, and the log says why", async (t) => {
  const { host, client, alive } = await start(t);

  assert.deepEqual(await ask(client, "settle-wrong"), NEUTRAL);
  await host.waitForLog((line) => /^event "settle-wrong" failed: .*settle/.test(line.message), "the log has the failure");
  await alive();
});

test("an end with arguments that are no JSON array is a failure, settled or returned", async (t) => {
  const { host, client, alive } = await start(t);

  for (const event of ["settle-nonsense", "return-nonsense"]) {
    for (const text of ["", "{}", "[1", "[1][2]", '["a"]x']) assert.deepEqual(await ask(client, event, text), NEUTRAL, `${event} ${text}`);
    await host.waitForLog((line) => line.message.startsWith(`event "${event}" failed`), "the log has the failure");
  }
  await alive();
});

test("calls and tickets of another plugin cannot be ended or taken back by guessing their numbers", async (t) => {
  const host = await startHost(t, { plugins: { unruly: unruly({ run_ms: 5_000 }), other: unruly({ config: { namespace: "/other" }, namespaces: ["/other"] }) } });
  const [client, other] = [await connect(host), await connect(host, "/other")];
  const naps = [100, 300, 500].map((ms) => ask(other, "nap", ms));
  await ask(other, "echo");

  await ask(client, "settle-guesses");
  await ask(client, "cancel-guesses", 10_000);

  assert.deepEqual(await Promise.all(naps), [[100], [300], [500]]);
});

test("an answer can be taken once, by its own function, and not before it is there", async (t) => {
  const { client, alive } = await start(t);

  client.on("who", (answer) => answer("me"));

  const unknown = ["unknown", "unknown", "unknown"];
  assert.deepEqual(await ask(client, "take-early-and-twice"), { early: "unanswered", others: [unknown, unknown], taken: ["ok", "unknown"] });
  await alive();
});

test("answers that are never taken are dropped in the end", async (t) => {
  const call_ms = 1_500;
  const { client, alive } = await start(t, { call_ms, run_ms: call_ms });

  // Together more than an instance may have open.
  for (let round = 0; round < 3; round++) {
    assert.equal(await ask(client, "take-never", 22_000), 22_000, `round ${round}`);
    await new Promise((resolve) => setTimeout(resolve, 2 * call_ms));
  }
  await alive();
});

test("a question that was taken back is not reported, and to take it back twice does nothing", async (t) => {
  const { client, alive } = await start(t);

  // The other sleep, and the one behind it.
  assert.equal(await ask(client, "cancel-own", 50), 2);
  await alive();
});

// INSTANCE_TICKETS_MAX
test("an instance has so many open questions; beyond them it is refused, and serves on", async (t) => {
  const { client, other, alive } = await start(t, { run_ms: 20_000, call_ms: 30_000 });

  assert.deepEqual(await ask(client, "questions", "sleeps", 1_000_000), [65_536, "limit"]);
  assert.deepEqual((await ask(other, "questions", "store", 1_000_000))[1], "limit");
  assert.equal(await ask(other, "echo", "meanwhile"), "meanwhile");
  assert.equal(await ask(client, "forget-questions"), 65_536);
  await alive();
});

test("questions to a client without end are refused at some number, and others are asked still", async (t) => {
  const { client, other, alive } = await start(t, { run_ms: 20_000, call_ms: 30_000 });

  const [count, code] = await ask(client, "questions", "clients", 1_000_000);
  assert.equal(code, "limit");
  assert.ok(count >= 100, `${count} were asked`);
  await ask(client, "forget-questions");
  other.on("who", (answer) => answer("me"));
  assert.deepEqual((await ask(other, "ask", "who", 2_000)).answers, ['["me"]']);
  await alive();
});

test("a flood of timers of 0 ms leaves others their turn", async (t) => {
  const { client, other, alive } = await start(t);

  await ask(client, "flood", 100);
  const begun = Date.now();
  for (let number = 0; number < 50; number++) assert.equal(await ask(other, "echo", number), number);
  assert.ok(Date.now() - begun < 5_000, `50 echoes took ${Date.now() - begun} ms`);
  assert.ok((await ask(client, "calm")) > 100, "the timers came");
  await alive();
});

/** A host, two clients, and a check that the instance is the one that it was and serves both. */
async function start(t, table = {}) {
  const host = await startUnruly(t, table);
  const [client, other] = await crowd(host, 2);
  let count = 0;
  const alive = async () => {
    for (const one of [client, other]) assert.equal(await ask(one, "count"), (count += 1));
    await eventually("no call is left", async () => (await ask(other, "memory")).started.join() === "new");
    assert.deepEqual([client.connected, other.connected], [true, true]);
  };
  return { host, client, other, alive };
}
