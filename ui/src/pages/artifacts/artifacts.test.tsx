import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Artifact } from "@/api/types";
import { ArtifactBody } from "@/pages/artifacts/ArtifactBody";
import { safeLink } from "@/pages/artifacts/links";
import { columnsOf } from "@/pages/artifacts/tables";

const artifact = (type: string, data: unknown): Artifact => ({
  id: "0", key: "report", type, data, description: null, flow_run_id: null, task_run_id: null, created_at: 0, updated_at: 0,
});

it("shows HTML in Markdown as text", () => {
  const { container } = render(<ArtifactBody artifact={artifact("markdown", "**fine** <img src=x onerror=alert(1)>\n\n<script>alert(2)</script>")} />);
  expect(container.querySelector("img, script")).toBeNull();
  expect(container.textContent).toContain("<script>alert(2)</script>");
  expect(container.querySelector("strong")?.textContent).toBe("fine");
});

it("makes no link of a script", () => {
  const { container } = render(<ArtifactBody artifact={artifact("markdown", "[click](javascript:alert(1))")} />);
  expect(container.querySelector("a")).toBeNull();
  expect(safeLink("javascript:alert(1)")).toBeNull();
  expect(safeLink("https://example.org/a")).toBe("https://example.org/a");
});

it("draws no image from a script's address", () => {
  const { container } = render(<ArtifactBody artifact={artifact("image", "javascript:alert(1)")} />);
  expect(container.querySelector("img")).toBeNull();
});

it("reads the three shapes of tables alike", () => {
  const wanted = { names: ["a", "b"], rows: [[1, 2], [3, 4]] };
  expect(columnsOf([{ a: 1, b: 2 }, { a: 3, b: 4 }])).toEqual(wanted);
  expect(columnsOf({ a: [1, 3], b: [2, 4] })).toEqual(wanted);
  expect(columnsOf([[1, 2], [3, 4]])).toEqual({ names: [], rows: wanted.rows });
});

it("says how far a progress is", () => {
  render(<ArtifactBody artifact={artifact("progress", 42)} />);
  expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("42");
});
