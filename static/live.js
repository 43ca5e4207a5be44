// <div data-live="/ws/…" data-rows="#tbody">: new rows come in on top, until it is paused.
"use strict";

const MOST = 200;
const live = document.querySelector("[data-live]");
if (live && !new URLSearchParams(location.search).get("after")) {
  const rows = document.querySelector(live.dataset.rows);
  const state = live.querySelector("[data-live-state]");
  const button = live.querySelector("[data-live-pause]");
  const waiting = [];
  let paused = false;
  let wait = 1000;

  const show = (html) => {
    if (!rows) { location.reload(); return; }
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const row = holder.content.querySelector("tr");
    if (!row || document.getElementById(row.id)) return;
    row.classList.add("fresh");
    rows.prepend(row);
    while (rows.children.length > MOST) rows.lastElementChild.remove();
  };
  const tell = () => { state.textContent = paused ? (waiting.length ? `${waiting.length} new` : "Paused") : "Live"; };
  const connect = () => {
    const asked = new URLSearchParams(location.search);
    if (rows?.firstElementChild) asked.set("after", rows.firstElementChild.id); // what came since is told, too
    const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + live.dataset.live + "?" + asked);
    socket.onopen = () => { wait = 1000; live.hidden = false; tell(); };
    socket.onmessage = (event) => {
      for (const html of JSON.parse(event.data).rows) (paused ? waiting.push(html) : show(html));
      tell();
    };
    socket.onclose = (event) => {
      if (event.code === 4404) return;
      state.textContent = "Connecting…";
      setTimeout(connect, wait);
      wait = Math.min(30000, wait * 2);
    };
  };
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.querySelector("[data-label]").textContent = paused ? "Go on" : "Pause";
    if (!paused) for (const html of waiting.splice(0)) show(html);
    tell();
  });
  connect();
}
