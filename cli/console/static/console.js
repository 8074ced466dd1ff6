// Polls the page and renews what is marked data-live; sends dropped files without leaving the page.
// Everything works without it, only not by itself.
"use strict";

const PAUSE = 1500;
const FILES_AT_ONCE = 10;

async function fetched(address, options) {
  const answer = await fetch(address, options);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { answer, page };
}

const REACHED = "a, summary, [tabindex]";
const same = (one, other) => one.tagName === other.tagName && one.textContent === other.textContent
  && one.getAttribute("aria-label") === other.getAttribute("aria-label");

// Renew a part, but nothing that somebody types in; what a reader has opened or reached stays so.
function renew(part, fresh) {
  const focus = part.contains(document.activeElement) ? document.activeElement : null;
  if (focus?.matches("input, select, textarea, button")) return;
  const touched = [...part.querySelectorAll("details[data-touched]")];
  for (const one of fresh.querySelectorAll("details")) {
    const known = touched.find(other => same(other.firstElementChild, one.firstElementChild));
    if (known) [one.open, one.dataset.touched] = [known.open, ""];
  }
  if (part.innerHTML === fresh.innerHTML) return;
  part.innerHTML = fresh.innerHTML;
  if (focus) [...part.querySelectorAll(REACHED)].find(one => same(one, focus))?.focus({ preventScroll: true });
}

async function poll() {
  try {
    if (!document.hidden) {
      const { answer, page } = await fetched(location.href);
      if (answer.redirected) return location.replace(answer.url);
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh) renew(part, fresh);
      }
    }
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
  }
  setTimeout(poll, PAUSE);
}

async function send(form, files, button) {
  const shown = document.getElementById("dropped");
  const list = document.createElement("ul");
  list.className = "list plain";
  shown.replaceChildren(list);
  for (let first = 0; first < files.length; first += FILES_AT_ONCE) {
    const body = new FormData(form, button);
    body.delete("files");
    for (const file of files.slice(first, first + FILES_AT_ONCE)) body.append("files", file);
    try {
      const { page } = await fetched(form.action, { method: "POST", body });
      const items = page.querySelectorAll("#list li");
      if (items.length) list.append(...items);
      else list.append(`Not sent: ${page.body.textContent.trim()}`);
    } catch {
      list.append("The console did not answer; what was not listed was not sent.");
      return;
    }
  }
}

function dropping(form) {
  const chooser = form.querySelector("input[type=file]");
  const box = form.closest("section");
  form.querySelector("[data-drop-hint]").hidden = false;
  form.addEventListener("submit", event => {
    event.preventDefault();
    send(form, [...chooser.files], event.submitter);
    if (!event.submitter?.name) chooser.value = ""; // what was only checked may be dropped next
  });
  box.addEventListener("dragover", event => {
    event.preventDefault();
    form.classList.add("over");
  });
  box.addEventListener("dragleave", () => form.classList.remove("over"));
  box.addEventListener("drop", event => {
    event.preventDefault();
    form.classList.remove("over");
    send(form, [...event.dataTransfer.files], null);
  });
}

document.addEventListener("click", event => {
  const summary = event.target.closest("summary");
  if (summary) summary.parentElement.dataset.touched = "";
});
for (const button of document.querySelectorAll("button[data-busy]")) {
  button.form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
}
const form = document.getElementById("drop");
if (form) dropping(form);
if (document.querySelector("[data-live]")) setTimeout(poll, PAUSE);
