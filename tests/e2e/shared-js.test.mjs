// A plugin in JavaScript, in the mode `shared`: what people write for a server in Node does the same here. `tests/guests/js` is the plugin.

import assert from "node:assert/strict";
import { ask, askAll, connect, connected, eventually, manager, next, open, record, startHost } from "./harness/index.mjs";
import { SharedGuest, testWhatPeopleWrite } from "./harness/shared-guest.mjs";

const guest = new SharedGuest("js");
const { plugin: JS } = guest;
const test = (sentence, body) => guest.test(`js: ${sentence}`, body);
const start = (t) => guest.start(t);

testWhatPeopleWrite(guest, { rejection: /^unhandled rejection: Error: nobody waits for this/, timer: /^timer: Error: thrown in a timer/ });

test("an ack is what a callback is called with, or what a handler returns", async (t) => {
  const host = await start(t);
  const client = await connect(host);

  assert.deepEqual(await ask(client, "returned", 5), { returned: 5 });
  assert.equal(await ask(client, "named", 1), "from the callback");
  assert.equal(await ask(client, "twice"), 1);
  assert.equal((await ask(client, "throw-text")).error, "only a text");
  assert.match((await ask(client, "unsendable")).error, /BigInt/);
  assert.equal(await ask(client, "reserved"), '"connect" is a reserved event name');
});

test("emits and the ack of a handler arrive in call order", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  const seen = record(client, "before", "after");

  const answer = await new Promise((resolve) => client.emit("order", (value) => resolve([value, seen.length])));

  assert.deepEqual(answer, ["ack", 1]);
  await eventually("the last emit arrives", () => seen.length === 2);
});

test("middleware marks a socket, and what a handshake and an end have besides", async (t) => {
  const host = await start(t);
  assert.deepEqual(await next(open(host), "welcome"), [false, "set by middleware"]);
  const [client, other] = [await connect(host), await connect(host)];
  const { id } = client;

  const { isRecent, auth } = await ask(client, "handshake");
  assert.deepEqual([isRecent, auth], [true, {}]);
  assert.deepEqual(await askAll(client, "data", "key", 1), [{ since: "the first connection", key: 1 }, true]);
  client.close();
  const end = await eventually("the end is known", async () => {
    const end = await ask(other, "end-of", id);
    return end?.reason && end;
  });
  assert.deepEqual(end, { id, rooms: [id, "everybody"].sort(), reason: "client namespace disconnect", left: [] });
});

test("socket.use and onAny of one socket are of that socket", async (t) => {
  const host = await start(t);
  const [client, other] = [await connect(host), await connect(host)];
  const told = record(client, "told");
  await askAll(client, "guard");

  client.emit("forbidden");
  client.emit("rejected");
  assert.equal(await ask(client, "slow"), "passed");
  assert.equal(await ask(other, "forbidden"), "passed");
  assert.deepEqual(told, [["told", "not for you"], ["told", "not for you either"]]);
  await askAll(client, "watch");
  await ask(client, "echo", 1);
  assert.deepEqual(await ask(client, "watched"), [["echo", 1], ["watched", 0]]);
});

test("Promise.any, and the order of jobs", async (t) => {
  const host = await start(t);
  const client = await connect(host);

  assert.deepEqual(await ask(client, "race"), ["fast", "any"]);
  assert.deepEqual(await ask(client, "jobs"), ["sync", "microtask", "promise", "timeout"]);
});

test("a question to many brings what came, and an error if somebody did not answer", async (t) => {
  const host = await start(t);
  const clients = await Promise.all(["a", "b", "silent"].map(() => connect(host)));
  for (const client of clients) await ask(client, "join", "asked");
  for (const [index, client] of clients.slice(0, 2).entries()) client.on("question", (_, answer) => answer(index));

  const partial = await ask(clients[0], "ask-room", "asked", 200);
  clients[2].on("question", (_, answer) => answer(2));
  const whole = await ask(clients[0], "ask-room", "asked", 5_000);

  assert.equal(partial.message, "operation has timed out");
  assert.deepEqual(partial.responses.sort(), [0, 1]);
  assert.deepEqual(whole.responses.sort(), [0, 1, 2]);
});

test("sockets of one connection on several namespaces, one component loaded twice", async (t) => {
  const host = await startHost(t, {
    plugins: {
      one: { ...JS, component: "js", namespaces: ["/one"], config: { namespace: "/one" } },
      two: { component: "js", namespaces: ["/two"], config: { namespace: "/two", hasStore: false } },
    },
    store: { memory: ["js"] },
  });
  const shared = manager(host);
  const [one, two] = [shared.socket("/one"), shared.socket("/two")];
  shared.open();
  for (const socket of [one, two]) socket.connect();
  await Promise.all([connected(one), connected(two)]);

  await ask(one, "login", "ann");
  assert.deepEqual(await askAll(one, "users"), [["ann"], 1]);
  assert.deepEqual(await askAll(two, "users"), [[], 0]);
  assert.equal((await ask(two, "state")).nsp, "/two");
});

test("JSON that nests as deep as a client may send it is walked by recursion", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  let nested = [];
  for (let depth = 1; depth < 511; depth++) nested = [nested];

  assert.equal(await ask(client, "depth", nested), 511);
  assert.equal(await ask(client, "echo", "the instance is the same"), "the instance is the same");
});
