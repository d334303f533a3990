// Randomness of the host. The seed of QuickJS is part of the component, so that its own `Math.random` gives every instance the same numbers.

import { random as host } from "./host.mjs";

let state = null;

/** `Math.random`: xoshiro128**, with a seed of the host for each instance. */
export function mathRandom() {
  state ??= new Uint32Array(host.getRandomBytes(16).slice().buffer);
  return (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
}

function next() {
  const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0;
  const shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 11);
  return result;
}

function rotate(value, bits) {
  return (value << bits) | (value >>> (32 - bits));
}

/** `globalThis.crypto`, the part that is random. */
export const crypto = {
  getRandomValues(array) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (bytes.length > 65_536) throw new RangeError("getRandomValues: at most 65,536 bytes at once");
    if (bytes.length > 0) bytes.set(host.getRandomBytes(bytes.length));
    return array;
  },

  randomUUID() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};
