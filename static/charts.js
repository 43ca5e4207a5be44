// Draws <div data-chart="id of a JSON script">: stacked bars of money, or lines of times. Without it the tables have the numbers.
"use strict";

const HEIGHT = 240;

const colors = () => {
  const style = getComputedStyle(document.documentElement);
  const dark = style.getPropertyValue("color-scheme").trim() === "dark";
  const lines = dark
    ? ["#8b85ff", "#4ade80", "#facc15", "#67e8f9", "#f472b6", "#71717a"]
    : ["#4f46e5", "#0d9488", "#d97706", "#0284c7", "#db2777", "#a1a1aa"];
  return { lines, bad: dark ? "#f87171" : "#dc2626", text: dark ? "#a1a1aa" : "#52525b", grid: dark ? "#26262c" : "#ececef" };
};

const told = {
  usd: (value) => (value == null ? "—" : "$" + value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 4 : 2 })),
  ms: (value) => (value == null ? "—" : value >= 1000 ? (value / 1000).toFixed(1) + " s" : Math.round(value) + " ms"),
  count: (value) => (value == null ? "—" : value.toLocaleString("en")),
};

const times = (chart) => {
  const day = new Intl.DateTimeFormat("en", { timeZone: chart.zone, month: "short", day: "numeric" });
  const hour = new Intl.DateTimeFormat("en", { timeZone: chart.zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const short = chart.interval === "hour" ? hour : day;
  return { axis: (at) => short.format(at * 1000), legend: (at) => (chart.interval === "hour" ? day.format(at * 1000) + ", " : "") + short.format(at * 1000) };
};

// Bars on top of one another: the highest sum is drawn first, the others over it.
const stacked = (lines) => {
  const sums = [];
  const total = new Array(lines[0]?.values.length ?? 0).fill(0);
  for (const line of lines) {
    for (let at = 0; at < total.length; at++) total[at] += line.values[at] ?? 0;
    sums.push([...total]);
  }
  return sums;
};

const draw = (place) => {
  const chart = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const { lines, bad, text, grid } = colors();
  const say = told[chart.unit];
  const when = times(chart);
  const stack = chart.kind === "stack";
  const sums = stack ? stacked(chart.lines) : chart.lines.map((line) => line.values);
  const order = chart.lines.map((_, at) => at);
  if (stack) order.reverse();
  const bars = stack ? uPlot.paths.bars({ size: [0.72, 48], radius: 0.06 }) : undefined;
  const color = (at) => (chart.lines[at].bad ? bad : lines[at % lines.length]);
  const series = order.map((at) => ({
    label: chart.lines[at].label,
    stroke: color(at),
    fill: stack ? color(at) : undefined,
    width: stack ? 0 : 2,
    paths: bars,
    points: { show: false },
    spanGaps: true,
    value: (_, __, ___, place) => (place == null ? "" : say(chart.lines[at].values[place])),
  }));
  const axis = { stroke: text, font: "12px system-ui, sans-serif", ticks: { show: false } };
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    cursor: { points: { show: !stack }, drag: { setScale: false } },
    scales: { x: { time: true, range: stack ? (_, low, high) => [low - step(chart) / 2, high + step(chart) / 2] : undefined }, y: { range: (_, __, high) => [0, (high || 1) * 1.08] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, found) => found.map(when.axis), space: 64, incrs: [1, 2, 3, 6, 7, 14, 28].map((n) => n * step(chart)), splits: every(chart) },
      { ...axis, grid: { stroke: grid, width: 1 }, values: (_, found) => found.map(say), size: 64 },
    ],
    series: [{ label: " ", value: (_, at) => (at == null ? "" : when.legend(at)) }, ...series],
    legend: { live: true },
  };
  place.replaceChildren();
  place.uplot = new uPlot(options, [chart.x, ...order.map((at) => sums[at])], place);
};

// Marks at the points themselves: a day there begins where the workspace's day does.
const every = (chart) => (plot, _, low, high, by) => {
  const skip = Math.max(1, Math.round(by / step(chart)));
  return chart.x.filter((at, place) => place % skip === 0 && at >= low && at <= high);
};

const step = (chart) => (chart.interval === "hour" ? 3600 : 86400);

const all = () => document.querySelectorAll("[data-chart]");
for (const place of all()) draw(place);
new ResizeObserver((entries) => {
  for (const { target } of entries) target.uplot?.setSize({ width: target.clientWidth, height: HEIGHT });
}).observe(document.querySelector("[data-chart]") ?? document.body);
addEventListener("resize", () => { for (const place of all()) place.uplot?.setSize({ width: place.clientWidth, height: HEIGHT }); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const place of all()) draw(place); });
