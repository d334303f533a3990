// `socket.data`: an object whose keys the host keeps.

import { sockets as host } from "./host.mjs";
import { attempt } from "./errors.mjs";
import { text } from "./names.mjs";

/**
 * The data of a socket. Reading a key asks the host, assigning one is a write of that key, `delete` removes it. A value that was read is a
 * copy: after changing something inside of it, assign the key again.
 */
export function dataOf(id) {
  return new Proxy({}, {
    get: (_, key) => (typeof key === "string" ? read(id, key) : undefined),
    has: (_, key) => typeof key === "string" && read(id, key) !== undefined,
    set: (_, key, value) => (write(id, key, value), true),
    deleteProperty: (_, key) => (attempt(() => host.removeData(id, text(key))), true),
    ownKeys: () => Object.keys(whole(id)),
    getOwnPropertyDescriptor: (_, key) => {
      const value = typeof key === "string" ? read(id, key) : undefined;
      return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
    },
    defineProperty: (_, key, descriptor) => (write(id, key, descriptor.value), true),
  });
}

/** `socket.data = value`: its keys, and no others. */
export function replaceData(id, value) {
  for (const key of Object.keys(whole(id))) if (!Object.hasOwn(value, key)) attempt(() => host.removeData(id, key));
  for (const key of Object.keys(value)) write(id, key, value[key]);
}

function read(id, key) {
  const json = attempt(() => host.getDataValue(id, text(key)));
  return json === null ? undefined : JSON.parse(json);
}

function whole(id) {
  return JSON.parse(attempt(() => host.getData(id)));
}

function write(id, key, value) {
  if (typeof key !== "string") throw new TypeError("a key of socket.data has to be a text");
  const json = JSON.stringify(value);
  if (json === undefined) attempt(() => host.removeData(id, text(key)));
  else attempt(() => host.setData(id, text(key), json));
}
