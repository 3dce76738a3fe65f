import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, type RefObject } from "react";
import { useIsDark } from "@/shell/theme";
import { nowMicros, type Micros } from "@/time/format";
import type { Bar, Layout } from "@/timeline/model";
import { barAt, paint, type Palette, type Scene } from "@/timeline/paint";
import { fit, GUTTER, laneHeight, laneTops, pan, RULER, scroll, zoom, type View } from "@/timeline/view";

interface Options {
  layout: Layout;
  origin: Micros;
  running: boolean;
  width: number;
  height: number;
  selected: string | null;
  path: ReadonlySet<string>;
}

const RUNNING_REPAINT_MILLISECONDS = 250;

/** Paints a timeline, once a frame at most, and moves its view; React is asked for nothing while one pans. */
export function useTimeline(canvas: RefObject<HTMLCanvasElement | null>, options: Options) {
  const { layout, origin, running, width, height, selected, path } = options;
  const dark = useIsDark();
  const lane = laneHeight(layout.lanes.length);
  const { tops, content } = useMemo(() => laneTops(layout, lane), [layout, lane]);
  const view = useRef<View | null>(null);
  const pointed = useRef<string | null>(null);
  const frame = useRef(0);
  const scene = useRef<Scene | null>(null);
  // Until one zooms, what is in sight is all there is, also while it grows.
  const zoomed = useRef(false);

  const draw = useCallback(() => {
    frame.current = 0;
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context || width === 0) return;
    const begun = performance.now();
    const now = nowMicros();
    const shown = zoomed.current && view.current ? view.current : { ...fit({ from: layout.from, to: running ? Math.max(layout.to, now) : layout.to }), top: view.current?.top ?? 0 };
    view.current = scroll(shown, 0, content, height - RULER);
    scene.current = { layout, view: view.current, tops, laneHeight: lane, width, height, dark, now, origin, palette: readPalette(canvas.current), selected, pointed: pointed.current, path };
    const bars = paint(context, scene.current);
    canvas.current.dataset["bars"] = String(bars);
    canvas.current.dataset["milliseconds"] = (performance.now() - begun).toFixed(2);
  }, [canvas, layout, tops, content, lane, width, height, dark, origin, running, selected, path]);

  const redraw = useCallback(() => {
    if (frame.current === 0) frame.current = requestAnimationFrame(draw);
  }, [draw]);

  useLayoutEffect(() => {
    if (!canvas.current || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.current.width = width * ratio;
    canvas.current.height = height * ratio;
    canvas.current.getContext("2d")?.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
    void document.fonts.ready.then(redraw);
    return () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [canvas, width, height, draw, redraw]);

  useEffect(() => {
    if (!running) return;
    const timer = setInterval(redraw, RUNNING_REPAINT_MILLISECONDS);
    return () => clearInterval(timer);
  }, [running, redraw]);

  return useMemo(() => {
    const change = (make: (view: View) => View) => {
      if (view.current) view.current = make(view.current);
      redraw();
    };
    const instant = (x: number): Micros => {
      const held = view.current ?? fit(layout);
      return held.from + ((x - GUTTER) / Math.max(1, width - GUTTER)) * (held.to - held.from);
    };
    return {
      zoomAt: (factor: number, x = GUTTER + (width - GUTTER) / 2) => { zoomed.current = true; change((held) => zoom(held, layout, factor, instant(x))); },
      panBy: (pixels: number) => { zoomed.current = true; change((held) => pan(held, layout, pixels / Math.max(1, width - GUTTER))); },
      scrollBy: (pixels: number) => change((held) => scroll(held, pixels, content, height - RULER)),
      fitAll: () => { zoomed.current = false; redraw(); },
      overflows: content > height - RULER,
      barAt: (x: number, y: number): Bar | null => (scene.current ? barAt(scene.current, x, y) : null),
      point: (id: string | null) => { if (pointed.current !== id) { pointed.current = id; redraw(); } },
      /** Bring a bar into sight. */
      reveal: (bar: Bar) => {
        const number = layout.lane.get(bar.id) ?? 0;
        change((held) => {
          const span = held.to - held.from;
          const middle = (bar.start + (bar.end ?? nowMicros())) / 2;
          const inSight = middle > held.from && middle < held.to;
          if (!inSight) zoomed.current = true;
          const moved = inSight ? held : { ...held, from: middle - span / 2, to: middle + span / 2 };
          const top = tops[number] ?? 0;
          return top >= moved.top && top < moved.top + height - RULER - lane ? moved : { ...moved, top: Math.max(0, top - height / 2) };
        });
      },
    };
  }, [layout, tops, content, lane, width, height, redraw]);
}

function readPalette(element: HTMLElement): Palette {
  // `light-dark()` of a custom property is resolved only where a real property uses it.
  const probe = element.parentElement?.querySelector<HTMLElement>("[data-palette]");
  const read = (name: string): string => {
    if (!probe) return "#888";
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  return { surface: read("surface"), line: read("line"), ink: read("ink"), muted: read("muted"), faint: read("faint"), accent: read("accent"), sunken: read("sunken") };
}
