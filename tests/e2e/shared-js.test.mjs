// A plugin in JavaScript, in the mode `shared`: what people write for a server in Node does the same here. `tests/guests/js` is the plugin.

import assert from "node:assert/strict";
import { test as anyTest } from "node:test";
import { askAll, connect, connected, disconnected, eventually, manager, next, open, record, refused, skipped, startHost } from "./harness/index.mjs";
import { ask } from "./harness/index.mjs";

const test = (name, fn) => anyTest(name, { skip: skipped("js") }, fn);
const JS = { component: "js", grants: ["store:js", "rate-limit"] };
const MINUTE = 60_000;
/** Events of each socket in the chain of three. */
const STEPS = Number(process.env.STEPS ?? 50);
/** A thousand clients of one address. */
const CROWDED = { sessions_per_address_max: 2_000, connections_per_address_max: 2_000 };

const start = (t, table = {}, options = {}) => startHost(t, { plugins: { js: { ...JS, ...table } }, store: { memory: ["js"] }, ...options });

test("an ack is what a callback is called with, or what a handler returns, at once or later", async (t) => {
  const host = await start(t);
  const client = await connect(host);

  assert.equal(await ask(client, "echo", "héé😀"), "héé😀");
  assert.deepEqual(await askAll(client, "echo-all", 1, { two: [2] }, null), [1, { two: [2] }, null]);
  assert.deepEqual(await ask(client, "echo-async", { deep: { er: 1 } }), { deep: { er: 1 } });
  assert.deepEqual(await ask(client, "returned", 5), { returned: 5 });
  assert.equal(await ask(client, "named", 1), "from the callback");
  assert.equal(await ask(client, "twice"), 1);
  const form = { name: "Ann Lee", email: "ann@example.org", age: 7, tags: ["a"], items: [{ id: 1, price: 2, count: 3 }], note: "n".repeat(1_500) };
  assert.deepEqual(await ask(client, "validate", JSON.stringify(form)), { wrong: [], total: 6 });
  assert.deepEqual(await ask(client, "validate", JSON.stringify({ ...form, email: "no", age: -1 })), { wrong: ["email", "age"], total: 6 });
});

test("emits and the ack of a handler arrive in call order", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  const seen = record(client, "before", "after");

  const answer = await new Promise((resolve) => client.emit("order", (value) => resolve([value, seen.length])));

  assert.deepEqual(answer, ["ack", 1]);
  await eventually("the last emit arrives", () => seen.length === 2);
});

test("binary arguments go both ways", async (t) => {
  const host = await start(t);
  const client = await connect(host);

  const { bytes, length } = await ask(client, "binary", { bytes: Buffer.from([1, 2, 255]) });

  assert.deepEqual([...bytes], [2, 3, 0]);
  assert.equal(length, 3);
});

test("an error that a handler throws is answered, at once or after an await, and what it wrote is kept", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  const kept = record(client, "kept");

  assert.deepEqual(await ask(client, "throw"), { success: false, code: "OUT_OF_STOCK", error: "out of stock", item: 7 });
  assert.deepEqual(await ask(client, "throw-later"), { success: false, code: "LATER", error: "later" });
  assert.equal(kept.length, 2);
  assert.equal((await ask(client, "throw-text")).error, "only a text");
  assert.match((await ask(client, "unsendable")).error, /BigInt/);
  client.emit("throw");
  const [error] = await next(client, "error");
  assert.equal(error.code, "OUT_OF_STOCK");
  assert.equal(await ask(client, "reserved"), '"connect" is a reserved event name');
});

test("connect middleware refuses with its message and data, and what it sets on the socket is there in `connection`", async (t) => {
  const host = await start(t);

  const refusal = await refused(host, "/", { query: { refuse: "a reason" } });
  assert.deepEqual([refusal.message, refusal.data], ["not today", { because: "a reason" }]);
  const broken = await refused(host, "/", { query: { throws: "y" } });
  assert.deepEqual([broken.message, broken.data], ["broken", { because: "y" }]);
  const client = open(host);
  const [recovered, mark] = await next(client, "welcome");
  assert.deepEqual([recovered, mark], [false, "set by middleware"]);
});

test("handshake, data, rooms and the end of a socket", async (t) => {
  const host = await start(t);
  const [client, other] = [await connect(host, "/", { query: { name: "ann" } }), await connect(host)];
  const { id } = client;

  const handshake = await ask(client, "handshake");
  assert.equal(handshake.query.name, "ann");
  assert.deepEqual([handshake.address, handshake.hasHost, handshake.isRecent, handshake.transport, handshake.auth], ["127.0.0.1", true, true, "websocket", {}]);
  assert.deepEqual(await askAll(client, "data", "user", { name: "Ann" }), [{ since: "the first connection", user: { name: "Ann" } }, true]);
  assert.deepEqual(await ask(client, "forget", "since"), { user: { name: "Ann" } });
  assert.deepEqual(await ask(client, "join", "room"), [id, "everybody", "room"].sort());
  assert.deepEqual((await ask(other, "fetch", "room")), [{ id, data: { user: { name: "Ann" } }, rooms: [id, "everybody", "room"].sort(), query: "ann" }]);
  const said = record(client, "said");
  other.emit("say", "room", "hello");
  await eventually("the room hears it", () => said.length === 1);

  const gone = next(other, "gone");
  client.emit("disconnect-me", false);
  assert.equal(await disconnected(client), "io server disconnect");
  assert.deepEqual(await gone, [id, "server namespace disconnect"]);
  const end = await ask(other, "end-of", id);
  assert.deepEqual(end, { id, rooms: [id, "everybody", "room"].sort(), reason: "server namespace disconnect", left: [] });
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

test("promises and timers: all, race, for await, an interval, work that nobody awaits, the order of jobs", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  const heard = record(client, "tick", "from the background");

  assert.deepEqual(await ask(client, "all"), ["slept", true, "at once", 4, ["rejected", "fulfilled"]]);
  assert.deepEqual(await ask(client, "race"), ["fast", "any"]);
  assert.deepEqual(await ask(client, "for-await"), [0, 1, 2]);
  assert.equal(await ask(client, "interval", 3), 3);
  assert.deepEqual(heard, [["tick", 1], ["tick", 2], ["tick", 3]]);
  assert.equal(await ask(client, "background"), "answered");
  await eventually("what went on after the answer emits", () => heard.length === 4);
  const delays = Array.from({ length: 60 }, (_, index) => (index % 3 ? 20 : 40));
  const order = delays.map((_, index) => index).sort((one, other) => delays[one] - delays[other] || one - other);
  assert.deepEqual(await ask(client, "timers", delays), order);
  assert.deepEqual(await ask(client, "jobs"), ["sync", "microtask", "promise", "timeout"]);
  assert.equal(await ask(client, "reject-nobody"), "fine");
  await host.waitForLog((line) => /^unhandled rejection: Error: nobody waits for this/.test(line.message), "the rejection is in the log");
  await ask(client, "background-throws");
  await host.waitForLog((line) => /^timer: Error: thrown in a timer/.test(line.message), "the error of the timer is in the log");
  assert.equal(await ask(client, "echo", "alive"), "alive");
});

test("the store, limits of rate and a bucket that is not granted", async (t) => {
  const host = await start(t);
  const client = await connect(host);

  assert.deepEqual(await ask(client, "store", "k", { a: [1] }), { before: null, after: { a: [1] }, visits: 1 });
  assert.deepEqual(await ask(client, "store", "k", "ü😀"), { before: { a: [1] }, after: "ü😀", visits: 2 });
  assert.deepEqual(await ask(client, "scan", "k"), [["k", "ü😀"], ["k:visits", 2]]);
  assert.deepEqual([await ask(client, "swap", "k", 1, 2), await ask(client, "swap", "k", "ü😀", 2)], [false, true]);
  assert.deepEqual(await ask(client, "delete", "k"), [true, false]);
  assert.deepEqual(await ask(client, "denied"), { code: "denied" });
  assert.deepEqual(await ask(client, "consume", "ann"), [true, true, false]);
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

test("a question to a client that does not answer, or that disconnects, is an error", async (t) => {
  const host = await start(t);
  const [client, asker] = [await connect(host), await connect(host)];

  assert.deepEqual(await ask(client, "ask-me", 1, 50), { message: "operation has timed out" });
  const answer = ask(asker, "ask-other", client.id, 1);
  await next(client, "question");
  client.close();
  assert.equal((await answer).success, false);
});

test("A's handler asks B's client, which first asks us: nobody waits for a timeout", async (t) => {
  const host = await start(t);
  const [a, b] = [await connect(host), await connect(host)];
  for (const client of [a, b]) {
    client.on("question", async (value, answer) => answer(await ask(client, "echo-async", `${value}, asked again`)));
  }

  assert.equal(await ask(a, "ask-other", b.id, "a to b"), "a to b, asked again");
  assert.equal(await ask(a, "ask-other", a.id, "a to a"), "a to a, asked again");
  assert.deepEqual(await ask(a, "ask-me", "me", null), { answer: "me, asked again" });
  assert.equal(await ask(a, "ask-me-callback", "x").then(() => "called"), "called");
});

test("1,000 handlers that wait are open in one instance at once", async (t) => {
  const host = await start(t, {}, { limits: CROWDED });
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(...(await Promise.all(Array.from({ length: 50 }, () => connect(host)))));

  // None of them ends before all have begun.
  const gathered = await Promise.all(clients.map((client) => client.timeout(MINUTE).emitWithAck("gather", clients.length)));
  const slept = await Promise.all(clients.map((client, index) => client.timeout(MINUTE).emitWithAck("sleep", index)));

  assert.ok(gathered.every((answer) => answer === "all are here"));
  assert.deepEqual(slept.map(([value]) => value), clients.map((_, index) => index));
});

test("300 clients log in and 299 leave, ten times: a counter in a variable of the module is right every time", async (t) => {
  const host = await start(t, {}, { limits: CROWDED });
  const clients = await Promise.all(Array.from({ length: 300 }, () => connect(host)));
  const watcher = await connect(host);
  await ask(watcher, "join", "watching");
  let last = [];
  watcher.on("count", (...args) => (last = args));

  for (let round = 1; round <= 10; round++) {
    await Promise.all(clients.map((client, index) => ask(client, "login", `user ${index}`)));
    await Promise.all(clients.slice(1).map((client) => ask(client, "leave")));
    assert.deepEqual(await askAll(watcher, "users"), [["user 0"], 1], `round ${round}`);
    assert.deepEqual(last, [1, 1], `round ${round}`);
    await ask(clients[0], "leave");
  }
});

test("the next event of a socket starts when the one before waits, and all start in order", async (t) => {
  const host = await start(t);
  const client = await connect(host);
  const numbers = Array.from({ length: 500 }, (_, number) => number);

  const slow = ask(client, "sleep", "slow").then(() => "slow");
  const first = await Promise.race([slow, ask(client, "echo", "fast")]);
  assert.equal(first, "fast");
  const places = await Promise.all(numbers.map((number) => ask(client, number % 3 ? "seq-async" : "seq", number)));

  assert.deepEqual(await ask(client, "started"), numbers);
  for (const number of numbers) if (number % 3) assert.equal(places[number], number);
});

test("200 sockets, a chain of pooled, shared and pooled plugins: each sees every event once and in order", async (t) => {
  const pooled = (name) => ({ component: "unruly", namespaces: ["/"], grants: ["store", "rate-limit"], config: { mode: "pooled", name } });
  const host = await startHost(t, {
    plugins: { first: pooled("first"), js: { ...JS, namespaces: ["/"] }, last: pooled("last") },
    store: { memory: ["js"] },
  });
  const clients = await Promise.all(Array.from({ length: 200 }, () => connect(host)));
  const books = clients.map((client) => record(client, "begins", "ends"));
  const numbers = Array.from({ length: STEPS }, (_, number) => number);

  for (const number of numbers) for (const client of clients) client.emit("step", number, number % 3 ? 0 : 1);

  for (const book of books) {
    await eventually("every plugin has ended every event", () => book.length >= 6 * STEPS, 5 * MINUTE);
    assert.equal(book.length, 6 * STEPS);
    for (const name of ["first", "js", "last"]) {
      const of = (what) => book.filter(([word, plugin]) => word === what && plugin === name).map(([, , number]) => number);
      assert.deepEqual(of("begins"), numbers, `what ${name} began`);
      assert.deepEqual(of("ends").sort((one, other) => one - other), numbers, `what ${name} ended`);
    }
  }
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
