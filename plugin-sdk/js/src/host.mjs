// The host's functions: the imports of the contract (wit/v0.1). What they throw when they refuse, `errors.mjs`
// makes an Error with the contract's code.

import * as acks from "innkeeper:plugin/acks@0.1.0";
import * as calls from "innkeeper:plugin/calls@0.1.0";
import * as config from "innkeeper:plugin/config@0.1.0";
import * as emit from "innkeeper:plugin/emit@0.1.0";
import * as jwt from "innkeeper:plugin/jwt@0.1.0";
import * as log from "innkeeper:plugin/log@0.1.0";
import * as rateLimit from "innkeeper:plugin/rate-limit@0.1.0";
import * as rooms from "innkeeper:plugin/rooms@0.1.0";
import * as sockets from "innkeeper:plugin/sockets@0.1.0";
import * as store from "innkeeper:plugin/store@0.1.0";
import * as timers from "innkeeper:plugin/timers@0.1.0";
import * as random from "wasi:random/random@0.2.6";

export { acks, calls, config, emit, jwt, log, rateLimit, random, rooms, sockets, store, timers };
