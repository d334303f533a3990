// The host's functions: the imports of the contract (wit/v0.1). What they throw when they refuse, `errors.mjs` makes an Error with the
// contract's code.
//
// A call of the host costs microseconds. So an ack that a handler makes is kept here until something else is written, which has to come
// after it, or until the handler ends: then it goes with that.

import * as hostAcks from "innkeeper:plugin/acks@0.1.0";
import * as hostCalls from "innkeeper:plugin/calls@0.1.0";
import * as config from "innkeeper:plugin/config@0.1.0";
import * as hostEmit from "innkeeper:plugin/emit@0.1.0";
import * as jwt from "innkeeper:plugin/jwt@0.1.0";
import * as log from "innkeeper:plugin/log@0.1.0";
import * as rateLimit from "innkeeper:plugin/rate-limit@0.1.0";
import * as hostRooms from "innkeeper:plugin/rooms@0.1.0";
import * as hostSockets from "innkeeper:plugin/sockets@0.1.0";
import * as store from "innkeeper:plugin/store@0.1.0";
import * as hostTimers from "innkeeper:plugin/timers@0.1.0";
import * as random from "wasi:random/random@0.2.6";

/** The ack that is kept: its payload, the socket and the number of the ack. Null, and of no meaning, if there is none. */
export let keptPayload = null;
let keptSocket, keptAck;

/** Keeps an ack that has just been made. */
export function keepAck(socket, ack, payload) {
  sendAck();
  keptSocket = socket;
  keptAck = ack;
  keptPayload = payload;
}

/** Writes the ack that is kept. */
export function sendAck() {
  if (keptPayload !== null) hostAcks.reply(keptSocket, keptAck, takeAck());
}

/** Takes the payload of the ack that is kept. */
export function takeAck() {
  const payload = keptPayload;
  keptPayload = null;
  return payload;
}

/** A write with so many parameters, after the ack that is kept. */
const after = {
  1: (write) => (a) => (sendAck(), write(a)),
  2: (write) => (a, b) => (sendAck(), write(a, b)),
  3: (write) => (a, b, c) => (sendAck(), write(a, b, c)),
  4: (write) => (a, b, c, d) => (sendAck(), write(a, b, c, d)),
};

/** The functions of an interface, those that write with the number of their parameters. */
function ordered(functions, writes) {
  const all = { ...functions };
  for (const [name, count] of Object.entries(writes)) all[name] = after[count](functions[name]);
  return all;
}

const acks = ordered(hostAcks, { reply: 3 });
const calls = ordered(hostCalls, { settle: 2, settleVerdict: 2 });
const emit = ordered(hostEmit, { toSocket: 4, toRooms: 3, askSocket: 4, askRooms: 4 });
const rooms = ordered(hostRooms, { join: 2, leave: 2, joinAll: 2, leaveAll: 2 });
const sockets = ordered(hostSockets, { setData: 3, removeData: 2, disconnect: 2, disconnectAll: 2 });
const timers = ordered(hostTimers, { set: 1, clear: 3 });

export { acks, calls, config, emit, jwt, log, rateLimit, random, rooms, sockets, store, timers };
