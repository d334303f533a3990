// Chains of plugins of both modes: each sees the events of one socket start in the order received, and nothing is lost or doubled.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, eventually, startHost } from "./harness/index.mjs";
import { NEUTRAL, crowd, planned, startUnruly, unruly } from "./harness/unruly.mjs";

const SOCKETS = 20;
const EVENTS = 50;

for (const modes of [["pooled", "shared", "pooled"], ["shared", "pooled", "shared"]]) {
  test(`in a chain of ${modes.join(", ")} each plugin begins and ends every event of a socket once, and begins them in order`, async (t) => {
    const clients = await crowd(await startHost(t, { plugins: chain(modes) }), SOCKETS);
    const views = clients.map(watch);

    const acks = clients.map((client) =>
      // Some wait, some do not, so that they could overtake each other.
      Promise.all(Array.from({ length: EVENTS }, (_, number) => ask(client, "step", number, number % 3 === 0 ? 1 + (number % 7) : 0))),
    );

    for (const [index, answers] of (await Promise.all(acks)).entries()) {
      // The first ack to leave counts, and no plugin comes before the first of the chain.
      assert.deepEqual(answers, Array.from({ length: EVENTS }, (_, number) => ["p0", number]));
      const numbers = Array.from({ length: EVENTS }, (_, number) => number);
      await eventually("the last plugin has ended its last event", () => views[index].ends.p2?.length === EVENTS);
      for (const name of ["p0", "p1", "p2"]) {
        assert.deepEqual(views[index].begins[name], numbers, `what ${name} began`);
        assert.deepEqual(views[index].ends[name].toSorted((one, other) => one - other), numbers, `what ${name} ended`);
      }
    }
  });
}

test("a plugin of a chain begins an event when those before it have ended", async (t) => {
  const client = await connect(await startHost(t, { plugins: chain(["shared", "pooled", "shared"]) }));
  const told = [];
  for (const word of ["begins", "ends"]) client.on(word, (name, number) => told.push(`${name} ${word} ${number}`));

  const all = [ask(client, "step", 1, 150), ask(client, "step", 2, 10)];
  await Promise.all(all);
  await eventually("the last plugin has ended both", () => told.filter((line) => line.startsWith("p2 ends")).length === 2);

  const before = (one, other) => assert.ok(told.indexOf(one) < told.indexOf(other), `${one} before ${other}: ${told.join(", ")}`);
  for (const number of [1, 2]) {
    before(`p0 ends ${number}`, `p1 begins ${number}`);
    before(`p1 ends ${number}`, `p2 begins ${number}`);
  }
  // Only the last plugin may be overtaken while it waits.
  before("p1 ends 1", "p0 begins 2");
  before("p2 begins 1", "p0 begins 2");
  before("p2 ends 2", "p2 ends 1");
});

test("a question to a client lets its queue go on, wherever in a chain it is asked", async (t) => {
  const plugins = { asks: unruly({ config: { name: "asks" } }), ...chain(["pooled"]) };
  const client = await connect(await startHost(t, { plugins }));
  let answered = 0;
  client.on("who", async (answer) => {
    answer(await ask(client, "echo", "before I answer"));
    answered += 1;
  });

  assert.deepEqual(await ask(client, "ask", "who", 5_000), { answers: ['["before I answer"]'], missing: [], timedOut: [] });
  await eventually("both plugins have asked, one after the other", () => answered === 2);
});

test("a client may ask back several deep, up to open_calls_per_socket; beyond, the queue stands until a question times out", async (t) => {
  const host = await startUnruly(t, {}, { limits: { open_calls_per_socket: 4 } });
  const deep = async (depth) => {
    const client = await connect(host);
    const answering = [];
    client.on("who", (answer) => {
      const isBottom = answering.length + 1 >= depth;
      const asked = isBottom ? ask(client, "echo", "the bottom") : ask(client, "ask", "who", 400);
      answering.push(asked.then(answer));
    });
    const answer = await ask(client, "ask", "who", 400);
    await Promise.all(answering);
    return JSON.stringify(answer);
  };

  assert.match(await deep(3), /the bottom/);
  assert.doesNotMatch(await deep(6), /the bottom/);
});

test("a handler waits for an ack of another client, which first emits an event and awaits it", async (t) => {
  const host = await startUnruly(t);
  const [client, other] = await crowd(host, 2);
  await ask(other, "join", "room");
  other.on("who", async (answer) => answer(await ask(other, "echo", "me")));

  assert.deepEqual((await ask(client, "ask-room", "room", "who")).answers, ['["me"]']);
});

test("a pooled plugin that answers `waiting` has failed, and the log says why", async (t) => {
  const host = await startUnruly(t, { config: { mode: "pooled" } });
  const client = await connect(host);

  assert.deepEqual(await ask(client, "bare-waiting"), NEUTRAL);
  assert.deepEqual(await ask(client, "settle-twice"), NEUTRAL);
  assert.equal(await ask(client, "echo", "still here"), "still here");
  await host.waitForLog((line) => /^event "bare-waiting" failed: .*waiting/.test(line.message), "the log has the failure");
  await assert.rejects(connect(host, "/", planned({ "connect-middleware": "bare-waiting" })), { message: "internal error" });
});

/** Plugins on `/`, which call themselves p0, p1, …. */
function chain(modes) {
  const plugin = (mode, index) => [`p${index}`, unruly({ config: { mode, name: `p${index}` } })];
  return Object.fromEntries(modes.map(plugin));
}

/** What a client hears of the plugins of its chain, by their names. */
function watch(client) {
  const view = { begins: {}, ends: {} };
  for (const word of ["begins", "ends"]) client.on(word, (name, number) => (view[word][name] ??= []).push(number));
  return view;
}
