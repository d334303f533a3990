// Errors: of the host, to the plugin; of the plugin, to a client.

import { log } from "./host.mjs";

/** What the host refuses. `code` is one of the contract's: `denied`, `limit`, `unknown`, `timeout`, … */
export class HostError extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.name = "HostError";
    this.code = code;
    if (data !== null && data !== undefined) this.data = JSON.parse(data);
  }
}

/** The Error for what a function of the host has thrown: componentize-qjs has the contract's failure as the `payload` of an Error. */
export function fromHost(thrown) {
  const failure = thrown?.payload ?? thrown;
  return typeof failure?.code === "string" && !(failure instanceof Error) ? new HostError(failure) : thrown;
}

/** Calls the host and makes an Error of what it refuses. */
export function attempt(call) {
  try {
    return call();
  } catch (error) {
    throw fromHost(error);
  }
}

/**
 * The contract's failure for what a handler has thrown: code, message and data of an Error, the text of anything else. Without memory
 * nothing can be said, and nothing of the instance can be trusted: then the error goes on to the host, which makes a new instance.
 */
export function toFailure(thrown) {
  if (isOutOfMemory(thrown)) throw thrown;
  try {
    const isObject = typeof thrown === "object" && thrown !== null;
    const message = isObject && thrown.message !== undefined ? String(thrown.message) : String(thrown);
    const code = isObject && typeof thrown.code === "string" ? thrown.code : "";
    const data = isObject && thrown.data !== undefined ? JSON.stringify(thrown.data) : undefined;
    return { code: code.toWellFormed(), message: message.toWellFormed(), data: data ?? null };
  } catch (error) {
    return { code: "", message: "an error that cannot be read", data: null };
  }
}

/** Logs an error that nobody catches. In Node it would end the process. */
export function uncaught(what, thrown) {
  if (isOutOfMemory(thrown)) throw thrown;
  log.write("error", `${what}: ${describe(thrown)}`.toWellFormed(), []);
}

/** The text of an error for the log: with its stack, if it has one. */
export function describe(thrown) {
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const head = `${thrown.name}: ${thrown.message}`;
    const stack = String(thrown.stack ?? "").trimEnd();
    // Node begins a stack with the message, QuickJS does not.
    return stack.startsWith(head) ? stack : `${head}\n${stack}`.trimEnd();
  } catch {
    return "an error that cannot be read";
  }
}

function isOutOfMemory(thrown) {
  return thrown instanceof Error && thrown.name === "InternalError" && thrown.message === "out of memory";
}
