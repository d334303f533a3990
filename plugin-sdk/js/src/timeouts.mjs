// `setTimeout` and its relatives: timers of the instance, which end with it.

import { timers as host } from "./host.mjs";
import { attempt, uncaught } from "./errors.mjs";
import { cancel, isEarly, openTicket } from "./tickets.mjs";

const LONGEST_MS = 0x7fff_ffff;
/** Timers whose number somebody has asked for. */
const numbered = new Map();
let lastNumber = 0;

/** What `setTimeout` returns. */
class Timeout {
  constructor(fn, args, ms, isRepeated) {
    if (typeof fn !== "function") throw new TypeError(`The "callback" argument must be of type function. Received ${typeof fn}`);
    Object.assign(this, { _fn: fn, _args: args, _ms: ms, _isRepeated: isRepeated, _ticket: null, _isOver: false, _number: 0 });
    this._start();
  }

  /** Does nothing: an instance ends when the host ends it. */
  ref() {
    return this;
  }

  unref() {
    return this;
  }

  hasRef() {
    return true;
  }

  refresh() {
    if (this._ticket !== null) cancel(this._ticket);
    this._start();
    return this;
  }

  close() {
    clear(this);
    return this;
  }

  [Symbol.toPrimitive]() {
    if (this._number === 0) numbered.set((this._number = ++lastNumber), this);
    return this._number;
  }

  _start() {
    if (isEarly(() => { if (!this._isOver) this._start(); })) return;
    this._ticket = attempt(() => openTicket(() => host.askSleep(this._ms), () => this._run()));
  }

  _run() {
    this._ticket = null;
    if (!this._isRepeated) this._end();
    try {
      this._fn(...this._args);
    } catch (error) {
      uncaught("timer", error);
    }
    if (!this._isOver && this._ticket === null) this._start();
  }

  _end() {
    this._isOver = true;
    if (this._number !== 0) numbered.delete(this._number);
  }
}

export function setTimeout(fn, ms, ...args) {
  return new Timeout(fn, args, delay(ms), false);
}

export function setInterval(fn, ms, ...args) {
  return new Timeout(fn, args, delay(ms), true);
}

/** In a later entry of the host, after what has arrived already. */
export function setImmediate(fn, ...args) {
  return new Timeout(fn, args, 0, false);
}

/** `clearTimeout`, `clearInterval` and `clearImmediate`. */
export function clear(timer) {
  const timeout = typeof timer === "number" || typeof timer === "string" ? numbered.get(Number(timer)) : timer;
  if (!(timeout instanceof Timeout)) return;
  timeout._end();
  if (timeout._ticket !== null) cancel(timeout._ticket);
  timeout._ticket = null;
}

/** As in Node: what is no delay is a millisecond. */
function delay(ms) {
  const number = Math.trunc(Number(ms));
  return number >= 1 && number <= LONGEST_MS ? number : 1;
}
