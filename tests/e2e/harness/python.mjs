// python-socketio's client with the methods of socket.io-client's socket, so that one test can be written for both.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { Emitter } from "@socket.io/component-emitter";
import { ROOT, TARGET } from "./paths.mjs";

export const PYTHON = path.join(TARGET, "innkeeper", "python", "bin", "python");
const CLIENT = path.join(ROOT, "tests", "e2e", "python", "client.py");

/** One client process on one namespace, with the part of a socket's interface that the tests use. Arguments are JSON. */
export class PythonSocket extends Emitter {
  connected = false;
  id;
  /** What the server said of its pings, in milliseconds. */
  engine;
  #child;
  #answers = new Map();

  constructor(url, namespace, { auth, extraHeaders } = {}) {
    super();
    if (!existsSync(PYTHON)) throw new Error(`there is no ${PYTHON}; tests/run installs python-socketio there`);
    const options = { auth, ...(extraHeaders && { headers: extraHeaders }) };
    this.nsp = namespace;
    this.#child = spawn(PYTHON, [CLIENT, url, namespace, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#take(JSON.parse(line)));
    // Commands to a client that has ended are dropped.
    this.#child.stdin.on("error", () => {});
  }

  emit(event, ...args) {
    const answered = typeof args.at(-1) === "function" && args.pop();
    this.#send(event, args, answered ? (answer) => answered(...answer.args) : undefined);
  }

  emitWithAck(event, ...args) {
    return new Promise((resolve) => this.emit(event, ...args, resolve));
  }

  /** Emits that fail when no ack has arrived in time, by python-socketio's own clock. */
  timeout(ms) {
    const emit = (event, ...args) => {
      const answered = args.pop();
      this.#send(event, args, (answer) => (answer.timeout ? answered(new Error("timed out")) : answered(null, ...answer.args)), ms / 1000);
    };
    const emitWithAck = (event, ...args) =>
      new Promise((resolve, reject) => emit(event, ...args, (error, answer) => (error ? reject(error) : resolve(answer))));
    return { emit, emitWithAck };
  }

  disconnect() {
    this.#child.stdin.write(`${JSON.stringify({ do: "disconnect" })}\n`);
  }

  close() {
    this.#child.kill();
  }

  #send(event, args, answered, timeout) {
    const ticket = answered && this.#answers.size + 1;
    if (ticket) this.#answers.set(ticket, answered);
    this.#child.stdin.write(`${JSON.stringify({ do: "emit", event, args, ticket, timeout })}\n`);
  }

  #take({ ticket, event, args, id, engine, ...rest }) {
    if (ticket) return this.#answers.get(ticket)({ args, ...rest });
    if (event === "connect") Object.assign(this, { connected: true, id, engine });
    if (event === "disconnect") this.connected = false;
    if (event === "connect_error") args = [Object.assign(new Error(args[0].message), { data: args[0].data })];
    if (event) super.emit(event, ...args);
  }
}
