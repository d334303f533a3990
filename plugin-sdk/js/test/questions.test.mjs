// What a plugin asks: clients, the store, sockets; and the timers of the instance.

import assert from "node:assert/strict";
import test from "node:test";
import { instance } from "./instance.mjs";

async function connected(t, body, before = "") {
  const plugin = await instance(t, `${before}\nio.on("connection", (socket) => { ${body} });`);
  plugin.connect("s1");
  plugin.writes;
  return plugin;
}

const payload = (...args) => ({ args: JSON.stringify(args), attachments: [] });
const answers = (responses, rest = {}) => ({
  value: { responses: responses.map((args) => ({ socket: null, payload: payload(...args) })), missing: [], timedOut: [], unanswered: 0, nodesMissing: 0, ...rest },
});
const settled = (plugin) => plugin.writes.filter(([kind]) => kind === "settle").map(([, , outcome]) => outcome);

test("a client is asked, with and without a timeout, by promise and by callback", async (t) => {
  const plugin = await connected(t, `
    socket.on("promise", () => socket.emitWithAck("q", 1));
    socket.on("timeout", () => socket.timeout(500).emitWithAck("q", 2));
    socket.on("callback", (done) => { socket.timeout(500).emit("q", 3, (error, value) => done(error?.message ?? null, value)); });
    socket.on("plain", (done) => { socket.emit("q", 4, (...values) => done(...values)); });
  `);
  for (const event of ["promise", "timeout"]) assert.equal(plugin.ask("s1", event), "waiting");
  for (const event of ["callback", "plain"]) assert.equal(plugin.ask("s1", event), "done");
  const expected = [[1, null], [2, 500], [3, 500], [4, null]].map(([n, ms]) => ["ask-socket", "s1", "q", [n], ms]);
  assert.deepEqual([...plugin.host.asked.values()], expected);
  plugin.answer("ask-socket", answers([["a"]]), { failure: "timeout" }, { failure: "timeout" }, answers([["a", "b"]]));
  assert.deepEqual(plugin.writes.map(([kind, , ...rest]) => [kind, ...rest]), [
    ["settle", ["done", "a"]],
    ["settle", ["failed", { code: "timeout", message: "operation has timed out", data: null }]],
    ["reply", "operation has timed out", null],
    ["reply", "a", "b"],
  ]);
});

test("of a question to many nothing is lost: an error brings the answers that came", async (t) => {
  const plugin = await connected(t, `
    socket.on("room", async () => {
      try { return await io.to(["a", "b"]).except("c").timeout(100).emitWithAck("q"); }
      catch (error) { return [error.message, error.responses, error.missing, error.timedOut]; }
    });
    socket.on("callback", (done) => { socket.broadcast.timeout(100).emit("q", (error, responses) => done(error?.message ?? null, responses)); });
  `);
  for (let i = 0; i < 2; i++) assert.equal(plugin.ask("s1", "room"), "waiting");
  plugin.ask("s1", "callback");
  const [first, , third] = plugin.host.asked.values();
  assert.deepEqual(first, ["ask-rooms", { namespace: "/", rooms: ["a", "b"], except: ["c"], flags: [] }, "q", [], 100]);
  assert.deepEqual(third[1], { namespace: "/", rooms: [], except: ["s1"], flags: [] });
  const partial = answers([[1, "more"]], { missing: ["s2"], timedOut: ["s3"] });
  plugin.answer("ask-rooms", answers([[1], [2]]), partial, partial);
  assert.deepEqual(plugin.writes.map(([, , ...rest]) => rest), [
    [["done", [1, 2]]], [["done", ["operation has timed out", [1], ["s2"], ["s3"]]]], ["operation has timed out", [1]],
  ]);
});

test("what the host refuses is an Error with the contract's code, where it is waited for", async (t) => {
  const plugin = await connected(t, `
    socket.on("caught", async () => { try { await store.bucket("b").get("k"); } catch (e) { return [e instanceof HostError, e.code, e.message]; } });
    socket.on("reserved", () => socket.emitWithAck("connect").catch((e) => e.message));
    socket.on("expired", () => { try { jwt.verify("k", "t"); } catch (e) { return e.code; } });
    socket.on("callback", (done) => { socket.timeout(5).emit("q", () => { throw new Error("in the callback"); }); done(); });
  `);
  plugin.ask("s1", "caught");
  plugin.answer("get", { failure: "unavailable" });
  assert.deepEqual(settled(plugin), [["done", [true, "unavailable", "the host says unavailable"]]]);
  assert.deepEqual(plugin.ask("s1", "reserved"), ["done", '"connect" is a reserved event name']);
  assert.deepEqual(plugin.ask("s1", "expired"), ["done", "expired"]);
  plugin.ask("s1", "callback");
  plugin.answer("ask-socket", answers([[1]]));
  assert.match(plugin.host.logs[0][1], /^callback of an ack: Error: in the callback/);
});

test("fetchSockets takes all pages", async (t) => {
  const plugin = await connected(t, `
    socket.on("x", async () => {
      const found = await io.in("room").fetchSockets();
      found[0].emit("hello"); found[0].join("r"); found[0].disconnect();
      return found.map((one) => [one.id, [...one.rooms], one.data, one.handshake?.address]);
    });
    socket.on("ask", async () => { const [one] = await io.fetchSockets({ fields: [] }); return one.timeout(50).emitWithAck("q", 1); });
  `);
  const remote = (id, data = null) => ({ id, handshake: null, rooms: [id], data });
  plugin.ask("s1", "x");
  assert.deepEqual([...plugin.host.asked.values()][0][2], ["rooms", "data", "handshake", "auth", "headers"]);
  plugin.answer("fetch", { value: [[remote("a", '{"n":1}')], [remote("b")]] });
  const target = { namespace: "/", rooms: ["a"], except: [], flags: [] };
  assert.deepEqual(plugin.writes, [
    ["to-rooms", target, "hello", []], ["join-all", target, ["r"]], ["disconnect-all", target, false],
    ["settle", 3, ["done", [["a", ["a"], { n: 1 }, null], ["b", ["b"], {}, null]]]],
  ]);
  plugin.ask("s1", "ask");
  plugin.answer("fetch", { value: [[remote("a")]] });
  assert.deepEqual([...plugin.host.asked.values()], [["ask-rooms", target, "q", [1], 50]]);
  plugin.answer("ask-rooms", answers([["yes"]]));
  assert.deepEqual(settled(plugin), [["done", "yes"]]);
});

test("the store and the limits of rate", async (t) => {
  const plugin = await connected(t, `
    const users = store.bucket("users");
    socket.on("x", async () => [
      await users.get("ann"), await users.get("nobody"), await users.set("ann", { n: 2 }, { ttl: 1000 }), await users.delete("ann"),
      await users.increment("n"), await users.compareAndSwap("k", undefined, [1]), await users.scan("p"),
    ]);
    socket.on("limit", () => rateLimit.consume("key", { points: 5, windowMs: 1000 }));
  `);
  plugin.ask("s1", "x");
  const value = (one) => ({ value: Buffer.from(JSON.stringify(one)) });
  const script = [["get", value({ n: 1, text: "ü€😀" })], ["get", { value: null }], ["set", { value: true }], ["delete", { value: false }],
    ["increment", { value: 7 }], ["swap", { value: true }], ["scan", { value: [{ key: "p1", ...value(1) }] }]];
  const asked = [];
  for (const [kind, answer] of script) {
    asked.push([...plugin.host.asked.values()][0]);
    plugin.answer(kind, answer);
  }
  assert.deepEqual(asked.slice(2), [["set", "users", "ann", '{"n":2}', 1000], ["delete", "users", "ann"], ["increment", "users", "n", 1],
    ["swap", "users", "k", null, "[1]"], ["scan", "users", "p", null, 1000]]);
  assert.deepEqual(settled(plugin), [["done", [{ n: 1, text: "ü€😀" }, null, true, false, 7, true, [["p1", 1]]]]]);
  plugin.ask("s1", "limit");
  assert.deepEqual([...plugin.host.asked.values()], [["consume", "key", 1, { points: 5, windowMs: 1000 }]]);
});

test("setTimeout, setInterval, setImmediate and their ends", async (t) => {
  const plugin = await connected(t, `
    const note = (name) => socket.emit(name);
    socket.on("x", () => {
      setTimeout(note, 10, "timeout");
      const number = +setTimeout(note, 10, "never");
      clearTimeout(number);
      setImmediate(note, "immediate");
      let ticks = 0;
      const interval = setInterval(() => { note("tick"); if (++ticks === 2) clearInterval(interval); }, 3);
      const refreshed = setTimeout(note, 4, "refreshed"); refreshed.unref().refresh();
      setTimeout(() => { Promise.resolve().then(() => note("job of the first")); }, 0); setTimeout(() => note("second"), NaN);
      setTimeout(() => { throw new Error("in a timer"); });
      clearTimeout(undefined); clearTimeout(12345);
    });
    socket.on("wrong", () => setTimeout("text"));
  `);
  plugin.tell("s1", "x");
  const delays = [...plugin.host.asked.values()].map(([, ms]) => ms);
  assert.deepEqual(delays, [10, 0, 3, 4, 1, 1, 1]);
  plugin.slept();
  plugin.slept();
  assert.equal(plugin.host.asked.size, 0);
  const names = plugin.writes.map(([, , name]) => name);
  assert.deepEqual(names, ["timeout", "immediate", "tick", "refreshed", "job of the first", "second", "tick"]);
  assert.match(plugin.host.logs[0][1], /^timer: Error: in a timer/);
  assert.match(plugin.ask("s1", "wrong")[1].message, /must be of type function/);
});

test("timers of the plugin", async (t) => {
  const plugin = await connected(t, `
    timers.on("tick", ({ name, key, socket, data }) => { io.emit("tick", name, key ?? null, socket?.id ?? socket ?? null, data); });
    timers.on("fails", async () => { throw new Error("no"); });
    socket.on("set", () => { timers.set("tick", { delay: 5, every: 10, key: "k", socket, data: { n: 1 }, keep: true }); timers.clear("tick", { socket }); });
  `);
  plugin.tell("s1", "set");
  const setting = { name: "tick", key: "k", socket: "s1", delayMs: 5, everyMs: 10, data: '{"n":1}', options: ["keep"] };
  assert.deepEqual(plugin.writes, [["timer", setting], ["clear", "tick", null, "s1"]]);
  plugin.timer("tick", [1], { socket: "s1" });
  plugin.timer("tick", null, { socket: "gone", key: "k" });
  assert.deepEqual(plugin.writes.map(([, , , args]) => args), [["tick", null, "s1", [1]], ["tick", "k", "gone", null]]);
  assert.equal(plugin.timer("fails", null)[0], "failed");
  assert.equal(plugin.timer("unknown", null), "done");
});
