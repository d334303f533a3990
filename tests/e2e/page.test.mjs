// The demo's page in a real browser: the program `innkeeper demo`, as somebody starts it who tries Innkeeper.

import assert from "node:assert/strict";
import test from "node:test";
import { openTab, picture, sees, startBrowser } from "./harness/browser.mjs";
import { run } from "./harness/index.mjs";

test("two people meet, talk, and see each other leave", async (t) => {
  const { browser, url } = await demo(t);
  const ada = await enter(browser, url, "Ada");
  await sees(ada, "#state", "connected, websocket");
  const bob = await enter(browser, url, "Bob", { dark: true });
  await sees(ada, "#log", "Bob joined");
  await sees(ada, "#people", "Bob");
  await sees(bob, "#people", "Ada");

  await say(ada, "Good evening. Is the kitchen still open?");
  await sees(ada, ".entry.mine .mark", "delivered");
  await sees(bob, "#log", "Is the kitchen still open?");
  await bob.type("#text", "Until ten. ");
  await sees(ada, "#typing", "Bob is typing");
  await bob.type("#text", "<b>Soup</b> & bread");
  await bob.keyboard.press("Enter");
  await sees(ada, "#log", "<b>Soup</b> & bread");
  await picture(ada, "chat-light");
  await picture(bob, "chat-dark");

  await join(bob, "garden");
  await sees(bob, "#talk-title", "garden");
  await say(ada, "Thank you");
  await sees(bob, ".unread", "1");
  await bob.close();
  await sees(ada, "#log", "Bob left");
  assert.deepEqual(ada.errors, []);
});

test("what the server refuses is told where it happened", async (t) => {
  const { browser, url } = await demo(t);
  const ada = await enter(browser, url, "Ada");
  await say(ada, "   ");
  await sees(ada, ".entry.error", "Not sent: the text is empty (INVALID_TEXT)");
  await sees(ada, ".entry.mine .mark", "failed");
  await join(ada, "a23456789_123456789_");
  await sees(ada, "#problem", "could be the id of a socket");
  await picture(ada, "errors");
  await join(ada, "garden");
  await sees(ada, "#talk-title", "garden");
  assert.equal(await ada.$eval("#problem", (problem) => problem.hidden), true);
  await ada.click("#leave");
  await sees(ada, "#talk-title", "lobby");
  assert.deepEqual(ada.errors, []);
});

test("a lost connection is told, and the rooms are there again after it", async (t) => {
  const { host, browser, url, port } = await demo(t);
  const ada = await enter(browser, url, "Ada");
  await host.stop("SIGTERM");
  await sees(ada, "#log", "connection lost (transport close)");
  await picture(ada, "reconnecting");
  await demo(t, { port });
  await sees(ada, "#log", "connected again");
  await sees(ada, "#state", "connected");
  await sees(ada, "#people", "Ada");
  await say(ada, "still here");
  await sees(ada, ".entry.mine .mark", "delivered");
});

test("on a phone nothing lies beside the screen", async (t) => {
  const { browser, url } = await demo(t);
  const size = { width: 360, height: 740 };
  const tab = await openTab(browser, url, size);
  const fits = () => tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight);
  assert.ok(await fits());
  await picture(tab, "phone-enter");
  await come(tab, "Ada");
  for (const room of ["garden", "kitchen", "a-room-with-a-rather-long-name-that-goes-on-and-on"]) {
    await join(tab, room);
    await sees(tab, "#talk-title", room);
  }
  await say(tab, `A long word: ${"w".repeat(300)}`);
  for (let line = 0; line < 12; line += 1) await say(tab, `line ${line}`);
  await sees(tab, "#log", "line 11");
  assert.ok(await fits());
  await picture(tab, "phone-chat");
});

test("everything has a name and can be reached with the keyboard", async (t) => {
  const { browser, url } = await demo(t);
  const tab = await openTab(browser, url);
  assert.equal(await tab.evaluate(() => document.activeElement.id), "name");
  await tab.keyboard.type("Ada");
  await tab.keyboard.press("Enter");
  await sees(tab, "#talk-title", "lobby");
  await tab.waitForFunction(() => document.activeElement.id === "text");

  const nameless = await tab.evaluate(() => {
    const named = (element) => element.labels?.length || element.ariaLabel || element.textContent.trim();
    return [...document.querySelectorAll("input, button, summary")].filter((element) => !named(element)).map((element) => element.outerHTML);
  });
  assert.deepEqual(nameless, []);
  const { lang, main, headings, live } = await tab.evaluate(() => ({
    lang: document.documentElement.lang,
    main: document.querySelectorAll("main").length,
    headings: document.querySelectorAll("h1").length,
    live: document.querySelector("#log").getAttribute("aria-live"),
  }));
  assert.deepEqual({ lang, main, headings, live }, { lang: "en", main: 1, headings: 1, live: "polite" });

  await tab.focus("#rooms button");
  const order = [await focused(tab)];
  for (let step = 0; step < 7; step += 1) {
    await tab.keyboard.press("Tab");
    order.push(await focused(tab));
  }
  assert.deepEqual(order, ["lobby", "room", "Join", "leave", "log", "text", "Send", "out"]);
  assert.deepEqual(await contrasts(tab), []);
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  assert.deepEqual(await contrasts(tab), []);
});

test("a token goes along when there is one", async (t) => {
  const { browser, url } = await demo(t);
  const tab = await openTab(browser, url);
  await tab.click("summary");
  await tab.type("#token", "abc");
  await picture(tab, "enter");
  const frames = [];
  const session = await tab.createCDPSession();
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ request }) => frames.push(request.postData ?? ""));
  session.on("Network.webSocketFrameSent", ({ response }) => frames.push(response.payloadData));
  await come(tab, "Ada");
  assert.ok(frames.some((frame) => frame.includes('40/chat,{"token":"abc"}')), frames.join("\n"));
});

/** The running demo, on a free port, and a browser. */
async function demo(t, { port = 0 } = {}) {
  const host = run(t, ["demo", "--port", String(port)], { log: "info" });
  const { address } = await host.waitForLog(({ message }) => message === "listening", "the demo listens", 120_000);
  return { host, browser: port ? undefined : await startBrowser(t), url: `http://${address}/`, port: Number(address.split(":").pop()) };
}

/** A tab in which somebody has come in. */
async function enter(browser, url, name, options) {
  // A context each: two people do not share a session.
  const tab = await openTab(await browser.createBrowserContext(), url, options);
  await come(tab, name);
  return tab;
}

async function come(tab, name) {
  await tab.type("#name", name);
  await tab.click("#enter > button");
  await sees(tab, "#people", `${name} (you)`);
}

async function join(tab, room) {
  await tab.type("#room", room);
  await tab.click("#join button");
}

async function say(tab, text) {
  await tab.type("#text", text);
  await tab.click("#say button");
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
