// What every plugin in the mode `shared` does, in whatever language it is written: the tests that the guests in JavaScript and Python have in
// common. Each guest has the events that they emit, with the same answers.

import assert from "node:assert/strict";
import { test as anyTest } from "node:test";
import { ask, askAll, connect, connected, disconnected, open, refused } from "./client.mjs";
import { startHost } from "./host.mjs";
import { skipped } from "./paths.mjs";
import { eventually, next, record } from "./wait.mjs";

const MINUTE = 60_000;
/** Events of each socket in the chain of three. */
const STEPS = Number(process.env.STEPS ?? 50);
/** A thousand clients of one address. */
const CROWDED = { sessions_per_address_max: 2_000, connections_per_address_max: 2_000 };
/** Clocks of a plugin that no busy machine is too slow for. */
const UNHURRIED = { run_ms: 20_000, call_ms: MINUTE };
/** What a client is told when a plugin broke. */
export const BROKEN = { success: false, error: "internal error", code: "INTERNAL_ERROR" };

/** A guest in another language. Its tests are skipped if it was not built. */
export class SharedGuest {
  constructor(name) {
    this.name = name;
    this.plugin = { component: name, grants: [`store:${name}`, "rate-limit"], ...UNHURRIED };
  }

  test(sentence, body) {
    anyTest(sentence, { skip: skipped(this.name) }, body);
  }

  /** A host with this guest alone. `table`: more keys of its table. A machine under load is no reason to end an entry. */
  start(t, table = {}, options = {}) {
    return startHost(t, { plugins: { [this.name]: { ...this.plugin, run_ms: 5_000, ...table } }, store: { memory: [this.name] }, ...options });
  }
}

/** What people write. `inLog`: how the log tells of an error in a promise or task that nobody awaits, and in a timer. */
export function testWhatPeopleWrite(guest, inLog) {
  const { name } = guest;

  guest.test(`${name}: an ack is what a handler answers, at once or later`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);

    assert.equal(await ask(client, "echo", "héé😀"), "héé😀");
    assert.deepEqual(await askAll(client, "echo-all", 1, { two: [2] }, null), [1, { two: [2] }, null]);
    assert.deepEqual(await ask(client, "echo-async", { deep: { er: 1 } }), { deep: { er: 1 } });
    const form = { name: "Ann Lee", email: "ann@example.org", age: 7, tags: ["a"], items: [{ id: 1, price: 2, count: 3 }], note: "n".repeat(1_500) };
    assert.deepEqual(await ask(client, "validate", JSON.stringify(form)), { wrong: [], total: 6 });
    assert.deepEqual(await ask(client, "validate", JSON.stringify({ ...form, email: "no", age: -1 })), { wrong: ["email", "age"], total: 6 });
  });

  guest.test(`${name}: binary arguments go both ways`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);

    const { bytes, length } = await ask(client, "binary", { bytes: Buffer.from([1, 2, 254]) });

    assert.deepEqual([...bytes], [2, 3, 255]);
    assert.equal(length, 3);
  });

  guest.test(`${name}: an error of a handler is answered, at once or after a wait, and what it wrote is kept`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);
    const kept = record(client, "kept");

    assert.deepEqual(await ask(client, "throw"), { success: false, code: "OUT_OF_STOCK", error: "out of stock", item: 7 });
    assert.deepEqual(await ask(client, "throw-later"), { success: false, code: "LATER", error: "later" });
    assert.equal(kept.length, 2);
    client.emit("throw");
    const [error] = await next(client, "error");
    assert.equal(error.code, "OUT_OF_STOCK");
  });

  guest.test(`${name}: connect middleware refuses with its message and data`, async (t) => {
    const host = await guest.start(t);

    const refusal = await refused(host, "/", { query: { refuse: "a reason" } });
    assert.deepEqual([refusal.message, refusal.data], ["not today", { because: "a reason" }]);
    const broken = await refused(host, "/", { query: { throws: "y" } });
    assert.deepEqual([broken.message, broken.data], ["broken", { because: "y" }]);
    const [recovered] = await next(open(host), "welcome");
    assert.equal(recovered, false);
  });

  guest.test(`${name}: handshake, data, rooms and the end of a socket`, async (t) => {
    const host = await guest.start(t);
    const [client, other] = [await connect(host, "/", { query: { name: "ann" } }), await connect(host)];
    const { id } = client;

    const handshake = await ask(client, "handshake");
    assert.deepEqual([handshake.query.name, handshake.address, handshake.hasHost, handshake.transport], ["ann", "127.0.0.1", true, "websocket"]);
    assert.deepEqual(await ask(client, "data", "user", { name: "Ann" }), { since: "the first connection", user: { name: "Ann" } });
    assert.deepEqual(await ask(client, "forget", "since"), { user: { name: "Ann" } });
    assert.deepEqual(await ask(client, "join", "room"), [id, "everybody", "room"].sort());
    assert.deepEqual(await ask(other, "fetch", "room"), [{ id, data: { user: { name: "Ann" } }, rooms: [id, "everybody", "room"].sort(), query: "ann" }]);
    const said = next(client, "said");
    other.emit("say", "room", "hello");
    assert.deepEqual(await said, ["hello"]);

    const gone = next(other, "gone");
    client.emit("disconnect-me", false);
    assert.equal(await disconnected(client), "io server disconnect");
    assert.deepEqual(await gone, [id, "server namespace disconnect"]);
    const { reason, left } = await ask(other, "end-of", id);
    assert.deepEqual([reason, left], ["server namespace disconnect", []]);
  });

  guest.test(`${name}: all, race, an asynchronous iteration, an interval, work that nobody awaits`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);
    const heard = record(client, "tick", "from the background");

    assert.deepEqual(await ask(client, "all"), ["slept", true, "at once", 4, ["rejected", "fulfilled"]]);
    assert.equal((await ask(client, "race"))[0], "fast");
    assert.deepEqual(await ask(client, "for-await"), [0, 1, 2]);
    assert.equal(await ask(client, "interval", 3), 3);
    assert.deepEqual(heard, [["tick", 1], ["tick", 2], ["tick", 3]]);
    assert.equal(await ask(client, "background"), "answered");
    await eventually("what went on after the answer emits", () => heard.length === 4);
    const delays = Array.from({ length: 60 }, (_, index) => (index % 3 ? 20 : 40));
    const order = delays.map((_, index) => index).sort((one, other) => delays[one] - delays[other] || one - other);
    assert.deepEqual(await ask(client, "timers", delays), order);
    assert.equal(await ask(client, "reject-nobody"), "fine");
    await host.waitForLog((line) => inLog.rejection.test(line.message), "the error that nobody awaits is in the log");
    await ask(client, "background-throws");
    await host.waitForLog((line) => inLog.timer.test(line.message), "the error of the timer is in the log");
    assert.equal(await ask(client, "echo", "alive"), "alive");
  });

  guest.test(`${name}: the store, limits of rate and a bucket that is not granted`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);

    assert.deepEqual(await ask(client, "store", "k", { a: [1] }), { before: null, after: { a: [1] }, visits: 1 });
    assert.deepEqual(await ask(client, "store", "k", "ü😀"), { before: { a: [1] }, after: "ü😀", visits: 2 });
    assert.deepEqual(await ask(client, "scan", "k"), [["k", "ü😀"], ["k:visits", 2]]);
    assert.deepEqual([await ask(client, "swap", "k", 1, 2), await ask(client, "swap", "k", "ü😀", 2)], [false, true]);
    assert.deepEqual(await ask(client, "delete", "k"), [true, false]);
    assert.deepEqual(await ask(client, "denied"), { code: "denied" });
    assert.deepEqual(await ask(client, "consume", "ann"), [true, true, false]);
  });

  guest.test(`${name}: a question to a client that does not answer, or that disconnects, is an error`, async (t) => {
    const host = await guest.start(t);
    const [client, asker] = [await connect(host), await connect(host)];

    assert.deepEqual(await ask(client, "ask-me", 1, 50), { message: "operation has timed out" });
    const answer = ask(asker, "ask-other", client.id, 1);
    await next(client, "question");
    client.close();
    assert.equal((await answer).success, false);
  });

  guest.test(`${name}: A's handler asks B's client, which first asks us: nobody waits for a timeout`, async (t) => {
    const host = await guest.start(t);
    const [a, b] = [await connect(host), await connect(host)];
    for (const client of [a, b]) {
      client.on("question", async (value, answer) => answer(await ask(client, "echo-async", `${value}, asked again`)));
    }

    assert.equal(await ask(a, "ask-other", b.id, "a to b"), "a to b, asked again");
    assert.equal(await ask(a, "ask-other", a.id, "a to a"), "a to a, asked again");
    assert.deepEqual(await ask(a, "ask-me", "me", null), { answer: "me, asked again" });
    assert.deepEqual(await askAll(a, "ask-me-callback", "x"), [null, "x, asked again"]);
  });

  guest.test(`${name}: 1,000 handlers that wait are open in one instance at once`, async (t) => {
    const host = await guest.start(t, {}, { limits: CROWDED });
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(...(await Promise.all(Array.from({ length: 50 }, () => connect(host)))));

    // None of them ends before all have begun.
    const gathered = await Promise.all(clients.map((client) => client.timeout(MINUTE).emitWithAck("gather", clients.length)));
    const slept = await Promise.all(clients.map((client, index) => client.timeout(MINUTE).emitWithAck("sleep", index)));

    assert.ok(gathered.every((answer) => answer === "all are here"));
    assert.deepEqual(slept.map(([value]) => value), clients.map((_, index) => index));
  });

  guest.test(`${name}: 300 clients log in and 299 leave, ten times: a counter in a variable of the module is right every time`, async (t) => {
    const host = await guest.start(t, {}, { limits: CROWDED });
    const clients = await Promise.all(Array.from({ length: 300 }, () => connect(host)));
    const watcher = await connect(host);
    await ask(watcher, "join", "watching");
    let last = [];
    watcher.on("count", (...args) => (last = args));

    for (let round = 1; round <= 10; round++) {
      await Promise.all(clients.map((client, index) => client.timeout(MINUTE).emitWithAck("login", `user ${index}`)));
      await Promise.all(clients.slice(1).map((client) => client.timeout(MINUTE).emitWithAck("leave")));
      assert.deepEqual(await askAll(watcher, "users"), [["user 0"], 1], `round ${round}`);
      assert.deepEqual(last, [1, 1], `round ${round}`);
      await ask(clients[0], "leave");
    }
  });

  guest.test(`${name}: the next event of a socket starts when the one before waits, and all start in order`, async (t) => {
    const host = await guest.start(t);
    const client = await connect(host);
    const numbers = Array.from({ length: 500 }, (_, number) => number);

    const slow = ask(client, "sleep", "slow").then(() => "slow");
    const first = await Promise.race([slow, ask(client, "echo", "fast")]);
    assert.equal(first, "fast");
    for (const number of numbers) client.emit(number % 3 ? "seq-async" : "seq", number);

    assert.deepEqual(await ask(client, "started"), numbers);
  });

  guest.test(`${name}: 200 sockets, a chain of pooled, shared and pooled plugins: each sees every event once and in order`, async (t) => {
    const pooled = (of) => ({ component: "unruly", namespaces: ["/"], grants: ["store", "rate-limit"], config: { mode: "pooled", name: of }, ...UNHURRIED });
    const host = await startHost(t, {
      plugins: { first: pooled("first"), [name]: { ...guest.plugin, namespaces: ["/"] }, last: pooled("last") },
      store: { memory: [name] },
    });
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect(host)));
    const books = clients.map((client) => record(client, "begins", "ends"));
    const numbers = Array.from({ length: STEPS }, (_, number) => number);

    for (const number of numbers) for (const client of clients) client.emit("step", number, number % 3 ? 0 : 1);

    for (const book of books) {
      await eventually("every plugin has ended every event", () => book.length >= 6 * STEPS, 5 * MINUTE);
      assert.equal(book.length, 6 * STEPS);
      for (const plugin of ["first", name, "last"]) {
        const of = (what) => book.filter(([word, by]) => word === what && by === plugin).map(([, , number]) => number);
        assert.deepEqual(of("begins"), numbers, `what ${plugin} began`);
        assert.deepEqual(of("ends").sort((one, other) => one - other), numbers, `what ${plugin} ended`);
      }
    }
  });
}

/** What must hurt nobody else. `traps`: the events that end the instance. `quickest`: the one of them that does so soonest. */
export function testWhatIsHostile(guest, traps, quickest, often = 100) {
  const { name } = guest;
  const start = (t, table = {}) => guest.start(t, { run_ms: 500, call_ms: 10_000, ...table });

  for (const event of traps) {
    guest.test(`${name}: ${event}: the open calls of the instance fail, nobody is disconnected, and the next instance knows everybody`, async (t) => {
      const host = await start(t);
      const [client, other] = [open(host), open(host)];
      const heard = [client, other].map((one) => record(one, "welcome", "from the timer", "disconnect"));
      await Promise.all([connected(client), connected(other)]);
      await eventually("their timers have run", () => heard.every((list) => list.some(([event]) => event === "from the timer")));
      await ask(client, "data", "kept", 1);
      await ask(other, "join", "room");
      for (const list of heard) list.length = 0;
      const waits = ask(other, "never");
      await ask(other, "echo", "the call before has begun");

      assert.deepEqual(await client.timeout(MINUTE).emitWithAck(event), BROKEN);
      assert.deepEqual(await waits, BROKEN);

      const state = await ask(client, "state");
      assert.deepEqual([state.recovered, state.data.kept], [true, 1]);
      assert.deepEqual(await ask(other, "join", "another"), [other.id, "another", "everybody", "room"].sort());
      assert.equal(await ask(other, "echo-async", "alive"), "alive");
      await eventually("the timers that `connection` has set again emit", () => heard.every((list) => list.length > 0));
      for (const list of heard) assert.deepEqual(list, [["from the timer", true]]);
    });
  }

  guest.test(`${name}: a socket whose first contact with the new instance is its end has its \`disconnect\` handler`, async (t) => {
    const host = await start(t);
    const [client, leaver] = [await connect(host), await connect(host)];
    const { id } = leaver;

    await ask(client, "spin");
    leaver.close();

    const reason = await eventually("the instance has heard of the end", async () => (await ask(client, "end-of", id))?.reason);
    assert.equal(reason, "client namespace disconnect");
  });

  guest.test(`${name}: a handler that never ends fails its call at call_ms, and the instance lives`, async (t) => {
    const host = await start(t, { run_ms: 300, call_ms: 300 });
    const client = await connect(host);
    await ask(client, "login", "ann");

    assert.deepEqual(await ask(client, "never"), BROKEN);

    assert.deepEqual(await askAll(client, "users"), [["ann"], 1]);
  });

  guest.test(`${name}: a million timers are refused at the limit, and others are served`, async (t) => {
    const host = await guest.start(t);
    const [client, other] = [await connect(host), await connect(host)];
    await ask(other, "login", "ann");

    const answer = await client.timeout(MINUTE).emitWithAck("questions", 1_000_000);

    assert.equal(answer.code, "limit");
    assert.equal(await ask(other, "echo", "served"), "served");
    assert.deepEqual(await askAll(other, "users"), [["ann"], 1]);
  });

  guest.test(`${name}: ${often} traps under load of 200 sockets: nobody is disconnected, and every event is answered, well or by the failure table`, async (t) => {
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
    for (let i = 0; i < often; i++) assert.deepEqual(await breaker.timeout(MINUTE).emitWithAck(quickest), BROKEN);
    isOver = true;
    await Promise.all(load);

    assert.equal(gone, 0);
    assert.ok(counts.well > 1_000 && counts.broken > 0, JSON.stringify(counts));
  });
}
