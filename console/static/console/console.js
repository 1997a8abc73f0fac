/* Keeps the overview fresh without a page load, and a few keys. Nothing is lost without it. */
(() => {
  "use strict";
  const EVERY_S = 10;
  const overview = document.querySelector("[data-from]");
  const told = document.querySelector(".refreshed");

  const place = (details) => [...overview.querySelectorAll("details")].indexOf(details);
  const refresh = async () => {
    if (document.hidden || overview.contains(document.activeElement) || overview.querySelector("[data-over]")) return;
    try {
      const answer = await fetch(overview.dataset.from, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) throw new Error(answer.statusText);
      const html = await answer.text();
      const open = [...overview.querySelectorAll("details[open]")].map(place);
      overview.innerHTML = html;
      const all = overview.querySelectorAll("details");
      open.forEach((n) => all[n] && (all[n].open = true));
      told.textContent = "";
    } catch {
      told.textContent = "Not fresh: the console does not answer.";
    }
  };
  if (overview) {
    setInterval(refresh, 1000 * (overview.dataset.every || EVERY_S));
    document.addEventListener("visibilitychange", refresh);
  }

  const rows = () => [...document.querySelectorAll("#result_list tbody tr")];
  let at = -1;
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    if (all[at]) all[at].classList.remove("at");
    at = Math.min(all.length - 1, Math.max(0, at + by));
    all[at].classList.add("at");
    all[at].scrollIntoView({ block: "nearest" });
    const link = all[at].querySelector("th a, td a");
    if (link) link.focus({ preventScroll: true });
  };
  const KEYS = {
    "/": () => (document.getElementById("searchbar") || document.getElementById("go"))?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: () => rows()[at]?.querySelector("input.action-select")?.click(),
    r: () => overview && refresh(),
    t: () => [...document.querySelectorAll(".theme-toggle")].at(-1)?.click(),
    "?": () => document.getElementById("keys")?.showModal(),
  };
  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const place = going && document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    going = event.key === "g" && !going;
    const act = place ? () => place.click() : KEYS[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
})();
