// What part of a timeline is in sight, and how that changes. Pure.

import type { Layout } from "@/timeline/model";
import type { Micros } from "@/time/format";

export interface View {
  from: Micros;
  to: Micros;
  /** Pixels scrolled down. */
  top: number;
}

export const GUTTER = 176;
export const RULER = 24;
const EDGE_SHARE = 0.015;
const SPAN_MIN: Micros = 20;

/** All of it. */
export function fit(layout: Pick<Layout, "from" | "to">): View {
  const edge = Math.max(1, (layout.to - layout.from) * EDGE_SHARE);
  return { from: layout.from - edge, to: layout.to + edge, top: 0 };
}

/** Nearer or farther, with the instant under the pointer kept in place. */
export function zoom(view: View, layout: Layout, factor: number, at: Micros): View {
  const all = fit(layout);
  const span = Math.min(all.to - all.from, Math.max(SPAN_MIN, (view.to - view.from) * factor));
  const share = (at - view.from) / (view.to - view.from);
  return hold({ ...view, from: at - share * span, to: at + (1 - share) * span }, layout);
}

/** Sideways by a share of what is in sight. */
export function pan(view: View, layout: Layout, share: number): View {
  const step = (view.to - view.from) * share;
  return hold({ ...view, from: view.from + step, to: view.to + step }, layout);
}

/** Up or down, within what there is. */
export function scroll(view: View, pixels: number, content: number, room: number): View {
  return { ...view, top: Math.max(0, Math.min(Math.max(0, content - room), view.top + pixels)) };
}

function hold(view: View, layout: Layout): View {
  const all = fit(layout);
  const span = view.to - view.from;
  const from = Math.max(all.from, Math.min(all.to - span, view.from));
  return { ...view, from, to: from + span };
}

/** The height of a lane: readable while there are few, thin where there are thousands. */
export function laneHeight(lanes: number): number {
  if (lanes <= 16) return 22;
  if (lanes <= 40) return 15;
  return lanes <= 120 ? 9 : 6;
}

export const GROUP_GAP = 8;

/** How far down a lane lies. A group is as high as its label at least. */
export function laneTops(layout: Layout, height: number): { tops: Float64Array; content: number } {
  const tops = new Float64Array(layout.lanes.length);
  let y = GROUP_GAP / 2;
  for (const group of layout.groups) {
    for (let lane = 0; lane < group.lanes; lane += 1) tops[group.lane + lane] = y + lane * height;
    y += Math.max(group.lanes * height, 16) + GROUP_GAP;
  }
  return { tops, content: y };
}
