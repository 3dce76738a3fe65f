import { expect, it } from "vitest";
import { layOut, type Bar } from "@/timeline/model";
import { fit, laneTops, pan, scroll, zoom } from "@/timeline/view";

const bars = Array.from({ length: 3 }, (_, index): Bar => ({
  id: `b${index}`, name: "x", group: `g${index}`, kind: "task", type: "COMPLETED", state: "Completed", start: index * 1_000, end: index * 1_000 + 900, attempt: 1, tries: [], upstream: [],
}));
const layout = layOut(bars, 0);

it("keeps the instant under the pointer in place while zooming", () => {
  const before = fit(layout);
  const after = zoom(before, layout, 0.5, 1_200);
  const share = (view: typeof before) => (1_200 - view.from) / (view.to - view.from);
  expect(share(after)).toBeCloseTo(share(before));
});

it("never shows more than there is", () => {
  expect(zoom(fit(layout), layout, 5, 1_000)).toEqual(fit(layout));
  const near = zoom(fit(layout), layout, 0.2, 1_000);
  expect(pan(near, layout, 100).to).toBeCloseTo(fit(layout).to);
  expect(pan(near, layout, -100).from).toBeCloseTo(fit(layout).from);
});

it("scrolls within the lanes", () => {
  const { content } = laneTops(layout, 22);
  expect(scroll(fit(layout), 10_000, content, 50).top).toBe(content - 50);
  expect(scroll(fit(layout), -10, content, 50).top).toBe(0);
});
