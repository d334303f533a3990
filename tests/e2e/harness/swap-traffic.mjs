// The traffic of one client through a chain of a pooled and a shared plugin that are swapped meanwhile: it notes everything that must not
// happen.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { eventually, record } from "./wait.mjs";

const PLUGINS = ["pooled", "shared"];
const MINUTE = 60_000;

/** One client. */
export class Traffic {
  /** What is still to come: sentences. */
  open = new Set();
  /** How many milliseconds each `work` took. */
  took = { pooled: [], shared: [] };
  #client;
  #generations;
  #steps = 0;
  #data = { pooled: 0, shared: 0 };
  /** The last `work` that was acknowledged, and that each plugin told. */
  #acknowledged = 0;
  #told = { pooled: 0, shared: 0 };
  #timers = new Set();
  #welcomes = 0;
  #wrong;

  /** `generations`: for each plugin, those that the client has seen. */
  constructor(client, generations) {
    this.#client = client;
    this.#generations = generations;
    client.on("welcome", () => (this.#welcomes += 1));
    client.on("question", (version, answer) => setTimeout(() => answer(`to ${version}`), 150 * Math.random()));
    client.on("worked", (...args) => this.#checked(() => this.#worked(...args)));
    client.on("timed", (...args) => this.#checked(() => this.#timed(...args)));
    client.on("error", (error) => this.#fails(new Error(`the client hears of an error: ${JSON.stringify(error)}`)));
    client.on("disconnect", (reason) => this.#fails(new Error(`the client is disconnected: ${reason}`)));
  }

  /** Goes on until `isOver()`, with a step every so many milliseconds, and then until nothing is open. */
  async run(isOver, pace) {
    await pause(pace * Math.random());
    const all = [];
    while (!isOver() && !this.#wrong) {
      this.#steps += 1;
      all.push(...this.#step(this.#steps).map((work) => work.catch((error) => this.#fails(error))));
      await pause(pace);
    }
    await Promise.all(all);
    for (const end = Date.now() + MINUTE; this.open.size > 0 && Date.now() < end && !this.#wrong; ) await pause(20);
    this.#client.removeAllListeners("disconnect");
    if (this.#wrong) throw this.#wrong;
    assert.deepEqual([...this.open], [], "what never came");
    return this.#steps;
  }

  /** The welcomes that have come: one of each plugin. */
  get welcomes() {
    return this.#welcomes;
  }

  #step(number) {
    const plugin = PLUGINS[number % 2];
    const works = [this.#work(plugin, number)];
    if (number % 4 < 2) works.push(this.#ask(plugin));
    if (number % 5 === 0) works.push(this.#timer(plugin, number));
    if (number % 6 < 2) works.push(this.#count(plugin));
    if (number % 7 === 0) works.push(this.#keep(plugin));
    return works;
  }

  async #work(plugin, number) {
    const bytes = Buffer.from([number & 255, 1, 2, 254]);
    const told = `${plugin} tells of ${number}`;
    this.open.add(told);
    const before = performance.now();
    const [answered, back, passed] = await this.#askAll(`${plugin}:work`, number, bytes, []);
    this.took[plugin].push(performance.now() - before);
    assert.equal(answered, number);
    assert.equal(number, this.#acknowledged + 1, "acks come in order");
    this.#acknowledged = number;
    assert.deepEqual([...back], [...bytes]);
    assert.deepEqual(passed.map(([name]) => name), ["pooled", "shared", plugin]);
    for (const [name, version] of passed) this.#generations[name].see(version);
  }

  #worked(name, number, version, bytes) {
    assert.ok(this.open.delete(`${name} tells of ${number}`), `it was told twice: ${name}, ${number}`);
    assert.ok(number > this.#told[name], `in order: ${name} told ${number} after ${this.#told[name]}`);
    this.#told[name] = number;
    assert.deepEqual([...bytes], [number & 255, 1, 2, 254]);
  }

  async #ask(plugin) {
    const [before, answer, after] = await this.#ack(`${plugin}:ask`);
    assert.equal(after, before, "a question ends on its own generation");
    assert.equal(answer, `to ${before}`);
  }

  async #timer(plugin, number) {
    this.open.add(`a timer of ${plugin}: ${number}`);
    await this.#ack(`${plugin}:timer`, number, Math.floor(300 * Math.random()));
  }

  #timed(name, _version, number) {
    assert.ok(!this.#timers.has(number), `the timer ${number} runs twice`);
    this.#timers.add(number);
    assert.ok(this.open.delete(`a timer of ${name}: ${number}`), `a timer that nobody has set: ${number}`);
  }

  async #count(plugin) {
    const expected = (this.#data[plugin] += 1);
    const [, count] = await this.#ack(`${plugin}:data`);
    assert.equal(count, expected, "each event counts once in the socket's data");
  }

  async #keep(plugin) {
    const kept = this.#ack(`${plugin}:keep`);
    const [given, given_by] = await Promise.all([kept, this.#ack(`${plugin}:give`)]);
    assert.equal(given, given_by, "the ack that was kept is answered by the later event");
  }

  async #ack(event, ...args) {
    return (await this.#askAll(event, ...args))[0];
  }

  /** Resolves to all arguments of the ack. */
  #askAll(event, ...args) {
    const what = `the ack of ${event} ${args[0] ?? ""} (${this.#steps})`;
    this.open.add(what);
    return new Promise((resolve) =>
      this.#client.emit(event, ...args, (...answer) => {
        if (!this.open.delete(what)) this.#fails(new Error(`twice: ${what}`));
        resolve(answer);
      }),
    ).then((answer) => (assert.ok(answer[0]?.success !== false, `${what}: ${JSON.stringify(answer)}`), answer));
  }

  #checked(check) {
    try {
      check();
    } catch (error) {
      this.#fails(error);
    }
  }

  #fails(error) {
    this.#wrong ??= error;
  }
}

/** Resolves when the client has its welcome of each plugin. */
export async function welcomed(client) {
  const welcomes = record(client, "welcome");
  await eventually("each plugin welcomes the client", () => welcomes.length === PLUGINS.length);
}
