// Opens the report's pages in Chromium: `node browse.mjs PAGES [PICTURES]`. Nothing may run but the page's own script,
// nothing may be asked of anybody, nothing may stick out at 360 and 1,440 pixels, axe may find nothing serious, and what
// the page shows must be what its JSON says. With PICTURES the README's pictures are made anew.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pages, pictures] = process.argv.slice(2);
// The packages lie where this was started, not beside this file.
const need = createRequire(join(process.cwd(), "package.json"));
const puppeteer = (await import(pathToFileURL(need.resolve("puppeteer-core")))).default;
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const chromium = process.env.DENYWATCH_CHROMIUM || "/usr/bin/chromium";
const names = readdirSync(pages).filter((name) => name.endsWith(".html")).map((name) => name.slice(0, -5));
assert.deepEqual(names.sort(), ["hostile", "many", "none", "one", "team", "weeks"], "pages are missing: run `cargo test --test page`");

const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-background-networking"] });
let passed = 0;
let failed = 0;

async function check(name, run) {
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error.message}`);
  }
}

/// A page that was opened, and what it tried.
async function open(name, { width = 1440, scheme = "light", script = true, hash = "" } = {}) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setJavaScriptEnabled(script);
  const tried = [];
  const own = pathToFileURL(resolve(pages, `${name}.html`)).href;
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== own) tried.push(`asked ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    tried.push("a dialog");
    dialog.dismiss();
  });
  page.on("pageerror", (error) => tried.push(`error ${error.message}`));
  page.on("console", (line) => tried.push(`console ${line.text()}`));
  await page.evaluateOnNewDocument(() => {
    window.refused = [];
    addEventListener("securitypolicyviolation", (event) => window.refused.push(event.violatedDirective));
  });
  await page.goto(own + hash, { waitUntil: "load" });
  return { page, tried, own };
}

async function closed({ page, tried, own }) {
  await new Promise((done) => setTimeout(done, 50));
  const left = await page.evaluate(() => ({ pwned: window.pwned, refused: window.refused, at: location.href.split("#")[0] }));
  assert.deepEqual(tried, []);
  assert.equal(left.pwned, undefined, "a script of a stranger ran");
  assert.deepEqual(left.refused ?? [], [], "the policy had to refuse something");
  assert.equal(left.at, own, "the page went elsewhere");
  await page.close();
}

/// What sticks out of the window, or out of its own box without a way to scroll there.
const overflowing = () => {
  const out = [];
  if (document.documentElement.scrollWidth > innerWidth) out.push(`page ${document.documentElement.scrollWidth}`);
  for (const one of document.querySelectorAll("main *, header *, nav *")) {
    if (one.closest(".scroll, pre, .unseen, svg") && !one.matches(".scroll, pre, svg")) continue;
    const box = one.getBoundingClientRect();
    if (box.width && box.right > innerWidth + 0.5) out.push(`${one.tagName}.${one.className} ${box.right}`);
  }
  return out.slice(0, 5);
};

/// Words of a chart that end beyond it, where the svg cuts them off.
const cutOff = () =>
  [...document.querySelectorAll("svg[role=img] text")]
    .filter((one) => one.getBoundingClientRect().right > one.closest("svg[role=img]").getBoundingClientRect().right + 1)
    .map((one) => one.textContent);

for (const name of names) {
  for (const width of [360, 1440]) {
    for (const scheme of ["light", "dark"]) {
      await check(`${name} at ${width} px, ${scheme}`, async () => {
        const opened = await open(name, { width, scheme });
        const { page } = opened;
        await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = !one.closest(".form"))));
        assert.deepEqual(await page.evaluate(overflowing), []);
        if (name !== "hostile") assert.deepEqual(await page.evaluate(cutOff), []);
        // What has no column any more is told in a line.
        const lines = await page.$$eval(".findings .narrow", (all) => all.map((one) => one.checkVisibility()));
        assert.ok(lines.every((shown) => shown === (width === 360)), "severity, layer and next step on a telephone");
        const last = await page.$$eval(".findings .medium", (all) => all.map((one) => one.checkVisibility()));
        assert.ok(last.every((shown) => shown === (width === 360)) && last.length === lines.length, "last seen");
        await page.evaluate(axe);
        // 200 opened findings alike are judged by the first of them.
        await page.evaluate(() => [...document.querySelectorAll("table.findings tbody")].slice(12).forEach((one) => one.remove()));
        const found = await page.evaluate(async () => {
          const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
          return violations
            .filter((one) => ["serious", "critical"].includes(one.impact))
            .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
        });
        assert.deepEqual(found, []);
        await closed(opened);
      });
    }
  }

  await check(`${name} has no dead link`, async () => {
    const opened = await open(name);
    const dead = await opened.page.$$eval("a[href^='#']", (all) =>
      all.map((one) => one.getAttribute("href").slice(1)).filter((id) => !document.getElementById(id)),
    );
    assert.deepEqual(dead, []);
    await closed(opened);
  });

  await check(`${name} without its script`, async () => {
    const opened = await open(name, { script: false });
    const json = JSON.parse(readFileSync(join(pages, `${name}.json`), "utf8"));
    const rows = await opened.page.$$eval("table.findings tbody", (all) => all.filter((one) => one.checkVisibility()).length);
    assert.ok(rows === json.findings.length || (rows <= 200 && json.findings.length > rows), `${rows} rows`);
    assert.equal(await opened.page.$$eval("button, form", (all) => all.filter((one) => one.checkVisibility()).length), 0);
    assert.deepEqual(opened.tried, []);
    await opened.page.close();
  });

  await check(`${name} is what its JSON says`, async () => {
    const opened = await open(name);
    const json = JSON.parse(readFileSync(join(pages, `${name}.json`), "utf8"));
    const seen = await opened.page.evaluate(() => {
      const number = (text) => Number(text.replaceAll(",", "").replace("up to ", ""));
      const table = (id) =>
        [...document.querySelectorAll(`#${id} tbody tr`)].map((row) => [...row.cells].map((cell) => cell.textContent));
      return {
        six: [...document.querySelectorAll(".six .big")].map((one) => number(one.textContent)),
        days: table("c-days").map((row) => row.slice(1).map(number)),
        weeks: table("c-weeks").map((row) => row.slice(1).map(number)),
        principals: table("c-principals").map((row) => row.slice(2, 4).map(number)),
        layers: table("c-layers").map((row) => number(row[1])),
        heat: table("c-heat").map((row) => number(row[2])),
        mended: table("mended").map((row) => number(row[2].replace("at least ", ""))),
        told: (document.querySelector("#predictions")?.textContent.match(/\d[\d,]*/g) ?? []).map(number),
        accounts: table("accounts").map((row) => row.slice(1, 5).map(number)),
        rules: table("rules").map((row) => number(row[2])),
        findings: [...document.querySelectorAll("table.findings tbody")].map((one) => [
          number(one.querySelector(".c-denied").textContent),
          one.dataset.trend,
          one.dataset.severity,
        ]),
        bars: document.querySelectorAll("#days rect").length,
        cells: document.querySelectorAll("#heat rect[rx]").length,
      };
    });
    const n = json.numbers;
    const some = n.denied > 0;
    assert.deepEqual(seen.six, some ? [n.denied, n.findings, n.new, n.recurring, n.resolved, n.ready] : []);
    if (some) {
      const verdicts = ["probing", "owner", "review", "patch", "unclear", "upheld", "transient", "expected"];
      const used = verdicts.filter((one) => json.days.some((day) => day.verdicts[one] > 0));
      assert.deepEqual(seen.days, json.days.map((day) => [day.denied, ...used.map((one) => day.verdicts[one] ?? 0)]));
      assert.equal(seen.bars, json.days.flatMap((day) => Object.values(day.verdicts)).filter((count) => count > 0).length);
      const weeks = json.weeks.length < 2 ? [] : json.weeks;
      assert.deepEqual(seen.weeks, weeks.map((week) => [week.denied, week.new, week.recurring, week.quiet, week.resolved]));
      assert.deepEqual(seen.principals, json.principals.map((top) => [top.denied, top.findings]));
      assert.deepEqual(seen.layers, json.layers.map((layer) => layer.denied));
      assert.deepEqual(seen.heat, json.heat.cells.map((cell) => cell.denied));
      assert.equal(seen.cells, json.heat.cells.length);
      const busy = json.accounts.filter((one) => one.numbers.denied > 0).slice(0, 60);
      assert.deepEqual(seen.accounts, busy.map(({ numbers: of }) => [of.denied, of.findings, of.new, of.ready]));
    }
    assert.deepEqual(seen.mended, json.mended.slice(0, 60).map((one) => one.allowed));
    const told = [json.foretold.came_true, json.foretold.needless, json.foretold.open];
    assert.deepEqual(seen.told, told.some((count) => count > 0) ? told : []);
    assert.deepEqual(seen.rules, json.rules.slice(0, 60).map((rule) => rule.muted));
    const shown = json.findings.slice(0, seen.findings.length);
    assert.deepEqual(seen.findings, shown.map((row) => [row.denied, row.trend, row.severity]));
    await closed(opened);
  });
}

await check("search, filter and sort", async () => {
  const opened = await open("weeks");
  const { page } = opened;
  const visible = () => page.$$eval("table.findings tbody:not([hidden])", (all) => all.map((one) => one.id));
  const all = await visible();
  await page.type("#q", "uploader s3:putobject");
  const found = await visible();
  assert.equal(found.length, 1);
  assert.match(await page.$eval("#count", (one) => one.textContent), /^1 of these \d+\./);
  await page.$eval("#q", (one) => {
    one.value = "";
    one.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await page.select("#f-severity", "high");
  const high = await visible();
  assert.ok(high.length > 0 && high.length < all.length);
  await page.select("#f-severity", "");
  const denied = () => page.$$eval("table.findings tbody .c-denied", (all) => all.map((one) => Number(one.textContent.replaceAll(",", ""))));
  await page.click("th.c-denied button");
  const down = await denied();
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  assert.equal(await page.$eval("th.c-denied", (one) => one.getAttribute("aria-sort")), "descending");
  await page.focus("th.c-denied button");
  await page.keyboard.press("Enter");
  assert.deepEqual(await denied(), [...down].sort((a, b) => a - b));
  await closed(opened);
});

await check("a link opens its finding, a patch is copied, the theme turns", async () => {
  const { page: first } = await open("weeks");
  const id = await first.$eval("ol.first li:last-child a", (one) => one.getAttribute("href"));
  await first.close();
  const opened = await open("weeks", { hash: id });
  const { page } = opened;
  assert.ok(await page.$eval(`${id} details`, (one) => one.open));
  await page.$eval(`${id} .form`, (one) => (one.open = true));
  await page.click(`${id} .form .copy`);
  await page.waitForFunction((at) => document.querySelector(`${at} .copy`).textContent === "Copied", {}, id);
  assert.equal(await page.$$eval(`${id} .form`, (all) => all.length), 4);
  const paper = () => page.$eval("body", (one) => getComputedStyle(one).backgroundColor);
  const before = await paper();
  await page.click("#theme");
  assert.notEqual(await paper(), before);
  await closed(opened);
});

await check("the keyboard reaches everything", async () => {
  const opened = await open("weeks");
  const { page } = opened;
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const reached = new Set();
  for (let n = 0; n < 400; n += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (one === document.body) return "";
      one.dataset.seen = "1";
      return one.tagName;
    });
    if (!at) break;
    reached.add(at);
  }
  const missed = await page.$$eval("a, button, input, select, summary", (all) =>
    all.filter((one) => one.checkVisibility() && !one.dataset.seen && !one.matches(".skip")).map((one) => one.outerHTML.slice(0, 80)),
  );
  assert.deepEqual(missed, []);
  await closed(opened);
});

await check("on paper nothing is hidden", async () => {
  const opened = await open("weeks", { script: false });
  await opened.page.emulateMediaType("print");
  const hidden = await opened.page.$$eval("tr.more .lead", (all) => all.filter((one) => !one.getBoundingClientRect().height).length);
  assert.equal(hidden, 0);
  assert.ok((await opened.page.pdf({ format: "A4", printBackground: true })).length > 20_000);
  await opened.page.close();
});

await check("on paper the table has its heads when the script ran", async () => {
  const opened = await open("weeks");
  await opened.page.emulateMediaType("print");
  const heads = await opened.page.$$eval("table.findings th[data-sort]", (all) =>
    all.filter((one) => one.checkVisibility()).map((one) => one.firstElementChild.getBoundingClientRect().height > 0),
  );
  assert.ok(heads.length >= 6 && heads.every(Boolean), `${heads}`);
  await closed(opened);
});

const { page: large } = await open("many");
const took = await large.evaluate(() => {
  const [timing] = performance.getEntriesByType("navigation");
  return Math.round(timing.loadEventEnd);
});
console.log(`the page of ten thousand findings was open after ${took} ms`);
await large.close();

if (pictures) {
  for (const [file, width, scheme, height] of [
    ["report.png", 1240, "light", 1480],
    ["report-narrow.png", 390, "dark", 1480],
  ]) {
    const { page } = await open("weeks", { width, scheme });
    await page.screenshot({ path: join(pictures, file), clip: { x: 0, y: 0, width, height } });
    await page.close();
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
