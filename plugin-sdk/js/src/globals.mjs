// What people expect of `globalThis`, and QuickJS does not have. Imported before anything of the plugin.

import { console } from "./console.mjs";
import { structuredClone } from "./clone.mjs";
import { TextDecoder, TextEncoder } from "./encoding.mjs";
import { uncaught } from "./errors.mjs";
import { installBinary } from "./payload.mjs";
import { InnkeeperPromise, enqueue, runAsync } from "./promise.mjs";
import { crypto, mathRandom } from "./random.mjs";
import { clear, setImmediate, setInterval, setTimeout } from "./timeouts.mjs";

function queueMicrotask(fn) {
  if (typeof fn !== "function") throw new TypeError(`The "callback" argument must be of type function. Received ${typeof fn}`);
  enqueue((job) => {
    try {
      job();
    } catch (error) {
      uncaught("microtask", error);
    }
  }, fn);
}

const globals = {
  Promise: InnkeeperPromise, console, structuredClone, TextDecoder, TextEncoder, crypto, queueMicrotask, setTimeout, setInterval, setImmediate,
  clearTimeout: clear, clearInterval: clear, clearImmediate: clear, global: globalThis,
  // What `build.mjs` calls for an `async` function.
  __innkeeperAsync: runAsync,
};
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
Object.defineProperty(InnkeeperPromise, "name", { value: "Promise" });
Math.random = mathRandom;
// It would wait with promises of QuickJS, which nothing drives.
delete Array.fromAsync;
installBinary();
