"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, text, kind) => {
    const one = document.createElement(tag);
    one.textContent = text;
    if (kind) one.className = kind;
    return one;
  };

  const theme = $("theme");
  if (theme) {
    const dark = () => {
      const set = document.documentElement.dataset.theme;
      return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    };
    theme.hidden = false;
    theme.addEventListener("click", () => {
      document.documentElement.dataset.theme = dark() ? "light" : "dark";
    });
  }

  // A page from a file or over plain HTTP has no clipboard of the newer kind.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = make("textarea", text, "unseen");
      document.body.append(box);
      box.select();
      const done = document.execCommand("copy");
      box.remove();
      if (!done) throw new Error("not copied");
    }
  };
  for (const form of document.querySelectorAll(".form")) {
    const text = form.querySelector("pre");
    if (!text) continue;
    const button = make("button", "Copy", "copy");
    button.type = "button";
    button.setAttribute("aria-label", "Copy " + (text.getAttribute("aria-label") || "the command"));
    button.addEventListener("click", () =>
      copy(text.textContent).then(
        () => (button.textContent = "Copied"),
        () => (button.textContent = "Not copied: select the text"),
      ),
    );
    text.before(button);
  }

  const table = document.querySelector("table.findings");
  if (table) {
    const all = [...table.tBodies];
    const text = new Map(all.map((one) => [one, one.textContent.toLowerCase()]));
    const filters = $("filters");
    const count = $("count");
    const said = count.textContent;
    const picks = ["trend", "severity", "verdict", "account", "owner"].map((key) => [key, $("f-" + key)]);
    const show = () => {
      const words = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const one of all) {
        const fits =
          picks.every(([key, box]) => !box || !box.value || one.dataset[key] === box.value) &&
          words.every((word) => text.get(one).includes(word));
        one.hidden = !fits;
        shown += fits;
      }
      count.textContent = shown === all.length ? said : `${shown} of these ${all.length}. ${said}`;
    };
    filters.hidden = false;
    filters.addEventListener("input", show);
    filters.addEventListener("submit", (event) => event.preventDefault());

    const cell = (one, key) => one.querySelector(".c-" + key).textContent.trim();
    const value = (one, key) => {
      if (key === "denied") return Number(cell(one, key).replaceAll(",", ""));
      if (key === "severity") return one.dataset.rank;
      return cell(one, key);
    };
    for (const head of table.querySelectorAll("th[data-sort]")) {
      const key = head.dataset.sort;
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const largeFirst = key === "denied" || key === "last";
        const now = head.getAttribute("aria-sort");
        const down = now ? now === "ascending" : largeFirst;
        for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sorted = all
          .map((one) => [value(one, key), one])
          .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
        table.append(...sorted.map(([, one]) => one));
      });
    }
  }

  const open = () => {
    const target = location.hash.length > 1 && $(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.querySelector("tr.more details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", open);
  open();

  // On paper everything is open; afterwards it is as before.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open]):not(.form)")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
})();
