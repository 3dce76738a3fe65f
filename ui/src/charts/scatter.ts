// The points of the scatter plot: drawn on a canvas, as thousands of elements would be slow.

import { drawShape } from "@/charts/shapes";
import type { Scale } from "@/charts/scale";
import { STACK_ORDER, lookOf } from "@/design/state";
import type { StateType } from "@/generated/states";
import type { Micros } from "@/time/format";

export const FRAME = { left: 48, right: 10, top: 8, bottom: 20 };
const REACH_PIXELS = 12;

export interface Point {
  id: string;
  name: string;
  flow: string;
  type: StateType;
  at: Micros;
  span: Micros;
}

interface Drawing {
  points: readonly Point[];
  x: Scale;
  y: Scale;
  width: number;
  height: number;
  dark: boolean;
}

/** Draw the points, what needs a look on top. */
export function drawScatter(canvas: HTMLCanvasElement, { points, x, y, width, height, dark }: Drawing): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  context.lineWidth = 1.6;
  const size = points.length > 1_500 ? 2 : points.length > 400 ? 2.6 : 3.4;
  const byType = Map.groupBy(points, (point) => point.type);
  for (const type of STACK_ORDER) {
    const look = lookOf(type);
    context.fillStyle = context.strokeStyle = dark ? look.dark : look.light;
    context.globalAlpha = type === "COMPLETED" ? 0.62 : 0.92;
    for (const point of byType.get(type) ?? []) drawShape(context, type, x(point.at), y(Math.max(1, point.span)), size);
  }
}

/** The point under the pointer. */
export function findNear(points: readonly Point[], x: Scale, y: Scale, left: number, top: number): Point | null {
  let best: Point | null = null;
  let least = REACH_PIXELS ** 2;
  for (const point of points) {
    const gap = (x(point.at) - left) ** 2 + (y(Math.max(1, point.span)) - top) ** 2;
    if (gap < least) {
      least = gap;
      best = point;
    }
  }
  return best;
}
