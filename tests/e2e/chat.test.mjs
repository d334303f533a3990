// The plugin `chat` on /chat, as the Socket.IO guide describes it.

import assert from "node:assert/strict";
import test from "node:test";
import { WAYS, ask, connect, next, record, seed, startHost } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

const EVENTS = ["user:joined", "user:left", "chat:message", "error"];

for (const via of WAYS) {
  test(`the members of a room receive joins, messages and leaves; others receive nothing (${via})`, async (t) => {
    const { alice, bob, host } = await room(t, via);
    const stranger = await connect(host, "/chat", { via });
    const [byAlice, byBob, byStranger] = [alice, bob, stranger].map((client) => record(client, ...EVENTS));

    const carol = await connect(host, "/chat", { via });
    const { id } = carol;
    assert.deepEqual(await ask(carol, "room:join", "room-123"), { success: true });
    const { messageId, ...rest } = await ask(carol, "chat:send", { roomId: "room-123", text: "hi 🦀" });
    assert.deepEqual(rest, { success: true });
    assert.deepEqual(await ask(carol, "room:leave", "room-123"), { success: true });

    for (const client of [alice, bob, stranger]) await ask(client, "room:people", "room-123");
    const { sentAt } = byAlice.find(([event]) => event === "chat:message")[1];
    assert.ok(Math.abs(Date.now() - sentAt) < 60_000);
    const expected = [
      ["user:joined", { id }],
      ["chat:message", { id: messageId, roomId: "room-123", text: "hi 🦀", from: { id }, sentAt }],
      ["user:left", id],
    ];
    assert.deepEqual(byAlice, expected);
    assert.deepEqual(byBob, expected);
    assert.deepEqual(byStranger, []);
  });

  test(`a user that disconnects has left every room (${via})`, async (t) => {
    const { alice, bob } = await room(t, via);
    await ask(alice, "room:join", "other");
    await ask(bob, "room:join", "other");
    const left = record(alice, "user:left");
    const { id } = bob;
    const heard = next(alice, "user:left");
    bob.disconnect();
    await heard;
    assert.deepEqual(await ask(alice, "room:people", "room-123"), [{ id: alice.id, nodes: ["web1"] }]);
    assert.deepEqual(await ask(alice, "room:people", "other"), [{ id: alice.id, nodes: ["web1"] }]);
    assert.deepEqual(left, [["user:left", id], ["user:left", id]]);
  });
}

test("the members of a room are the users that joined, and only a member may ask for them", async (t) => {
  const { alice, bob, host } = await room(t);
  const people = await ask(alice, "room:people", "room-123");
  assert.deepEqual(people.map(({ id }) => id).sort(), [alice.id, bob.id].sort());
  const stranger = await connect(host, "/chat");
  const { success, code } = await ask(stranger, "room:people", "room-123");
  assert.deepEqual([success, code], [false, "NOT_IN_ROOM"]);
});

test("a user with two tabs joins with the first and leaves with the last", async (t) => {
  const SECRET = "a secret of the tests that nobody could guess";
  const store = { seed: seed(t, { users: { ann: {}, 42: { name: "Bob" } } }) };
  const host = await startHost(t, { plugins: { audit: {}, auth: {}, chat: {} }, keys: { default: { secret: SECRET } }, store, server: { node: "web1" } });
  const as = (userId) => connect(host, "/chat", { auth: { token: token({ userId, exp: inSeconds(600) }, SECRET) } });
  const [ann, first, second] = [await as("ann"), await as(42), await as(42)];
  const heard = record(ann, "user:joined", "user:left");

  for (const client of [ann, first, second]) assert.deepEqual(await ask(client, "room:join", 5), { success: true });
  const bob = { id: "42", name: "Bob" };
  const people = await ask(ann, "room:people", "5");
  assert.deepEqual(people.sort((one, other) => (one.id < other.id ? -1 : 1)), [{ ...bob, nodes: ["web1"] }, { id: "ann", nodes: ["web1"] }]);
  const gone = `Disconnected: ${first.id}`;
  first.disconnect();
  await host.waitForLog((line) => line.message?.startsWith(gone), "all handlers of the first tab's disconnect have run");
  await ask(ann, "notify", { userId: 42, text: "still there?" });
  const left = next(ann, "user:left");
  await ask(second, "room:leave", 5);
  await left;
  assert.deepEqual(heard, [["user:joined", bob], ["user:left", "42"]]);
});

test("chat:send that fails is answered with success false, and no client receives it", async (t) => {
  const { alice, bob, host } = await room(t);
  const heard = record(bob, "chat:message");
  const stranger = await connect(host, "/chat");
  const refusals = [
    [alice, { roomId: "room-123", text: "  " }, { success: false, error: "chat:send: argument 1: the text is empty", code: "INVALID_ARGUMENT" }],
    [stranger, { roomId: "room-123", text: "hi" }, { success: false, error: 'you are not in the room "room-123"', code: "NOT_IN_ROOM" }],
  ];
  for (const [client, message, expected] of refusals) assert.deepEqual(await ask(client, "chat:send", message), expected);
  for (const malformed of [{}, null, "text", { roomId: [5], text: "x" }, { roomId: "room-123" }]) {
    const { success, error, code } = await ask(alice, "chat:send", malformed);
    assert.deepEqual([success, typeof error, code], [false, "string", "INVALID_ARGUMENT"]);
  }
  await ask(bob, "room:people", "room-123");
  assert.deepEqual(heard, []);
});

test("a failed event without ack is answered by the event `error`, to its sender alone", async (t) => {
  const { alice, bob } = await room(t);
  const byBob = record(bob, "error");
  const told = next(alice, "error");
  alice.emit("chat:send", { roomId: "elsewhere", text: "hi" });
  assert.deepEqual(await told, [{ code: "NOT_IN_ROOM", message: 'you are not in the room "elsewhere"' }]);
  await ask(bob, "room:people", "room-123");
  assert.deepEqual(byBob, []);
});

test("a failed event with ack is answered by the ack alone", async (t) => {
  const { alice } = await room(t);
  const errors = record(alice, "error");
  assert.equal((await ask(alice, "chat:send", { roomId: "elsewhere", text: "hi" })).success, false);
  await ask(alice, "room:people", "room-123");
  assert.deepEqual(errors, []);
});

test("no client can join another socket's own room", async (t) => {
  const { alice, bob } = await room(t);
  const { success, code } = await ask(bob, "room:join", alice.id);
  assert.deepEqual([success, code], [false, "INVALID_ARGUMENT"]);
});

test("what is sent on /chat stays on /chat", async (t) => {
  const { alice, host } = await room(t);
  const elsewhere = await connect(host, "/");
  const heard = record(elsewhere, ...EVENTS);
  await ask(alice, "chat:send", { roomId: "room-123", text: "only here" });
  await ask(elsewhere, "fence");
  assert.deepEqual(heard, []);
});

/** Alice and Bob in `room-123`. */
async function room(t, via) {
  const host = await startHost(t, { plugins: ["echo", "chat"], server: { node: "web1" } });
  const [alice, bob] = await Promise.all([connect(host, "/chat", { via }), connect(host, "/chat", { via })]);
  await ask(alice, "room:join", "room-123");
  const joined = next(alice, "user:joined");
  await ask(bob, "room:join", "room-123");
  assert.deepEqual(await joined, [{ id: bob.id }]);
  return { alice, bob, host };
}
