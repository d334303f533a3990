// What a plugin imports: `import { io, store } from "innkeeper-plugin"`.

import { config as hostConfig, jwt as hostJwt, log as hostLog } from "./host.mjs";
import { show } from "./console.mjs";
import { HostError, attempt } from "./errors.mjs";
import { io } from "./io.mjs";
import { rateLimit } from "./rate-limit.mjs";
import { capabilities } from "./registration.mjs";
import { store } from "./store.mjs";
import { timers } from "./timers.mjs";

export { HostError, io, rateLimit, store, timers };

/** Requests capabilities (`store:users`, `rate-limit`, …), which the operator has to grant. To be called when the module is loaded. */
export function requires(...names) {
  for (const name of names) capabilities.add(String(name));
}

/** The table `[plugins.<name>.config]` of the host's configuration. */
export function config() {
  return JSON.parse(hostConfig.all());
}

/** Tokens, verified with a key of the host. Needs the capability `jwt`. */
export const jwt = {
  /** The claims of a valid token. Throws a `HostError` whose code says what is wrong with it. */
  verify: (key, token) => JSON.parse(attempt(() => hostJwt.verify(String(key), String(token).toWellFormed()))),
};

/** The host's log: `log.info("what happened", {room: "lobby"})`. */
export const log = {};
for (const level of ["error", "warn", "info", "debug", "trace"]) {
  log[level] = (message, fields = {}) =>
    hostLog.write(level, show(message).toWellFormed(), Object.entries(fields).map(([name, value]) => [name, show(value).toWellFormed()]));
}
