// A plugin in Python, in the mode `shared`: what people write for python-socketio's server, and what they had better not. `tests/guests/python`
// is the plugin.

import assert from "node:assert/strict";
import { before } from "node:test";
import { ask, askAll, configuration, connect, eventually, next, run, skipped, writeConfig } from "./harness/index.mjs";
import { SharedGuest, testWhatIsHostile, testWhatPeopleWrite } from "./harness/shared-guest.mjs";

const guest = new SharedGuest("python");

// Python's interpreter takes long to compile. Then it is in the cache, and every host starts at once.
before(async () => {
  if (skipped("python")) return;
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const checked = run(t, ["config", "check", "--config", writeConfig(t, configuration({ plugins: { python: guest.plugin } }))]);
  assert.equal(await checked.exit(5 * 60_000), 0, checked.text);
  for (const end of ends) await end();
});

testWhatPeopleWrite(guest, { rejection: /Task exception was never retrieved\n.*ValueError: nobody waits for this/s, timer: /Exception in callback .*ValueError: thrown in a timer/s });
// An instance of Python takes longer to make.
testWhatIsHostile(guest, ["spin", "spin-later", "endless-promises", "hoard"], "hoard", 20);

guest.test("python: an error with no code, a value that cannot be sent, a recursion and an exit fail their call alone", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);
  await ask(client, "login", "ann");

  assert.equal(await ask(client, "nothing"), undefined);
  assert.match((await ask(client, "unsendable")).error, /a set cannot be sent/);
  assert.equal((await ask(client, "recurse")).error, "maximum recursion depth exceeded");
  assert.equal((await ask(client, "exits")).error, "SystemExit: no program could end");
  assert.equal(await ask(client, "reserved"), "invalid");
  await host.waitForLog((line) => /RecursionError/.test(line.message) && line.event === "recurse", "the traceback is in the log");
  assert.deepEqual(await askAll(client, "users"), [["ann"], 1]);
});

guest.test("python: an event without a handler comes to the one of `*`", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);

  assert.deepEqual(await ask(client, "somewhat", 1, "two"), { other: "somewhat", args: [1, "two"] });
});

guest.test("python: a deep payload is a value like any other", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);
  const deep = JSON.parse("[".repeat(500) + "]".repeat(500));

  assert.deepEqual(await ask(client, "echo", deep), deep);
});

guest.test("python: half of a character of UTF-16, which JSON allows, ends no instance", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);
  const half = "\ud800";

  assert.equal(await ask(client, "echo", half), half);
  assert.ok((await ask(client, "join", half)).includes("\ufffd"));
  assert.deepEqual(await ask(client, "fetch", half), await ask(client, "fetch", "\ufffd"));
  assert.deepEqual(await ask(client, "data", half, half), { since: "the first connection", "\ufffd": half });
  assert.equal((await ask(client, "store", half, half)).after, half);
  assert.deepEqual(await ask(client, "throw-text", half), { success: false, code: "\ufffd", error: "\ufffd" });
  assert.equal((await ask(client, "ask-other", half, 1)).success, false);
  client.emit("say", half, half);
  client.emit("log", half, half);
  await host.waitForLog((line) => line.message === "\ufffd", "the line is in the log");
  assert.equal((await ask(client, "state")).begun, "new");
});

guest.test("python: an argument of another type than the host takes is an error, and ends no instance", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);

  for (const ms of [-5, 1e15]) assert.match((await ask(client, "ask-me", 1, ms)).message, /is not between 0 and 4294967295/);
  assert.match((await ask(client, "add", "number", 1e30)).error, /is not between/);
  assert.equal(await ask(client, "add", "number", -7), -7);
  const wrong = [["join", 5], ["say", [1], "x"], ["fetch", [[]]], ["data", null, 1], ["store", 5, 1], ["scan", {}], ["consume", ["a"]], ["ask-other", 5, 1], ["ask-other", null, 1], ["kick", 5]];
  for (const [event, ...args] of wrong) assert.match((await ask(client, event, ...args)).error, /is not a text/, event);
  assert.match((await ask(client, "add", "number", "x")).error, /invalid literal/);
  assert.equal(await ask(client, "log", 5, [5]), undefined);
  client.emit("step", 1, 1e300);
  assert.equal((await ask(client, "state")).begun, "new");
});

guest.test("python: a question that lost against the clock is taken back, and tasks share a queue and a lock", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);

  assert.equal(await ask(client, "wait-for", 20), "timeout");
  client.on("question", (value, answer) => answer(`${value}, but not too slow`));
  assert.equal(await ask(client, "wait-for", 10_000), "slow, but not too slow");
  assert.deepEqual(await ask(client, "group"), [0, 1, 2]);
});

guest.test("python: rooms are left and closed, and another socket is disconnected", async (t) => {
  const host = await guest.start(t);
  const [client, other] = [await connect(host), await connect(host)];
  const { id } = other;
  const joined = next(client, "joined");

  await ask(client, "join", "room");
  await ask(other, "join", "room");
  assert.deepEqual(await joined, [id]);
  assert.deepEqual(await ask(other, "leave-room", "room"), [id, "everybody"].sort());
  await ask(client, "close-room", "everybody");
  assert.deepEqual(await ask(client, "fetch", "everybody"), []);
  const gone = next(client, "gone");
  client.emit("kick", id);
  assert.deepEqual(await gone, [id, "server namespace disconnect"]);
});

guest.test("python: memory without end in a task that nobody awaits ends the instance, and the next one starts", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);
  assert.equal((await ask(client, "state")).begun, "new");

  assert.equal(await ask(client, "hoard-later"), "hoarding");

  await eventually("another instance answers", async () => (await ask(client, "state")).begun === "restarted");
  assert.equal(await ask(client, "echo", "alive"), "alive");
});

guest.test("python: what is logged and what is printed are lines of the log", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);

  client.emit("log", "warn", "watch out");

  const logged = await host.waitForLog((line) => line.message === "watch out", "the line is in the log");
  assert.deepEqual([logged.level, logged.fields, logged.event], ["WARN", "who=the guest", "log"]);
  await host.waitForLog((line) => line.message === "printed: watch out", "what was printed is in the log");
});

guest.test("python: every instance has random numbers of its own", async (t) => {
  const host = await guest.start(t);
  const client = await connect(host);

  const first = await askAll(client, "draw");
  await ask(client, "hoard");
  const second = await askAll(client, "draw");

  assert.equal((await ask(client, "state")).begun, "restarted");
  for (const [index, drawn] of first.entries()) assert.notEqual(second[index], drawn);
});
