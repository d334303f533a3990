// A trap of a plugin of the mode `shared` ends the open calls of its instance and disconnects nobody. The next instance meets each
// socket, muted, before its first other call there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, eventually, next, open, record } from "./harness/index.mjs";
import { NEUTRAL, crowd, planned, seen, startUnruly } from "./harness/unruly.mjs";

/** Ways to lose the instance, as events with their arguments. */
const TRAPS = {
  panic: ["panic"],
  "a panic after writes": ["write-and-panic", 1],
  "a panic in wake": ["panic-in-wake", 20],
  "running for longer than run_ms": ["spin"],
  "running for longer than run_ms in wake": ["spin-in-wake", 20],
  "memory without end": ["memory-without-end"],
  "calls.wait": ["wait", 20],
  "blocking for longer than call_ms": ["block", 60_000],
};

for (const [what, trap] of Object.entries(TRAPS)) {
  test(`${what} ends what is open in the instance, and disconnects nobody`, async (t) => {
    const host = await startUnruly(t, { run_ms: 200, call_ms: 1_000, memory_bytes_max: 16 << 20 });
    const [client, ...others] = await crowd(host, 4);
    const heard = [client, ...others].map((one) => record(one, "never", "kept", "error", "disconnect"));
    await ask(others[0], "count");
    const naps = others.map((other) => ask(other, "nap", 950));
    others[1].emit("nap", 950);
    await begun(others);

    assert.deepEqual(await ask(client, ...trap), NEUTRAL);
    assert.deepEqual(await Promise.all(naps), [NEUTRAL, NEUTRAL, NEUTRAL]);
    const told = ["error", { code: "INTERNAL_ERROR", message: "internal error" }];
    await eventually("who asked for no ack has its event", () => heard[2].length === 1);
    // What left with an entry that ended well stays.
    assert.deepEqual(heard, [trap[0] === "panic-in-wake" ? [["kept", 20]] : [], [], [told], []]);

    // The new instance begins without memory, meets who is served, and knows nobody else.
    assert.equal(await ask(others[0], "count"), 1);
    const memory = await ask(others[0], "memory");
    assert.deepEqual(memory.started, ["restarted"]);
    const [start, ...entries] = memory.seen;
    assert.deepEqual(start, ["start", 0, "restarted"]);
    assert.deepEqual(entries.slice(0, 2), [["connection", others[0].id, "resumed"], ["event", others[0].id, "count", []]]);
    assert.deepEqual(await seen(others[0], others[1].id), []);
    assert.ok([client, ...others].every((one) => one.connected));
  });
}

test("a trap after the end of every call is logged, and what comes next is served", async (t) => {
  const host = await startUnruly(t);
  const client = await connect(host);

  assert.equal(await ask(client, "panic-late", 50), "begun");
  await host.waitForLog((line) => /^wake failed/.test(line.message), "the log has the failure");
  assert.equal(await ask(client, "count"), 1);
  assert.deepEqual((await ask(client, "memory")).started, ["restarted"]);
});

test("a trap in one of several instances leaves the others alone", async (t) => {
  const host = await startUnruly(t, { shared_instances: 2 });
  const clients = await crowd(host, 4);
  const homes = await Promise.all(clients.map(async (client) => (await ask(client, "memory")).instance));
  const [one, other] = [0, 1].map((number) => clients[homes.indexOf(number)]);
  const nap = ask(other, "nap", 300);
  await begun([other]);

  assert.deepEqual(await ask(one, "panic"), NEUTRAL);

  assert.deepEqual(await nap, [300]);
  const memories = await Promise.all([one, other].map((client) => ask(client, "memory")));
  assert.deepEqual(memories.map(({ instance, started }) => [instance, started]), [[0, ["restarted"]], [1, ["new"]]]);
});

test("a socket that leaves after a trap is met before its `disconnecting`", async (t) => {
  const host = await startUnruly(t);
  const [client, leaving] = await crowd(host, 2);
  const { id } = leaving;
  await ask(client, "panic");

  leaving.close();
  await eventually("it has left", async () => (await seen(client, id)).some(([what]) => what === "disconnect"));

  const reason = "client namespace disconnect";
  assert.deepEqual(await seen(client, id), [["connection", id, "resumed"], ["disconnecting", id, reason], ["disconnect", id, reason]]);
});

test("timers live through a trap, and their socket is met before they run", async (t) => {
  const host = await startUnruly(t);
  const [client, other] = await crowd(host, 2);
  const told = next(client, "told");
  await ask(client, "timer", "socket", 150, "tell");
  await ask(other, "panic");

  assert.deepEqual(await told, ["timer"]);

  const entries = await seen(other, client.id);
  assert.deepEqual(entries.slice(0, 2), [["connection", client.id, "resumed"], ["timer", client.id, "due"]]);
});

test("in a resumed run writes are dropped, questions are answered as if done, and reads go through", async (t) => {
  const host = await startUnruly(t);
  const other = await connect(host);
  const client = open(host, "/", planned({ connection: "work", resumed: "work" }));
  client.on("who", (answer) => answer("me"));
  const heard = record(client, "worked", "told", "who");
  const worked = async (kind) => (await seen(other)).find(([what, hook]) => what === "worked" && hook === kind)?.[2];
  const first = await eventually("the work of `connection` is done", () => worked("connection"));
  await eventually("the timer has run", () => heard.some(([name]) => name === "told"));
  assert.deepEqual(first, {
    writes: { emit: "ok", join: "ok", data: "ok", timer: "ok" },
    reads: { data: "connection", rooms: 2 },
    questions: { set: true, get: true, increment: 1, swap: true, delete: true, scan: 2, consume: 1, fetch: 2, client: 1, sleep: "slept" },
  });
  assert.deepEqual(heard.map(([name]) => name), ["worked", "who", "told"]);
  heard.length = 0;
  await ask(other, "panic");

  assert.equal(await ask(client, "echo", "served"), "served");
  const second = await eventually("the work of the resumed run is done", () => worked("resumed"));

  assert.deepEqual(second, {
    writes: { emit: "ok", join: "ok", data: "ok", timer: "ok" },
    // As they were left by the first run.
    reads: { data: "connection", rooms: 2 },
    questions: {
      set: true, get: false, increment: 1, swap: false, delete: true, scan: 2, consume: 0, fetch: 2, client: { code: "resumed" }, sleep: "slept",
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(heard, [], "the client notices nothing of it");
  // What comes then is heard again.
  const third = await ask(client, "work");
  assert.deepEqual([third.questions.increment, third.questions.consume, third.questions.client], [2, 2, 1]);
  await eventually("the timer runs", () => heard.some(([name]) => name === "told"));
});

test("an event waits until the resumed run has returned or waits for nothing but time, and is not muted", async (t) => {
  const host = await startUnruly(t);
  const other = await connect(host);
  const client = await connect(host, "/", planned({ resumed: { nap: 200, then: "tell" } }));
  const heard = record(client, "told", "before", "after");
  await ask(other, "panic");

  assert.equal((await ask(client, "fail-late", 300)).code, "LATE");

  // The run has gone on meanwhile, muted to its end.
  assert.deepEqual(heard, [["before", 300], ["after", 300]]);
  const entries = await seen(client, client.id);
  assert.deepEqual(entries.slice(0, 2), [["connection", client.id, "resumed"], ["event", client.id, "fail-late", [300]]]);
  assert.deepEqual((await seen(other)).filter(([what]) => what === "told"), [["told", "resumed", "ok"]]);
});

test("a resumed run that fails is logged; one that traps ends the call that it was made for, and is made again before the next", async (t) => {
  const host = await startUnruly(t);
  const other = await connect(host);
  const failing = await connect(host, "/", planned({ resumed: "fail" }));
  const breaking = await connect(host, "/", planned({ resumed: "panic" }));
  const heard = [failing, breaking].map((client) => record(client, "error", "disconnect"));
  await ask(other, "panic");

  assert.equal(await ask(failing, "echo", "served"), "served");
  await host.waitForLog((line) => /^connection failed: .*as planned/.test(line.message), "the log has the failure");
  for (let count = 0; count < 3; count++) {
    assert.deepEqual(await ask(breaking, "echo"), NEUTRAL);
    assert.equal(await ask(other, "echo", "meanwhile"), "meanwhile");
  }

  assert.deepEqual(heard, [[], []]);
  const { id } = breaking;
  breaking.close();
  await eventually("others are served when it has left", async () => (await ask(other, "echo", id)) === id);
});

test("a resumed run that asks without end holds up its own socket alone, and no longer than call_ms", async (t) => {
  const host = await startUnruly(t, { call_ms: 800 });
  const other = await connect(host);
  const client = await connect(host, "/", planned({ resumed: "ask-without-end" }));
  await ask(other, "panic");
  const begun = Date.now();
  const answers = [ask(client, "echo", "at last"), ask(client, "echo", "at last")];
  for (let number = 0; number < 20; number++) assert.equal(await ask(other, "echo", number), number);

  await host.waitForLog((line) => /^connection failed: .*call_ms/.test(line.message), "the log has what took too long");
  for (const answer of await Promise.all(answers)) assert.ok(answer === "at last" || answer.success === false, JSON.stringify(answer));
  assert.ok(Date.now() - begun < 5_000);
  assert.equal(await ask(client, "echo", "served"), "served");
});

for (const hook of ["disconnecting", "disconnect"]) {
  test(`a trap in ${hook} ends the open calls of others, and the socket is gone`, async (t) => {
    const host = await startUnruly(t);
    const other = await connect(host);
    const leaving = await connect(host, "/", planned({ [hook]: "panic" }));
    const nap = ask(other, "nap", 5_000);
    await begun([other]);
    await ask(leaving, "join", "room");

    leaving.close();

    assert.deepEqual(await nap, NEUTRAL);
    assert.deepEqual((await ask(other, "ask-room", "room", "who")).answers, []);
    assert.equal(other.connected, true);
  });
}

test("a plugin that always breaks in `start` fails every call, and the host serves on", async (t) => {
  const host = await startUnruly(t, { config: { plans: { start: "panic" } } });

  await host.waitForLog((line) => /^start failed/.test(line.message), "the log has the failure");
  await assert.rejects(connect(host), { message: "internal error" });
  await assert.rejects(connect(host), { message: "internal error" });
  assert.equal((await fetch(`${host.internal}/metrics`)).status, 200);
});

test("20 traps under load: nobody is disconnected, and every event is answered, well or by the failure table", async (t) => {
  const host = await startUnruly(t);
  const [breaker, ...clients] = await crowd(host, 21);
  const gone = clients.map((client) => record(client, "disconnect"));
  let ends = false;
  const answers = { well: 0, failed: 0 };
  const load = clients.map(async (client, index) => {
    for (let number = 0; !ends; number++) {
      const [event, value] = number % 2 ? ["nap", 1 + (index % 5)] : ["echo", number];
      const answer = await ask(client, event, value);
      if (answer.success === false) assert.deepEqual(answer, NEUTRAL);
      else assert.deepEqual(answer, event === "nap" ? [value] : value);
      answers[answer.success === false ? "failed" : "well"] += 1;
    }
  });

  for (let trap = 0; trap < 20; trap++) {
    assert.deepEqual(await ask(breaker, "panic"), NEUTRAL);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  ends = true;
  await Promise.all(load);

  assert.deepEqual(gone.flat(), []);
  assert.ok(answers.failed > 0 && answers.well > answers.failed, JSON.stringify(answers));
  // Who has been served since was met first.
  const entries = await seen(clients[0]);
  for (const { id } of clients) {
    const own = entries.filter((entry) => entry[1] === id);
    if (own.length > 0) assert.deepEqual(own[0], ["connection", id, "resumed"]);
  }
});

/** Resolves when what these clients have emitted has begun. */
function begun(clients) {
  return Promise.all(clients.map((client) => ask(client, "echo")));
}
