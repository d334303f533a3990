// Names and numbers on their way to the host, which takes only text that is valid UTF-8 and only whole numbers.

import { fromHost } from "./errors.mjs";

const RESERVED = new Set(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]);
const U32_MAX = 0x7fff_ffff;

/** A text: as it is, or made of a number. */
export function text(value) {
  return String(value).toWellFormed();
}

/** A list of texts, of a list or of one. */
export function texts(value) {
  if (Array.isArray(value)) return value.map(text);
  return value instanceof Set ? [...value].map(text) : [text(value)];
}

/** A number of milliseconds, whole and not below 0; null if there is none. */
export function milliseconds(value, name = "timeout") {
  if (value === undefined || value === null) return null;
  const ms = Number(value);
  if (Number.isNaN(ms) || ms < 0) throw new TypeError(`${name} has to be a number of milliseconds and is ${JSON.stringify(value)}`);
  return Math.min(Math.ceil(ms), U32_MAX);
}

/** The error for an event that the host refuses to emit, with the words of Socket.IO where it has some. */
export function refused(name, thrown) {
  const error = fromHost(thrown);
  return error.code === "invalid" && RESERVED.has(name) ? new Error(`"${name}" is a reserved event name`) : error;
}
