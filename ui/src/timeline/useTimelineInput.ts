import { useEffect, useRef, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import type { Bar } from "@/timeline/model";
import type { useTimeline } from "@/timeline/useTimeline";

interface Options {
  timeline: ReturnType<typeof useTimeline>;
  onPoint: (pointed: { bar: Bar; x: number; y: number } | null) => void;
  onSelect: (bar: Bar | null) => void;
  onNextFailed: () => void;
}

const STEP = 1.35;
const PAN_PIXELS = 90;
const WHEEL_ZOOM = 0.0022;
const CLICK_PIXELS_MAX = 4;

/** Pointer, wheel and keys of a timeline. */
export function useTimelineInput(canvas: RefObject<HTMLCanvasElement | null>, { timeline, onPoint, onSelect, onNextFailed }: Options) {
  const held = useRef<{ x: number; y: number; moved: number } | null>(null);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    // React listens to wheels passively; zooming must keep the page still.
    const turn = (event: WheelEvent) => {
      if (event.ctrlKey || event.metaKey) timeline.zoomAt(Math.exp(event.deltaY * WHEEL_ZOOM), event.offsetX);
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) timeline.panBy(event.deltaX || event.deltaY);
      else if (timeline.overflows) timeline.scrollBy(event.deltaY);
      else return;
      event.preventDefault();
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, [canvas, timeline]);

  const place = (event: PointerEvent<HTMLCanvasElement>) => ({ x: event.nativeEvent.offsetX, y: event.nativeEvent.offsetY });
  const keys: Record<string, () => void> = {
    "+": () => timeline.zoomAt(1 / STEP), "=": () => timeline.zoomAt(1 / STEP), "-": () => timeline.zoomAt(STEP), "0": () => timeline.fitAll(),
    ArrowLeft: () => timeline.panBy(-PAN_PIXELS), ArrowRight: () => timeline.panBy(PAN_PIXELS),
    ArrowUp: () => timeline.scrollBy(-PAN_PIXELS), ArrowDown: () => timeline.scrollBy(PAN_PIXELS),
    n: onNextFailed, Escape: () => onSelect(null),
  };
  return {
    onKeyDown: (event: KeyboardEvent) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    },
    onPointerDown: (event: PointerEvent<HTMLCanvasElement>) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      held.current = { ...place(event), moved: 0 };
    },
    onPointerMove: (event: PointerEvent<HTMLCanvasElement>) => {
      const { x, y } = place(event);
      if (held.current) {
        const { x: oldX, y: oldY } = held.current;
        held.current = { x, y, moved: held.current.moved + Math.abs(x - oldX) + Math.abs(y - oldY) };
        if (held.current.moved > CLICK_PIXELS_MAX) {
          timeline.panBy(oldX - x);
          timeline.scrollBy(oldY - y);
          onPoint(null);
        }
        return;
      }
      const bar = timeline.barAt(x, y);
      timeline.point(bar?.id ?? null);
      onPoint(bar && { bar, x, y: y + event.currentTarget.offsetTop });
    },
    onPointerUp: (event: PointerEvent<HTMLCanvasElement>) => {
      const clicked = held.current !== null && held.current.moved <= CLICK_PIXELS_MAX;
      held.current = null;
      if (clicked) onSelect(timeline.barAt(place(event).x, place(event).y));
    },
    onPointerLeave: () => { timeline.point(null); onPoint(null); },
    onDoubleClick: (event: { nativeEvent: MouseEvent }) => timeline.zoomAt(0.35, event.nativeEvent.offsetX),
  };
}
