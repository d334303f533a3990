// Promises in JavaScript, and the queue of their jobs.
//
// QuickJS never runs its own queue of jobs while an export with a synchronous type is entered: a `.then` of its promises would not fire.
// So this class takes the place of `globalThis.Promise`, `build.mjs` translates `async` functions to generators that `runAsync` drives, and
// every entry of the host ends with `drain`. The order of jobs is the one that ECMAScript prescribes.

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

// Symbols, so that nobody who prints a promise or makes JSON of it sees them.
const STATE = Symbol("state");
const VALUE = Symbol("value");
const REACTIONS = Symbol("reactions");
const HANDLED = Symbol("handled");

/** Stands for an executor where the promise is settled from this file. */
const NO_EXECUTOR = () => {};

/** Jobs, each in three places: a function and its two arguments. */
let jobs = [];
let next = 0;
/** Promises that were rejected while nobody waited for them. */
let rejected = [];

/** `globalThis.Promise`. */
export class InnkeeperPromise {
  constructor(executor) {
    if (typeof executor !== "function") throw new TypeError(`Promise resolver ${String(executor)} is not a function`);
    if (executor === NO_EXECUTOR) return;
    const { resolve: fulfil, reject: refuse } = settlers(this);
    try {
      executor(fulfil, refuse);
    } catch (error) {
      refuse(error);
    }
  }

  then(onFulfilled, onRejected) {
    const Class = this.constructor;
    const child = Class === InnkeeperPromise || typeof Class !== "function" ? pending() : new Class(NO_EXECUTOR);
    subscribe(this, { onFulfilled, onRejected, child });
    return child;
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(onFinally) {
    if (typeof onFinally !== "function") return this.then(onFinally, onFinally);
    return this.then(
      (value) => InnkeeperPromise.resolve(onFinally()).then(() => value),
      (error) => InnkeeperPromise.resolve(onFinally()).then(() => { throw error; }),
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }

  static get [Symbol.species]() {
    return this;
  }

  static resolve(value) {
    if (value instanceof InnkeeperPromise && value.constructor === this) return value;
    if (this === InnkeeperPromise) {
      const promise = pending();
      resolve(promise, value);
      return promise;
    }
    return new this((fulfil) => fulfil(value));
  }

  static reject(error) {
    return new this((_, refuse) => refuse(error));
  }

  static withResolvers() {
    let fulfil, refuse;
    const promise = new this((one, other) => ((fulfil = one), (refuse = other)));
    return { promise, resolve: fulfil, reject: refuse };
  }

  static try(fn, ...args) {
    return new this((fulfil) => fulfil(fn(...args)));
  }

  static all(values) {
    return collect(this, values, (one, { set, refuse }) => one.then(set, refuse));
  }

  static allSettled(values) {
    return collect(this, values, (one, { set }) =>
      one.then((value) => set({ status: "fulfilled", value }), (reason) => set({ status: "rejected", reason })));
  }

  static any(values) {
    return collect(this, values, (one, { set, fulfil }) => one.then(fulfil, set), (errors, { refuse }) =>
      refuse(new AggregateError(errors, "All promises were rejected")));
  }

  static race(values) {
    return new this((fulfil, refuse) => {
      for (const value of values) this.resolve(value).then(fulfil, refuse);
    });
  }
}

// A promise has of its own only what has happened to it: QuickJS takes longer to write four properties than to make an object.
Object.assign(InnkeeperPromise.prototype, { [STATE]: PENDING, [VALUE]: undefined, [REACTIONS]: null, [HANDLED]: false });

/** What `all`, `allSettled` and `any` have in common: a list with a place for each value, and an end when all are there. */
function collect(Class, values, each, whole = (list, { fulfil }) => fulfil(list)) {
  return new Class((fulfil, refuse) => {
    const list = [];
    let open = 1;
    const closed = () => {
      if (--open === 0) whole(list, { fulfil, refuse });
    };
    let count = 0;
    for (const value of values) {
      const index = count++;
      let isSet = false;
      open++;
      list[index] = undefined;
      const set = (result) => {
        if (isSet) return;
        isSet = true;
        list[index] = result;
        closed();
      };
      each(Class.resolve(value), { set, fulfil, refuse });
    }
    closed();
  });
}

/** A promise that `resolve` and `reject` of this file settle. */
export function pending() {
  return Object.create(InnkeeperPromise.prototype);
}

/** Settles a promise with a value, or makes it follow one that has a `then`. */
export function resolve(promise, value) {
  if (!isObject(value)) return settle(promise, FULFILLED, value);
  if (value === promise) return reject(promise, new TypeError("Chaining cycle detected for promise #<Promise>"));
  let then;
  try {
    then = value.then;
  } catch (error) {
    return reject(promise, error);
  }
  if (typeof then !== "function") return settle(promise, FULFILLED, value);
  if (then === InnkeeperPromise.prototype.then && value instanceof InnkeeperPromise) return enqueue(follow, promise, value);
  enqueue(adopt, promise, { value, then });
}

/** Settles a promise with an error. */
export function reject(promise, error) {
  settle(promise, REJECTED, error);
}

/**
 * Calls one of the two functions, in a job, when the promise is settled. Unlike with `then` nobody gets a promise of that, and what the
 * functions throw ends the entry.
 */
export function whenSettled(promise, onFulfilled, onRejected) {
  subscribe(promise, { onFulfilled, onRejected, child: null });
}

/** What one of the two functions makes of the value or error of a promise that is settled; `undefined` of one that is not. */
export function ifSettled(promise, onFulfilled, onRejected) {
  if (promise[STATE] === PENDING) return undefined;
  return promise[STATE] === FULFILLED ? onFulfilled(promise[VALUE]) : onRejected(promise[VALUE]);
}

/** Says that somebody will look at the promise: if it is rejected, that is not an unhandled rejection. */
export function setHandled(promise) {
  if (promise[STATE] !== FULFILLED) promise[HANDLED] = true;
}

/** The promise of an `async` function, which `build.mjs` has made a generator. */
export function runAsync(self, args, generator) {
  const run = { steps: args === null ? generator.call(self) : generator.apply(self, args), child: pending() };
  advance(run, FULFILLED, undefined);
  return run.child;
}

/** A job, to be run before the entry ends. */
export function enqueue(fn, first, second) {
  jobs.push(fn, first, second);
}

/** Runs all jobs, those included that they add. */
export function drain() {
  while (next < jobs.length) {
    const fn = jobs[next];
    const first = jobs[next + 1];
    const second = jobs[next + 2];
    next += 3;
    if (next > 3_000) {
      jobs.splice(0, next);
      next = 0;
    }
    fn(first, second);
  }
  if (next !== 0) {
    jobs = [];
    next = 0;
  }
}

/** Whether `drain` or `takeRejected` have anything to do. */
export function isIdle() {
  return jobs.length === 0 && rejected.length === 0;
}

/** The errors of promises that were rejected and that still nobody waits for. */
export function takeRejected() {
  const list = rejected;
  rejected = [];
  return list.filter((promise) => !promise[HANDLED]).map((promise) => promise[VALUE]);
}

function isObject(value) {
  return typeof value === "object" ? value !== null : typeof value === "function";
}

/** The two functions that an executor gets, of which only the first call counts. */
function settlers(promise) {
  let isDone = false;
  const once = (settle) => (value) => {
    if (isDone) return;
    isDone = true;
    settle(promise, value);
  };
  return { resolve: once(resolve), reject: once(reject) };
}

function settle(promise, state, value) {
  const reactions = promise[REACTIONS];
  promise[STATE] = state;
  promise[VALUE] = value;
  if (reactions === null) {
    if (state === REJECTED && !promise[HANDLED]) rejected.push(promise);
    return;
  }
  promise[REACTIONS] = null;
  if (Array.isArray(reactions)) for (const reaction of reactions) enqueue(react, reaction, promise);
  else enqueue(react, reactions, promise);
}

function subscribe(promise, reaction) {
  setHandled(promise);
  if (promise[STATE] !== PENDING) return enqueue(react, reaction, promise);
  const reactions = promise[REACTIONS];
  if (reactions === null) promise[REACTIONS] = reaction;
  else if (Array.isArray(reactions)) reactions.push(reaction);
  else promise[REACTIONS] = [reactions, reaction];
}

/** A job: the promise is settled, and this reaction's turn has come. */
function react(reaction, promise) {
  const state = promise[STATE];
  const value = promise[VALUE];
  if (reaction.steps !== undefined) return advance(reaction, state, value);
  const { child } = reaction;
  const fn = state === FULFILLED ? reaction.onFulfilled : reaction.onRejected;
  if (child === null) return fn(value);
  if (typeof fn !== "function") return settle(child, state, value);
  let result;
  try {
    result = fn(value);
  } catch (error) {
    return reject(child, error);
  }
  resolve(child, result);
}

/** Runs an `async` function to its next `await` or to its end. `run` is the reaction of what it waits for. */
function advance(run, state, value) {
  let step;
  try {
    step = state === FULFILLED ? run.steps.next(value) : run.steps.throw(value);
    if (!step.done) return wait(run, step.value);
  } catch (error) {
    return reject(run.child, error);
  }
  resolve(run.child, step.value);
}

/** An `async` function waits for a value, one turn at least. */
function wait(run, value) {
  if (isObject(value)) subscribe(InnkeeperPromise.resolve(value), run);
  else enqueue(goOn, run, value);
}

function goOn(run, value) {
  advance(run, FULFILLED, value);
}

/** A job: the promise goes the way of another one of this class. */
function follow(promise, leader) {
  subscribe(leader, { onFulfilled: undefined, onRejected: undefined, child: promise });
}

/** A job: the promise goes the way of anything else that has a `then`. */
function adopt(promise, { value, then }) {
  const { resolve: fulfil, reject: refuse } = settlers(promise);
  try {
    then.call(value, fulfil, refuse);
  } catch (error) {
    refuse(error);
  }
}
