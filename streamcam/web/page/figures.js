// Figures and their last minute: both latencies, the gate, the rates.

import { byId } from "./elements.js";

const LENGTH = 120;  // readings: a minute
const GRAPHS = {
  latency: { lines: { motion_latency_ms_p50: "#ffb454", style_latency_ms_p50: "#7cc7ff" }, least: 50 },
  gate: { lines: { spared: "#8fd694" }, least: 100 },
  rate: { lines: { fps_in: "#9aa1ae", fps_engine: "#7cc7ff", fps_out: "#ffb454" }, least: 10 },
};
const past = new Map();  // by figure

export function show(stats) {
  const set = (id, value) => { byId(id).textContent = value; };
  const spared = stats.fps_spared + stats.fps_engine;
  const now = { ...stats, spared: spared ? 100 * stats.fps_spared / spared : 0 };
  for (const name of ["fps_in", "fps_engine", "fps_out"]) set(name, stats[name].toFixed(1));
  for (const name of ["motion_latency_ms_p50", "style_latency_ms_p50", "engine_ms_p50"]) set(name, Math.round(stats[name]));
  for (const name of ["dropped", "repeats"]) set(name, stats[name].toLocaleString());
  set("spared", Math.round(now.spared));
  set("top-fps", stats.fps_out.toFixed(1));
  set("top-latency", Math.round(stats.motion_latency_ms_p50));
  set("resolve", stats.resolve || "off");
  set("mask", stats.mask || "off");
  for (const [id, graph] of Object.entries(GRAPHS)) draw(byId(`graph-${id}`), graph, now);
}

function draw(canvas, graph, now) {
  const names = Object.keys(graph.lines);
  for (const name of names) past.set(name, [...(past.get(name) || []), now[name]].slice(-LENGTH));
  const pen = canvas.getContext("2d");
  const width = canvas.width = canvas.clientWidth * devicePixelRatio;
  const height = canvas.height = canvas.clientHeight * devicePixelRatio;
  const top = Math.max(graph.least, ...names.flatMap((name) => past.get(name))) * 1.1;
  pen.lineWidth = 1.75 * devicePixelRatio;
  pen.lineJoin = "round";
  for (const name of names) {
    const values = past.get(name);
    pen.beginPath();
    values.forEach((value, index) => pen.lineTo(
      width * (LENGTH - values.length + index) / (LENGTH - 1), (height - pen.lineWidth) * (1 - value / top) + pen.lineWidth / 2));
    pen.strokeStyle = graph.lines[name];
    pen.stroke();
  }
}
