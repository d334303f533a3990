// Events, acks and failures: what the host gets for what a handler does.

import assert from "node:assert/strict";
import test from "node:test";
import { instance } from "./instance.mjs";

/** An instance whose `/` has this `connection` listener, with one socket connected. */
async function connected(t, body) {
  const plugin = await instance(t, `io.on("connection", (socket) => { ${body} });`);
  plugin.connect("s1");
  plugin.writes;
  return plugin;
}

test("a callback is an ack where it is called, and counts once", async (t) => {
  const plugin = await connected(t, `socket.on("x", (value, callback) => { socket.emit("before"); callback(value, 2); socket.emit("after"); callback(3); });`);
  assert.equal(plugin.ask("s1", "x", 1), "done");
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "before", []], ["reply", 7, 1, 2], ["to-socket", "s1", "after", []]]);
});

test("one argument is a list of one, whatever it is", async (t) => {
  const plugin = await connected(t, `
    const values = { undefined, function: () => 1, null: null, list: [1, [2]], text: "a\\"b", bytes: Uint8Array.of(1, 2) };
    socket.on("callback", (name, callback) => callback(values[name]));
    socket.on("returned", async (name) => values[name]);
  `);
  const expected = { undefined: null, function: null, null: null, list: [1, [2]], text: 'a"b', bytes: "0102" };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(plugin.ask("s1", "callback", name), ["done", value], name);
  for (const name of ["function", "null", "list", "text", "bytes"]) assert.deepEqual(plugin.ask("s1", "returned", name), ["done", expected[name]], name);
});

test("a callback that nothing is written after goes with the end of the call; one of another call does not", async (t) => {
  const plugin = await connected(t, `
    let other;
    socket.on("last", (callback) => { socket.emit("before"); callback("last"); });
    socket.on("throws", (callback) => { callback(1); throw new Error("after"); });
    socket.on("waits", async (callback) => { callback(1); await new Promise((ok) => setTimeout(ok)); });
    socket.on("background", (callback) => { callback(1); Promise.resolve().then(() => socket.emit("job")); });
    socket.on("keeps", (callback) => { other = callback; });
    socket.on("answers both", (callback) => { callback("own"); other("kept"); });
  `);
  assert.deepEqual(plugin.ask("s1", "last"), ["done", "last"]);
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "before", []]]);
  assert.deepEqual(plugin.ask("s1", "throws")[1].message, "after");
  assert.equal(plugin.ask("s1", "waits"), "waiting");
  assert.equal(plugin.ask("s1", "background"), "done");
  assert.deepEqual(plugin.writes, [["reply", 7, 1], ["reply", 7, 1], ["reply", 7, 1], ["to-socket", "s1", "job", []]]);
  plugin.ask("s1", "keeps");
  assert.equal(plugin.ask("s1", "answers both"), "done");
  assert.deepEqual(plugin.writes, [["reply", 7, "own"], ["reply", 7, "kept"]]);
});

test("without a request for an ack there is no callback, and a returned value goes nowhere", async (t) => {
  const plugin = await connected(t, `socket.on("x", (...args) => args.length);`);
  assert.equal(plugin.tell("s1", "x", 1, 2), "done");
  assert.deepEqual(plugin.ask("s1", "x", 1, 2), ["done", 3]);
});

test("a returned value is the ack, unless the handler names its callback", async (t) => {
  const plugin = await connected(t, `
    socket.on("returned", (value) => [value]);
    socket.on("promised", async (value) => { await null; return [value]; });
    socket.on("named", (value, callback) => { setTimeout(() => callback("later"), 10); return "not this"; });
    socket.on("named-async", async (value, callback) => "not this");
    socket.on("nothing", () => {});
    socket.on("null", () => null);
  `);
  assert.deepEqual(plugin.ask("s1", "returned", 1), ["done", [1]]);
  assert.deepEqual(plugin.ask("s1", "promised", 1), ["done", [1]]);
  assert.equal(plugin.ask("s1", "named", 1), "done");
  assert.equal(plugin.ask("s1", "named-async", 1), "done");
  assert.equal(plugin.ask("s1", "nothing"), "done");
  assert.deepEqual(plugin.ask("s1", "null"), ["done", null]);
  plugin.slept();
  assert.deepEqual(plugin.writes, [["reply", 7, "later"]]);
});

test("a call that waits is settled in the entry in which its last handler ends", async (t) => {
  const plugin = await connected(t, `
    const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
    socket.on("x", async () => { await pause(1); socket.emit("one"); });
    socket.on("x", async () => { await pause(2); socket.emit("two"); return "answer"; });
    socket.on("x", () => "at once");
  `);
  assert.equal(plugin.ask("s1", "x"), "waiting");
  plugin.answer("sleep", {});
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "one", []]]);
  plugin.answer("sleep", {});
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "two", []], ["settle", 3, ["done", "at once"]]]);
});

test("an error is the failure of the call, with code, message and data", async (t) => {
  const plugin = await connected(t, `
    socket.on("throws", () => { throw Object.assign(new Error("no"), { code: "NO", data: { why: 1 } }); });
    socket.on("rejects", async () => { await new Promise((ok) => setTimeout(ok)); throw new Error("later"); });
    socket.on("text", () => { throw "a text"; });
    socket.on("nothing", async () => { throw undefined; });
    socket.on("hostile", () => { throw { get message() { throw new Error("unreadable"); } }; });
    socket.on("circular", () => { const a = {}; a.a = a; return a; });
    socket.on("circular-later", async () => { const a = {}; a.a = a; return a; });
    socket.on("code", () => { throw Object.assign(new Error("\\ud800"), { code: 42 }); });
  `);
  const failed = (message, code = "", data = null) => ["failed", { code, message, data }];
  assert.deepEqual(plugin.ask("s1", "throws"), failed("no", "NO", '{"why":1}'));
  assert.equal(plugin.ask("s1", "rejects"), "waiting");
  plugin.slept();
  assert.deepEqual(plugin.writes, [["settle", 4, failed("later")]]);
  assert.deepEqual(plugin.ask("s1", "text"), failed("a text"));
  assert.deepEqual(plugin.ask("s1", "nothing"), failed("undefined"));
  assert.deepEqual(plugin.ask("s1", "hostile"), failed("an error that cannot be read"));
  assert.match(plugin.ask("s1", "circular")[1].message, /circular/i);
  assert.match(plugin.ask("s1", "circular-later")[1].message, /circular/i);
  assert.deepEqual(plugin.ask("s1", "code"), failed("\ufffd"));
});

test("what an error handler of one listener leaves, the listeners after it do not run", async (t) => {
  const plugin = await connected(t, `
    socket.on("x", () => { socket.emit("kept"); throw new Error("first"); });
    socket.on("x", () => socket.emit("never"));
  `);
  assert.equal(plugin.ask("s1", "x")[0], "failed");
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "kept", []]]);
});

test("an event of a socket that the instance does not know fails, and says so", async (t) => {
  const plugin = await connected(t, "");
  assert.match(plugin.ask("s9", "x")[1].message, /does not know the socket s9/);
});

test("once, off, onAny and listeners that change the list while it is walked", async (t) => {
  const plugin = await connected(t, `
    const hear = (name) => () => { socket.emit(name); };
    const gone = hear("gone");
    socket.on("x", () => { socket.emit("first"); socket.off("x", gone); socket.on("x", hear("new")); });
    socket.once("x", (value) => { socket.emit("once", value); });
    socket.on("x", gone);
    socket.onAny((event, ...args) => { socket.emit("any", event, args.length); });
  `);
  const names = () => plugin.writes.map(([, , name]) => name);
  plugin.tell("s1", "x", 1);
  assert.deepEqual(names(), ["any", "first", "once", "gone"]);
  plugin.tell("s1", "x", 1);
  assert.deepEqual(names(), ["any", "first", "new"]);
});

test("socket.use runs first, changes the arguments, and its error reaches `error` listeners alone", async (t) => {
  const plugin = await connected(t, `
    socket.use((packet, next) => { packet[1] = packet[1] + 1; next(); });
    socket.use(async ([event]) => { if (event === "later") await new Promise((ok) => setTimeout(ok)); });
    socket.use(([event], next) => (event === "no" ? next(new Error("refused")) : next()));
    socket.on("x", (value) => value);
    socket.on("later", (value) => value);
    socket.on("throws", () => { throw new Error("of the handler"); });
    socket.on("no", () => { socket.emit("never"); });
    socket.on("listens", () => { socket.on("error", (error) => socket.emit("told", error.message)); });
  `);
  const told = () => plugin.writes.map(([, , ...rest]) => rest);
  assert.equal(plugin.ask("s1", "later", 1), "waiting");
  plugin.slept();
  assert.deepEqual(told(), [[["done", 2]]]);
  assert.equal(plugin.ask("s1", "no", 1), "done");
  assert.match(plugin.host.logs[0][1], /^no listener for `error` on the socket: Error: refused/);
  plugin.tell("s1", "listens", 1);
  assert.equal(plugin.ask("s1", "no", 1), "done");
  assert.deepEqual(told(), [["told", ["refused"]]]);
  assert.deepEqual(plugin.ask("s1", "throws", 1), ["failed", { code: "", message: "of the handler", data: null }]);
  assert.deepEqual(plugin.ask("s1", "x", 1), ["done", 2]);
});

test("binary arguments, in and out", async (t) => {
  const plugin = await connected(t, `
    socket.on("x", ({ bytes }, callback) => {
      const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
      callback(bytes instanceof Uint8Array, { bytes, view, buffer: new Uint8Array([9]).buffer, words: new Uint16Array([0x0201]) });
      view[0] = 77;
      return JSON.stringify(view);
    });
  `);
  const answer = plugin.ask("s1", "x", { bytes: Buffer.from("ff00", "hex") });
  assert.deepEqual(answer, ["done", true, { bytes: "ff00", view: "0102", buffer: "09", words: "0102" }]);
});

test("names are made valid text, and reserved ones are refused with the words of Socket.IO", async (t) => {
  const plugin = await connected(t, `
    socket.on("x", () => { socket.emit("\\ud800", "\\ud800"); socket.join([1, "\\udfff"]); socket.emit("connect"); });
  `);
  assert.equal(plugin.ask("s1", "x")[1].message, '"connect" is a reserved event name');
  assert.deepEqual(plugin.writes, [["to-socket", "s1", "\ufffd", ["\ud800"]], ["join", "s1", ["1", "\ufffd"]]]);
});

test("socket.data is read and written key by key", async (t) => {
  const plugin = await connected(t, `
    socket.on("x", (callback) => {
      const { data } = socket;
      data.user = { name: "ann" };
      data.user.name = "lost, because the key is not assigned";
      data.n = 1; data.n++; delete data.gone; data.undefined = undefined;
      callback(data.user, "n" in data, "no" in data, Object.keys(data), { ...data }, JSON.stringify(data));
      socket.data = { only: true };
    });
  `);
  plugin.host.socket("s1").data.gone = 1;
  plugin.ask("s1", "x");
  const all = { user: { name: "ann" }, n: 2 };
  assert.deepEqual(plugin.writes.filter(([kind]) => kind === "reply"), [["reply", 7, all.user, true, false, ["user", "n"], all, JSON.stringify(all)]]);
  assert.deepEqual(plugin.host.socket("s1").data, { only: true });
});
