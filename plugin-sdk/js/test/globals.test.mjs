// What the SDK brings in place of what QuickJS lacks, against Node's own.

import assert from "node:assert/strict";
import test from "node:test";
import { instance } from "./instance.mjs";

async function evaluating(t, config = {}) {
  const plugin = await instance(t, `io.on("connection", (socket) => { socket.on("run", (code) => new Function("return " + code)()); });`, { config });
  plugin.connect("s1");
  return Object.assign(plugin, { run: (code) => plugin.ask("s1", "run", code)[1] });
}

test("TextEncoder and TextDecoder do what Node's do, with good bytes and bad ones", async (t) => {
  const plugin = await evaluating(t);
  const texts = ["", "ascii", "äöü", "€", "😀 and\u0000more", "\ufeffmark", "\ud800 alone"];
  for (const text of texts) {
    const bytes = [...new TextEncoder().encode(text)];
    assert.deepEqual(plugin.run(`[...new TextEncoder().encode(${JSON.stringify(text)})]`), bytes);
    assert.equal(plugin.run(`new TextDecoder().decode(new Uint8Array([${bytes}]))`), new TextDecoder().decode(new Uint8Array(bytes)));
  }
  const leads = [0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff];
  const lists = leads.flatMap((one) => leads.flatMap((two) => [[one, two, 0x80, 0x80, 0x41], [one, two, 0x41], [one, 0x9f, two], [0xf4, one, two]]));
  const all = plugin.run(`${JSON.stringify(lists)}.map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)))`);
  for (const [index, bytes] of lists.entries()) assert.equal(all[index], new TextDecoder().decode(new Uint8Array(bytes)), `of ${bytes}`);
  assert.equal(plugin.run(`(() => { try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])); } catch (e) { return e.name; } })()`), "TypeError");
});

test("structuredClone copies what it is given, and what points to itself", async (t) => {
  const plugin = await evaluating(t);
  assert.deepEqual(plugin.run(`(() => {
    const list = [1, { a: new Date(5) }]; list.push(list);
    const copy = structuredClone({ list, map: new Map([[1, new Set([2])]]), bytes: new Uint8Array([1, 2]), error: new RangeError("r") });
    list[1].a = null;
    return [copy.list[2] === copy.list, copy.list[1].a.getTime(), copy.map.get(1).has(2), copy.bytes.length, copy.error.name];
  })()`), [true, 5, true, 2, "RangeError"]);
  assert.equal(plugin.run("(() => { try { structuredClone(() => 1); } catch (e) { return e.name; } })()"), "TypeError");
});

test("random numbers are the host's, and each instance has others", async (t) => {
  const [one, two] = [await evaluating(t), await evaluating(t)];
  const numbers = one.run("Array.from({ length: 1000 }, Math.random)");
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  const mean = numbers.reduce((sum, number) => sum + number, 0) / 1000;
  assert.ok(mean > 0.4 && mean < 0.6, `their mean is ${mean}`);
  assert.equal(new Set(numbers).size, 1000);
  assert.notDeepEqual(two.run("Array.from({ length: 3 }, Math.random)"), numbers.slice(0, 3));
  assert.match(one.run("crypto.randomUUID()"), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(one.run("[...crypto.getRandomValues(new Uint16Array(64))]")).size > 32, true);
});

test("console writes to the host's log", async (t) => {
  const plugin = await evaluating(t);
  plugin.run(`(console.log("a", 1, { b: [2] }, new Map([[1, 2]]), undefined, 5n), console.error(new Error("e")), console.debug("\\ud800"), console.assert(1), console.assert(0, "no"))`);
  const [first, second, third, ...rest] = plugin.host.logs;
  assert.deepEqual(first.slice(0, 2), ["info", 'a 1 {"b":[2]} Map [[1,2]] undefined 5']);
  assert.equal(second[0], "error");
  assert.match(second[1], /^Error: e\n/);
  assert.deepEqual(third.slice(0, 2), ["debug", "\ufffd"]);
  assert.deepEqual(rest.map(([level, message]) => [level, message]), [["error", "assertion failed no"]]);
});
