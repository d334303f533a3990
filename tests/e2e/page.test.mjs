// The demo's page in a real browser, with the program `innkeeper demo` as a newcomer starts it.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { openTab, picture, sees, startBrowser } from "./harness/browser.mjs";
import { ROOT, run, startHost } from "./harness/index.mjs";
import { inSeconds, token } from "./harness/token.mjs";

test("two people meet, talk, and see each other leave", async (t) => {
  const { browser, url } = await demo(t);
  const ann = await enter(browser, url, "Ann");
  await sees(ann, "#state", "connected, websocket");
  const bob = await enter(browser, url, "Bob", { dark: true });
  await sees(ann, "#log", "Bob joined");
  await sees(ann, "#people", "Bob");
  await sees(bob, "#people", "Ann");

  await say(ann, "Good evening. Is the kitchen still open?");
  await sees(ann, ".entry.mine .mark", "delivered");
  await sees(bob, "#log", "Is the kitchen still open?");
  await say(bob, "Until ten. <b>Soup</b> & bread");
  await sees(ann, "#log", "<b>Soup</b> & bread");
  assert.equal(await ann.$("#log b"), null);
  await say(ann, "The garden opens at eight", "rooms");
  await sees(bob, ".entry.announcement", "Ann to lobby");
  await picture(ann, "chat-light");
  await picture(bob, "chat-dark");

  await join(bob, "garden");
  await sees(bob, "#talk-title", "garden");
  await say(ann, "Thank you");
  await sees(bob, ".unread", "1");
  await bob.close();
  await sees(ann, "#log", "Bob left");
  assert.deepEqual(ann.errors, []);
});

test("a refused user sees why, and connects with a token that is valid", async (t) => {
  const { browser, url } = await demo(t, { args: ["--sign-with-jwt-secret"], env: { JWT_SECRET: SECRET } });
  const tab = await openTab(browser, url);
  const refusals = { none: "The server refused you: No token", expired: "The server refused you: Auth failed", own: "The server refused you: Auth failed" };
  await tab.click("[value=own]");
  await tab.type("#token", token({ userId: "ann", exp: inSeconds(600) }, "a secret that is not the server's, though it is long"));
  for (const [who, told] of Object.entries(refusals)) {
    await tab.click(`[value=${who}]`);
    await tab.evaluate(() => (document.querySelector("#problem").textContent = ""));
    await tab.click("#sign-in > button");
    await sees(tab, "#problem", told);
    await sees(tab, "#state", "refused");
    await picture(tab, `refused-${who}`);
  }
  assert.equal(await tab.$eval("#chat", (chat) => chat.hidden), true);
  await tab.$eval("#token", (field) => (field.value = ""));
  await tab.type("#token", token({ userId: "bob", exp: inSeconds(600) }, SECRET));
  await tab.click("#sign-in > button");
  await sees(tab, "#people", "Bob (you)");
  assert.deepEqual(tab.errors, []);
});

test("beyond the limit an event fails, with the time to wait, and other users are not affected", async (t) => {
  const { browser, url } = await demo(t);
  const ann = await enter(browser, url, "Ann");
  const many = () => {
    for (let count = 0; count < 100; count += 1) {
      document.querySelector("#text").value = `message ${count}`;
      document.querySelector("#say").requestSubmit();
    }
  };
  await ann.evaluate(many);
  await sees(ann, ".entry.error", "Not sent: Rate limit exceeded. Wait ");
  const told = await ann.$eval(".entry.error", (entry) => entry.textContent);
  const [, seconds] = /Wait (\d+) s, until .*\d/.exec(told);
  assert.ok(seconds > 0 && seconds <= 60, told);
  await picture(ann, "limit");

  const again = await openTab(await browser.createBrowserContext(), url);
  await signIn(again, "Ann");
  await sees(again, "#problem", "The server refused you: Rate limit exceeded. Wait ");
  await enter(browser, url, "Bob");
});

test("messages are there after a reload, and older ones on demand", async (t) => {
  const { browser, url } = await demo(t);
  const ann = await enter(browser, url, "Ann");
  await ann.evaluate(() => {
    for (let count = 1; count <= 60; count += 1) {
      document.querySelector("#text").value = `[${count}]`;
      document.querySelector("#say").requestSubmit();
    }
  });
  await ann.waitForFunction(() => document.querySelectorAll('[data-mark="delivered"]').length === 60);
  await ann.reload({ waitUntil: "networkidle0" });
  // Somebody else: Ann's points are used up.
  await come(ann, "Bob");
  await sees(ann, "#log", "[60]");
  const said = () => ann.$$eval(".said", (all) => all.map(({ textContent }) => textContent));
  assert.deepEqual(await said(), Array.from({ length: 50 }, (_, index) => `[${index + 11}]`));
  await picture(ann, "history");
  await press(ann, ".earlier");
  await sees(ann, "#log", "[1]");
  assert.deepEqual(await said(), Array.from({ length: 60 }, (_, index) => `[${index + 1}]`));
  assert.equal(await ann.$(".earlier"), null);
  assert.equal(await ann.$eval(".said", ({ parentElement }) => parentElement.querySelector(".who").textContent), "Ann");
  assert.deepEqual(ann.errors, []);
});

test("a notification reaches all tabs of one user and no other; a global message reaches all users", async (t) => {
  const { browser, url } = await demo(t);
  const tabs = { ann: await enter(browser, url, "Ann"), bob: await enter(browser, url, "Bob"), carol: await enter(browser, url, "Carol") };
  tabs.again = await enter(browser, url, "Bob");
  await join(tabs.again, "kitchen");
  await sees(tabs.again, "#talk-title", "kitchen");
  await sees(tabs.ann, "#people", "Carol");
  const names = await tabs.ann.$$eval("#people .name", (all) => all.map(({ textContent }) => textContent));
  assert.deepEqual(names.sort(), ["Ann", "Bob", "Carol"], "Bob is there once");

  await press(tabs.ann, '#people [data-of="bob"]');
  await sees(tabs.ann, "#log", "you waved at Bob");
  for (const tab of [tabs.bob, tabs.again]) await sees(tab, "#notices", "Ann to you: Hello, Bob!");
  await picture(tabs.bob, "notification");
  await say(tabs.carol, "Last orders!", "all");
  for (const [who, tab] of Object.entries(tabs)) await sees(tab, ".entry.announcement", `${who === "carol" ? "You" : "Carol"} to everybody`);
  for (const tab of [tabs.ann, tabs.carol]) assert.equal(await tab.$(".notice"), null);

  await press(tabs.bob, ".notice button");
  assert.equal(await tabs.bob.$(".notice"), null);
  await tabs.again.close();
  await say(tabs.bob, "I am still here");
  await sees(tabs.ann, "#log", "I am still here");
  assert.doesNotMatch(await tabs.ann.$eval("#log", (log) => log.textContent), /Bob left/);
});

test("what the server refuses is shown where it happened", async (t) => {
  const { browser, url } = await demo(t);
  const ann = await enter(browser, url, "Ann");
  await say(ann, "   ");
  await sees(ann, ".entry.error", "Not sent: ");
  await sees(ann, ".entry.error", "the text is empty (INVALID_ARGUMENT)");
  await sees(ann, ".entry.mine .mark", "failed");
  await join(ann, "a23456789_123456789_");
  await sees(ann, "#problem", "could be the id of a socket");
  await picture(ann, "errors");
  await join(ann, "garden");
  await sees(ann, "#talk-title", "garden");
  assert.equal(await ann.$eval("#problem", (problem) => problem.hidden), true);
  await ann.click("#leave");
  await sees(ann, "#talk-title", "lobby");
  assert.deepEqual(ann.errors, []);
});

test("a lost connection is shown; after it the rooms are there again, with a new token and the missed messages", async (t) => {
  const { host, browser, url, port, folder } = await demo(t);
  const ann = await enter(browser, url, "Ann");
  const before = readFileSync(path.join(folder, "public", "users.json"), "utf8");
  await host.stop("SIGTERM");
  await sees(ann, "#log", "connection lost (transport close)");
  await picture(ann, "reconnecting");
  await demo(t, { port, folder });
  await sees(ann, "#log", "connected again");
  await sees(ann, "#state", "connected");
  await sees(ann, "#people", "Ann");
  await say(ann, "still here");
  await sees(ann, ".entry.mine .mark", "delivered");
  assert.notEqual(readFileSync(path.join(folder, "public", "users.json"), "utf8"), before, "each start has a key of its own");
});

test("on a phone nothing lies beside the screen", async (t) => {
  const { browser, url } = await demo(t);
  const size = { width: 360, height: 740 };
  const tab = await openTab(browser, url, size);
  const fits = () => tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight);
  assert.ok(await fits());
  await picture(tab, "phone-enter");
  await tab.click("[value=own]");
  assert.ok(await fits());
  await come(tab, "Ann");
  const bob = await enter(browser, url, "Bob", { ...size, dark: true });
  for (const room of ["garden", "kitchen", "a-room-with-a-rather-long-name-that-goes-on-and-on"]) {
    await join(tab, room);
    await sees(tab, "#talk-title", room);
  }
  await press(tab, '[data-of="lobby"]');
  await press(bob, '#people [data-of="ann"]');
  await sees(tab, "#notices", "Bob to you: Hello, Ann!");
  await say(tab, `A long word: ${"w".repeat(300)}`);
  for (let line = 0; line < 12; line += 1) await say(tab, `line ${line}`);
  await sees(tab, "#log", "line 11");
  assert.ok(await fits());
  await picture(tab, "phone-chat");
  await sees(bob, "#log", "line 11");
  await picture(bob, "phone-chat-dark");
});

test("everything has a name and can be reached with the keyboard", async (t) => {
  const { browser, url } = await demo(t);
  const tab = await openTab(browser, url);
  assert.equal(await tab.evaluate(() => document.activeElement.value), "user ann");
  await picture(tab, "enter");
  const plain = async () => {
    assert.deepEqual(await contrasts(tab), []);
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    assert.deepEqual(await contrasts(tab), []);
  };
  await plain();
  await picture(tab, "enter-dark");
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowUp");
  await tab.keyboard.press("Enter");
  await sees(tab, "#talk-title", "lobby");
  await tab.waitForFunction(() => document.activeElement.id === "text");
  const bob = await enter(browser, url, "Bob");
  await bob.focus("#people button");
  await bob.keyboard.press("Enter");
  await sees(tab, "#notices", "Bob to you: Hello, Ann!");
  await say(tab, "hello", "all");
  await sees(tab, ".announcement", "hello");
  await sees(tab, "#people", "Bob");

  const nameless = await tab.evaluate(() => {
    const named = (element) => element.labels?.length || element.ariaLabel || element.textContent.trim();
    return [...document.querySelectorAll("input, button, select, summary")].filter((element) => !named(element)).map((element) => element.outerHTML);
  });
  assert.deepEqual(nameless, []);
  const { lang, main, headings, live, legend } = await tab.evaluate(() => ({
    lang: document.documentElement.lang,
    main: document.querySelectorAll("main").length,
    headings: document.querySelectorAll("h1").length,
    live: document.querySelector("#log").getAttribute("aria-live"),
    legend: document.querySelector("fieldset > legend").textContent,
  }));
  assert.deepEqual({ lang, main, headings, live, legend }, { lang: "en", main: 1, headings: 1, live: "polite", legend: "User" });

  await tab.focus("#rooms button");
  const order = [await focused(tab)];
  for (let step = 0; step < 9; step += 1) {
    await tab.keyboard.press("Tab");
    order.push(await focused(tab));
  }
  assert.deepEqual(order, ["lobby", "room", "Join", "leave", "log", "to", "text", "Send", "Wave at Bob", "out"]);
  await plain();
});

test("on another server the page offers no users, and without `auth` every user can connect", async (t) => {
  const folders = { static_folder: path.join(ROOT, "host/assets/demo"), client_folder: path.join(ROOT, "tests/node_modules/socket.io-client/dist") };
  const host = await startHost(t, { plugins: ["chat"], server: folders });
  const browser = await startBrowser(t);
  const tab = async () => openTab(await browser.createBrowserContext(), host.url);
  const tabs = [await tab(), await tab()];
  for (const tab of tabs) {
    const offered = await tab.$$eval("label:not([hidden]) > [name=who]", (all) => all.map(({ value }) => value));
    assert.deepEqual(offered, ["none", "own"]);
    await tab.click("[value=none]");
    await tab.click("#sign-in > button");
    await sees(tab, "#people", "(you)");
  }
  await say(tabs[1], "hello");
  await sees(tabs[0], "#log", "hello");
  assert.match(await tabs[0].$eval("#people", (people) => people.textContent), /user .{5} \(you\)/);
  assert.deepEqual(tabs.flatMap(({ errors }) => errors), []);
});

test("the token is sent as `auth.token`", async (t) => {
  const { browser, url } = await demo(t);
  const tab = await openTab(browser, url);
  await tab.click("[value=own]");
  await tab.type("#token", "abc");
  const frames = [];
  const session = await tab.createCDPSession();
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ request }) => frames.push(request.postData ?? ""));
  session.on("Network.webSocketFrameSent", ({ response }) => frames.push(response.payloadData));
  await tab.click("#sign-in > button");
  await sees(tab, "#problem", "Auth failed");
  assert.ok(frames.some((frame) => frame.includes('40/chat,{"token":"abc"}')), frames.join("\n"));
});

const SECRET = "a secret of the tests that nobody could guess";

/** The running demo, on a free port and with a folder of its own, and a browser. */
async function demo(t, { port = 0, folder = mkdtempSync(path.join(tmpdir(), "innkeeper-demo-")), args = [], env } = {}) {
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const host = run(t, ["demo", "--port", String(port), "--folder", folder, ...args], { log: "info", env });
  const { address } = await host.waitForLog(({ message }) => message === "listening", "the demo listens", 120_000);
  return { host, browser: port ? undefined : await startBrowser(t), url: `http://${address}/`, port: Number(address.split(":").pop()), folder };
}

/** A tab in which somebody has signed in. */
async function enter(browser, url, name, options) {
  // A context each: two people do not share a session.
  const tab = await openTab(await browser.createBrowserContext(), url, options);
  await come(tab, name);
  return tab;
}

async function come(tab, name) {
  await signIn(tab, name);
  await sees(tab, "#people", `${name} (you)`);
}

async function signIn(tab, name) {
  await tab.click(`[value="user ${name.toLowerCase()}"]`);
  await tab.click("#sign-in > button");
}

async function join(tab, room) {
  await tab.type("#room", room);
  await tab.click("#join button");
}

async function say(tab, text, to = "room") {
  await tab.select("#to", to);
  await tab.type("#text", text);
  await tab.click("#say button");
}

/** Clicks in one step: lists are drawn anew whenever a user comes or goes, and an element that was found before is then gone. */
function press(tab, selector) {
  return tab.$eval(selector, (element) => element.click());
}

function focused(tab) {
  return tab.evaluate(() => document.activeElement.id || document.activeElement.textContent);
}

/** Texts whose colour is too near to what is behind them (WCAG AA, 4.5 to 1). */
function contrasts(tab) {
  return tab.evaluate(() => {
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const linear = [r, g, b].map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour[3] !== 0) return colour;
      }
      return [255, 255, 255];
    };
    const shown = [...document.querySelectorAll("body *")].filter((element) => element.offsetParent && element.childNodes.length);
    const texts = shown.filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
    const ratio = (element) => {
      const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    return texts.filter((element) => ratio(element) < 4.5).map((element) => `${ratio(element).toFixed(2)}: ${element.outerHTML.slice(0, 100)}`);
  });
}
