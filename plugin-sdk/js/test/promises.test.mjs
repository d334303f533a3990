// The promises of the SDK against those of Node: the same code has to do the same things in the same order.

import assert from "node:assert/strict";
import test from "node:test";
import { instance } from "./instance.mjs";

/** Each is the body of a function of `log`, which returns when all has been logged. */
const PROGRAMS = {
  "jobs run in the order of ECMAScript": `
    const wait = async (name, n) => { for (let i = 0; i < n; i++) { log(name + i); await null; } return name; };
    wait("a", 3).then(log); wait("b", 2).then(log);
    queueMicrotask(() => log("microtask"));
    Promise.resolve("value").then(log);
    log("sync");`,
  "a promise that is returned takes two more turns": `
    (async () => Promise.resolve("returned"))().then(log);
    Promise.resolve().then(() => log(1)).then(() => log(2)).then(() => log(3)).then(() => log(4));
    new Promise((ok) => ok(Promise.resolve("resolved"))).then(log);`,
  "anything with a then is adopted": `
    const thenable = { then(ok) { log("then"); ok("adopted"); ok("twice"); } };
    Promise.resolve(thenable).then(log);
    (async () => log(await thenable))();
    Promise.resolve({ then() { throw new Error("thrown by then"); } }).catch((e) => log(e.message));
    Promise.resolve({ get then() { throw new Error("no then"); } }).catch((e) => log(e.message));`,
  "errors go to the next catch": `
    const fail = async () => { await null; throw new Error("later"); };
    fail().catch((e) => log(e.message)).finally(() => log("finally")).then((v) => log(v));
    (async () => { try { await fail(); } catch (e) { log("caught " + e.message); } finally { log("after"); } })();
    Promise.reject(new Error("r")).then(log, (e) => log("second " + e.message));
    Promise.reject(1).finally(() => { throw 2; }).catch(log);
    Promise.resolve(1).finally(() => 2).then(log);`,
  "all, allSettled, any and race": `
    const later = (value, turns) => { let p = Promise.resolve(); for (let i = 0; i < turns; i++) p = p.then(() => {}); return p.then(() => value); };
    Promise.all([later("a", 3), "b", later("c", 1)]).then((v) => log(v));
    Promise.all([]).then((v) => log(v));
    Promise.all([later(1, 1), Promise.reject(new Error("one failed"))]).catch((e) => log(e.message));
    Promise.allSettled([later(1, 2), Promise.reject(2)]).then((v) => log(v));
    Promise.any([Promise.reject(1), later("any", 2)]).then(log);
    Promise.any([Promise.reject(1)]).catch((e) => log([e.constructor.name, e.errors]));
    Promise.race([later("slow", 5), later("fast", 1)]).then(log);`,
  "generators and loops that await": `
    async function* numbers() { try { for (let i = 0; i < 3; i++) { await null; yield i; } } finally { log("closed"); } }
    (async () => { for await (const n of numbers()) { log(n); if (n === 1) break; } log("end"); })();
    (async () => { for await (const n of [Promise.resolve("x"), "y"]) log(n); })();`,
  "a class of promises of one's own": `
    class Mine extends Promise { twice() { return this.then((v) => v * 2); } }
    const mine = Mine.resolve(21).twice();
    log([mine instanceof Mine, mine instanceof Promise, mine.constructor === Mine]);
    mine.then(log);
    Mine.all([1, Mine.resolve(2)]).then((v) => log(v));`,
  "a promise shows nothing of its inside": `
    const promise = Promise.resolve(1);
    log([Object.keys(promise), JSON.stringify(promise), Object.prototype.toString.call(promise), Promise.name, typeof promise.then]);
    try { new Promise(1); } catch (e) { log(e.message); }
    const own = Promise.resolve().then(() => own); own.catch((e) => log(e.message));`,
  "this, arguments and the executor's error": `
    const object = { n: 1, async get() { await null; return [this.n, arguments.length]; } };
    object.get(1, 2).then((v) => log(v));
    new Promise(() => { throw new Error("executor"); }).catch((e) => log(e.message));
    new Promise((ok, no) => { ok(1); no(2); throw 3; }).then(log, log);`,
};

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(name, async (t) => {
    const expected = [];
    new Function("log", program)((value) => expected.push(value));
    await new Promise((resolve) => setTimeout(resolve, 20));

    const plugin = await instance(t, `
      globalThis.seen = [];
      const log = (value) => seen.push(value);
      const run = () => { ${program} };
      io.on("connection", (socket) => { socket.on("run", () => run()); socket.on("seen", (callback) => callback(seen)); });
    `);
    plugin.connect("s1");
    plugin.ask("s1", "run");
    const [, seen] = plugin.ask("s1", "seen");
    assert.ok(expected.length > 1);
    assert.deepEqual(seen, JSON.parse(JSON.stringify(expected)));
  });
}

test("a rejection that nobody waits for is logged, once, and nothing else", async (t) => {
  const plugin = await instance(t, `
    io.on("connection", (socket) => {
      socket.on("nobody", () => { Promise.reject(new Error("alone")); return 1; });
      socket.on("late", () => { const p = Promise.reject(new Error("caught in time")); Promise.resolve().then(() => p.catch(() => {})); });
    });
  `);
  plugin.connect("s1");
  assert.deepEqual(plugin.ask("s1", "nobody"), ["done", 1]);
  assert.equal(plugin.tell("s1", "late"), "done");
  assert.equal(plugin.host.logs.length, 1);
  assert.match(plugin.host.logs[0][1], /^unhandled rejection: Error: alone/);
});
