/* Keeps the overview fresh without a page load, and a few keys. Nothing is lost without it. */
(() => {
  "use strict";
  const EVERY_MS = 10000;
  const overview = document.getElementById("overview");
  const told = document.querySelector(".refreshed");

  const place = (details) => [...overview.querySelectorAll("details")].indexOf(details);
  const refresh = async () => {
    if (document.hidden || overview.contains(document.activeElement)) return;
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
    setInterval(refresh, EVERY_MS);
    document.addEventListener("visibilitychange", refresh);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "/") {
      const search = document.getElementById("searchbar");
      if (search) {
        search.focus();
        event.preventDefault();
      }
    } else if (event.key === "r" && overview) {
      refresh();
    }
  });
})();
