// A conversation over a websocket; each lane has its own model, strategy and history.
"use strict";

const page = document.getElementById("playground");
const field = (id) => document.getElementById(id);
const problem = field("problem");
const lanes = ["a", "b"].map((name) => ({ name, list: field(`lane-${name}`), settings: document.querySelector(`[data-lane="${name}"]`), turns: [], waiting: null }));
let socket = null;
let count = 0;

const make = (tag, classes, text) => {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== undefined) element.textContent = text;
  return element;
};
const chosen = (lane) => {
  const one = (name) => lane.settings.querySelector(`[data-${name}]`);
  const model = one("model").value;
  const routed = model === "routeplex-ai";
  const strategy = routed ? one("strategy").value : undefined;
  const slider = routed && strategy === "auto" ? Number(one("tradeoff").value) : undefined;
  return { model, strategy, tradeoff: slider };
};
const shown = () => (field("two").checked ? lanes : lanes.slice(0, 1));
const arrange = () => {
  field("second").hidden = lanes[1].list.hidden = !field("two").checked;
  for (const lane of lanes) {
    const { model, strategy } = chosen(lane);
    lane.settings.querySelector("[data-routed]").hidden = model !== "routeplex-ai";
    lane.settings.querySelector("[data-slider]").hidden = model !== "routeplex-ai" || strategy !== "auto";
  }
};
page.addEventListener("change", arrange);
arrange();

const parsed = (id) => {
  const text = field(id).value.trim();
  return text ? JSON.parse(text) : undefined;
};
const asked = (lane) => {
  const system = field("system").value.trim();
  const messages = [...(system ? [{ role: "system", content: system }] : []), ...lane.turns];
  return { name: `${lane.name}${++count}`, messages, ...chosen(lane), form: parsed("form"), tools: parsed("tools") };
};

const connected = () => new Promise((resolve, reject) => {
  if (socket?.readyState === WebSocket.OPEN) { resolve(); return; }
  socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + page.dataset.socket);
  socket.onopen = resolve;
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  socket.onclose = () => {
    reject(new Error("The connection is closed."));
    for (const lane of lanes) if (lane.waiting) ended(lane, null, "The connection was closed.");
  };
});

const say = (lane, role, text) => {
  const item = make("li", `turn turn-${role}`);
  const words = make("div", "turn-words", text);
  item.append(words);
  lane.list.append(item);
  item.scrollIntoView({ block: "nearest" });
  return { item, words };
};

const heard = (told) => {
  const lane = lanes.find((one) => one.waiting?.name === told.name);
  if (!lane) return;
  const answer = lane.waiting;
  if (told.error) { ended(lane, null, told.error); return; }
  if (told.done) { ended(lane, told.done); return; }
  const choice = told.chunk.choices?.[0];
  if (told.chunk.error) { ended(lane, null, told.chunk.error.message); return; }
  if (choice?.delta?.content) { answer.text += choice.delta.content; answer.words.textContent = answer.text; }
  for (const call of choice?.delta?.tool_calls ?? []) {
    answer.text += (call.function?.name ? `\n${call.function.name} ` : "") + (call.function?.arguments ?? "");
    answer.words.textContent = answer.text;
  }
  if (told.chunk.x_routeplex) answer.routed = told.chunk.x_routeplex;
};

const ended = (lane, id, error) => {
  const { item, words, text, routed } = lane.waiting;
  lane.waiting = null;
  item.classList.remove("turn-waits");
  if (error) words.append(make("p", "text-error", error));
  if (text) lane.turns.push({ role: "assistant", content: text });
  if (routed) {
    const cost = Number(routed.cost_usd);
    const line = make("p", "turn-why");
    line.append(make("strong", "", routed.model), ` · ${routed.query_type.replaceAll("_", " ")} · ${(routed.latency_ms / 1000).toFixed(1)} s · $${cost ? cost.toPrecision(2) : 0} `);
    const link = make("a", "", "why");
    link.href = `${page.dataset.requests}/${id ?? routed.request_id}`;
    line.append(link);
    item.append(line);
  }
  field("stop").disabled = !lanes.some((one) => one.waiting);
};

page.addEventListener("submit", async (event) => {
  event.preventDefault();
  const words = field("words").value.trim();
  if (!words || shown().some((lane) => lane.waiting)) return;
  problem.textContent = "";
  try {
    parsed("form"); parsed("tools");
    await connected();
  } catch (error) {
    problem.textContent = error instanceof SyntaxError ? `The schema or the tools are no JSON: ${error.message}` : error.message;
    return;
  }
  for (const lane of shown()) {
    lane.turns.push({ role: "user", content: words });
    say(lane, "user", words);
    const answer = say(lane, "assistant", "");
    answer.item.classList.add("turn-waits");
    const question = asked(lane);
    lane.waiting = { ...answer, name: question.name, text: "", routed: null };
    socket.send(JSON.stringify(question));
  }
  field("words").value = "";
  field("stop").disabled = false;
});
field("words").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) page.requestSubmit();
});
field("stop").addEventListener("click", () => socket?.close());
field("clear").addEventListener("click", () => {
  socket?.close();
  for (const lane of lanes) { lane.turns = []; lane.waiting = null; lane.list.replaceChildren(); }
});

field("code").addEventListener("click", async () => {
  const { model, strategy, tradeoff } = chosen(lanes[0]);
  const headers = {};
  if (tradeoff !== undefined) headers["X-RoutePlex-Tradeoff"] = String(tradeoff);
  else if (strategy) headers["X-RoutePlex-Strategy"] = strategy;
  const system = field("system").value.trim();
  const words = field("words").value.trim();
  const messages = [...(system ? [{ role: "system", content: system }] : []), ...lanes[0].turns, ...(words ? [{ role: "user", content: words }] : [])];
  const lines = ["import openai", "", `client = openai.OpenAI(base_url=${JSON.stringify(page.dataset.base)}, api_key="rp_live_…")`, "answer = client.chat.completions.create(", `    model=${JSON.stringify(model)},`, `    messages=${JSON.stringify(messages)},`, `    extra_headers=${JSON.stringify(headers)},`, ")", "print(answer.choices[0].message.content)"];
  await navigator.clipboard.writeText(lines.join("\n"));
  const label = field("code").querySelector("[data-label]");
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = "Copy as Python"; }, 1500);
});

// An earlier request, to be asked again: what was said before it stands in the lanes, its last words in the field.
const again = field("again") ? JSON.parse(field("again").textContent).turns : [];
const last = again.findLastIndex((turn) => turn.role === "user");
for (const turn of again.slice(0, Math.max(last, 0))) {
  if (turn.role === "system" || turn.role === "developer") { field("system").value = turn.content; continue; }
  if (turn.role !== "user" && turn.role !== "assistant") continue;
  for (const lane of lanes) { lane.turns.push(turn); say(lane, turn.role, turn.content); }
}
if (last >= 0) field("words").value = again[last].content;
