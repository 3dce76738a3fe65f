// Draws a timeline on a canvas: only what is in sight, one fill per state, bars narrower than a pixel only once.

import { timeTicks } from "@/charts/scale";
import { drawShape } from "@/charts/shapes";
import { lookOf } from "@/design/state";
import { mark, type Micros } from "@/time/format";
import type { Bar, Lane, Layout } from "@/timeline/model";
import { GROUP_GAP, GUTTER, RULER, type View } from "@/timeline/view";

export interface Palette {
  surface: string;
  line: string;
  ink: string;
  muted: string;
  faint: string;
  accent: string;
  sunken: string;
}

export interface Scene {
  layout: Layout;
  view: View;
  tops: Float64Array;
  laneHeight: number;
  width: number;
  height: number;
  dark: boolean;
  now: Micros;
  palette: Palette;
  selected: string | null;
  pointed: string | null;
  path: ReadonlySet<string>;
  origin: Micros;
}

const BAR_PIXELS_MIN = 1.5;
const LABEL_PIXELS_MIN = 34;
const ROUNDED_PIXELS_MIN = 14;
const BAD_PIXELS_MIN = 3.5;
const MARK_PIXELS = 3;
const TRY_PIXELS_MIN = 6;
const FONT = '11px "Inter Variable", system-ui, sans-serif';

/** Draw everything; answers how many bars were in sight. */
export function paint(context: CanvasRenderingContext2D, scene: Scene): number {
  const { width, height, palette } = scene;
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  context.textBaseline = "middle";
  paintGrid(context, scene);
  context.save();
  context.beginPath();
  context.rect(GUTTER, RULER, width - GUTTER, height - RULER);
  context.clip();
  const drawn = paintBars(context, scene);
  paintPath(context, scene);
  context.restore();
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, GUTTER, height);
  context.strokeStyle = palette.line;
  context.strokeRect(GUTTER - 0.5, -1, width + 2, height + 2);
  paintGroups(context, scene);
  paintRuler(context, scene);
  return drawn;
}

const isBad = (bar: Bar): boolean => bar.type === "FAILED" || bar.type === "CRASHED";
const xOf = ({ view, width }: Scene, at: Micros): number => GUTTER + ((at - view.from) / (view.to - view.from)) * (width - GUTTER);

function paintGrid(context: CanvasRenderingContext2D, scene: Scene): void {
  const { layout, view, tops, laneHeight, width, height, palette } = scene;
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  for (const { at } of ticks(scene)) {
    const x = Math.round(xOf(scene, at)) + 0.5;
    context.moveTo(x, RULER);
    context.lineTo(x, height);
  }
  for (const group of layout.groups) {
    const y = Math.round(RULER + (tops[group.lane] ?? 0) - view.top + Math.max(group.lanes * laneHeight, 16) + GROUP_GAP / 2) + 0.5;
    if (y > RULER && y < height) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
  }
  context.stroke();
}

interface Batch {
  colour: string;
  bad: boolean;
  boxes: number[];
}

function paintBars(context: CanvasRenderingContext2D, scene: Scene): number {
  const { layout, view, tops, laneHeight, width, height, dark } = scene;
  const batches = new Map<string, Batch>();
  const labels: { bar: Bar; x: number; y: number; room: number }[] = [];
  const retried: { bar: Bar; y: number }[] = [];
  const thick = Math.max(3, laneHeight - (laneHeight > 10 ? 4 : 1));
  let drawn = 0;
  for (let number = 0; number < layout.lanes.length; number += 1) {
    const y = RULER + (tops[number] ?? 0) - view.top + (laneHeight - thick) / 2;
    if (y > height) break;
    if (y + thick < RULER) continue;
    const lane = layout.lanes[number];
    if (!lane) continue;
    let reached = -1;
    let reachedState = "";
    for (let index = firstInSight(lane, view.from, scene.now); index < lane.bars.length; index += 1) {
      const bar = lane.bars[index];
      if (!bar || bar.start > view.to) break;
      drawn += 1;
      const x = Math.max(GUTTER - 4, xOf(scene, bar.start));
      const bad = isBad(bar);
      const right = Math.min(width + 4, Math.max(x + (bad ? BAD_PIXELS_MIN : BAR_PIXELS_MIN), xOf(scene, bar.end ?? scene.now)));
      if (right <= reached + 0.5 && bar.state === reachedState) continue;
      reached = right;
      reachedState = bar.state;
      const look = lookOf(bar.type, bar.state);
      const colour = dark ? look.dark : look.light;
      const batch = batches.get(colour) ?? { colour, bad, boxes: [] };
      batches.set(colour, batch);
      if (bar.tries.length > 1 && right - x > TRY_PIXELS_MIN) retried.push({ bar, y });
      const gap = right - x > 4 ? 0.75 : 0;
      batch.boxes.push(x, y, right - x - gap, thick);
      const from = Math.max(GUTTER, bar.tries.length > 1 ? xOf(scene, bar.tries.at(-1)?.start ?? bar.start) : x);
      if (thick >= 11 && right - from > LABEL_PIXELS_MIN) labels.push({ bar, x: from, y: y + thick / 2, room: right - from });
    }
  }
  // What did not end well lies on top, so that it is seen however narrow it is.
  for (const bad of [false, true])
    for (const batch of batches.values()) if (batch.bad === bad) fillBoxes(context, batch.colour, batch.boxes, thick >= 9 ? 2.5 : 0);
  paintTries(context, scene, retried, thick);
  paintLabels(context, scene, labels);
  outline(context, scene, thick);
  return drawn;
}

function firstInSight(lane: Lane, from: Micros, now: Micros): number {
  let low = 0;
  let high = lane.bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const bar = lane.bars[middle];
    if (bar && (bar.end ?? now) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fillBoxes(context: CanvasRenderingContext2D, colour: string, boxes: readonly number[], radius: number): void {
  context.fillStyle = colour;
  context.beginPath();
  for (let at = 0; at < boxes.length; at += 4) {
    const x = boxes[at] ?? 0;
    const y = boxes[at + 1] ?? 0;
    const w = boxes[at + 2] ?? 0;
    const h = boxes[at + 3] ?? 0;
    if (radius > 0 && w > ROUNDED_PIXELS_MIN) context.roundRect(x, y, w, h, radius);
    else context.rect(x, y, w, h);
  }
  context.fill();
}

/** Within a bar, what went before the last try: the time between tries is empty, a failed try is pale with a red foot. */
function paintTries(context: CanvasRenderingContext2D, scene: Scene, retried: readonly { bar: Bar; y: number }[], thick: number): void {
  const failed = lookOf("FAILED");
  for (const { bar, y } of retried)
    bar.tries.forEach((one, index) => {
      const next = bar.tries[index + 1];
      if (!next) return;
      const [x, end, right] = [xOf(scene, one.start), xOf(scene, one.end), xOf(scene, next.start)];
      context.fillStyle = scene.palette.surface;
      context.globalAlpha = 0.72;
      context.fillRect(x, y, Math.max(0, end - x), thick);
      context.globalAlpha = 1;
      context.fillRect(end, y - 0.5, Math.max(1, right - end), thick + 1);
      context.fillStyle = scene.palette.line;
      context.fillRect(end, y + thick / 2 - 0.5, Math.max(0, right - end), 1);
      context.fillStyle = scene.dark ? failed.dark : failed.light;
      context.fillRect(x, y + thick - 2, Math.max(1.5, end - x), 2);
    });
}

function paintLabels(context: CanvasRenderingContext2D, scene: Scene, labels: readonly { bar: Bar; x: number; y: number; room: number }[]): void {
  context.fillStyle = scene.palette.surface;
  for (const { bar, x, y, room } of labels) {
    const text = `${isBad(bar) ? "✕ " : ""}${bar.name}${bar.attempt > 1 ? ` ↻${bar.attempt}` : ""}`;
    const fits = Math.floor((room - 10) / 6);
    context.fillText(text.length > fits ? `${text.slice(0, Math.max(1, fits - 1))}…` : text, x + 5, y + 0.5);
  }
}

function outline(context: CanvasRenderingContext2D, scene: Scene, thick: number): void {
  for (const [id, colour] of [[scene.pointed, scene.palette.muted], [scene.selected, scene.palette.ink]] as const) {
    const box = id === null ? null : boxOf(scene, id);
    if (!box) continue;
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect(box.x - 1.5, box.y + (scene.laneHeight - thick) / 2 - 1.5, box.width + 3, thick + 3);
  }
}

/** Where a bar lies on the canvas. */
export function boxOf(scene: Scene, id: string): { x: number; y: number; width: number } | null {
  const bar = scene.layout.bars.get(id);
  const lane = scene.layout.lane.get(id);
  if (!bar || lane === undefined) return null;
  const x = xOf(scene, bar.start);
  return { x, y: RULER + (scene.tops[lane] ?? 0) - scene.view.top, width: Math.max(BAR_PIXELS_MIN, xOf(scene, bar.end ?? scene.now) - x) };
}

function paintPath(context: CanvasRenderingContext2D, scene: Scene): void {
  if (scene.path.size === 0) return;
  context.strokeStyle = scene.palette.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  let before: { x: number; y: number; width: number } | null = null;
  for (const id of scene.path) {
    const box = boxOf(scene, id);
    if (!box) continue;
    const middle = box.y + scene.laneHeight / 2;
    if (before) {
      const x = before.x + before.width;
      context.moveTo(x, before.y + scene.laneHeight / 2);
      context.bezierCurveTo(x + 14, before.y + scene.laneHeight / 2, box.x - 14, middle, box.x, middle);
    }
    context.rect(box.x, box.y + 1, Math.max(2, box.width), scene.laneHeight - 2);
    before = box;
  }
  context.stroke();
}

function paintGroups(context: CanvasRenderingContext2D, scene: Scene): void {
  const { layout, view, tops, height, palette, laneHeight } = scene;
  for (const group of layout.groups) {
    const top = RULER + (tops[group.lane] ?? 0) - view.top;
    const bottom = top + Math.max(group.lanes * laneHeight, 16);
    if (bottom < RULER || top > height) continue;
    const y = Math.max(top, Math.min(RULER + 2, bottom - 16)) + 8;
    const counted = group.bars > 1 ? `×${group.bars.toLocaleString("en")}` : "";
    context.textAlign = "right";
    context.fillStyle = palette.faint;
    context.fillText(counted, GUTTER - 10, y);
    const room = GUTTER - 24 - context.measureText(counted).width;
    context.textAlign = "left";
    context.fillStyle = group.failed > 0 ? palette.ink : palette.muted;
    const name = `${group.kind === "flow" ? "⤷ " : ""}${group.name}`;
    const fits = Math.floor(room / 6.1);
    context.fillText(name.length > fits ? `${name.slice(0, fits - 1)}…` : name, 12, y);
  }
}

function paintRuler(context: CanvasRenderingContext2D, scene: Scene): void {
  const { width, palette } = scene;
  context.fillStyle = palette.surface;
  context.fillRect(0, 0, width, RULER);
  context.fillStyle = palette.faint;
  context.textAlign = "left";
  context.fillText("since start", 12, RULER / 2);
  context.textAlign = "center";
  const marks = ticks(scene);
  const step = Math.max(1, (marks[1]?.at ?? 1) - (marks[0]?.at ?? 0));
  for (const { at } of marks) {
    const x = xOf(scene, at);
    if (x > GUTTER + 16 && x < width - 16) context.fillText(`+${mark(at - scene.origin, step)}`, x, RULER / 2);
  }
  paintMarks(context, scene);
  context.textAlign = "left";
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, RULER - 0.5);
  context.lineTo(width, RULER - 0.5);
  context.stroke();
}

/** Where something failed, on the ruler: also seen while its lane is out of sight. */
function paintMarks(context: CanvasRenderingContext2D, scene: Scene): void {
  for (const bar of scene.layout.bad) {
    const x = xOf(scene, bar.end ?? scene.now);
    if (x < GUTTER || x > scene.width) continue;
    const look = lookOf(bar.type, bar.state);
    context.fillStyle = scene.dark ? look.dark : look.light;
    drawShape(context, bar.type, x, RULER - MARK_PIXELS - 2, MARK_PIXELS);
  }
}

function ticks(scene: Scene): { at: Micros; step: Micros }[] {
  // Counted from the run's start: that is what a person compares.
  const { view, origin, width } = scene;
  const steps = timeTicks(0, view.to - view.from, Math.max(2, (width - GUTTER) / 110));
  const step = steps[1] ? steps[1].at - (steps[0]?.at ?? 0) : view.to - view.from;
  const first = Math.ceil((view.from - origin) / step);
  const last = Math.floor((view.to - origin) / step);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => ({ at: origin + (first + index) * step, step })).filter(({ at }) => at >= origin);
}

/** The bar at a point of the canvas. */
export function barAt(scene: Scene, x: number, y: number): Bar | null {
  if (x < GUTTER || y < RULER) return null;
  const { layout, tops, view, laneHeight } = scene;
  const wanted = y - RULER + view.top;
  const number = tops.findIndex((top) => wanted >= top && wanted < top + laneHeight);
  const lane = layout.lanes[number];
  if (!lane) return null;
  const slack = ((view.to - view.from) / (scene.width - GUTTER)) * 3;
  const at = view.from + ((x - GUTTER) / (scene.width - GUTTER)) * (view.to - view.from);
  for (let index = firstInSight(lane, at - slack, scene.now); index < lane.bars.length; index += 1) {
    const bar = lane.bars[index];
    if (!bar || bar.start > at + slack) return null;
    return bar;
  }
  return null;
}
