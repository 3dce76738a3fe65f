import { useState, type PointerEvent } from "react";

const DRAG_PIXELS_MIN = 5;

export interface Brush {
  from: number;
  to: number;
}

/** Dragging over a chart chooses a stretch of it, in pixels from its left edge. */
export function useBrush(onChoose: (brush: Brush) => void) {
  const [brush, setBrush] = useState<Brush | null>(null);
  const place = (event: PointerEvent) => event.clientX - event.currentTarget.getBoundingClientRect().left;
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setBrush({ from: place(event), to: place(event) });
    },
    onPointerMove: (event: PointerEvent) => {
      const to = place(event);
      setBrush((held) => held && { ...held, to });
    },
    onPointerUp: () => {
      if (brush && Math.abs(brush.to - brush.from) >= DRAG_PIXELS_MIN)
        onChoose({ from: Math.min(brush.from, brush.to), to: Math.max(brush.from, brush.to) });
      setBrush(null);
    },
    onPointerCancel: () => setBrush(null),
  };
  const shown = brush && Math.abs(brush.to - brush.from) >= DRAG_PIXELS_MIN ? brush : null;
  return { brush: shown, handlers };
}
