// `structuredClone`, for what plugins hold: plain objects, lists, maps, sets, dates, errors, bytes.

export function structuredClone(value, seen = new Map()) {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`${String(value)} could not be cloned`);
  if (typeof value !== "object" || value === null) return value;
  if (!(seen instanceof Map)) seen = new Map();
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => (seen.set(value, copy), copy);
  const inner = (one) => structuredClone(one, seen);
  if (value instanceof Date) return keep(new Date(value));
  if (value instanceof RegExp) return keep(new RegExp(value));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (value instanceof DataView) return keep(new DataView(inner(value.buffer), value.byteOffset, value.byteLength));
  if (ArrayBuffer.isView(value)) return keep(new value.constructor(inner(value.buffer), value.byteOffset, value.length));
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, one] of value) copy.set(inner(key), inner(one));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const one of value) copy.add(inner(one));
    return copy;
  }
  if (value instanceof Error) return keep(Object.assign(new Error(value.message), { name: value.name, stack: value.stack }));
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
  // Not an assignment: `__proto__` would be none.
  const member = (one) => ({ value: one, writable: true, enumerable: true, configurable: true });
  for (const key of Object.keys(value)) Object.defineProperty(copy, key, member(inner(value[key])));
  return copy;
}
