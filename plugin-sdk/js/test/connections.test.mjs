// Registration, middleware, connecting and disconnecting.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { instance } from "./instance.mjs";

test("what the module uses is what it registers", async (t) => {
  const { registration } = await instance(t, `
    requires("store:users", "rate-limit");
    io.of("chat").on("connection", () => {});
    io.of("/gate").use(() => {});
    io.of("/guard").useEvent(() => {});
    io.of(/\\/room-\\d+/).on("connection", () => {});
    io.of("/unused");
    Object.assign(io.of("/fast"), { overtakable: true, overtakableConnection: true }).on("connection", () => {});
    timers.on("tick", () => {});
    io.onSnapshot(() => 1);
  `);
  const sockets = { hooks: ["connection", "disconnecting", "disconnect"], events: [], otherEvents: [], serverEvents: [], options: [] };
  const none = { ...sockets, otherEvents: null };
  assert.deepEqual(registration.namespaces, [
    { name: "/chat", ...sockets },
    { name: "/gate", ...none, hooks: ["connect-middleware"] },
    { name: "/guard", ...none, hooks: ["event-middleware"] },
    { name: "\\/room-\\d+", ...sockets, options: ["pattern"] },
    { name: "/fast", ...sockets, options: ["overtakable-connection"], otherEvents: ["overtakable"] },
  ]);
  assert.equal(registration.mode, "shared");
  assert.deepEqual(registration.hooks, ["start", "timer", "snapshot"]);
  assert.deepEqual(registration.capabilities, ["store:users", "rate-limit"]);
});

test("the module can read its configuration, and what it refuses is the operator's to read", async (t) => {
  const source = `
    const { room = "lobby", points = 1 } = config();
    if (points < 1) throw new Error("config: points: must be at least 1");
    if (room === "") undefined.nothing;
    io.of("/" + room).on("connection", () => {});
  `;
  const { registration } = await instance(t, source, { config: { room: "hall" } });
  assert.equal(registration.namespaces[0].name, "/hall");
  const refused = await instance(t, source, { config: { points: 0 }, isStarted: false });
  assert.throws(() => refused.register(), { message: "config: points: must be at least 1" });
  const broken = await instance(t, source, { config: { room: "" }, isStarted: false });
  assert.throws(() => broken.register(), { message: /^TypeError: .*\n.*at / });
});

test("what the module asks while it is loaded is asked when the instance has been started", async (t) => {
  const plugin = await instance(t, `
    const kept = setInterval(() => io.emit("tick"), 5);
    const gone = setTimeout(() => io.emit("never"), 5);
    clearTimeout(gone);
    store.bucket("b").get("k").then((value) => io.emit("value", value));
    io.on("connection", () => {});
  `, { isStarted: false });
  plugin.register();
  assert.equal(plugin.host.asked.size, 0);
  assert.equal(plugin.start(), "done");
  assert.deepEqual([...plugin.host.asked.values()], [["sleep", 5], ["get", "b", "k"]]);
  plugin.answer("get", { value: Buffer.from("[1]") });
  plugin.slept();
  plugin.slept();
  assert.deepEqual(plugin.writes.map(([, , ...rest]) => rest), [["value", [[1]]], ["tick", []], ["tick", []]]);
});

test("connect middleware passes, refuses or throws, at once or later", async (t) => {
  const plugin = await instance(t, `
    io.use((socket, next) => { socket.first = true; next(); });
    io.use(async (socket) => { if (socket.id === "later") await new Promise((ok) => setTimeout(ok)); });
    io.use((socket, next) => {
      if (socket.id === "throws") throw Object.assign(new Error("thrown"), { data: [1] });
      if (socket.id === "async") return setTimeout(() => next(new Error("late")));
      next(socket.id === "refused" ? Object.assign(new Error("not you"), { data: { why: "no" } }) : undefined);
    });
    io.on("connection", (socket) => { socket.emit("hello", socket.first, socket.recovered, io.sockets.sockets.size); });
  `);
  const verdict = (message, data = null) => ["reject", { code: "", message, data }];
  assert.equal(plugin.middleware("fine"), "pass");
  assert.deepEqual(plugin.middleware("throws"), verdict("thrown", "[1]"));
  assert.deepEqual(plugin.middleware("refused"), verdict("not you", '{"why":"no"}'));
  assert.equal(plugin.middleware("async"), "waiting");
  assert.equal(plugin.middleware("later"), "waiting");
  plugin.slept();
  assert.deepEqual(plugin.writes.map(([kind, , verdict]) => [kind, verdict]), [["settle-verdict", verdict("late")], ["settle-verdict", "pass"]]);
  plugin.connect("fine");
  plugin.connect("unseen", { kind: "recovered" });
  assert.deepEqual(plugin.writes, [["to-socket", "fine", "hello", [true, false, 1]], ["to-socket", "unseen", "hello", [null, true, 2]]]);
});

test("a socket is the same from its middleware to its end", async (t) => {
  const plugin = await instance(t, `
    io.use((socket, next) => { socket.n = 1; next(); });
    io.on("connection", (socket) => {
      socket.emit("n", ++socket.n, socket.recovered, io.sockets.sockets.size, socket.handshake.query, socket.handshake.headers["x-many"]);
      socket.on("disconnecting", (reason, details) => { io.emit("leaves", ++socket.n, reason, details, socket.connected); });
      socket.on("disconnect", async (reason) => { io.emit("gone", ++socket.n, reason, socket.connected, io.sockets.sockets.size); });
    });
  `);
  plugin.host.socket("s1").query = [["a", "1"], ["a", "2"], ["__proto__", "x"]];
  assert.equal(plugin.middleware("s1"), "pass");
  assert.equal(plugin.connect("s1"), "done");
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "n", [2, false, 1, JSON.parse('{"a":["1","2"],"__proto__":"x"}'), "1, 2"]]]);
  assert.deepEqual(plugin.disconnect("s1", { reason: "parse error", details: '{"x":1}' }), ["done", "done"]);
  const told = plugin.writes.map(([, , name, args]) => [name, ...args]);
  assert.deepEqual(told, [["leaves", 3, "parse error", { x: 1 }, true], ["gone", 4, "parse error", false, 0]]);
  assert.match(plugin.ask("s1", "x")[1].message, /does not know/);
  assert.deepEqual(plugin.disconnect("unknown"), ["done", "done"]);
});

test("a resumed socket has its handlers again", async (t) => {
  const plugin = await instance(t, `io.on("connection", async (socket) => {
    await store.bucket("b").set("k", 1);
    socket.on("recovered?", () => socket.recovered);
  });`);
  assert.equal(plugin.connect("s1", { kind: "resumed" }), "waiting");
  plugin.answer("set", { value: true });
  assert.deepEqual(plugin.ask("s1", "recovered?"), ["done", true]);
});

test("the namespaces under a pattern are kept apart, and go with their last socket", async (t) => {
  const plugin = await instance(t, `
    const rooms = io.of(/\\/r\\d/);
    rooms.on("connection", (socket) => { socket.nsp.emit("here", socket.nsp.name, socket.nsp.sockets.size); });
    io.on("connection", (socket) => {
      socket.on("kept", () => [...rooms.children.keys()]);
      socket.on("all", () => { rooms.to("x").emit("news", 1); });
    });
  `);
  plugin.connect("root");
  for (const [id, name] of [["a", "/r1"], ["b", "/r1"], ["c", "/r2"]]) plugin.connect(id, { name, index: 1 });
  assert.deepEqual(plugin.writes.map(([, target, , args]) => [target.namespace, ...args]), [["/r1", "/r1", 1], ["/r1", "/r1", 2], ["/r2", "/r2", 1]]);
  plugin.disconnect("a", { name: "/r1", index: 1 });
  plugin.disconnect("c", { name: "/r2", index: 1 });
  assert.deepEqual(plugin.ask("root", "kept"), ["done", ["/r1"]]);
  plugin.tell("root", "all");
  const target = { namespace: "\\/r\\d", rooms: ["x"], except: [], flags: ["pattern"] };
  assert.deepEqual(plugin.writes.at(-1), ["to-rooms", target, "news", [1]]);
});

test("event middleware of a namespace passes, rewrites or rejects for the whole chain", async (t) => {
  const plugin = await instance(t, `
    io.useEvent((socket, packet, next) => { if (packet[0] === "rewrite") packet.splice(0, 2, "rewritten", 2); next(); });
    io.useEvent(async (socket, [event]) => { if (event === "reject") { await new Promise((ok) => setTimeout(ok)); throw new Error("no"); } });
  `);
  assert.equal(plugin.eventMiddleware("s1", "x", 1), "pass");
  assert.deepEqual(plugin.eventMiddleware("s1", "rewrite", 1, 3), ["rewrite", { name: "rewritten", payload: { args: "[2,3]", attachments: [] } }]);
  assert.equal(plugin.eventMiddleware("s1", "reject"), "waiting");
  plugin.slept();
  assert.deepEqual(plugin.writes, [["settle-verdict", 4, ["reject", { code: "", message: "no", data: null }]]]);
});

test("a snapshot is handed over as it is", async (t) => {
  const source = `
    let state = null;
    io.onSnapshot(() => state);
    io.onRestore((before) => { if (before === "bad") throw new Error("cannot"); state = before; });
    io.on("connection", (socket) => { socket.on("set", (value) => { state = value; }); });
  `;
  const [before, after] = [await instance(t, source), await instance(t, source, { isStarted: false })];
  before.connect("s1");
  before.tell("s1", "set", { count: 3 });
  assert.equal(before.snapshot(), '{"count":3}');
  after.restore(before.snapshot());
  assert.equal(after.snapshot(), '{"count":3}');
  assert.throws(() => after.restore('"bad"'), { message: "cannot" });
  before.tell("s1", "set", undefined);
});

test("the example of the README is a plugin", async (t) => {
  const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8"));
  const plugin = await instance(t, example, { config: { greeting: "hi" } });
  plugin.host.socket("s1").query = [["name", "ann"]];
  assert.equal(plugin.middleware("s1"), "pass");
  plugin.connect("s1");
  assert.equal(plugin.ask("s1", "visit", "home"), "waiting");
  plugin.answer("increment", { value: 3 });
  plugin.disconnect("s1");
  const [data, greeting, visits, , count] = plugin.writes;
  assert.deepEqual(data, ["set-data", "s1", "name", '"ann"']);
  assert.deepEqual(greeting, ["to-socket", "s1", "greeting", ["hi", 1]]);
  assert.deepEqual(visits, ["reply", 7, 3]);
  assert.deepEqual(count.at(-1), [0]);
});
