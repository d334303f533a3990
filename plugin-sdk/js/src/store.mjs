// Keys and values that outlive the plugin. Needs the capability `store`.

import { store as host } from "./host.mjs";
import { milliseconds, text } from "./names.mjs";
import { ask } from "./tickets.mjs";

const encoder = () => new TextEncoder();
const decoder = () => new TextDecoder();

/** A bucket. Values are JSON; those of `getBytes` and `setBytes` are bytes. */
class Bucket {
  constructor(name) {
    this.name = text(name);
  }

  /** The value; `undefined` if there is none. */
  get(key) {
    return ask(() => host.askGet(this.name, text(key)), (ticket) => fromBytes(host.value(ticket)));
  }

  /** `ttl`: after so many milliseconds the value is gone. */
  set(key, value, { ttl } = {}) {
    return this.setBytes(key, toBytes(value), { ttl });
  }

  /** Whether there was one. */
  delete(key) {
    return ask(() => host.askDelete(this.name, text(key)), host.done);
  }

  /** Adds to a number, and promises the sum. */
  increment(key, by = 1) {
    return ask(() => host.askIncrement(this.name, text(key), Math.trunc(by)), host.number);
  }

  /** Writes `value` if the present one is `expected`; `undefined` stands for none. Whether it did. */
  compareAndSwap(key, expected, value) {
    const [before, after] = [expected, value].map((one) => (one === undefined ? null : toBytes(one)));
    return ask(() => host.askCompareAndSwap(this.name, text(key), before, after), host.done);
  }

  /** The entries whose keys begin with `prefix`, in the order of their keys: a list of `[key, value]`. */
  scan(prefix = "", { after, limit = 1_000 } = {}) {
    const begin = () => host.askScan(this.name, text(prefix), after === undefined ? null : text(after), milliseconds(limit, "limit"));
    return ask(begin, (ticket) => host.entries(ticket).map(({ key, value }) => [key, fromBytes(value)]));
  }

  getBytes(key) {
    return ask(() => host.askGet(this.name, text(key)), (ticket) => host.value(ticket) ?? undefined);
  }

  setBytes(key, bytes, { ttl } = {}) {
    return ask(() => host.askSet(this.name, text(key), bytes, milliseconds(ttl, "ttl")), host.done);
  }
}

/** `store.bucket("users")`. */
export const store = { bucket: (name) => new Bucket(name) };

function toBytes(value) {
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError("a value of the store has to be JSON");
  return encoder().encode(json);
}

function fromBytes(bytes) {
  return bytes === null ? undefined : JSON.parse(decoder().decode(bytes));
}
