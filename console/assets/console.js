// The console works without this script; it keeps pages up to date, and spares clicks.
"use strict";

// sync makes the children of one element like those of another. Children with an id are kept
// where they are still there, so that focus, selection and what is unfolded stay.
function sync(old, now, fresh) {
  const known = new Map();
  for (const child of old.children) if (child.id) known.set(child.id, child);
  let at = old.firstChild;
  for (const want of [...now.childNodes]) {
    let have = want.id ? known.get(want.id) : at;
    if (want.id && !have) {
      if (fresh) want.classList.add("new");
      old.insertBefore(want, at);
      continue;
    }
    if (!have || (!want.id && have.id)) {
      old.insertBefore(want, at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else old.insertBefore(have, at);
    if (have.isEqualNode(want)) continue;
    if (have.nodeName !== want.nodeName || have.nodeType !== Node.ELEMENT_NODE) {
      have.replaceWith(want);
      continue;
    }
    for (const { name } of [...have.attributes]) if (!want.hasAttribute(name) && name !== "open") have.removeAttribute(name);
    for (const { name, value } of [...want.attributes]) if (have.getAttribute(name) !== value) have.setAttribute(name, value);
    sync(have, want, fresh);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function show(id, html, fresh) {
  const element = document.getElementById(id);
  const template = document.createElement("template");
  template.innerHTML = html; // made by the router, which has escaped what is not its own
  if (element) sync(element, template.content, fresh);
}

// Live pages: the router sends the parts of the page that have changed.
const freeze = document.querySelector("[data-freeze]");
if (freeze) {
  let source = null;
  let frozen = false;
  const tell = (text, lost) => {
    freeze.querySelector("[data-label]").textContent = text;
    freeze.classList.toggle("lost", lost);
  };
  const listen = () => {
    if (source || frozen || document.hidden) return;
    source = new EventSource(location.pathname + location.search);
    source.onopen = () => tell("Live", false);
    source.onerror = () => {
      tell("Not connected", true);
      if (source && source.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(listen, 5000);
      }
    };
    for (const id of ["live", "nav"]) source.addEventListener(id, (e) => show(id, e.data, id === "live"));
    source.addEventListener("gone", () => location.reload());
  };
  const stop = () => {
    if (source) source.close();
    source = null;
  };
  freeze.hidden = false;
  freeze.addEventListener("click", () => {
    frozen = !frozen;
    freeze.setAttribute("aria-pressed", frozen);
    tell(frozen ? "Frozen" : "Live", false);
    if (frozen) stop();
    else listen();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", listen);
  listen();
}

// The address of a view names only the fields that are filled in.
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("formdata", (e) => {
    for (const [name, value] of [...e.formData]) if (value === "") e.formData.delete(name);
  });
  for (const field of form.querySelectorAll("select[data-submit]")) field.addEventListener("change", () => form.requestSubmit());
}

// Forms that are judged as one types.
for (const form of document.querySelectorAll("form[data-judge]")) {
  let waiting = 0;
  let asked = 0;
  const judge = async () => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set("token", form.dataset.token);
    const answer = await fetch(form.dataset.judge, { method: "POST", body });
    const html = await answer.text();
    if (answer.ok && mine === asked) show("live", html, false);
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(judge, 200);
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
}

// Keys: / goes to the search, f freezes, j and k go through the rows.
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
  const rows = [...document.querySelectorAll("tbody tr a.row")];
  const at = rows.findIndex((a) => a.closest("tr").contains(document.activeElement));
  const search = document.querySelector("[type=search]");
  if (e.key === "/" && search) search.focus();
  else if (e.key === "f" && freeze) freeze.click();
  else if (e.key === "j" && rows.length) rows[Math.min(at + 1, rows.length - 1)].focus();
  else if (e.key === "k" && rows.length) rows[Math.max(at - 1, 0)].focus();
  else return;
  e.preventDefault();
});
