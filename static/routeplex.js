// What pages do beyond HTML. Each part is an improvement: without it the page still works.
"use strict";

// Menus close when something else is pressed, or with Escape.
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// <button data-copy="#id">: copies the text of that element and says so.
addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText("value" in source ? source.value : source.textContent.trim());
  const label = button.querySelector("[data-label]") ?? button;
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = before; }, 1500);
});

// <div class="tabs-bar" data-tabs>: radio buttons choose which of the named elements is shown.
const choose = (bar) => {
  for (const input of bar.querySelectorAll("input[type=radio]")) {
    document.getElementById(input.value).hidden = !input.checked;
  }
};
addEventListener("change", (event) => {
  const bar = event.target.closest("[data-tabs]");
  if (bar) choose(bar);
});
for (const bar of document.querySelectorAll("[data-tabs]")) choose(bar);

// <div popover data-opens>: a form that came back with a complaint is shown again.
for (const sheet of document.querySelectorAll("[popover][data-opens]")) sheet.showPopover();

// <select data-submits>: sends its form when something else is chosen.
addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// <div hx-get data-calm>: is not replaced while somebody is using what is in it.
addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-calm]") && event.target.contains(document.activeElement)) event.preventDefault();
});

// <input type="range" data-shows>: its value stands beside its label.
for (const slider of document.querySelectorAll("input[data-shows]")) {
  const shown = document.createElement("output");
  shown.className = "tag tag-main ml-2";
  document.querySelector(`label[for="${slider.id}"]`)?.append(shown);
  const show = () => { shown.textContent = slider.value; };
  slider.addEventListener("input", show);
  show();
}
