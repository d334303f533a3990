// A plugin in a realm that has what QuickJS has, ECMAScript and nothing else, bundled as `build.mjs` bundles it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import vm from "node:vm";
import { bundle } from "../build.mjs";
import { FakeHost, plain, readable } from "./fake-host.mjs";

const IMPORTS = `import { io, store, rateLimit, timers, config, log as hostLog, requires, jwt, HostError } from "innkeeper-plugin";`;

/** An instance of the plugin with this source, that has been registered and started. */
export async function instance(t, source, { config = {}, isStarted = true } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "innkeeper-sdk-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const module = path.join(folder, "plugin.mjs");
  writeFileSync(module, source.startsWith("import ") ? source : `${IMPORTS}\n${source}`);
  const host = Object.assign(new FakeHost(), { config });
  const code = await bundle(module, { format: "iife" });
  const running = new Instance(host, code);
  if (isStarted) {
    running.registration = running.register();
    running.start();
  }
  return running;
}

class Instance {
  #exports;
  #bytes;
  #call = 0;

  constructor(host, code) {
    this.host = host;
    const modules = host.modules();
    const require = (name) => modules[/^(?:innkeeper:plugin|wasi:random)\/([a-z-]+)@/.exec(name)[1]];
    const realm = vm.createContext({ require });
    vm.runInContext(OLD_NODE, realm);
    vm.runInContext(code, realm);
    this.#exports = vm.runInContext("exported", realm);
    this.#bytes = vm.runInContext("Uint8Array", realm);
  }

  get writes() {
    return this.host.writes.splice(0);
  }

  register() {
    return plain(this.#exports.register());
  }

  start(kind = "new") {
    return readable(this.#exports.start(++this.#call, 0, kind));
  }

  middleware(id, { name = "/", index = 0 } = {}) {
    return readable(this.#exports.connectMiddleware(++this.#call, id, name, index));
  }

  connect(id, { name = "/", index = 0, kind = "new" } = {}) {
    return readable(this.#exports.connection(++this.#call, id, name, index, kind));
  }

  disconnect(id, { name = "/", index = 0, reason = "transport close", details = null } = {}) {
    const before = readable(this.#exports.disconnecting(++this.#call, id, name, index, reason, details));
    return [before, readable(this.#exports.disconnect(++this.#call, id, name, index, reason, details))];
  }

  /** An event of a client that asks for an ack. */
  ask(id, name, ...args) {
    return this.#event("event", id, name, args, 7);
  }

  /** An event of a client that does not. */
  tell(id, name, ...args) {
    return this.#event("event", id, name, args, null);
  }

  eventMiddleware(id, name, ...args) {
    return this.#event("eventMiddleware", id, name, args, null);
  }

  /** Answers questions of a kind, the oldest first, each in turn with one of the answers, and wakes the plugin once for all. */
  answer(kind, ...answers) {
    const tickets = this.host.tickets(kind).slice(0, answers.length);
    this.wake(...tickets.map((ticket, index) => this.host.lay(ticket, answers[index])));
  }

  /** Ends all sleeps. */
  slept() {
    this.answer("sleep", ...this.host.tickets("sleep").map(() => ({})));
  }

  wake(...tickets) {
    this.#exports.wake(tickets);
  }

  timer(name, data, { socket = null, key = null } = {}) {
    return readable(this.#exports.timer({ call: ++this.#call, name, key, socket, namespace: null, registration: null, data: JSON.stringify(data) }));
  }

  snapshot() {
    return this.#exports.snapshot(0);
  }

  restore(state) {
    return this.#exports.restore(0, state);
  }

  #event(entry, socket, name, args, ack) {
    const attachments = [];
    const text = JSON.stringify(args, (_, value) => {
      // JSON has asked the Buffer already.
      if (value?.type !== "Buffer") return value;
      attachments.push(new this.#bytes(value.data));
      return { _placeholder: true, num: attachments.length - 1 };
    });
    const call = ++this.#call;
    const payload = { args: text, attachments };
    return readable(this.#exports[entry]({ call, socket, namespace: "/", registration: 0, name, payload, ack, extra: [] }));
  }
}

/** What QuickJS has and Node 18 does not. */
const OLD_NODE = `String.prototype.toWellFormed ??= function () { return this.replace(/[\\ud800-\\udfff]/gu, "\\ufffd"); };`;
